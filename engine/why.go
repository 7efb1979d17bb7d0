package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// WhyOptions say which number is asked for.
type WhyOptions struct {
	// Statistic is its name, or that of any model. Which is a day (2021-11-23; of a week or month any of its days) or an `_id`.
	// Field is a field of the document, "" for none; fields within fields are written a.b.
	Statistic, Which, Field string
	SQL                     fs.FS
	// Tables are raw tables beside those of the migrations.
	Tables []RawTable
	// Document makes the JSON of the first row of a record batch, as an exporter would write it.
	Document func(row arrow.RecordBatch, spread string) ([]byte, error)
}

// A WhyReport says where a number comes from.
type WhyReport struct {
	Statistic string `json:"statistic"`
	ID        string `json:"id,omitempty"`
	// First and Last are the days that it is about (equal for a day), "" for a model without days.
	First string `json:"first_day,omitempty"`
	Last  string `json:"last_day,omitempty"`
	// Document as it is exported; of a model that is not, its row. nil when there are several: Rows tells how many, Examples
	// names a few.
	Document json.RawMessage `json:"document,omitempty"`
	Rows     int64           `json:"rows"`
	Examples []string        `json:"examples,omitempty"`
	Field    *WhyField       `json:"field,omitempty"`
	Model    WhyModel        `json:"model"`
	Built    *WhyRun         `json:"built,omitempty"`
	// Inputs are what the model reads, directly or not, each once, below what reads it first.
	Inputs       []WhyInput       `json:"inputs"`
	Sources      []WhySource      `json:"sources"`
	Rejects      []WhyReject      `json:"rejects"`
	StandIns     []WhyStandIn     `json:"stand_ins"`
	Checks       []WhyCheck       `json:"checks"`
	Destinations []WhyDestination `json:"destinations"`
	Queries      []WhyQuery       `json:"queries"`
}

// A WhyField is a field's value and what its column means.
type WhyField struct {
	Name   string          `json:"name"`
	Value  json.RawMessage `json:"value"`
	Column string          `json:"column"`
	// Type as DuckDB writes it; Meaning, with the unit, is the column's comment.
	Type    string `json:"type"`
	Meaning string `json:"meaning,omitempty"`
}

// A WhyModel is the SQL file.
type WhyModel struct {
	Name        string `json:"name"`
	File        string `json:"file"`
	Materialize string `json:"materialize"`
	// Version is a hash of its SQL and of what it reads, as it was built; Now that of the SQL files as they are, when it is
	// another one.
	Version string `json:"version"`
	Now     string `json:"version_now,omitempty"`
	// About is the file's prose.
	About string `json:"about,omitempty"`
}

// A WhyRun is a run.
type WhyRun struct {
	Run     int64     `json:"run"`
	Command string    `json:"command"`
	Started time.Time `json:"started"`
	Program string    `json:"program"`
	Status  string    `json:"status"`
}

// A WhyInput is a relation that rows come from.
type WhyInput struct {
	Name string `json:"name"`
	// Kind is raw, view, table, incremental or state; File is its SQL file.
	Kind  string `json:"kind"`
	File  string `json:"file,omitempty"`
	Depth int    `json:"depth"`
	// From and To are the days whose rows can have a part in it; From "" is all days before To, both "" all rows.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Rows on those days; nil for a view, which keeps none.
	Rows *int64 `json:"rows,omitempty"`
	// Version is a hash of the content: of the last day's rows, or of the whole table.
	Version string `json:"version,omitempty"`
	// Run is the last that built any of those days.
	Run int64 `json:"run,omitempty"`
}

// A WhySource is a file or collection that raw tables were read from.
type WhySource struct {
	Source string   `json:"source"`
	Name   string   `json:"name"`
	Tables []string `json:"tables"`
	Hash   string   `json:"content_hash,omitempty"`
	Bytes  int64    `json:"bytes,omitempty"`
	Rows   int64    `json:"rows"`
	Status string   `json:"status"`
	Run    int64    `json:"run"`
	// Heights of the blocks of the days that it is about, 0 where it has none.
	FirstHeight int64 `json:"first_height,omitempty"`
	LastHeight  int64 `json:"last_height,omitempty"`
	// Earlier counts files of earlier days that have a part in it too.
	Earlier int64 `json:"earlier_files,omitempty"`
}

// A WhyReject is a row of a source that could not be read, on the days that have a part in it.
type WhyReject struct {
	Source     string `json:"source"`
	File       string `json:"file"`
	Line       int64  `json:"line,omitempty"`
	DocumentID string `json:"document_id,omitempty"`
	Date       string `json:"date,omitempty"`
	Reason     string `json:"reason"`
}

// A WhyStandIn is a relation whose column is_stand_in is true on days that have a part in it.
type WhyStandIn struct {
	Relation string `json:"relation"`
	Days     string `json:"days"`
}

// A WhyCheck is a check on the model or on what it reads.
type WhyCheck struct {
	Model    string `json:"model"`
	Check    string `json:"check"`
	Severity string `json:"severity"`
	// Status is passed, failed or not run.
	Status string `json:"status"`
	Rows   int64  `json:"rows,omitempty"`
	Run    int64  `json:"run,omitempty"`
	// Here is whether one of the rows that were found is of days that have a part in it; nil: it found none, or more than were
	// written down.
	Here *bool `json:"here,omitempty"`
}

// A WhyDestination is where the document is.
type WhyDestination struct {
	Destination string `json:"destination"`
	// Run wrote it, at Since; Same: what is there is what the model has now.
	Run   int64     `json:"run"`
	Since time.Time `json:"since"`
	Same  bool      `json:"same"`
}

// A WhyQuery lists rows of one input that have a part in it; it runs as it stands.
type WhyQuery struct {
	Relation string `json:"relation"`
	SQL      string `json:"sql"`
}

// Why finds out where a number comes from. db is a snapshot or a warehouse and is only read. What is asked for and not
// there is an ErrUsage with the nearest that is, or says what its day waits for. The shell's .why calls it with the
// database it has open.
func Why(ctx context.Context, db *sql.DB, o WhyOptions) (report *WhyReport, err error) {
	p, err := resolvedProject(ctx, o.SQL, o.Tables)
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	y := &why{conn: conn, p: p, o: o, report: &WhyReport{}}
	if y.m = p.statistic(o.Statistic); y.m == nil {
		return nil, WithHint(fmt.Errorf("%w: no statistic %s", ErrUsage, o.Statistic), "%s", Suggest("nearest: %s; ", o.Statistic, p.names())+"nightrunner models lists them")
	}
	for _, read := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"columns", y.readColumns}, {"document", y.readDocument}, {"model", y.readModel}, {"inputs", y.readInputs}, {"run", y.readBuilt}, {"sources", y.readSources},
		{"rejects", y.readRejects}, {"stand-ins", y.readStandIns}, {"checks", y.readChecks}, {"destinations", y.readDestinations}, {"queries", y.queries},
	} {
		if err := read.do(ctx); err != nil {
			if errors.Is(err, ErrUsage) || errors.As(err, new(*notThere)) {
				return nil, err
			}
			return nil, fmt.Errorf("read %s: %w", read.what, err)
		}
	}
	return y.report, nil
}

// resolvedProject reads SQL files in memory.
func resolvedProject(ctx context.Context, fsys fs.FS, tables []RawTable) (*Project, error) {
	w, err := OpenMemory(ctx)
	if err != nil {
		return nil, err
	}
	var p *Project
	if err = w.EnsureTables(ctx, tables); err == nil {
		p, err = w.ReadProject(ctx, fsys)
	}
	return p, errors.Join(err, w.Close())
}

// statistic finds a model by what it exports, or by its name with or without a schema.
func (p *Project) statistic(name string) *Model {
	for _, same := range []func(*Model) bool{
		func(m *Model) bool { return m.Export == name },
		func(m *Model) bool { return m.Name == name },
		func(m *Model) bool { return strings.HasSuffix(m.Name, "."+name) },
	} {
		if at := slices.IndexFunc(p.Models, same); at >= 0 && name != "" {
			return p.Models[at]
		}
	}
	return nil
}

// names are those of all models; statistics go by what they are exported as.
func (p *Project) names() map[string]bool {
	names := map[string]bool{}
	for _, m := range p.Models {
		if m.Export != "" {
			names[m.Export] = true
		} else {
			names[m.Name] = true
		}
	}
	return names
}

// why is one question.
type why struct {
	conn *sql.Conn
	p    *Project
	o    WhyOptions
	m    *Model
	// columns of all relations in the database.
	columns map[string][]Column
	// days that the document is about; row is its row as texts.
	days dayspan
	row  map[string]sql.NullString
	// builtBy is the run that made the rows.
	builtBy int64
	// spans are the days of each relation that can have a part in it.
	spans  map[string]dayspan
	report *WhyReport
}

// A dayspan are the days from first to last; zero is open.
type dayspan struct{ first, last time.Time }

// condition on the column date, "" for all.
func (s dayspan) condition() string {
	switch {
	case s.last.IsZero():
		return ""
	case s.first.IsZero():
		return fmt.Sprintf("date <= date '%s'", s.last.Format(time.DateOnly))
	case s.first.Equal(s.last):
		return fmt.Sprintf("date = date '%s'", s.last.Format(time.DateOnly))
	}
	return fmt.Sprintf("date between date '%s' and date '%s'", s.first.Format(time.DateOnly), s.last.Format(time.DateOnly))
}

func (s dayspan) where() string {
	if condition := s.condition(); condition != "" {
		return condition
	}
	return "true"
}

func (y *why) each(ctx context.Context, fn func(*sql.Rows) error, query string, args ...any) error {
	return eachRow(ctx, y.conn, fn, query, args...)
}

func (y *why) readColumns(ctx context.Context) error {
	y.columns = map[string][]Column{}
	return y.each(ctx, func(rows *sql.Rows) error {
		var relation string
		var c Column
		err := rows.Scan(&relation, &c.Name, &c.Type, &c.Comment)
		y.columns[relation] = append(y.columns[relation], c)
		return err
	}, `select schema_name || '.' || table_name, column_name, data_type, coalesce(comment, '') from duckdb_columns()
		where not internal and database_name = current_database() order by schema_name, table_name, column_index`)
}

func (y *why) has(relation, column string) bool {
	return slices.ContainsFunc(y.columns[relation], func(c Column) bool { return c.Name == column })
}

// readModel reads what was built, from which SQL, and by which run.
func (y *why) readModel(ctx context.Context) error {
	m := y.m
	y.report.Statistic = m.Export
	if m.Export == "" {
		y.report.Statistic = m.Name
	}
	y.report.Model = WhyModel{Name: m.Name, File: m.File, Materialize: m.Materialize, About: m.Description}
	var run int64
	err := y.conn.QueryRowContext(ctx, "select fingerprint, run_id from ops.models where model = ?", m.Name).Scan(&y.report.Model.Version, &run)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if y.report.Model.Version != m.Fingerprint {
		y.report.Model.Now = m.Fingerprint
	}
	if m.Stored() {
		y.builtBy = run
	}
	return nil
}

// readBuilt reads the run that made the rows: of a view, the last that made any of what it reads.
func (y *why) readBuilt(ctx context.Context) error {
	m := y.m
	if m.Daily() && m.Stored() {
		err := y.conn.QueryRowContext(ctx, "select coalesce(max(run_id), ?) from ops.model_days where model = ? and "+y.days.where(), y.builtBy, m.Name).Scan(&y.builtBy)
		if err != nil {
			return err
		}
	}
	for _, in := range y.report.Inputs {
		if !m.Stored() {
			y.builtBy = max(y.builtBy, in.Run)
		}
	}
	var built WhyRun
	err := y.conn.QueryRowContext(ctx, "select run_id, command, started_at, coalesce(version, ''), status from ops.runs where run_id = ?", y.builtBy).
		Scan(&built.Run, &built.Command, &built.Started, &built.Program, &built.Status)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	y.report.Built = &built
	return err
}

// readDestinations finds who has the document.
func (y *why) readDestinations(ctx context.Context) error {
	y.report.Destinations = []WhyDestination{}
	if y.report.ID == "" || y.m.Export == "" {
		return nil
	}
	return y.each(ctx, func(rows *sql.Rows) error {
		var d WhyDestination
		var since sql.NullTime
		err := rows.Scan(&d.Destination, &d.Run, &since, &d.Same)
		d.Since = since.Time
		y.report.Destinations = append(y.report.Destinations, d)
		return err
	}, fmt.Sprintf(`select destination, run_id, (select started_at from ops.runs as runs where runs.run_id = documents.run_id),
			hash = (select hash(t) from %s as t where _id = documents.id)
		from ops.documents as documents where statistic = ? and id = ? order by destination`, y.m.Name), y.m.Export, y.report.ID)
}
