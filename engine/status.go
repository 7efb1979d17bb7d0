package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// A StatusReport says what a warehouse holds and what it waits for.
type StatusReport struct {
	Sources []SourceStatus `json:"sources"`
	Models  []ModelStatus  `json:"models"`
	Waiting []Waiting      `json:"waiting"`
	Checks  []CheckResult  `json:"checks"`
	Exports []ExportStatus `json:"exports"`
	Runs    []RunStatus    `json:"runs"`
	// Troubles are files that could not be read or are missing.
	Troubles []FileStatus `json:"troubles"`
	// File is what was read, Snapshot whether it is a published copy.
	File     string `json:"file"`
	Snapshot bool   `json:"snapshot"`
	// Running is who writes the warehouse meanwhile.
	Running *Holder `json:"running,omitempty"`
	// Killed is who wrote it last, when that ended without a word.
	Killed *Holder `json:"killed,omitempty"`
}

// SourceStatus is one raw table.
type SourceStatus struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
	// Days holds compact ranges, "" for a table without days.
	Days string `json:"days"`
}

// ModelStatus is one model as it stands in the warehouse.
type ModelStatus struct {
	Model       string `json:"model"`
	Materialize string `json:"materialize"`
	Rows        int64  `json:"rows"`
	DayCount    int    `json:"day_count"`
	Days        string `json:"days"`
	Run         int64  `json:"run"`
}

// ExportStatus is one statistic at one destination.
type ExportStatus struct {
	Destination string `json:"destination"`
	Statistic   string `json:"statistic"`
	Documents   int64  `json:"documents"`
	Stale       int64  `json:"stale"`
	Run         int64  `json:"run"`
}

// RunStatus is one of the last runs.
type RunStatus struct {
	Run      int64     `json:"run"`
	Command  string    `json:"command"`
	Started  time.Time `json:"started"`
	Seconds  float64   `json:"seconds"`
	Status   string    `json:"status"`
	ExitCode int64     `json:"exit_code"`
	Message  string    `json:"message,omitempty"`
}

// FileStatus is a file that is failed or missing.
type FileStatus struct {
	Source  string `json:"source"`
	File    string `json:"file"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

// lastRuns is how many runs a status shows.
const lastRuns = 5

// Status reads what a warehouse says of itself; db may be read-only.
func Status(ctx context.Context, db *sql.DB) (*StatusReport, error) {
	s := &StatusReport{}
	var err error
	if s.Waiting, err = waiting(ctx, db); err != nil {
		return nil, err
	}
	for _, read := range []func(context.Context, *sql.DB) error{s.readSources, s.readModels, s.readExports, s.readRuns, s.readTroubles} {
		if err := read(ctx, db); err != nil {
			return nil, fmt.Errorf("read status: %w", err)
		}
	}
	s.Checks, err = failedChecks(ctx, db)
	return s, err
}

func (s *StatusReport) readSources(ctx context.Context, db *sql.DB) error {
	days, err := daysBy(ctx, db, "select table_name, date from ops.source_days where date > "+noDay+" order by table_name, date")
	if err != nil {
		return err
	}
	return eachRow(ctx, db, func(rows *sql.Rows) error {
		var source SourceStatus
		err := rows.Scan(&source.Table, &source.Rows)
		source.Days = Ranges(days[source.Table])
		s.Sources = append(s.Sources, source)
		return err
	}, "select 'raw.' || table_name, estimated_size from duckdb_tables() where schema_name = 'raw' order by table_name")
}

func (s *StatusReport) readModels(ctx context.Context, db *sql.DB) error {
	days, err := daysBy(ctx, db, "select model, date from ops.model_days order by model, date")
	if err != nil {
		return err
	}
	return eachRow(ctx, db, func(rows *sql.Rows) error {
		var m ModelStatus
		err := rows.Scan(&m.Model, &m.Materialize, &m.Rows, &m.Run)
		m.DayCount, m.Days = len(days[m.Model]), Ranges(days[m.Model])
		s.Models = append(s.Models, m)
		return err
	}, `select model, materialize,
			coalesce((select sum(row_count)::bigint from ops.model_days as days where days.model = models.model), row_count), run_id
		from ops.models as models order by model`)
}

func (s *StatusReport) readExports(ctx context.Context, db *sql.DB) error {
	return eachRow(ctx, db, func(rows *sql.Rows) error {
		var e ExportStatus
		err := rows.Scan(&e.Destination, &e.Statistic, &e.Documents, &e.Stale, &e.Run)
		s.Exports = append(s.Exports, e)
		return err
	}, "select destination, statistic, (select count(*) from ops.documents as documents where documents.destination = exports.destination and documents.statistic = exports.statistic), stale_count, run_id from ops.exports as exports order by all")
}

func (s *StatusReport) readRuns(ctx context.Context, db *sql.DB) (err error) {
	s.Runs, err = Runs(ctx, db, lastRuns)
	return err
}

// Runs are the last runs of a warehouse, at most so many, the latest first. Who can read the file knows that no run is at work
// in it, so one that did not end was killed.
func Runs(ctx context.Context, db *sql.DB, most int) ([]RunStatus, error) {
	var runs []RunStatus
	return runs, eachRow(ctx, db, func(rows *sql.Rows) error {
		var r RunStatus
		var message sql.NullString
		err := rows.Scan(&r.Run, &r.Command, &r.Started, &r.Seconds, &r.Status, &r.ExitCode, &message)
		r.Message = message.String
		runs = append(runs, r)
		return err
	}, fmt.Sprintf(`select run_id, command, started_at, coalesce(epoch(finished_at - started_at), 0), if(status = 'running', 'killed', status), coalesce(exit_code, -1), message
		from ops.runs order by run_id desc limit %d`, most))
}

func (s *StatusReport) readTroubles(ctx context.Context, db *sql.DB) error {
	return eachRow(ctx, db, func(rows *sql.Rows) error {
		var f FileStatus
		err := rows.Scan(&f.Source, &f.File, &f.Status, &f.Message)
		s.Troubles = append(s.Troubles, f)
		return err
	}, "select source, name, status, coalesce(message, '') from ops.source_files where status <> 'loaded' order by all")
}

// LastRun is the last run of a warehouse and when it ended (UTC), or began if it did not end; 0 when there is none,
// as in a file that is no warehouse.
func LastRun(ctx context.Context, db *sql.DB) (run int64, at time.Time, err error) {
	err = db.QueryRowContext(ctx, "select run_id, coalesce(finished_at, started_at) from ops.runs order by run_id desc limit 1").Scan(&run, &at)
	var duck *duckdb.Error
	if errors.Is(err, sql.ErrNoRows) || errors.As(err, &duck) && duck.Type == duckdb.ErrorTypeCatalog {
		return 0, at, nil
	}
	if err != nil {
		return 0, at, fmt.Errorf("read the last run: %w", err)
	}
	return run, at, nil
}

func daysBy(ctx context.Context, db *sql.DB, query string) (map[string][]time.Time, error) {
	days := map[string][]time.Time{}
	return days, eachRow(ctx, db, func(rows *sql.Rows) error {
		var name string
		var date time.Time
		err := rows.Scan(&name, &date)
		days[name] = append(days[name], date)
		return err
	}, query)
}

// DuckDBVersion is that of the library.
func DuckDBVersion(ctx context.Context) (string, error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return "", err
	}
	defer db.Close()
	var version string
	return version, db.QueryRowContext(ctx, "select version()").Scan(&version)
}
