package modeltest

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/engine"
)

// folder is a small project: a view, an incremental model, a state model that doubles, a statistic and a check, over a
// raw table of the migrations and one that is not.
func folder(tests map[string]string) fstest.MapFS {
	files := map[string]string{
		"macros/days.sql": `create or replace macro from_date() as coalesce(getvariable('from_date'), date '0001-01-01');
			create or replace macro to_date() as coalesce(getvariable('to_date'), date '9999-12-31');`,
		"stg/rates.sql": "-- requires: raw.snapshots the snapshot\n--\n-- Rates.\nselect date, rate from raw.rates",
		"mid/cents.sql": "-- materialize: incremental\n-- grain: day\n--\n-- Cents.\n" +
			"select date, (rate * 100)::bigint as cents from stg.rates where date between from_date() and to_date()",
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
		"stat/daily.sql": "-- materialize: incremental\n-- grain: day\n-- export: daily\n-- spread: fields\n-- check: expect value < 1000\n--\n-- Values of a day.\n" +
			"select concat(date, '-daily') as _id, date, value, value / 8 as share, map(['a.b', 'c'], [value, null]) as fields, nullif(value, 1)::varchar as text from mid.doubled",
		"checks/no_nine.sql": "-- severity: error\n--\n-- Nine is odd.\nselect date, value from stat.daily where value = 9",
	}
	fsys := fstest.MapFS{}
	for _, list := range []map[string]string{files, tests} {
		for name, text := range list {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return fsys
}

// tables are what a loader's configuration would decide.
func tables() []engine.RawTable {
	date := engine.RawColumn{Name: "date", Type: "DATE"}
	return []engine.RawTable{
		{Name: "raw.rates", Columns: []engine.RawColumn{date, {Name: "rate", Type: "DOUBLE"}}},
		{Name: "raw.blocks_per_day", Columns: []engine.RawColumn{date}},
	}
}

func open(t *testing.T, fsys fs.FS) *Suite {
	t.Helper()
	suite, err := Open(t.Context(), fsys, tables())
	if err != nil {
		t.Fatal(err)
	}
	return suite
}

// problems of all cases, as a command prints them.
func problems(t *testing.T, suite *Suite) ([]string, []Result) {
	t.Helper()
	results, err := suite.RunAll(t.Context(), suite.Cases)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, r := range results {
		for _, p := range r.Problems {
			list = append(list, p.String())
		}
	}
	return list, results
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

const passing = `Prose.

-- given raw.snapshots --
date
2021-06-09
2021-06-10
2021-06-11

-- case from raw tables, over a state model --
More prose: it stands after an empty line or has no colon.

-- given raw.blocks_per_day --
date
2021-06-09
2021-06-10
2021-06-11

-- given raw.rates --
date,rate
2021-06-09,0.01
2021-06-10,0.02
2021-06-11,0.05

-- want stat.daily order by value --
date,value,fields[a.b],fields[c],text
2021-06-09,1,1,,
2021-06-10,4,4,,4
2021-06-11,13,13,,13

-- case a model in the place of what it is built from --
-- given mid.doubled --
date,value
2021-06-10,9

-- given raw.blocks_per_day --
date
2021-06-10

-- want checks.no_nine --
date,value
2021-06-10,9

-- case a day that waits --
-- given raw.blocks_per_day --
date
2021-06-09

-- want ops.waiting --
model,date,reason
stat.daily,2021-06-10,the day's end in blocks_per_day
stat.daily,2021-06-11,the day's end in blocks_per_day

-- want stat.daily --
date
`

func TestCasesPass(t *testing.T) {
	suite := open(t, folder(map[string]string{"tests/all.txtar": passing}))
	list, results := problems(t, suite)
	equal(t, "problems", list, []string(nil))
	equal(t, "cases", len(results), 3)
}

const differing = `-- case values, nulls, rows too many and too few --
-- given raw.blocks_per_day --
date
2021-06-09
2021-06-10
2021-06-11
2021-06-12

-- given raw.snapshots --
date
2021-06-09
2021-06-10
2021-06-11
2021-06-12

-- given raw.rates --
date,rate
2021-06-09,0.01
2021-06-10,0.02
2021-06-11,0.05
2021-06-12,0.01

-- want mid.cents --
date,cents
2021-06-08,7
2021-06-09,1
2021-06-11,5
2021-06-12,1

-- want stat.daily --
date,value,text
2021-06-09,1,1
2021-06-10,5,
2021-06-11,13,13
2021-06-12,27,27
2021-06-13,60,60
`

func TestDifferencesAreToldByCell(t *testing.T) {
	list, _ := problems(t, open(t, folder(map[string]string{"tests/d.txtar": differing})))
	equal(t, "problems", list, []string{
		`tests/d.txtar:25: values, nulls, rows too many and too few: mid.cents: row 1: missing: 2021-06-08,7`,
		`tests/d.txtar:23: values, nulls, rows too many and too few: mid.cents: not wanted: 2021-06-10,2`,
		`tests/d.txtar:32: values, nulls, rows too many and too few: stat.daily: row 1: text: want 1, got null`,
		`tests/d.txtar:33: values, nulls, rows too many and too few: stat.daily: row 2: value: want 5, got 4`,
		`tests/d.txtar:33: values, nulls, rows too many and too few: stat.daily: row 2: text: want null, got 4`,
		`tests/d.txtar:36: values, nulls, rows too many and too few: stat.daily: row 5: missing: 2021-06-13,60,60`,
	})
}

func TestUpdateRewritesWantedRowsOnly(t *testing.T) {
	fsys := folder(map[string]string{"tests/d.txtar": differing, "tests/all.txtar": passing})
	suite := open(t, fsys)
	_, results := problems(t, suite)
	texts, err := suite.Update(results)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(differing, "2021-06-08,7\n2021-06-09,1\n2021-06-11,5\n", "2021-06-09,1\n2021-06-10,2\n2021-06-11,5\n", 1)
	want = strings.Replace(want, "2021-06-09,1,1\n2021-06-10,5,\n", "2021-06-09,1,\n2021-06-10,4,4\n", 1)
	want = strings.Replace(want, "2021-06-13,60,60\n", "", 1)
	equal(t, "files", len(texts), 1)
	equal(t, "text", string(texts["tests/d.txtar"]), want)
	fsys["tests/d.txtar"] = &fstest.MapFile{Data: texts["tests/d.txtar"]}
	list, _ := problems(t, open(t, fsys))
	equal(t, "problems", list, []string(nil))
}

func TestWrittenTablesReadBack(t *testing.T) {
	for _, rows := range [][][]string{{{""}, {"''"}, {"a,b"}, {"two\nlines"}, {`a "b"`}}, {{"", ""}, {"", "x"}}, nil} {
		columns := []string{"one", "two"}
		if len(rows) > 0 {
			columns = columns[:len(rows[0])]
		}
		text, err := writeTable(columns, rows)
		if err != nil {
			t.Fatal(err)
		}
		f := &file{}
		var got [][]string
		for _, r := range f.readTable(0, 1, "stat.daily", []byte(text)).rows {
			got = append(got, r.cells)
		}
		equal(t, text, got, rows)
		equal(t, "errors", f.errs, engine.ModelErrors(nil))
	}
}

// TestLastDayIsBuiltByItself: a state model that forgets what it was builds all days at once rightly, and the night wrongly.
func TestLastDayIsBuiltByItself(t *testing.T) {
	fsys := folder(map[string]string{"tests/all.txtar": passing})
	file := fsys["mid/doubled.sql"]
	file.Data = []byte(strings.Replace(string(file.Data), "coalesce(max_by(value, date), 0)", "0::bigint", 1))
	list, _ := problems(t, open(t, fsys))
	equal(t, "problems", list, []string{
		"tests/all.txtar:28: from raw tables, over a state model: stat.daily: row 3: value: want 13, got 5",
		"tests/all.txtar:28: from raw tables, over a state model: stat.daily: row 3: fields[a.b]: want 13, got 5",
		"tests/all.txtar:28: from raw tables, over a state model: stat.daily: row 3: text: want 13, got 5",
	})
}

func TestWhatKeepsACaseFromBeingCompared(t *testing.T) {
	const given = "-- given raw.blocks_per_day --\ndate\n2021-06-09\n-- given mid.doubled --\ndate,value\n"
	const want = "-- want stat.daily --\ndate,value\n"
	list, _ := problems(t, open(t, folder(map[string]string{
		"tests/1.txtar": "-- case a value that is none --\n" + given + "2021-06-08,1\n2021-06-09,one\n" + want,
		"tests/2.txtar": "-- case a model that fails --\n-- given raw.snapshots --\ndate\n2021-06-09\n-- given raw.rates --\ndate,rate\n2021-06-09,1e300\n-- want mid.cents --\ndate\n",
		"tests/3.txtar": "-- case a check in a header --\n" + given + "2021-06-09,1000\n" + want + "2021-06-09,1000\n",
	})))
	equal(t, "problems", len(list), 3)
	for i, words := range []string{
		"tests/1.txtar:8: a value that is none: mid.doubled: Conversion Error: Could not convert string 'one' to INT64",
		"tests/2.txtar:1: a model that fails: build mid.cents: mid/cents.sql:5: Conversion Error",
		`tests/3.txtar:8: a check in a header: stat.daily: check expect value < 1000: 1 row: {"_id":"2021-06-09-daily"`,
	} {
		if i < len(list) && !strings.HasPrefix(list[i], words) {
			t.Errorf("got %s, want %s …", list[i], words)
		}
	}
}

func TestTolerance(t *testing.T) {
	text := func(option string) string {
		return "-- case near --\n" + option + "-- given raw.blocks_per_day --\ndate\n2021-06-09\n-- given mid.doubled --\ndate,value\n2021-06-09,2\n" +
			"-- want stat.daily --\nshare\n0.2500000001\n"
	}
	for option, want := range map[string]int{"": 1, "tolerance: 1e-9\n": 0, "tolerance: 1e-10\n": 1} {
		list, _ := problems(t, open(t, folder(map[string]string{"tests/t.txtar": text(option)})))
		equal(t, option, len(list), want)
	}
}

func TestErrorsOfAllFilesAtOnce(t *testing.T) {
	_, err := Open(t.Context(), folder(map[string]string{
		"tests/a.txtar": `-- want stat.daily --
date
-- case one --
order: date
tolerance: a lot
-- given raw.snapshot --
date
-- given raw.snapshots --
datum
-- given raw.rates --
date,rate,rate
2021-6-9,1,1
2021-06-09,1
-- want stat.daliy --
date
-- case one --
-- given mid.doubled --
date,value
-- want mid.doubled --
date,value[a]
-- giving raw.rates --
`,
		"tests/b.txtar": "-- given stat.daily --\nfields[a.b]\n-- case two --\n-- want ops.runs --\nrun_id\n-- given raw.rates --\n-- case three --\n",
		"tests/d.txtar": "Prose.\n-- given raw.nothing --\ndate\n",
		"tests/c.txtar": "-- case four --\n-- want stat.daily order by day --\ndate,fields[c]\n\"2021\n",
	}), tables())
	var errs engine.ModelErrors
	if !errors.As(err, &errs) {
		t.Fatalf("got %v", err)
	}
	equal(t, "errors", strings.Split(err.Error(), "\n"), []string{
		`tests/a.txtar:1: want stat.daily stands before the first case`,
		`tests/a.txtar:4: unknown option "order" (the only option is tolerance; prose starts after an empty line)`,
		`tests/a.txtar:5: tolerance "a lot" is no number (relative, as 1e-12)`,
		`tests/a.txtar:6: unknown table, model or check raw.snapshot (nearest: raw.snapshots)`,
		`tests/a.txtar:9: raw.snapshots has no column "datum" (it has date, file, row_count, column_names)`,
		`tests/a.txtar:9: raw.snapshots needs column date`,
		`tests/a.txtar:11: raw.rates: column "rate" stands twice`,
		`tests/a.txtar:12: raw.rates: date "2021-6-9" is no date like 2021-06-09`,
		`tests/a.txtar:13: raw.rates: wrong number of fields`,
		`tests/a.txtar:14: unknown table, model or check stat.daliy (nearest: stat.daily)`,
		`tests/a.txtar:16: case "one" stands twice`,
		`tests/a.txtar:19: mid.doubled stands twice in case "one" (a case gives or wants a relation once)`,
		`tests/a.txtar:20: mid.doubled has no column "value[a]" (it has date, value)`,
		`tests/a.txtar:21: unknown section "giving raw.rates" (case NAME, given RELATION or want RELATION)`,
		`tests/b.txtar:2: stat.daily has no column "fields[a.b]" (it has _id, date, value, share, fields, text)`,
		`tests/b.txtar:4: unknown table, model or check ops.runs`,
		`tests/b.txtar:6: raw.rates: no header (no rows are a header alone)`,
		`tests/b.txtar:7: case "three" wants nothing (add a section: want MODEL)`,
		`tests/c.txtar:2: order by: stat.daily has no column "day" (it has _id, date, value, share, fields, text)`,
		`tests/c.txtar:4: stat.daily: extraneous or missing " in quoted-field`,
		`tests/d.txtar:1: no case (add a section: case NAME)`,
	})
}

func TestSelect(t *testing.T) {
	suite := open(t, folder(map[string]string{"tests/all.txtar": passing, "tests/d.txtar": differing}))
	for pattern, want := range map[string]string{
		"daily": "from raw tables, over a state model|a day that waits|values, nulls, rows too many and too few", "checks.no_nine": "a model in the place of what it is built from",
		"mid.*": "values, nulls, rows too many and too few", "rates": "",
	} {
		cases, err := suite.Select([]string{pattern})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range cases {
			names = append(names, c.Name)
		}
		equal(t, pattern, strings.Join(names, "|"), want)
	}
	if _, err := suite.Select([]string{"dialy"}); !errors.Is(err, engine.ErrUsage) {
		t.Errorf("got %v, want ErrUsage", err)
	}
}

// FuzzRead: whatever a file holds, reading it ends, and its errors name lines of it.
func FuzzRead(f *testing.F) {
	f.Add([]byte(passing))
	f.Add([]byte(differing))
	project, err := engine.ReadProject(folder(nil))
	if err != nil {
		f.Fatal(err)
	}
	relations := map[string][]engine.Column{"stat.daily": {{Name: "date", Type: "DATE"}, {Name: "fields", Type: "MAP(VARCHAR, BIGINT)"}}}
	f.Fuzz(func(t *testing.T, text []byte) {
		one := &file{name: "tests/f.txtar", suite: &Suite{project: project, relations: relations}}
		one.read(text)
		lines := strings.Count(string(text), "\n") + 1
		for _, problem := range one.errs {
			if problem.Line < 1 || problem.Line > lines {
				t.Errorf("%v: the file has %d lines", problem, lines)
			}
		}
	})
}
