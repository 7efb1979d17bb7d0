package engine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A dated warehouse has days of heights, and tables whose rows have heights.
type dated struct {
	t  *testing.T
	w  *Warehouse
	in *Intake
}

// heightsOf are the tables with their column of heights.
func heightsOf() map[string]string {
	return map[string]string{"raw.moves": "height", "raw.events": "at"}
}

func newDated(t *testing.T) *dated {
	w := openWarehouse(t)
	ensure(t, w, raw("blocks_per_day", "date DATE, height_for_first_block BIGINT, height_for_last_block BIGINT, hash_for_last_block VARCHAR"),
		raw("moves", "date DATE, height BIGINT, text VARCHAR"), raw("events", "date DATE, at BIGINT, text VARCHAR"))
	return &dated{t: t, w: w, in: w.NewIntake("mongo", 1)}
}

// days makes blocks_per_day: pairs of first and last heights by day of June 2021.
func (d *dated) days(heights map[int][2]int64) {
	d.t.Helper()
	run(d.t, d.w, "delete from raw.blocks_per_day")
	for day, span := range heights {
		run(d.t, d.w, fmt.Sprintf("insert into raw.blocks_per_day values (date '2021-06-%02d', %d, %d, 'hash%d')", day, span[0], span[1], span[1]))
	}
}

func (d *dated) redate() {
	d.t.Helper()
	if err := d.in.Redate(d.t.Context(), heightsOf()); err != nil {
		d.t.Fatal(err)
	}
}

// versions by day; 0001-01-01 stands for rows without one.
func (d *dated) versions(table string) map[string]string {
	d.t.Helper()
	list := map[string]string{}
	for _, line := range lines(d.t, d.w, "select date, version from ops.source_days where table_name = "+quote(table)) {
		list[line[:10]] = line[11:]
	}
	return list
}

// differ are the days whose version is another one, sorted.
func differ(before, after map[string]string) []string {
	list := []string{}
	for day := range maps.All(before) {
		if after[day] != before[day] {
			list = append(list, day)
		}
	}
	for day := range maps.All(after) {
		if _, there := before[day]; !there {
			list = append(list, day)
		}
	}
	slices.Sort(list)
	return list
}

func TestRedateGivesRowsTheirDay(t *testing.T) {
	d := newDated(t)
	run(t, d.w, "insert into raw.moves select null, height, height::varchar from (select unnest([null, -5, 99, 100, 149, 199, 200, 250, 299, 300]) as height)",
		"insert into raw.events values (null, 150, 'event'), (null, 1000, 'far')")
	d.redate()
	equal(t, "without days", lines(t, d.w, "select count(date) from raw.moves"), []string{"0"})
	equal(t, "nothing is marked", d.versions("raw.moves"), map[string]string{})

	d.days(map[int][2]int64{1: {100, 199}, 2: {200, 249}, 4: {260, 299}})
	d.redate()
	equal(t, "moves", lines(t, d.w, "select height, date from raw.moves order by height nulls first"), []string{"∅ ∅", "-5 ∅", "99 ∅", "100 2021-06-01", "149 2021-06-01",
		"199 2021-06-01", "200 2021-06-02", "250 ∅", "299 2021-06-04", "300 ∅"})
	equal(t, "events", lines(t, d.w, `select "at", date from raw.events order by "at"`), []string{"150 2021-06-01", "1000 ∅"})
	equal(t, "marked moves", differ(nil, d.versions("raw.moves")), []string{"0001-01-01", "2021-06-01", "2021-06-02", "2021-06-04"})
	equal(t, "marked events", differ(nil, d.versions("raw.events")), []string{"0001-01-01", "2021-06-01"})
	equal(t, "calendar", lines(t, d.w, "from ops.calendar order by date"), []string{"2021-06-01 100 199", "2021-06-02 200 249", "2021-06-04 260 299"})
}

func TestRedateMarksOnlyDaysThatChange(t *testing.T) {
	d := newDated(t)
	run(t, d.w, "insert into raw.moves select null, range, 'x' from range(100, 400)", "insert into raw.events values (null, 110, 'event'), (null, 390, 'later')")
	d.days(map[int][2]int64{1: {100, 199}, 2: {200, 299}})
	d.redate()
	for _, step := range []struct {
		what          string
		days          map[int][2]int64
		moves, events []string
	}{
		{"the same", map[int][2]int64{1: {100, 199}, 2: {200, 299}}, nil, nil},
		{"a new day", map[int][2]int64{1: {100, 199}, 2: {200, 299}, 3: {300, 349}}, []string{"0001-01-01", "2021-06-03"}, nil},
		{"a longer day", map[int][2]int64{1: {100, 199}, 2: {200, 299}, 3: {300, 399}}, []string{"0001-01-01", "2021-06-03"}, []string{"0001-01-01", "2021-06-03"}},
		{"a border", map[int][2]int64{1: {100, 189}, 2: {190, 299}, 3: {300, 399}}, []string{"2021-06-01", "2021-06-02"}, nil},
		{"a gap", map[int][2]int64{1: {100, 180}, 2: {190, 299}, 3: {300, 399}}, []string{"0001-01-01", "2021-06-01"}, nil},
		{"a day without blocks of ours", map[int][2]int64{1: {100, 180}, 2: {190, 299}, 3: {300, 399}, 4: {400, 499}}, nil, nil},
		{"a day is gone", map[int][2]int64{1: {100, 180}, 3: {300, 399}, 4: {400, 499}}, []string{"0001-01-01", "2021-06-02"}, nil},
		{"days change places", map[int][2]int64{3: {100, 180}, 1: {300, 399}, 4: {400, 499}}, []string{"2021-06-01", "2021-06-03"}, []string{"2021-06-01", "2021-06-03"}},
		{"no days", nil, []string{"0001-01-01", "2021-06-01", "2021-06-03"}, []string{"0001-01-01", "2021-06-01", "2021-06-03"}},
	} {
		moves, events := d.versions("raw.moves"), d.versions("raw.events")
		tables := lines(t, d.w, "from ops.source_tables order by all")
		d.days(step.days)
		d.redate()
		equal(t, step.what+": moves", differ(moves, d.versions("raw.moves")), append([]string{}, step.moves...))
		equal(t, step.what+": events", differ(events, d.versions("raw.events")), append([]string{}, step.events...))
		if after := lines(t, d.w, "from ops.source_tables order by all"); step.moves == nil {
			equal(t, step.what+": tables", after, tables)
		}
	}
}

// TestRedateIsWhatLoadingAnewGives compares with a plain computation over random days and heights.
func TestRedateIsWhatLoadingAnewGives(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	d := newDated(t)
	run(t, d.w, "insert into raw.moves select null, (random() * 1000)::bigint, range::varchar from range(300)", "insert into raw.moves values (null, null, 'none')")
	for round := range 25 {
		days := map[int][2]int64{}
		for at, day := int64(random.IntN(300)), 1; day <= 20 && at < 1000; day++ {
			last := at + random.Int64N(120)
			if random.IntN(4) > 0 {
				days[day] = [2]int64{at, last}
			}
			at = last + 1 + random.Int64N(2)*random.Int64N(50)
		}
		d.days(days)
		d.redate()
		wrong := lines(t, d.w, `select height, moves.date, days.date from raw.moves left join raw.blocks_per_day as days
			on height between height_for_first_block and height_for_last_block where moves.date is distinct from days.date`)
		equal(t, fmt.Sprint("round ", round), wrong, []string{})
		// Days that lost all their rows keep a version of nothing; the others have that of a table marked anew.
		got := d.versions("raw.moves")
		maps.DeleteFunc(got, func(_, version string) bool { return version == "0" })
		run(t, d.w, "begin transaction")
		if err := d.in.MarkAllDays(t.Context(), "raw.moves"); err != nil {
			t.Fatal(err)
		}
		equal(t, fmt.Sprint("versions of round ", round), got, d.versions("raw.moves"))
		run(t, d.w, "rollback")
	}
}

func TestRedateIsUndoneWhenItFails(t *testing.T) {
	d := newDated(t)
	run(t, d.w, "insert into raw.moves values (null, 150, 'x')")
	d.days(map[int][2]int64{1: {100, 199}})
	if err := d.in.Redate(t.Context(), map[string]string{"raw.moves": "height", "raw.absent": "height"}); err == nil {
		t.Fatal("no error")
	}
	equal(t, "rows", lines(t, d.w, "select date from raw.moves"), []string{"∅"})
	equal(t, "calendar", lines(t, d.w, "from ops.calendar"), []string{})
	d.redate()
	equal(t, "rows", lines(t, d.w, "select date from raw.moves"), []string{"2021-06-01"})
}

func TestReplaceDaysTouchesOnlyDaysThatDiffer(t *testing.T) {
	d := newDated(t)
	run(t, d.w, `insert into raw.moves values ('2021-06-01', 100, 'a'), ('2021-06-01', 101, 'b'), ('2021-06-02', 200, 'c'), ('2021-06-03', 300, 'd'), ('2021-06-03', 300, 'd'),
		(null, 999, 'far'), (null, null, 'none')`)
	if err := d.in.MarkAllDays(t.Context(), "raw.moves"); err != nil {
		t.Fatal(err)
	}
	equal(t, "all", differ(nil, d.versions("raw.moves")), []string{"0001-01-01", "2021-06-01", "2021-06-02", "2021-06-03"})
	for _, step := range []struct {
		what, change string
		written      int64
		marked       []string
	}{
		{"nothing", "select 1", 0, nil},
		{"another order", "create or replace temp table staged as from temp.staged order by text desc", 0, nil},
		{"a value", "update temp.staged set text = 'B' where text = 'b'", 2, []string{"2021-06-01"}},
		{"a row came", "insert into temp.staged (date, height, text) values ('2021-06-02', 201, 'e')", 2, []string{"2021-06-02"}},
		{"a day came", "insert into temp.staged (date, height, text) values ('2021-06-04', 400, 'f')", 1, []string{"2021-06-04"}},
		{"a day went", "delete from temp.staged where date = '2021-06-04'", 0, []string{"2021-06-04"}},
		{"one of two equal rows went", "delete from temp.staged where rowid = (select min(rowid) from temp.staged where text = 'd')", 1, []string{"2021-06-03"}},
		{"a row without a day", "update temp.staged set text = 'farther' where text = 'far'", 2, []string{"0001-01-01"}},
		{"a value became null", "update temp.staged set height = null where text = 'B'", 2, []string{"2021-06-01"}},
		{"a row got a day", "update temp.staged set date = '2021-06-05' where text = 'farther'", 2, []string{"0001-01-01", "2021-06-05"}},
		{"all went", "delete from temp.staged", 0, []string{"0001-01-01", "2021-06-01", "2021-06-02", "2021-06-03", "2021-06-05"}},
	} {
		before := d.versions("raw.moves")
		// The staged table has the columns in another order.
		run(t, d.w, "create or replace temp table staged as select text, date, height from raw.moves", step.change)
		err := d.in.Transact(t.Context(), func() error {
			written, err := d.in.ReplaceDays(t.Context(), "raw.moves", "temp.staged")
			equal(t, step.what+": written", written, step.written)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, step.what, differ(before, d.versions("raw.moves")), append([]string{}, step.marked...))
		const rows = "select date, height, text from %s order by all"
		equal(t, step.what, lines(t, d.w, fmt.Sprintf(rows, "raw.moves")), lines(t, d.w, fmt.Sprintf(rows, "temp.staged")))
	}
}

func TestReplaceDaysRefusesAnUnknownTable(t *testing.T) {
	d := newDated(t)
	run(t, d.w, "create temp table staged as select 1 as n")
	if _, err := d.in.ReplaceDays(t.Context(), "raw.absent", "temp.staged"); err == nil {
		t.Error("no error")
	}
}

func TestMarkHeightsMarksFromAHeightOn(t *testing.T) {
	d := newDated(t)
	d.days(map[int][2]int64{1: {100, 199}, 2: {200, 299}, 3: {300, 399}})
	run(t, d.w, "insert into raw.moves values ('2021-06-01', 150, 'a'), ('2021-06-02', 250, 'b'), ('2021-06-03', 350, 'c'), (null, 999, 'far')")
	mark := func(from int64) {
		t.Helper()
		if err := d.in.MarkHeights(t.Context(), "raw.moves", "height", from); err != nil {
			t.Fatal(err)
		}
	}
	mark(200)
	equal(t, "from the second day on", differ(nil, d.versions("raw.moves")), []string{"0001-01-01", "2021-06-02", "2021-06-03"})
	mark(-1 << 62)
	equal(t, "all", differ(nil, d.versions("raw.moves")), []string{"0001-01-01", "2021-06-01", "2021-06-02", "2021-06-03"})
	before := d.versions("raw.moves")
	run(t, d.w, "update raw.moves set text = upper(text)", "delete from raw.moves where text = 'C'")
	mark(250)
	// The first day is not looked at, though it changed; the third lost its row.
	equal(t, "a day in its middle", differ(before, d.versions("raw.moves")), []string{"0001-01-01", "2021-06-02", "2021-06-03"})
}

func TestCutIsTheLastBlockOfTheLastDay(t *testing.T) {
	d := newDated(t)
	run(t, d.w, "insert into ops.runs (run_id, command, started_at, status) values (1, 'run', now()::timestamp, 'running'), (2, 'run', now()::timestamp, 'running')")
	cut := func() []string {
		t.Helper()
		if err := d.in.RecordCut(t.Context()); err != nil {
			t.Fatal(err)
		}
		return lines(t, d.w, "select run_id, cut_date, cut_height, cut_hash from ops.runs order by run_id")
	}
	equal(t, "no days", cut(), []string{"1 ∅ ∅ ∅", "2 ∅ ∅ ∅"})
	d.days(map[int][2]int64{1: {100, 199}, 3: {300, 399}, 2: {200, 299}})
	equal(t, "days", cut(), []string{"1 2021-06-03 399 hash399", "2 ∅ ∅ ∅"})
}

func TestMarkDaysForgetsDaysThatAreGone(t *testing.T) {
	d := newDated(t)
	run(t, d.w, "insert into raw.moves values ('2021-06-01', 150, 'a'), ('2021-06-02', 250, 'b')")
	first := time.Date(2021, 6, 1, 0, 0, 0, 0, time.UTC)
	days := []time.Time{first, first.AddDate(0, 0, 1), first.AddDate(0, 0, 2)}
	err := d.in.MarkDays(t.Context(), "raw.moves", days, func(day time.Time) bool { return day != days[1] })
	if err != nil {
		t.Fatal(err)
	}
	versions := d.versions("raw.moves")
	equal(t, "days", differ(nil, versions), []string{"2021-06-01", "2021-06-03"})
	equal(t, "a day without rows", versions["2021-06-03"], "0")
}
