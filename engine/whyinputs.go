package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/engine/sqltree"
)

// readInputs walks down what the model reads, to raw tables.
func (y *why) readInputs(ctx context.Context) error {
	y.spans = map[string]dayspan{y.m.Name: y.days}
	for _, m := range slices.Backward(y.p.Models) {
		span, reached := y.spans[m.Name]
		if !reached {
			continue
		}
		for _, name := range m.Reads {
			if name != m.Name {
				y.reach(name, m.reach(span))
			}
		}
	}
	seen := map[string]bool{y.m.Name: true}
	var visit func(m *Model, depth int) error
	visit = func(m *Model, depth int) error {
		for _, name := range m.Reads {
			if seen[name] {
				continue
			}
			seen[name] = true
			input, err := y.input(ctx, name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			input.Depth = depth
			y.report.Inputs = append(y.report.Inputs, input)
			if read := y.p.byName[name]; read != nil {
				if err := visit(read, depth+1); err != nil {
					return err
				}
			}
		}
		return nil
	}
	y.report.Inputs = []WhyInput{}
	return visit(y.m, 0)
}

// reach widens the days of a relation.
func (y *why) reach(name string, span dayspan) {
	known, there := y.spans[name]
	if there {
		if known.first.IsZero() || !span.first.IsZero() && known.first.Before(span.first) {
			span.first = known.first
		}
		if known.last.IsZero() || !span.last.IsZero() && known.last.After(span.last) {
			span.last = known.last
		}
	}
	y.spans[name] = span
}

// reach are the days of what a model reads that can have a part in its rows of some days: its lookback tells, and whether a
// sum runs over days.
func (m *Model) reach(span dayspan) dayspan {
	switch {
	case span.last.IsZero(), span.first.IsZero():
	case m.Materialize == State, m.Lookback == AllDays, m.runsOverDays():
		span.first = time.Time{}
	default:
		span.first = span.first.AddDate(0, 0, -m.Lookback)
	}
	return span
}

// runsOverDays: a window function over rows of several days. One that numbers rows picks some of them.
func (m *Model) runsOverDays() bool {
	var root sqltree.Node
	if json.Unmarshal([]byte(m.tree), &root) != nil {
		return false
	}
	over := false
	root.Walk(func(n sqltree.Node) bool {
		if n.Text("class") != "WINDOW" || slices.Contains([]string{"row_number", "rank", "dense_rank"}, n.Function()) {
			return true
		}
		byDay := slices.ContainsFunc(n.List("partitions"), func(one sqltree.Node) bool {
			names := one.Texts("column_names")
			return len(names) > 0 && names[len(names)-1] == "date"
		})
		over = over || !byDay
		return true
	})
	return over
}

// input is what is known of a relation on the days that have a part in it.
func (y *why) input(ctx context.Context, name string) (WhyInput, error) {
	in := WhyInput{Name: name, Kind: "raw"}
	m, span := y.p.byName[name], y.spans[name]
	if m != nil {
		in.Kind, in.File = m.Materialize, m.File
	}
	dated := y.has(name, "date")
	if dated {
		in.From, in.To = dateOrNone(span.first), dateOrNone(span.last)
	}
	switch {
	case in.Kind == View:
		return in, nil
	case m == nil:
		return in, y.rawInput(ctx, &in, span, dated)
	}
	var rows, run int64
	var version sql.NullString
	query := fmt.Sprintf("select coalesce(sum(row_count), 0)::bigint, coalesce(max(run_id), 0), printf('%%016x', arg_max(nullif(version, 0), date)) from ops.model_days where model = %s and %s", quote(name), span.where())
	if !m.Daily() {
		query = "select coalesce(max(row_count), 0), coalesce(max(run_id), 0), printf('%016x', max(version)) from ops.models where model = " + quote(name)
	}
	err := y.conn.QueryRowContext(ctx, query).Scan(&rows, &run, &version)
	in.Rows, in.Run, in.Version = &rows, run, version.String
	return in, err
}

func (y *why) rawInput(ctx context.Context, in *WhyInput, span dayspan, dated bool) error {
	if len(y.columns[in.Name]) == 0 {
		return nil
	}
	var rows int64
	var version sql.NullString
	count, versions := "select count(*) from "+in.Name, "select printf('%016x', max(version)) from ops.source_tables where table_name = "+quote(in.Name)
	if dated {
		count += " where " + span.where()
		versions = "select printf('%016x', arg_max(nullif(version, 0), date)) from ops.source_days where table_name = " + quote(in.Name) + " and " + span.where()
	}
	err := y.conn.QueryRowContext(ctx, "select ("+count+"), ("+versions+")").Scan(&rows, &version)
	in.Rows, in.Version = &rows, version.String
	return err
}

// rawNames are the raw tables in the lineage.
func (y *why) rawNames() []string {
	var list []string
	for _, in := range y.report.Inputs {
		if in.Kind == "raw" {
			list = append(list, in.Name)
		}
	}
	return list
}

// readSources finds the files and collections that the raw tables were read from. A collection or file of facts has its
// table's name; tables of snapshots come from the files of their days.
func (y *why) readSources(ctx context.Context) error {
	y.report.Sources = []WhySource{}
	for _, name := range y.rawNames() {
		_, short, _ := strings.Cut(name, ".")
		condition := "name = " + quote(short) + " or starts_with(name, " + quote(short+".") + ")"
		if suffix, is := dailyFiles(name); is {
			condition = fmt.Sprintf("date is not null and name like '%%' and (name like '%%.plts.csv%%') = %t and %s", suffix, y.spans[name].where())
		}
		err := y.each(ctx, func(rows *sql.Rows) error {
			var s WhySource
			if err := rows.Scan(&s.Source, &s.Name, &s.Hash, &s.Bytes, &s.Rows, &s.Status, &s.Run, &s.Earlier); err != nil {
				return err
			}
			y.addSource(name, s)
			return nil
		}, fmt.Sprintf(`select source, name, coalesce(content_hash, ''), coalesce(bytes, 0), coalesce(row_count, 0), status, run_id,
				count(*) over (partition by source) - 1 as earlier
			from ops.source_files where %s
			qualify date is null or row_number() over (partition by source order by date desc) = 1
			order by source, name`, condition))
		if err == nil {
			err = y.fetched(ctx, name)
		}
		if err != nil {
			return err
		}
	}
	return y.heights(ctx)
}

// fetched tells of rows that were asked for one by one: they say themselves when, and where there are several, of whom.
func (y *why) fetched(ctx context.Context, table string) error {
	if !y.has(table, "fetched_at") {
		return nil
	}
	source := "''"
	if y.has(table, "source") {
		source = "source"
	}
	return y.each(ctx, func(rows *sql.Rows) error {
		s := WhySource{Tables: []string{table}, Status: FileLoaded}
		var at sql.NullTime
		err := rows.Scan(&s.Source, &at, &s.Rows)
		s.Name = "fetched"
		if at.Valid {
			s.Name = "fetched " + at.Time.UTC().Format("2006-01-02 15:04:05 UTC")
		}
		y.report.Sources = append(y.report.Sources, s)
		return err
	}, fmt.Sprintf("select %s, max(fetched_at), count(*) from %s where %s group by 1 order by 1", source, table, y.spans[table].where()))
}

// dailyFiles tells of tables that are read from a file per day, and whether it is that of token balances.
func dailyFiles(table string) (tokens, is bool) {
	switch table {
	case "raw.snapshots", "raw.balance_changes", "raw.stake_changes":
		return false, true
	case "raw.token_snapshots", "raw.token_balance_changes":
		return true, true
	}
	return false, false
}

func (y *why) addSource(table string, s WhySource) {
	if _, daily := dailyFiles(table); !daily {
		s.Earlier = 0
	}
	for i := range y.report.Sources {
		known := &y.report.Sources[i]
		if known.Source == s.Source && known.Name == s.Name {
			known.Tables = append(known.Tables, table)
			known.Earlier = max(known.Earlier, s.Earlier)
			return
		}
	}
	s.Tables = []string{table}
	y.report.Sources = append(y.report.Sources, s)
}

// heights puts the blocks of the days beside what holds blocks.
func (y *why) heights(ctx context.Context) error {
	var lowest, highest int64
	if y.days.last.IsZero() {
		return nil
	}
	err := y.conn.QueryRowContext(ctx, "select coalesce(min(first_height), 0), coalesce(max(last_height), 0) from ops.calendar where "+y.days.where()).Scan(&lowest, &highest)
	for i := range y.report.Sources {
		s := &y.report.Sources[i]
		for _, table := range s.Tables {
			if y.has(table, "block_height") || table == "raw.blocks_per_day" {
				s.FirstHeight, s.LastHeight = lowest, highest
			}
		}
	}
	return err
}

// readRejects finds rows of the sources that could not be read.
func (y *why) readRejects(ctx context.Context) error {
	y.report.Rejects = []WhyReject{}
	var conditions []string
	for _, s := range y.report.Sources {
		days := "true"
		if span := y.spans[s.Tables[0]]; !span.last.IsZero() {
			days = "date is null or " + span.where()
		}
		file := "true"
		if _, daily := dailyFiles(s.Tables[0]); !daily {
			file = "ends_with(file, " + quote(path.Base(s.Name)) + ")"
		}
		conditions = append(conditions, fmt.Sprintf("source = %s and (%s) and (%s)", quote(s.Source), file, days))
	}
	if len(conditions) == 0 {
		return nil
	}
	return y.each(ctx, func(rows *sql.Rows) error {
		var r WhyReject
		err := rows.Scan(&r.Source, &r.File, &r.Line, &r.DocumentID, &r.Date, &r.Reason)
		y.report.Rejects = append(y.report.Rejects, r)
		return err
	}, "select source, file, coalesce(line, 0), coalesce(document_id, ''), coalesce(date::varchar, ''), reason from raw.rejects where "+strings.Join(conditions, " or ")+" order by all limit 100")
}

// readStandIns finds days of the lineage on which a value stands in for one that is missing: relations say so in a column
// is_stand_in.
func (y *why) readStandIns(ctx context.Context) error {
	y.report.StandIns = []WhyStandIn{}
	for _, in := range y.report.Inputs {
		if !y.has(in.Name, "is_stand_in") || !y.has(in.Name, "date") {
			continue
		}
		var days []time.Time
		err := y.each(ctx, func(rows *sql.Rows) error {
			var date time.Time
			err := rows.Scan(&date)
			days = append(days, date)
			return err
		}, "select distinct date::date as date from "+in.Name+" where is_stand_in and "+y.spans[in.Name].where()+" order by date")
		if err != nil {
			return err
		}
		if len(days) > 0 {
			y.report.StandIns = append(y.report.StandIns, WhyStandIn{Relation: in.Name, Days: Ranges(days)})
		}
	}
	return nil
}
