package lint

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/engine"
)

const days = "-- grain: day\n--\n-- Days.\n\nselect date from raw.snapshots\n"

// run looks at files; found are the findings of all rules but missing-test, as FILE:LINE RULE MESSAGE.
func run(t *testing.T, files map[string]string, o Options) (found []string, report *Report) {
	t.Helper()
	folder := fstest.MapFS{}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	o.Tables = []engine.RawTable{{Name: "raw.blocks_per_day", Source: "test", File: "blocks_per_day", Columns: []engine.RawColumn{{Name: "date", Type: "date"}}}}
	report, err := Run(t.Context(), folder, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range report.Findings {
		if one.Rule != "missing-test" {
			found = append(found, fmt.Sprintf("%s:%d %s %s", one.File, one.Line, one.Rule, one.Message))
		}
		if one.Fix == "" && one.Rule != "binds" && one.Rule != "header" {
			t.Errorf("%s: nothing says how to mend it", one.Message)
		}
	}
	return found, report
}

// model is a file of sql/mid with the prose that it needs.
func model(sql string) map[string]string {
	return map[string]string{"mid/a.sql": "-- grain: day\n--\n-- Days.\n\n" + sql}
}

func TestStatements(t *testing.T) {
	for name, c := range map[string]struct {
		sql  string
		want []string
	}{
		"explicit list":       {"select date from raw.snapshots", nil},
		"through CTEs":        {"with a1 as (select date from raw.snapshots), final as (select * from a1) select * from final order by date", nil},
		"star of a table":     {"select * from raw.snapshots", []string{"mid/a.sql:5 select-star the outcome is a * that lists no columns: it changes when a table does"}},
		"star in final":       {"with final as (\n    select * from raw.snapshots\n)\nselect * from final", []string{"mid/a.sql:8 select-star the outcome is a * that lists no columns: it changes when a table does"}},
		"star in one branch":  {"with final as (select date from raw.snapshots union all select * from raw.blocks_per_day) select * from final", []string{"mid/a.sql:5 select-star the outcome is a * that lists no columns: it changes when a table does"}},
		"star in a subquery":  {"select * from (select * from raw.snapshots)", []string{"mid/a.sql:5 select-star the outcome is a * that lists no columns: it changes when a table does"}},
		"list in a subquery":  {"select * from (select date from raw.snapshots)", nil},
		"star of columns()":   {"select columns('date') from raw.snapshots", []string{"mid/a.sql:5 select-star the outcome is a * that lists no columns: it changes when a table does"}},
		"star of a macro":     {"select * from range(3)", []string{"mid/a.sql:5 select-star the outcome is a * that lists no columns: it changes when a table does"}},
		"recursive":           {"with recursive final as (select date from raw.snapshots union all select * from final where date is null) select * from final", nil},
		"not final":           {"with one as (select date from raw.snapshots)\nselect date from one\nwhere date is not null", []string{"mid/a.sql:7 final the statement does not end with select * from final"}},
		"one letter":          {"with q as (select date from raw.snapshots as s), final as (select date as d from q) select * from final", []string{`mid/a.sql:5 alias CTE "q" has a name of one letter`, `mid/a.sql:5 alias column "d" has a name of one letter`, `mid/a.sql:5 alias table "s" has a name of one letter`}},
		"lambda":              {"select list_filter([1], lambda x: x > 0) as list from raw.snapshots", nil},
		"money divided":       {"select sum(total_microccd) / 2 as half from raw.balance_changes", []string{"mid/a.sql:5 double-money total_microccd is divided with /, which makes a DOUBLE"}},
		"money cast":          {"select date,\n    coalesce(total_microccd, 0)::double as amount from raw.balance_changes", []string{"mid/a.sql:6 double-money total_microccd is cast to double"}},
		"money averaged":      {"select avg(total_microccd) as mean_amount from raw.balance_changes", []string{"mid/a.sql:5 double-money total_microccd goes into avg(), which makes a DOUBLE"}},
		"money and 1e6":       {"select total_microccd * 1e6 as amount from raw.balance_changes", []string{"mid/a.sql:5 double-money total_microccd meets a DOUBLE"}},
		"money as a double":   {"select 1::double as total_microccd from raw.balance_changes", []string{"mid/a.sql:5 double-money column total_microccd is a DOUBLE"}},
		"money that is whole": {"select sum(total_microccd) // 2 as half_microccd, count(total_microccd) / 2 as share, total_microccd::varchar::double as parsed from raw.balance_changes group by all", nil},
		"the clock":           {"select date, current_date as today, now() as at_time from raw.snapshots", []string{"mid/a.sql:5 time-zone column at_time has a time zone: readers see it in theirs", "mid/a.sql:5 time-zone current_date is the clock: the same days built again give other rows", "mid/a.sql:5 time-zone now() is the clock: the same days built again give other rows"}},
		"a zone":              {"select date::timestamp at time zone 'Europe/Berlin' at time zone 'UTC' as noon_at from raw.snapshots", []string{"mid/a.sql:5 time-zone a time zone that is not UTC"}},
		"in UTC":              {"select to_timestamp(12) at time zone 'UTC' as begun_at from raw.snapshots", nil},
		"seconds":             {"select to_timestamp(12)::date as begun from raw.snapshots", []string{"mid/a.sql:5 time-zone to_timestamp() has a time zone, which each session shows as its own"}},
		"cast to a zone":      {"select date::timestamptz::varchar as day_text from raw.snapshots", []string{"mid/a.sql:5 time-zone a cast to timestamptz reads the text in the session's time zone"}},
		"variable":            {"select date\nfrom raw.snapshots where date = getvariable('day')", []string{"mid/a.sql:6 view-session a view reads a variable of the session, as from_date() and to_date() do"}},
		"unknown column":      {"select\n    date,\n    dates\nfrom raw.snapshots", []string{`mid/a.sql:7 binds Binder Error: Referenced column "dates" not found in FROM clause! Candidate bindings: "date", "token_snapshots"`}},
	} {
		t.Run(name, func(t *testing.T) {
			found, _ := run(t, model(c.sql), Options{})
			if name == "unknown column" && len(found) == 1 {
				// The candidates are DuckDB's.
				found[0], _, _ = strings.Cut(found[0], " Candidate")
				c.want[0], _, _ = strings.Cut(c.want[0], " Candidate")
			}
			if diff := cmp.Diff(c.want, found); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		o     Options
		want  []string
	}{
		"all errors of all files, and nothing of what follows": {map[string]string{
			"mid/a.sql": "-- grian: day\n-- materialise: table\n--\n-- Days.\n\nselect date from raw.snapshots",
			"mid/b.sql": "-- grain: day\n--\n-- Days.\n\nselect date from mid.a",
			"mid/c.sql": "-- grain: day\n--\n-- Days.\n\nselect date from raw.snapshot",
			"mid/d.sql": "select * from raw.snapshots",
		}, Options{}, []string{
			`mid/a.sql:1 header unknown key "grian"`,
			`mid/a.sql:2 header unknown key "materialise"`,
			`mid/c.sql:5 header unknown table raw.snapshot`,
			`mid/d.sql:1 grain nothing says what a row is`,
			`mid/d.sql:1 header no prose says what the rows are`,
			`mid/d.sql:1 select-star the outcome is a * that lists no columns: it changes when a table does`,
		}},
		"grain in prose": {map[string]string{"mid/a.sql": "-- Days, one\n-- row per day.\n\nselect date from raw.snapshots", "mid/b.sql": "-- Days.\n\nselect date from raw.snapshots"}, Options{},
			[]string{"mid/b.sql:1 grain nothing says what a row is"}},
		"columns that are not there": {map[string]string{
			"mid/a.sql": "-- grain: day\n-- check: unique date, days\n-- check: expect counts > 0\n-- column: dates the days\n-- match: raw.accounts on addr in mid.b\n--\n-- Days.\n\nselect date from raw.snapshots",
			"mid/b.sql": "-- grain: day\n--\n-- Days.\n\nselect date, 'a' as address from raw.snapshots",
		}, Options{}, []string{
			"mid/a.sql:2 binds check: mid.a has no column days",
			`mid/a.sql:3 binds check expect counts > 0: Binder Error: Referenced column "counts" not found in FROM clause! Candidate bindings: "date"`,
			"mid/a.sql:4 binds column: mid.a has no column dates",
			"mid/a.sql:5 binds match: mid.b has no column addr",
			"mid/a.sql:5 binds match: raw.accounts has no column addr",
		}},
		"nobody has an owner": {map[string]string{"stat/a.sql": "-- export: a\n" + strings.Replace(days, "date", "date as _id, date", 1)}, Options{}, nil},
		"one has an owner": {map[string]string{
			"stat/a.sql": "-- export: a\n" + strings.Replace(days, "select date", "select date as _id, date", 1),
			"stat/b.sql": "-- owner: us\n" + days,
		}, Options{}, []string{"stat/a.sql:1 owner statistic a has no owner and others have"}},
		"one answers for all": {map[string]string{
			"stat/a.sql": "-- export: a\n" + strings.Replace(days, "select date", "select date as _id, date", 1),
			"stat/b.sql": "-- owner: us\n" + days,
		}, Options{Owner: "all of us"}, nil},
		"no _id": {map[string]string{"stat/a.sql": "-- export: a\n" + days}, Options{}, []string{"stat/a.sql:1 document the first column is date, not _id"}},
		"allowed": {map[string]string{
			"mid/a.sql": "-- lint: allow select-star the table's columns are ours\n-- lint: allow final why\n-- lint: allow fnal why\n" + strings.Replace(days, "date", "*", 1),
			"mid/b.sql": "-- lint: allow\n" + days,
		}, Options{}, []string{
			"mid/a.sql:2 allow rule final is allowed to be broken and is not",
			`mid/a.sql:3 allow there is no rule "fnal"`,
			`mid/b.sql:1 header lint: "allow" does not read allow RULE why`,
		}},
		"macros": {map[string]string{
			"mid/a.sql":    days,
			"macros/a.sql": "create or replace macro one() as 1;\n\n-- lint: allow time-zone it is meant to\n-- Now.\ncreate or replace macro at_once() as now();\n",
			"macros/b.sql": "-- Now, and again.\ncreate or replace macro again() as today();\ncreate or replace macro twice() as 2;\n",
			"macros/c.sql": "-- lint: deny all\n-- Three.\ncreate or replace macro three() as 3;\n",
		}, Options{}, []string{
			"macros/a.sql:1 header macro one is not described",
			"macros/b.sql:2 time-zone macro again asks the clock: today()",
			`macros/c.sql:1 header lint: "deny all" does not read allow RULE why`,
		}},
		"a macro that cannot be read": {map[string]string{"mid/a.sql": strings.Replace(days, "date", "one() as first", 1), "macros/a.sql": "-- One.\ncreate or replace macro one( as 1;"}, Options{},
			[]string{`macros/a.sql:2 header Parser Error: syntax error at or near "as"`}},
		"tests": {map[string]string{"mid/a.sql": days, "tests/a.txtar": "Days.\n\n-- case one --\n\n-- want mid.a --\ndates\n"}, Options{},
			[]string{`tests/a.txtar:6 test-file mid.a has no column "dates"`}},
	} {
		t.Run(name, func(t *testing.T) {
			found, _ := run(t, c.files, c.o)
			if diff := cmp.Diff(c.want, found); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMissingTests(t *testing.T) {
	files := map[string]string{
		"mid/a.sql":     days,
		"mid/b.sql":     days,
		"checks/c.sql":  "-- No days.\n\nselect date from raw.snapshots where false",
		"tests/a.txtar": "Days.\n\n-- case one --\n\n-- want mid.a order by date --\ndate\n",
	}
	_, report := run(t, files, Options{})
	var found []string
	for _, one := range report.Findings {
		found = append(found, one.File+" "+one.Rule+" "+one.Message)
	}
	want := []string{"checks/c.sql missing-test no case in tests wants rows of checks.c", "mid/b.sql missing-test no case in tests wants rows of mid.b"}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
	if report.Files != 4 {
		t.Errorf("%d files, want 4", report.Files)
	}
}

// TestRulesAreKnown: what is found is of a rule that is listed.
func TestRulesAreKnown(t *testing.T) {
	names := map[string]bool{}
	for _, rule := range Rules() {
		if names[rule.Name] || rule.About == "" {
			t.Errorf("rule %s stands twice or says nothing", rule.Name)
		}
		names[rule.Name] = true
	}
}
