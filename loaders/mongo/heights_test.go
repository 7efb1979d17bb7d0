package mongo

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/engine"
)

// movesMapping maps a collection by height, with addresses.
const movesMapping = `
collection = "moves"
database = "chain"
about = "Moves."
height = "info.height"
columns = [
    ["_id", "id", "varchar not null", "key"],
    ["info.height", "height", "bigint", "height of the block"],
    ["from", "from_id", "address", "who"],
    ["to", "to_id", "address", "to whom"],
    ["amount", "amount", "hugeint", "how much"],
]`

func newMovesDesk(t *testing.T) *desk {
	return newDesk(t, "blocks_per_day", daysMapping, "moves", movesMapping)
}

// day is a document of blocks_per_day, for a day of June 2021.
func day(day int, first, last int64) bson.D {
	date := fmt.Sprintf("2021-06-%02d", day)
	return bson.D{{Key: "_id", Value: date}, {Key: "date", Value: date}, {Key: "height_for_first_block", Value: first}, {Key: "height_for_last_block", Value: last},
		{Key: "hash_for_last_block", Value: fmt.Sprint("hash", last)}}
}

func move(id string, height any, from, to string, amount int64) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "info", Value: bson.D{{Key: "height", Value: height}}}, {Key: "from", Value: from}, {Key: "to", Value: to}, {Key: "amount", Value: amount}}
}

// writeDays writes blocks_per_day: 2021-06-01 has the heights 100 to 199, and so on; the day 3 is missing.
func (d *desk) writeDays(days ...bson.D) {
	d.write("chain/blocks_per_day.bson", encode(d.t, days...))
}

// dates are the dates of moves.
func (d *desk) dates() []string {
	return d.texts("select concat_ws(' ', id, coalesce(date::varchar, 'none')) from raw.moves order by id")
}

// versions of the days of moves; 0001-01-01 stands for rows without a day.
func (d *desk) versions() map[string]string {
	return pairs(d, "select date::varchar, version::varchar from ops.source_days where table_name = 'raw.moves'")
}

// marked are the days whose version differs, sorted.
func marked(before, after map[string]string) []string {
	list := []string{}
	for _, day := range append([]string{"0001-01-01"}, june()...) {
		if before[day] != after[day] {
			list = append(list, day)
		}
	}
	return list
}

func june() []string {
	var list []string
	for day := range 30 {
		list = append(list, fmt.Sprintf("2021-06-%02d", day+1))
	}
	return list
}

func TestRowsGetTheDayOfTheirHeight(t *testing.T) {
	d := newMovesDesk(t)
	// The file of days is in no order. Heights 300 to 309 lie between two days.
	d.writeDays(day(4, 310, 399), day(1, 100, 199), day(2, 200, 299), day(5, 400, 400))
	var documents []bson.D
	for id, height := range map[string]any{"099": int32(99), "100": int32(100), "199": int64(199), "200": 200.0, "299": "299", "300": int32(300), "309": int32(309), "310": decimal(t, "310"),
		"399": int32(399), "400": int32(400), "401": int32(401), "far": int64(1) << 62, "low": int64(-1) << 63, "null": nil} {
		documents = append(documents, move(id, height, "x", "y", 1))
	}
	documents = append(documents, bson.D{{Key: "_id", Value: "missing"}}, bson.D{{Key: "_id", Value: "through"}, {Key: "info", Value: "text"}}, move("rejected", "high", "x", "y", 1))
	d.write("chain/moves.bson", encode(t, documents...))
	readable(t, d.load())
	same(t, "dates", d.dates(), []string{"099 none", "100 2021-06-01", "199 2021-06-01", "200 2021-06-02", "299 2021-06-02", "300 none", "309 none", "310 2021-06-04", "399 2021-06-04",
		"400 2021-06-05", "401 none", "far none", "low none", "missing none", "null none", "through none"})
	same(t, "rejects", d.texts("select concat_ws(' ', document_id, field) from raw.rejects"), []string{"rejected info.height"})
	same(t, "marked", marked(nil, d.versions()), []string{"0001-01-01", "2021-06-01", "2021-06-02", "2021-06-04", "2021-06-05"})
	same(t, "calendar", d.texts("select concat_ws(' ', date, first_height, last_height) from ops.calendar order by date"),
		[]string{"2021-06-01 100 199", "2021-06-02 200 299", "2021-06-04 310 399", "2021-06-05 400 400"})
	same(t, "loaded", d.query("from raw.loaded_heights"), []string{`{"table_name":"raw.moves","height":400}`})
}

func newFilledDesk(t *testing.T) *desk {
	d := newMovesDesk(t)
	d.writeDays(day(1, 100, 199), day(2, 200, 299))
	d.write("chain/moves.bson", encode(t, move("a", 100, "x", "y", 1), move("b", 250, "y", "z", 2), move("c", 310, "x", "x", 3), move("d", 500, "z", "x", 4), move("e", 150, "x", "y", 5)))
	readable(t, d.load())
	same(t, "dates", d.dates(), []string{"a 2021-06-01", "b 2021-06-02", "c none", "d none", "e 2021-06-01"})
	return d
}

func TestAddedDayTakesItsRows(t *testing.T) {
	d := newFilledDesk(t)
	before := d.versions()
	d.writeDays(day(1, 100, 199), day(2, 200, 299), day(3, 300, 399))
	report := d.load()
	readable(t, report)
	same(t, "moves is not read again", []int{report.Read, report.Unchanged}, []int{1, 1})
	same(t, "dates", d.dates(), []string{"a 2021-06-01", "b 2021-06-02", "c 2021-06-03", "d none", "e 2021-06-01"})
	same(t, "marked", marked(before, d.versions()), []string{"0001-01-01", "2021-06-03"})

	before = d.versions()
	d.writeDays(day(1, 100, 199), day(2, 200, 299), day(3, 300, 399), day(4, 400, 450))
	readable(t, d.load())
	same(t, "a day without rows", marked(before, d.versions()), []string{})

	d.writeDays(day(1, 100, 199), day(2, 200, 299), day(3, 300, 399), day(4, 400, 500))
	readable(t, d.load())
	same(t, "dates", d.dates(), []string{"a 2021-06-01", "b 2021-06-02", "c 2021-06-03", "d 2021-06-04", "e 2021-06-01"})
	same(t, "marked", marked(before, d.versions()), []string{"0001-01-01", "2021-06-04"})
	// The same rows as when all of it is loaded at once.
	at := newMovesDesk(t)
	for _, name := range []string{"chain/blocks_per_day.bson", "chain/moves.bson"} {
		content, err := os.ReadFile(d.dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		at.write(name, content)
	}
	readable(t, at.load())
	same(t, "rows", d.query("from raw.moves order by id"), at.query("from raw.moves order by id"))
	for day, version := range at.versions() {
		same(t, "version of "+day, d.versions()[day], version)
	}
}

func TestMovedDayMovesItsRows(t *testing.T) {
	d := newFilledDesk(t)
	before := d.versions()
	d.writeDays(day(1, 100, 149), day(2, 150, 299))
	readable(t, d.load())
	same(t, "dates", d.dates(), []string{"a 2021-06-01", "b 2021-06-02", "c none", "d none", "e 2021-06-02"})
	same(t, "marked", marked(before, d.versions()), []string{"2021-06-01", "2021-06-02"})
	d.writeDays(day(2, 200, 299))
	readable(t, d.load())
	same(t, "a day is gone", d.dates(), []string{"a none", "b 2021-06-02", "c none", "d none", "e none"})
	d.writeDays(day(1, 100, 199), day(2, 200, 299))
	readable(t, d.load())
	same(t, "as before", marked(before, d.versions()), []string{})
	d.intake = func(in *engine.Intake) { in.Prune = true }
	d.write("chain/blocks_per_day.bson", nil)
	readable(t, d.load())
	same(t, "no days", d.dates(), []string{"a none", "b none", "c none", "d none", "e none"})
}

func TestChangedDumpMarksOnlyDaysThatDiffer(t *testing.T) {
	d := newFilledDesk(t)
	before := d.versions()
	// The order is another one, c is gone, f came, e has another amount.
	d.write("chain/moves.bson", encode(t, move("d", 500, "z", "x", 4), move("e", 150, "x", "y", 6), move("b", 250, "y", "z", 2), move("a", 100, "x", "y", 1), move("f", 199, "w", "x", 7)))
	report := d.load()
	readable(t, report)
	same(t, "marked", marked(before, d.versions()), []string{"0001-01-01", "2021-06-01"})
	same(t, "changed", report.Changed, int64(4))
	same(t, "rows", d.texts("select concat_ws(' ', id, height, (select address from raw.addresses where address_id = from_id), amount) from raw.moves order by id"),
		[]string{"a 100 x 1", "b 250 y 2", "d 500 z 4", "e 150 x 6", "f 199 w 7"})
	before = d.versions()
	d.write("chain/moves.bson", encode(t, move("b", 250, "y", "z", 2), move("d", 500, "z", "x", 4)))
	readable(t, d.load())
	same(t, "all rows of a day are gone", marked(before, d.versions()), []string{"2021-06-01"})
	same(t, "the day is still known", d.versions()["2021-06-01"], "0")
	before = d.versions()
	d.write("chain/moves.bson", encode(t, move("d", 500, "z", "x", 4), move("b", 250, "y", "z", 2)))
	report = d.load()
	same(t, "another order", []any{report.Read, report.Changed, marked(before, d.versions())}, []any{1, int64(0), []string{}})
}

func TestUnchangedDumpIsSkipped(t *testing.T) {
	d := newFilledDesk(t)
	read := func(what string, read, unchanged int) {
		t.Helper()
		report := d.load()
		readable(t, report)
		same(t, what, []int{report.Read, report.Unchanged}, []int{read, unchanged})
	}
	read("nothing changed", 0, 2)
	touched := time.Date(2021, 7, 1, 12, 0, 0, 123456789, time.UTC)
	d.touch("chain/moves.bson", touched)
	read("touched", 0, 2)
	same(t, "the new time is known", d.texts("select modified_at from ops.source_files where name = 'moves'"), []string{"2021-07-01 12:00:00.123456"})
	content, err := os.ReadFile(d.dir + "/chain/moves.bson")
	if err != nil {
		t.Fatal(err)
	}
	// Of the same size.
	d.write("chain/moves.bson", []byte(strings.Replace(string(content), "z", "q", 1)))
	read("changed", 1, 1)
	d.intake = func(in *engine.Intake) { in.Full = true }
	before := d.versions()
	read("full", 2, 0)
	same(t, "full", marked(before, d.versions()), []string{})
}

func TestSameDumpGivesSameTables(t *testing.T) {
	tables := []string{"raw.moves", "raw.addresses", "raw.blocks_per_day", "ops.source_days", "ops.source_tables", "ops.calendar", "raw.loaded_heights"}
	first, second := newFilledDesk(t), newFilledDesk(t)
	for _, table := range tables {
		same(t, table, second.query("from "+table+" order by all"), first.query("from "+table+" order by all"))
	}
	same(t, "ids are in the order of documents", first.texts("select concat_ws(' ', address_id, address) from raw.addresses order by all"), []string{"0 x", "1 y", "2 z"})
	before := map[string][]string{}
	for _, table := range tables {
		before[table] = first.query("from " + table + " order by all")
	}
	first.intake = func(in *engine.Intake) { in.Full = true }
	readable(t, first.load())
	for _, table := range tables {
		same(t, table, first.query("from "+table+" order by all"), before[table])
	}
}

func TestAddressesOnlyGrow(t *testing.T) {
	d := newFilledDesk(t)
	d.write("chain/moves.bson", encode(t, move("n", 100, "new", "y", 1)))
	readable(t, d.load())
	addresses := []string{"0 x", "1 y", "2 z", "3 new"}
	same(t, "addresses", d.texts("select concat_ws(' ', address_id, address) from raw.addresses order by address_id"), addresses)
	// A file that fails after some documents leaves no address behind; what is loaded next has its own.
	d.mapping("others", strings.Replace(movesMapping, `"moves"`, `"others"`, 1))
	broken := encode(t, move("o", 100, "lost", "x", 1))
	d.write("chain/moves.bson", append(broken, 1))
	d.write("chain/others.bson", encode(t, move("p", 100, "found", "new", 1)))
	unreadable(t, d.load(), "document 2 at byte")
	same(t, "moves", d.texts("select concat_ws(' ', id, address) from raw.moves join raw.addresses on address_id = from_id"), []string{"n new"})
	same(t, "others", d.texts("select concat_ws(' ', f.address, t.address) from raw.others join raw.addresses as f on f.address_id = from_id join raw.addresses as t on t.address_id = to_id"), []string{"found new"})
	same(t, "ids", d.query("select count(*) = count(distinct address) and count(*) = max(address_id) + 1 as sound from raw.addresses"), []string{`{"sound":true}`})
}

// loadRun loads as the command does, up to a day.
func (d *desk) loadRun(to time.Time) *engine.Report {
	d.t.Helper()
	collections := d.collections()
	report, err := d.warehouse.Run(d.t.Context(), engine.RunOptions{Command: "load", Phases: []string{engine.PhaseLoad}, SQL: os.DirFS(d.t.TempDir()), To: to, MaxRejects: 0.001,
		Tables: Tables(collections), Loaders: []engine.Loader{New(Options{URI: d.uri, Database: "chain", Utilities: "tools", Collections: collections, TempDirectory: d.temp})}})
	if err != nil {
		d.t.Fatal(err)
	}
	return report
}

func TestDaysAfterToWaitForTheNextRun(t *testing.T) {
	d := newMovesDesk(t)
	d.writeDays(day(1, 100, 199), day(2, 200, 299), day(3, 300, 399))
	d.write("chain/moves.bson", encode(t, move("a", 100, "x", "y", 1), move("b", 250, "y", "z", 2), move("c", 310, "x", "x", 3)))
	days := func() []string { return d.texts("select date from raw.blocks_per_day order by date") }
	cut := func() []string {
		return d.texts("select concat_ws(' ', cut_date, cut_height, cut_hash) from ops.runs order by run_id desc limit 1")
	}
	d.loadRun(time.Date(2021, 6, 2, 0, 0, 0, 0, time.UTC))
	same(t, "days", days(), []string{"2021-06-01", "2021-06-02"})
	same(t, "dates", d.dates(), []string{"a 2021-06-01", "b 2021-06-02", "c none"})
	same(t, "cut", cut(), []string{"2021-06-02 299 hash299"})
	// The file holds more: the statistics of the days to come do not wait for it to be read again.
	same(t, "loaded", d.query("from raw.loaded_heights"), []string{`{"table_name":"raw.moves","height":399}`})
	same(t, "status", d.texts("select concat_ws(' ', status, message) from ops.source_files where name = 'blocks_per_day'"), []string{"bounded days after --to were left out"})
	before := d.versions()
	// Bounded again, the day before: what is there stays.
	d.loadRun(time.Date(2021, 6, 1, 0, 0, 0, 0, time.UTC))
	same(t, "days", days(), []string{"2021-06-01", "2021-06-02"})
	d.loadRun(time.Time{})
	same(t, "days", days(), []string{"2021-06-01", "2021-06-02", "2021-06-03"})
	same(t, "dates", d.dates(), []string{"a 2021-06-01", "b 2021-06-02", "c 2021-06-03"})
	same(t, "cut", cut(), []string{"2021-06-03 399 hash399"})
	same(t, "marked", marked(before, d.versions()), []string{"0001-01-01", "2021-06-03"})
	same(t, "status", d.texts("select status from ops.source_files where name = 'blocks_per_day'"), []string{"loaded"})
}

func TestDaysThatComeLater(t *testing.T) {
	// A dump without blocks_per_day keeps its rows; their days come when it does.
	d := newMovesDesk(t)
	d.write("chain/moves.bson", encode(t, move("a", 100, "x", "y", 1)))
	same(t, "told", len(d.load().Unreadable), 1)
	same(t, "dates", d.dates(), []string{"a none"})
	d.writeDays(day(1, 100, 199))
	readable(t, d.load())
	same(t, "dates", d.dates(), []string{"a 2021-06-01"})
	// A broken one changes nothing.
	d.write("chain/blocks_per_day.bson", []byte{1})
	unreadable(t, d.load(), "document 1 at byte 0")
	same(t, "dates", d.dates(), []string{"a 2021-06-01"})
}

func TestFileWithTooManyRejectsIsRefused(t *testing.T) {
	d := newFilledDesk(t)
	rows, versions, addresses := d.query("from raw.moves"), d.versions(), d.query("from raw.addresses")
	d.intake = func(in *engine.Intake) { in.MaxRejects = 0.4 }
	d.write("chain/moves.bson", encode(t, move("a", "x", "new", "y", 1), move("b", "y", "x", "y", 1), move("c", 100, "newer", "y", 1)))
	report := d.load()
	same(t, "refused", report.TooManyRejects, []engine.FileError{{File: "moves", Error: "2 of 3 rows could not be read, more than --max-rejects 0.4: its earlier data stays; see raw.rejects"}})
	same(t, "rows", d.query("from raw.moves"), rows)
	same(t, "versions", d.versions(), versions)
	same(t, "addresses", d.query("from raw.addresses"), addresses)
	same(t, "rejects", d.texts("select concat_ws(' ', line, document_id, field) from raw.rejects order by line"), []string{"1 a info.height", "2 b info.height"})
	same(t, "tried again", len(d.load().TooManyRejects), 1)
	d.write("chain/moves.bson", encode(t, move("a", "x", "new", "y", 1), move("b", 200, "x", "y", 1), move("c", 100, "newer", "y", 1)))
	readable(t, d.load())
	same(t, "dates", d.dates(), []string{"b 2021-06-02", "c 2021-06-01"})
	same(t, "rejects", d.texts("select concat_ws(' ', line, document_id, field) from raw.rejects order by line"), []string{"1 a info.height"})
}
