package modeltest

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/engine"
)

// source is a DuckDB with rows of raw tables.
func source(t *testing.T, statements ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	for _, statement := range append([]string{"create schema raw"}, statements...) {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return db
}

func chainRows() []string {
	return []string{
		"create table raw.snapshots as select date '2021-06-09' + i::int as date, 'f' as file from range(5) t(i)",
		"create table raw.blocks_per_day as select date from raw.snapshots",
		"create table raw.accounts as select i::int as account_id, 'account ' || i as address from range(300) t(i)",
		`create table raw.balance_changes as select date, account_id, (account_id * 7)::bigint as total_microccd, 'not known here' as more
			from raw.snapshots, raw.accounts`,
	}
}

const richest = `-- materialize: incremental
-- grain: day
-- export: statistics_richest
-- requires: raw.snapshots the balance snapshot
-- check: expect total_microccd >= 2
--
-- Who has most of those whose address ends in 7. One row per day.

select changes.date::varchar as _id, changes.date, max_by(accounts.address, total_microccd) as address, max(total_microccd) as total_microccd
from raw.balance_changes as changes
inner join raw.accounts as accounts on accounts.account_id = changes.account_id
where accounts.address like '%7' and changes.date between from_date() and to_date()
group by changes.date
`

// TestSketch: what is given is what decides, of two days, and the sketch passes.
func TestSketch(t *testing.T) {
	suite := open(t, folder(map[string]string{"stat/richest.sql": richest}))
	sketch, err := suite.Sketch(t.Context(), source(t, chainRows()...), "stat.richest", "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2021-06-12", "2021-06-13"}, sketch.Days); diff != "" {
		t.Error(diff)
	}
	text := string(sketch.Text)
	for _, want := range []string{"-- given raw.accounts --\naccount_id,address\n", "-- given raw.balance_changes --\ndate,account_id,total_microccd\n", "-- given raw.blocks_per_day --\ndate\n2021-06-12\n2021-06-13\n", "-- given raw.snapshots --\ndate\n2021-06-12\n2021-06-13\n", "-- want stat.richest --\n_id,date,address,total_microccd\n2021-06-1"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if sketch.Given > 2*fewRows+4 || sketch.Wanted < 1 {
		t.Errorf("%d rows given, %d wanted:\n%s", sketch.Given, sketch.Wanted, text)
	}
	list, _ := problems(t, open(t, folder(map[string]string{"stat/richest.sql": richest, "tests/new.txtar": text})))
	equal(t, "problems", list, []string(nil))
	// It is a test: another rule fails it.
	list, _ = problems(t, open(t, folder(map[string]string{"stat/richest.sql": strings.Replace(richest, "max(total", "1 + max(total", 1), "tests/new.txtar": text})))
	if len(list) == 0 {
		t.Error("a wrong model passes")
	}
}

func TestSketchOfADay(t *testing.T) {
	suite := open(t, folder(map[string]string{"stat/richest.sql": richest}))
	db := source(t, chainRows()...)
	sketch, err := suite.Sketch(t.Context(), db, "stat.richest", "2021-06-10")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "days", sketch.Days, []string{"2021-06-09", "2021-06-10"})
	if _, err := suite.Sketch(t.Context(), db, "stat.richest", "2031-06-10"); !errors.Is(err, ErrNoRows) {
		t.Errorf("got %v, want ErrNoRows", err)
	}
}

// TestSketchOfWaitingDays: a day that waits makes no rows in a test either.
func TestSketchOfWaitingDays(t *testing.T) {
	suite := open(t, folder(map[string]string{"stat/richest.sql": richest}))
	db := source(t, append(chainRows(), "delete from raw.blocks_per_day where date = '2021-06-13'")...)
	sketch, err := suite.Sketch(t.Context(), db, "stat.richest", "")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "days", sketch.Days, []string{"2021-06-11", "2021-06-12"})
}

// TestSketchOfAny: tables of which each would do, a check, a table without days, a state model, models that are read.
func TestSketchOfAny(t *testing.T) {
	files := map[string]string{
		"stg/either.sql":    "-- Days, one row per day.\n\nselect date from raw.snapshots where date in (select date from raw.tokenomics) or date in (select date from raw.balance_changes)",
		"mid/names.sql":     "-- Names, one row per account.\n\nselect address as name from raw.accounts",
		"mid/firsts.sql":    "-- materialize: state\n-- grain: day\n-- columns: date date, account_id integer\n--\n-- Firsts.\n\nselect min(date) as date, account_id from raw.balance_changes where date between from_date() and to_date() and account_id not in (select account_id from mid.firsts where date < from_date()) group by account_id",
		"mid/counts.sql":    "-- Counts, one row per day.\n\nselect date, count(*) as new_count from mid.firsts group by date",
		"checks/no_neg.sql": "-- No.\n\nselect date, account_id from raw.balance_changes where total_microccd < 0",
	}
	statements := append(chainRows(), "create schema mid", "create table mid.firsts as select date, account_id from raw.balance_changes where date = '2021-06-09'")
	db := source(t, statements...)
	for _, name := range []string{"stg.either", "mid.names", "mid.firsts", "mid.counts", "checks.no_neg"} {
		sketch, err := open(t, folder(files)).Sketch(t.Context(), db, name, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if sketch.Given == 0 || sketch.Given > 12 {
			t.Errorf("%s: %d rows given:\n%s", name, sketch.Given, sketch.Text)
		}
		with := map[string]string{"tests/new.txtar": string(sketch.Text)}
		for file, text := range files {
			with[file] = text
		}
		list, _ := problems(t, open(t, folder(with)))
		equal(t, "problems of "+name, list, []string(nil))
	}
}

func TestSketchWithoutInputs(t *testing.T) {
	files := map[string]string{"stg/one.sql": "-- One row per day.\n\nselect date from raw.snapshots", "mid/two.sql": "-- One row per day.\n\nselect date from stg.one"}
	_, err := open(t, folder(files)).Sketch(t.Context(), source(t, chainRows()...), "mid.two", "")
	if !errors.Is(err, ErrNoRows) || !strings.Contains(fmt.Sprint(err), "stg.one is not in the warehouse") || engine.HintOf(err) != "nightrunner build makes it" {
		t.Errorf("got %v", err)
	}
}

func TestShrink(t *testing.T) {
	needed := func(rows []int) bool {
		found := 0
		for _, row := range rows {
			if row == 3 || row == 77 {
				found++
			}
		}
		return found == 2
	}
	got := shrink(places(100), needed)
	if !needed(got) || len(got) > fewRows {
		t.Errorf("got %v", got)
	}
}
