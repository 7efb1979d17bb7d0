package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
)

// textLoader replaces raw tables by rows written as SQL values.
type textLoader struct {
	rates, days, labels []string
}

func (*textLoader) Source() string { return "mongo" }

func (l *textLoader) Load(ctx context.Context, in *Intake) error {
	return in.Transact(ctx, func() error {
		for _, table := range []struct {
			name, key string
			rows      []string
		}{{"raw.exchange_rates_historical", "id", l.rates}, {"raw.blocks_per_day", "date", l.days}, {"raw.labeled_accounts", "account_address", l.labels}} {
			if err := in.Exec(ctx, "create or replace temp table staged as from "+table.name+" limit 0"); err != nil {
				return err
			}
			for _, row := range table.rows {
				if err := in.Exec(ctx, "insert into temp.staged values ("+row+")"); err != nil {
					return err
				}
			}
			if _, err := in.ReplaceTable(ctx, table.name, table.key, "temp.staged"); err != nil {
				return err
			}
		}
		return nil
	})
}

// testTables are the raw tables that textLoader fills.
func testTables() []RawTable {
	columns := func(definition string) []RawColumn {
		var list []RawColumn
		for one := range strings.SplitSeq(definition, ", ") {
			name, kind, _ := strings.Cut(one, " ")
			list = append(list, RawColumn{Name: name, Type: kind, About: "for a test"})
		}
		return list
	}
	return []RawTable{
		{Name: "raw.exchange_rates_historical", Columns: columns("id VARCHAR, token VARCHAR, date DATE, rate DOUBLE, source VARCHAR, timestamp_ms BIGINT")},
		{Name: "raw.blocks_per_day", Columns: columns("date DATE, height_for_first_block BIGINT, height_for_last_block BIGINT, slot_time_for_first_block TIMESTAMP, " +
			"slot_time_for_last_block TIMESTAMP, hash_for_first_block VARCHAR, hash_for_last_block VARCHAR")},
		{Name: "raw.labeled_accounts", Columns: columns("account_address VARCHAR, account_index BIGINT, label_group VARCHAR, label VARCHAR, position BIGINT")},
	}
}

func rate(day int, value float64) string {
	return fmt.Sprintf("'USD/CCD-2021-06-%02d', 'CCD', date '2021-06-%02d', %g, 'test', null", day, day, value)
}

func block(day int) string {
	return fmt.Sprintf("date '2021-06-%02d', %d, %d, null, null, null, 'hash%d'", day, day*100, day*100+99, day)
}

// memory is a destination that remembers what was written to it.
type memory struct {
	documents map[string]string
	written   []string
}

func (*memory) Destination() string { return "memory" }

func (m *memory) State(_ context.Context, s Statistic) (string, error) {
	for id := range m.documents {
		if strings.Contains(id, s.Name) {
			return "there", nil
		}
	}
	return "", nil
}

func (*memory) Compares() bool { return false }

func (m *memory) Begin(_ context.Context, p *Publication) (Writer, error) {
	return &memoryWriter{m, p}, nil
}

func (m *memory) Remove(_ context.Context, p *Publication) (Outcome, error) {
	for id := range m.documents {
		if strings.HasSuffix(id, p.Name) {
			delete(m.documents, id)
		}
	}
	return Outcome{Deleted: int64(len(p.GoneIDs))}, nil
}

type memoryWriter struct {
	m *memory
	p *Publication
}

func (*memoryWriter) Wants() Wants { return Wants{Altered: true} }

func (w *memoryWriter) Write(_ context.Context, rows arrow.RecordBatch, marks Marks) error {
	for row := range int(rows.NumRows()) {
		if !marks.Wanted.Value(row) {
			continue
		}
		id := strings.Clone(rows.Column(0).ValueStr(row))
		var fields []string
		for column := 1; column < int(rows.NumCols()); column++ {
			fields = append(fields, rows.Column(column).ValueStr(row))
		}
		w.m.documents[id] = strings.Clone(strings.Join(fields, " "))
		w.m.written = append(w.m.written, id)
	}
	return nil
}

func (w *memoryWriter) Finish(context.Context) (Outcome, error) {
	p := w.p
	for _, id := range p.GoneIDs {
		delete(w.m.documents, id)
	}
	done := Outcome{New: p.New, Changed: p.Changed, Deleted: int64(len(p.GoneIDs)), Written: p.New + p.Changed}
	if p.Everything {
		done.Written += p.Same
	}
	return done, nil
}

func (*memoryWriter) Abort() error { return nil }

// files of a small project: a view, an incremental, a running sum, a state model and a table.
func testProject() fstest.MapFS {
	files := map[string]string{
		"macros/days.sql": `create or replace macro from_date() as coalesce(getvariable('from_date'), date '0001-01-01');
			create or replace macro to_date() as coalesce(getvariable('to_date'), date '9999-12-31');`,
		"stg/ccd_rates.sql": "-- requires: raw.exchange_rates_historical a rate\n--\n-- CCD in USD.\nselect date, rate from raw.exchange_rates_historical where token = 'CCD'",
		"mid/cents.sql": "-- materialize: incremental\n-- grain: day\n--\n-- Cents.\n" +
			"select date, (rate * 100)::bigint as cents from stg.ccd_rates where date between from_date() and to_date()",
		"stat/running.sql": "-- materialize: incremental\n-- grain: day\n-- lookback: all\n-- export: running\n-- check: unique date\n-- check: expect cents < 1000\n-- column: cents cents so far\n--\n-- Running sum.\n" +
			"with final as (select concat(date, '-running') as _id, date, sum(cents) over (order by date)::bigint as cents from mid.cents)\nselect * from final",
		"stat/daily.sql": "-- materialize: incremental\n-- grain: day\n-- export: daily\n--\n-- Cents of a day.\nselect concat(date, '-daily') as _id, date, cents from mid.cents",
		"mid/doubled.sql": "-- materialize: state\n-- grain: day\n-- columns: date date, value bigint\n--\n-- Each day twice the day before, and its cents.\n" + `
with recursive
start as (select max(date) as date, coalesce(max_by(value, date), 0) as value from mid.doubled where date < from_date()),
days as (select date, cents, row_number() over (order by date) as n from mid.cents where date between from_date() and to_date()),
steps as (
    select 0::bigint as n, null::date as date, start.value from start
    union all
    select days.n, days.date, 2 * steps.value + days.cents from steps join days on days.n = steps.n + 1
)
select date, value from steps where n > 0;
`,
		"stat/last.sql":      "-- export: last\n--\n-- The last value.\nselect 'last' as _id, max_by(value, date) as value, (select count(*) from raw.labeled_accounts) as labels from mid.doubled",
		"checks/no_nine.sql": "-- severity: warn\n--\n-- Nine is odd.\nselect date from stat.daily where cents = 9",
	}
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

type night struct {
	t         *testing.T
	warehouse *Warehouse
	loader    *textLoader
	sql       fstest.MapFS
	to        *memory
	options   RunOptions
}

func newNight(t *testing.T) *night {
	w, err := Open(context.Background(), filepath.Join(t.TempDir(), "w.duckdb"), Options{Publishing: Publishing{Keep: 7}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := w.EnsureTables(t.Context(), testTables()); err != nil {
		t.Fatal(err)
	}
	loader := &textLoader{}
	for day := 9; day <= 14; day++ {
		loader.days = append(loader.days, block(day))
		loader.rates = append(loader.rates, rate(day, float64(day)/100))
	}
	return &night{t: t, warehouse: w, loader: loader, sql: testProject(), to: &memory{documents: map[string]string{}}}
}

// run returns the report and what was built ("mid.cents 6") and written.
func (n *night) run() (*Report, []string, []string) {
	n.t.Helper()
	n.to.written = nil
	options := n.options
	options.SQL, options.Loaders, options.Exporters = n.sql, []Loader{n.loader}, []Exporter{n.to}
	report, err := n.warehouse.Run(context.Background(), options)
	if err != nil {
		n.t.Fatal(err)
	}
	var built []string
	for _, step := range report.Steps {
		if step.Status == StatusFailed || step.Status == StatusBlocked {
			n.t.Logf("%+v", step)
		}
		if step.Phase == PhaseBuild && step.Status == StatusDone {
			built = append(built, fmt.Sprintf("%s %d", step.Name, step.Days))
		}
	}
	return report, built, n.to.written
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestFirstRunBuildsEverythingSecondNothing(t *testing.T) {
	n := newNight(t)
	report, built, written := n.run()
	equal(t, "built", built, []string{"stg.ccd_rates 0", "mid.cents 6", "mid.doubled 6", "stat.daily 6", "stat.last 0", "stat.running 6"})
	equal(t, "documents", len(written), 13)
	equal(t, "exit code", report.ExitCode, ExitDone)
	equal(t, "last", n.to.documents["last"], "624 0")
	equal(t, "running", n.to.documents["2021-06-11-running"], "2021-06-11 30")
	equal(t, "warned", len(report.Checks), 1)

	report, built, written = n.run()
	equal(t, "built", built, []string(nil))
	equal(t, "written", written, []string(nil))
	equal(t, "idle", report.Idle(), true)
}

func TestCorrectedDayRebuildsWhatFollows(t *testing.T) {
	n := newNight(t)
	n.run()
	n.loader.rates[2] = rate(11, 0.21)
	_, built, written := n.run()
	equal(t, "built", built, []string{"mid.cents 1", "mid.doubled 4", "stat.daily 1", "stat.last 0", "stat.running 4"})
	equal(t, "written", written, []string{"2021-06-11-daily", "last", "2021-06-11-running", "2021-06-12-running", "2021-06-13-running", "2021-06-14-running"})
	equal(t, "last", n.to.documents["last"], "704 0")

	// A correction that leaves the rounded cents as they were ends at the first model.
	n.loader.rates[2] = rate(11, 0.2101)
	_, built, written = n.run()
	equal(t, "built", built, []string{"mid.cents 1"})
	equal(t, "written", written, []string(nil))
}

func TestNewDayBuildsOneDay(t *testing.T) {
	n := newNight(t)
	n.run()
	n.loader.rates = append(n.loader.rates, rate(15, 0.15))
	report, built, written := n.run()
	equal(t, "built", built, []string{"mid.cents 1", "mid.doubled 1", "stat.last 0"})
	equal(t, "written", written, []string{"last"})
	equal(t, "waiting", report.Waiting, []Waiting{
		{Model: "stat.daily", Reason: "the day's end in blocks_per_day", Count: 1, Days: "2021-06-15"},
		{Model: "stat.running", Reason: "the day's end in blocks_per_day", Count: 1, Days: "2021-06-15"},
	})
	n.loader.days = append(n.loader.days, block(15))
	_, built, written = n.run()
	equal(t, "built", built, []string{"stat.daily 1", "stat.running 1"})
	equal(t, "written", written, []string{"2021-06-15-daily", "2021-06-15-running"})
}

func TestEditedModelRebuildsItselfAndWhatReadsIt(t *testing.T) {
	n := newNight(t)
	n.run()
	edit := func(file, old, replacement string) {
		text := strings.Replace(string(n.sql[file].Data), old, replacement, 1)
		if text == string(n.sql[file].Data) {
			t.Fatalf("%s: nothing to replace", file)
		}
		n.sql[file] = &fstest.MapFile{Data: []byte(text)}
	}
	edit("stat/running.sql", "\nselect", " -- a comment\n\n  SELECT")
	_, built, _ := n.run()
	equal(t, "a comment", built, []string(nil))

	edit("mid/doubled.sql", "2 * ", "3 * ")
	_, built, written := n.run()
	equal(t, "built", built, []string{"mid.doubled 6", "stat.last 0"})
	equal(t, "written", written, []string{"last"})

	edit("stat/daily.sql", "cents from", "cents, 1 as one from")
	_, built, written = n.run()
	equal(t, "built", built, []string{"stat.daily 6"})
	equal(t, "written", len(written), 6)
}

func TestFailedCheckStopsItsStatisticOnly(t *testing.T) {
	n := newNight(t)
	n.loader.rates[5] = rate(14, 20)
	for range 2 {
		report, _, _ := n.run()
		equal(t, "exit code", report.ExitCode, ExitCheck)
		equal(t, "check", report.Checks[0].Check, "expect cents < 1000")
		equal(t, "examples", report.Checks[0].Examples, []string{`{"_id":"2021-06-14-running","date":"2021-06-14","cents":2055}`})
		if _, there := n.to.documents["2021-06-10-running"]; there {
			t.Error("a statistic with a failed check was exported")
		}
		if _, there := n.to.documents["2021-06-10-daily"]; !there {
			t.Error("another statistic was not exported")
		}
	}
	n.loader.rates[5] = rate(14, 0.2)
	report, _, _ := n.run()
	equal(t, "exit code", report.ExitCode, ExitDone)
	equal(t, "running", n.to.documents["2021-06-14-running"], "2021-06-14 75")
}

func TestFailedModelBlocksOnlyWhatReadsIt(t *testing.T) {
	n := newNight(t)
	n.sql["mid/doubled.sql"].Data = []byte(strings.Replace(string(n.sql["mid/doubled.sql"].Data), "days.cents from", "cast(days.n::varchar || 'x' as bigint) from", 1))
	report, _, _ := n.run()
	equal(t, "exit code", report.ExitCode, ExitFailed)
	var status []string
	for _, step := range report.Steps {
		if step.Status == StatusFailed || step.Status == StatusBlocked {
			status = append(status, step.Phase+" "+step.Name+" "+step.Status)
		}
	}
	equal(t, "status", status, []string{"build mid.doubled failed", "build stat.last blocked", "export last blocked"})
	if _, there := n.to.documents["2021-06-10-running"]; !there {
		t.Error("another statistic was not exported")
	}
}

func TestVanishedDayLeavesStaleDocuments(t *testing.T) {
	n := newNight(t)
	n.run()
	n.loader.days = n.loader.days[:5]
	report, _, _ := n.run()
	var stale int64
	for _, one := range report.Exports {
		stale += one.Stale
	}
	equal(t, "stale", stale, int64(2))
	if _, there := n.to.documents["2021-06-14-daily"]; !there {
		t.Error("a stale document was dropped without --prune")
	}
}

// TestDocumentOfAProducedDayGoes: what a corrected day does not produce any more is wrong, not merely old.
func TestDocumentOfAProducedDayGoes(t *testing.T) {
	n := newNight(t)
	n.sql["stat/odd.sql"] = &fstest.MapFile{Data: []byte("-- materialize: incremental\n-- grain: day, cents\n-- export: odd\n--\n-- Odd days.\n" +
		"select concat(date, '-', cents, '-odd') as _id, date, cents from mid.cents")}
	n.run()
	n.loader.rates[2] = rate(11, 0.77)
	n.run()
	if _, there := n.to.documents["2021-06-11-11-odd"]; there {
		t.Error("the document of before the correction is still there")
	}
	if _, there := n.to.documents["2021-06-11-77-odd"]; !there {
		t.Error("the corrected document is missing")
	}
}

// TestKilledAfterALastRange: the next run finds what the killed one built and had not exported.
func TestKilledAfterALastRange(t *testing.T) {
	n := newNight(t)
	n.run()
	n.loader.rates[2] = rate(11, 0.5)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	options := n.options
	options.SQL, options.Loaders, options.Exporters = n.sql, []Loader{n.loader}, []Exporter{n.to}
	options.Observer = &cancelAfter{name: "stat.daily", cancel: cancel}
	if _, err := n.warehouse.Run(ctx, options); err == nil {
		t.Fatal("the run was not cut off")
	}
	n.run()
	if got := n.to.documents["2021-06-11-daily"]; got != "2021-06-11 50" {
		t.Errorf("got %q", got)
	}
}

// cancelAfter ends a run as soon as a model is built.
type cancelAfter struct {
	NoObserver
	name   string
	cancel context.CancelFunc
}

func (c *cancelAfter) End(step Step) {
	if step.Name == c.name {
		c.cancel()
	}
}

func TestRenamedFileIsANewStatistic(t *testing.T) {
	n := newNight(t)
	n.run()
	n.sql["stat/renamed.sql"] = &fstest.MapFile{Data: []byte(strings.Replace(string(n.sql["stat/daily.sql"].Data), "export: daily", "export: renamed", 1))}
	delete(n.sql, "stat/daily.sql")
	n.sql["checks/no_nine.sql"].Data = []byte(strings.Replace(string(n.sql["checks/no_nine.sql"].Data), "stat.daily", "stat.renamed", 1))
	report, built, written := n.run()
	equal(t, "built", built, []string{"stat.renamed 6"})
	if len(written) != 6 {
		t.Errorf("wrote %v", written)
	}
	equal(t, "notes", report.Notes, []string{"stat.daily has no SQL file any more: it stays until --prune"})
	n.options.Prune = true
	report, _, _ = n.run()
	equal(t, "notes", report.Notes, []string{"stat.daily has no SQL file any more: it is dropped"})
	if _, there := n.to.documents["2021-06-11-daily"]; there {
		t.Error("documents without a model survive --prune")
	}
}

// TestFailedCheckOfAStepStopsWhatFollows: also when the step itself is not exported.
func TestFailedCheckOfAStepStopsWhatFollows(t *testing.T) {
	n := newNight(t)
	n.sql["mid/cents.sql"].Data = []byte(strings.Replace(string(n.sql["mid/cents.sql"].Data), "-- grain: day", "-- grain: day\n-- check: expect cents < 14", 1))
	report, _, written := n.run()
	equal(t, "exit code", report.ExitCode, ExitCheck)
	if len(written) != 0 {
		t.Errorf("wrote %v", written)
	}
}

// TestStoppedAndTakenBack: what a stopped run built from an edited file does not go out when the edit is taken back.
func TestStoppedAndTakenBack(t *testing.T) {
	n := newNight(t)
	n.run()
	good := n.sql["stat/daily.sql"].Data
	n.sql["stat/daily.sql"].Data = []byte(strings.Replace(string(good), "date, cents", "date, 1000 * cents as cents", 1))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	options := n.options
	options.SQL, options.Loaders, options.Exporters = n.sql, []Loader{n.loader}, []Exporter{n.to}
	options.Observer = &cancelAfter{name: "stat.daily", cancel: cancel}
	if _, err := n.warehouse.Run(ctx, options); err == nil {
		t.Fatal("the run was not cut off")
	}
	n.sql["stat/daily.sql"].Data = good
	n.run()
	if got := n.to.documents["2021-06-11-daily"]; got != "2021-06-11 11" {
		t.Errorf("got %q", got)
	}
}

// TestTableBecomesIncremental: no row of before stays.
func TestTableBecomesIncremental(t *testing.T) {
	n := newNight(t)
	body := "--\n-- Cents.\nselect concat(date, '-t') as _id, date, cents from mid.cents"
	n.sql["stat/t.sql"] = &fstest.MapFile{Data: []byte("-- materialize: table\n-- export: t\n" + body)}
	n.run()
	n.sql["stat/t.sql"].Data = []byte("-- materialize: incremental\n-- grain: day\n-- export: t\n" + body)
	n.run()
	var rows int64
	if err := n.warehouse.scalar(t.Context(), &rows, "select count(*) from stat.t"); err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", rows, int64(6))
}

// TestUniqueKeyOverAllDays: a key without the date is looked for in all days, also when there are no rows, or many.
func TestUniqueKeyOverAllDays(t *testing.T) {
	n := newNight(t)
	n.sql["stat/daily.sql"].Data = []byte(strings.Replace(string(n.sql["stat/daily.sql"].Data), "-- export", "-- check: unique cents\n-- export", 1))
	n.sql["stat/none.sql"] = &fstest.MapFile{Data: []byte("-- materialize: incremental\n-- grain: day\n-- check: unique cents\n--\n-- None.\nselect date, cents from mid.cents where false")}
	report, _, _ := n.run()
	equal(t, "exit code", report.ExitCode, ExitDone)
	n.loader.rates[2] = rate(11, 0.14)
	report, _, _ = n.run()
	equal(t, "exit code", report.ExitCode, ExitCheck)
	equal(t, "rows", report.Checks[0].Rows, int64(1))
}

// TestCommentThatDoesNotFitStopsNothing: and one that changes is put in place without building anything.
func TestCommentThatDoesNotFitStopsNothing(t *testing.T) {
	n := newNight(t)
	daily := string(n.sql["stat/daily.sql"].Data)
	n.sql["stat/daily.sql"].Data = []byte(strings.Replace(daily, "-- export", "-- column: cnts typed wrong\n-- export", 1))
	report, _, written := n.run()
	if len(written) == 0 || report.ExitCode != ExitDone {
		t.Errorf("exit code %d, wrote %v", report.ExitCode, written)
	}
	n.sql["stat/daily.sql"].Data = []byte(strings.Replace(daily, "-- export", "-- column: cents of that day\n-- export", 1))
	_, built, _ := n.run()
	equal(t, "built", built, []string(nil))
	var comment string
	if err := n.warehouse.scalar(t.Context(), &comment, "select comment from duckdb_columns() where table_name = 'daily' and column_name = 'cents'"); err != nil {
		t.Fatal(err)
	}
	equal(t, "comment", comment, "of that day")
}

func TestErrorsOfAllFilesAtOnce(t *testing.T) {
	n := newNight(t)
	n.sql["stat/broken.sql"] = &fstest.MapFile{Data: []byte("-- exprot: broken\n-- materialize: tabel\n--\n-- Broken.\nselect 1")}
	n.sql["stat/worse.sql"] = &fstest.MapFile{Data: []byte("-- check: uniqe date\nselect 1")}
	_, err := ReadProject(n.sql)
	if err == nil {
		t.Fatal("no error")
	}
	equal(t, "errors", strings.Split(err.Error(), "\n"), []string{
		`stat/broken.sql:1: unknown key "exprot" (nearest key: export; prose starts after an empty comment line)`,
		`stat/broken.sql:2: materialize: "tabel" is not one of view, table, incremental, state`,
		`stat/worse.sql:1: check: unknown kind of check "uniqe" (unique, not_null, expect or range)`,
	})
	delete(n.sql, "stat/broken.sql")
	n.sql["stat/worse.sql"].Data = []byte("-- grain: day\n--\n-- Bad.\nselect *\nfrom mid.cnets")
	n.sql["mid/loop.sql"] = &fstest.MapFile{Data: []byte("select * form x")}
	project, err := ReadProject(n.sql)
	if err != nil {
		t.Fatal(err)
	}
	err = n.warehouse.Resolve(context.Background(), project)
	equal(t, "errors", strings.Split(err.Error(), "\n"), []string{
		`mid/loop.sql:1: syntax error at or near "x" (a model is one plain SELECT; PIVOT cannot be used)`,
		`stat/worse.sql:5: unknown table mid.cnets (nearest: mid.cents)`,
	})
}

// Each macro that is wrong is told with its own line, and what is no macro is not run.
func TestErrorsInMacros(t *testing.T) {
	n := newNight(t)
	n.sql["macros/bad.sql"] = &fstest.MapFile{Data: []byte("-- Fine.\ncreate or replace macro fine(x) as x;\n-- No such\n-- function.\n" +
		"create or replace macro one(x) as nothing(x);\ndelete from raw.snapshots;\n\ncreate or replace macro two(x) as (\n    select y from raw.none\n);\n")}
	project, err := ReadProject(n.sql)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, one := range n.errors(t, project) {
		text, _, _ := strings.Cut(one.Text(), "\n")
		got = append(got, text)
	}
	equal(t, "errors", got, []string{
		"macros/bad.sql:5: Catalog Error: Scalar Function with name nothing does not exist!",
		"macros/bad.sql:6: this makes no macro (a file of macros holds create or replace macro … and nothing else)",
		"macros/bad.sql:9: Catalog Error: Table with name none does not exist!",
	})
}

func (n *night) errors(t *testing.T, project *Project) ModelErrors {
	t.Helper()
	var errs ModelErrors
	if err := n.warehouse.Resolve(t.Context(), project); !errors.As(err, &errs) {
		t.Fatalf("got %v", err)
	}
	return errs
}

func TestSelect(t *testing.T) {
	n := newNight(t)
	project, err := ReadProject(n.sql)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.warehouse.Resolve(context.Background(), project); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]string{
		"daily": "stat.daily", "mid.*": "mid.cents mid.doubled", "+doubled": "mid.cents mid.doubled stg.ccd_rates",
		"doubled+": "mid.doubled stat.last", "+doubled+": "mid.cents mid.doubled stat.last stg.ccd_rates",
	} {
		chosen, err := project.Select([]string{pattern})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for name := range chosen {
			got = append(got, name)
		}
		slices.Sort(got)
		equal(t, pattern, strings.Join(got, " "), want)
	}
	if _, err := project.Select([]string{"dialy"}); HintOf(err) != "nearest: stat.daily" {
		t.Errorf("got %v, %s", err, HintOf(err))
	}
}

func TestRanges(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2021, 6, d, 0, 0, 0, 0, time.UTC) }
	equal(t, "ranges", Ranges([]time.Time{day(1), day(2), day(3), day(5), day(8), day(9)}), "2021-06-01 … 2021-06-03, 2021-06-05, 2021-06-08 … 2021-06-09")
}
