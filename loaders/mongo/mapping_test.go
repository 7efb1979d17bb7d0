package mongo

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/engine"
	sqlfiles "github.com/ccdexplorer/nightrunner/sql"
)

// blocksMapping maps a collection by height.
const blocksMapping = `
collection = "blocks"
database = "chain"
about = "Things in blocks."
height = "at.height"
columns = [
    ["at.height", "height", "bigint", "height of the block"],
    ["_id", "id", "varchar", "key"],
    ["v", "v", "varchar", "value"],
]`

// blockThing is a document at a height.
func blockThing(id string, height, value any) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "v", Value: value}, {Key: "at", Value: bson.D{{Key: "height", Value: height}}}, {Key: "more", Value: "m" + id}}
}

// columns are those of a raw table, with types and comments.
func (d *desk) columns(table string) []string {
	return d.texts("select concat_ws(' ', column_name, data_type, comment) from duckdb_columns() where schema_name = 'raw' and table_name = '" + table + "' order by column_index")
}

// edit replaces a text of a mapping.
func (d *desk) edit(name, old, replacement string) {
	d.t.Helper()
	text := string(d.mappings["raw/"+name+".toml"].Data)
	if strings.Count(text, old) != 1 {
		d.t.Fatalf("%q does not stand once in %s", old, name)
	}
	d.mapping(name, strings.Replace(text, old, replacement, 1))
}

func newMappedDesk(t *testing.T) *desk {
	d := newDesk(t, "things", thingsAs("varchar"), "blocks", blocksMapping, "blocks_per_day", daysMapping)
	d.write("chain/things.bson", encode(t, append(thing("a", "1"), bson.E{Key: "more", Value: "ma"}), append(thing("b", "x"), bson.E{Key: "more", Value: 5})))
	d.write("chain/blocks.bson", encode(t, blockThing("a", int32(1), "1"), blockThing("b", int64(2), "x")))
	d.write("chain/blocks_per_day.bson", nil)
	readable(t, d.load())
	same(t, "again", d.load().Unchanged, 3)
	return d
}

func TestAddedColumnIsFilled(t *testing.T) {
	d := newMappedDesk(t)
	d.edit("things", "\n]\n", "\n    [\"more\", \"more\", \"json\", \"what more there is\"],\n]\n")
	d.edit("blocks", "\n]", "\n    [\"more\", \"more\", \"kind\", \"it's more\"],\n]")
	report := d.load()
	readable(t, report)
	same(t, "read", []int{report.Read, report.Unchanged}, []int{2, 1})
	same(t, "columns", d.columns("things"), []string{"id VARCHAR key", "v VARCHAR value", "more JSON what more there is"})
	same(t, "columns", d.columns("blocks"), []string{"date DATE the UTC day whose blocks hold the height; null: none, or not yet", "height BIGINT height of the block", "id VARCHAR key", "v VARCHAR value", "more VARCHAR it's more"})
	same(t, "things", d.query("from raw.things order by id"), []string{`{"id":"a","v":"1","more":"ma"}`, `{"id":"b","v":"x","more":5}`})
	same(t, "blocks", d.query("select * exclude date from raw.blocks order by id"), []string{`{"height":1,"id":"a","v":"1","more":"ma"}`, `{"height":2,"id":"b","v":"x","more":"mb"}`})
	same(t, "again", d.load().Unchanged, 3)
}

func TestRemovedColumnIsDropped(t *testing.T) {
	d := newMappedDesk(t)
	d.edit("things", "[\"v\", \"v\", \"varchar\", \"value\"],\n", "")
	d.edit("blocks", "    [\"v\", \"v\", \"varchar\", \"value\"],\n", "")
	readable(t, d.load())
	same(t, "columns", d.columns("things"), []string{"id VARCHAR key"})
	same(t, "things", d.query("from raw.things order by id"), []string{`{"id":"a"}`, `{"id":"b"}`})
	same(t, "blocks", d.query("select * exclude date from raw.blocks order by id"), []string{`{"height":1,"id":"a"}`, `{"height":2,"id":"b"}`})
	same(t, "again", d.load().Unchanged, 3)
}

func TestChangedTypeReloads(t *testing.T) {
	d := newMappedDesk(t)
	d.edit("things", `"v", "varchar"`, `"v", "bigint"`)
	d.edit("blocks", `"v", "varchar"`, `"number", "bigint"`)
	readable(t, d.load())
	same(t, "columns", d.columns("things"), []string{"id VARCHAR key", "v BIGINT value"})
	same(t, "things", d.query("from raw.things"), []string{`{"id":"a","v":1}`})
	same(t, "blocks", d.query("select * exclude date from raw.blocks"), []string{`{"height":1,"id":"a","number":1}`})
	same(t, "rejects", d.texts("select concat_ws(' ', file, document_id, field, reason) from raw.rejects order by all"), []string{
		`chain/blocks b v is the string "x", not a whole number`, `chain/things b v is the string "x", not a whole number`})
	d.edit("things", `"v", "bigint"`, `"v", "varchar"`)
	readable(t, d.load())
	same(t, "back again", d.query("from raw.things order by id"), []string{`{"id":"a","v":"1"}`, `{"id":"b","v":"x"}`})
	same(t, "rejects", d.texts("select file from raw.rejects"), []string{"chain/blocks"})
}

func TestChangedPathReloads(t *testing.T) {
	d := newMappedDesk(t)
	d.edit("things", `["v", "v"`, `["more", "v"`)
	d.edit("blocks", `"v", "varchar"`, `"v", "varchar not null"`)
	d.mapping("things", strings.Replace(string(d.mappings["raw/things.toml"].Data), `"v", "varchar"`, `"v", "varchar not null"`, 1))
	report := d.load()
	readable(t, report)
	same(t, "read", []int{report.Read, report.Unchanged}, []int{2, 1})
	same(t, "things", d.query("from raw.things"), []string{`{"id":"a","v":"ma"}`})
	same(t, "rejects", d.texts("select concat_ws(' ', document_id, field, reason) from raw.rejects"), []string{"b more is 32-bit integer, not a string"})
	same(t, "again", d.load().Unchanged, 3)
}

func TestNewMappingFile(t *testing.T) {
	d := newMappedDesk(t)
	d.write("tools/notes.bson", encode(t, thing("n", "note")))
	d.mapping("remarks", strings.NewReplacer(`"things"`, `"notes"`, `"chain"`, `"utilities"`).Replace(thingsAs("varchar")))
	readable(t, d.load())
	same(t, "remarks", d.query("from raw.remarks"), []string{`{"id":"n","v":"note"}`})
	// The table has the file's name: a renamed file makes a new table, filled from the same collection.
	d.mapping("comments", string(d.mappings["raw/remarks.toml"].Data))
	delete(d.mappings, "raw/remarks.toml")
	readable(t, d.load())
	same(t, "comments", d.query("from raw.comments"), []string{`{"id":"n","v":"note"}`})
}

func TestChangedWordsReloadNothing(t *testing.T) {
	d := newMappedDesk(t)
	d.edit("things", `"value"`, `"what it is worth"`)
	d.edit("blocks", `"Things in blocks."`, `"Blocks' things."`)
	same(t, "unchanged", d.load().Unchanged, 3)
	same(t, "columns", d.columns("things"), []string{"id VARCHAR key", "v VARCHAR what it is worth"})
	same(t, "about", d.texts("select comment from duckdb_tables() where schema_name = 'raw' and table_name = 'blocks'"), []string{"Blocks' things."})
}

func TestMappingsOfAFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, sqlfiles.Files); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "raw/helpers.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "columns = [", "columns = [\n    [\"value\", \"value\", \"json\", \"the note\"],", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := ReadMappings(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(list, func(c Collection) bool { return c.Name == "helpers" })
	same(t, "column", list[at].Columns[0], Column{Path: "value", Name: "value", Type: JSON, About: "the note"})
}

func TestShippedMappings(t *testing.T) {
	list, err := ReadMappings(sqlfiles.Files)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "first", list[0].Table, daysTable)
	byHeight := false
	for _, c := range list {
		if byHeight && c.Height == "" {
			t.Errorf("%s comes after collections by height: these take longest", c.Table)
		}
		byHeight = c.Height != ""
		if c.About == "" {
			t.Errorf("%s says nothing about itself", c.Table)
		}
		for _, column := range c.Columns {
			if column.About == "" {
				t.Errorf("%s.%s says nothing about itself", c.Table, column.Name)
			}
		}
	}
}

func TestErrorsOfAllMappingsAtOnce(t *testing.T) {
	good := thingsAs("varchar")
	one := func(name, old, replacement string) (string, *fstest.MapFile) {
		text := strings.Replace(strings.Replace(good, `"things"`, `"`+name+`"`, 1), old, replacement, 1)
		return "raw/" + name + ".toml", &fstest.MapFile{Data: []byte(text)}
	}
	files := fstest.MapFS{}
	want := []string{"wrong usage: "}
	add := func(name, old, replacement, reason string) {
		file, content := one(name, old, replacement)
		files[file] = content
		if reason != "" {
			want = append(want, file+": "+reason)
		}
	}
	add("good", "", "", "")
	add("a_type", `"v", "varchar"`, `"v", "integer"`, `column 2: v: unknown type "integer": varchar, word, kind, address, hash, bigint, hugeint, double, boolean, date, timestamp, json, each also with not null`)
	add("b_twice", `"v", "varchar"`, `"id", "varchar"`, "column id stands twice")
	add("c_key", "about", "abuot", `unknown key "abuot"; keys are collection, database, about, key, height and columns`)
	add("d_toml", "[\n", "[[\n", "toml: line 8")
	add("e_words", `"value"`, `"value", "more"`, `column 2: ["v" "v" "varchar" "value" "more"] does not read [path, column, type, what it is]`)
	add("f_database", `"chain"`, `"tools"`, "collection names the collection, database is chain or utilities")
	add("g_both", "about", "height = \"v\"\nabout", "key or height must be given, not both")
	add("h_neither", "key = \"id\"\n", "", "key or height must be given, not both")
	add("i_no_key", "key = \"id\"", "key = \"other\"", "key other is no column")
	add("j_no_height", "key = \"id\"", "height = \"at\"", "height at lands in no bigint column")
	add("k_text_height", "key = \"id\"", "height = \"v\"", "height v lands in no bigint column")
	add("l_place", `"v", "v"`, `"#", "v"`, "column v: the place in the collection is a bigint")
	add("m_whole", `"v", "v"`, `"", "v"`, "column v: the whole document is json")
	add("n_null_key", " not null", "", "key id can be null: write not null behind its type")
	add("o_name", `"v", "v"`, `"v", "V w"`, `column "V w": names are letters a to z, digits and _`)
	add("p_date", `"v", "v"`, `"v", "date"`, "column date is the day of a row: a date")
	add("q_date", "key = \"id\"\ncolumns = [", "height = \"date\"\ncolumns = [[\"date\", \"date\", \"bigint\", \"\"],", "column date is made from the height")
	add("r_number", `"chain"`, "5", "toml: line 2 (last key \"database\"): incompatible types: TOML value has type int64; destination has type string")
	file, content := one("good", "", "")
	files[strings.Replace(file, "good", "s_again", 1)] = content
	want = append(want, "raw/s_again.toml: collection good lands in raw.good already")
	files["raw/snapshots.toml"] = &fstest.MapFile{Data: []byte(strings.Replace(good, `"things"`, `"snapshots"`, 1))}
	want = append(want, "raw/snapshots.toml: raw.snapshots is no name for this table")
	files["raw/t-table.toml"] = &fstest.MapFile{Data: []byte(strings.Replace(good, `"things"`, `"dashed"`, 1))}
	want = append(want, "raw/t-table.toml: raw.t-table is no name for this table")

	_, err := ReadMappings(files)
	if !errors.Is(err, engine.ErrUsage) || engine.HintOf(err) != "docs/collections.md explains these files" {
		t.Fatalf("got %v, %q", err, engine.HintOf(err))
	}
	lines := strings.Split(strings.TrimPrefix(err.Error(), "wrong usage: "), "\n")
	if len(lines) != len(want)-1 {
		t.Fatalf("got %d lines, want %d:\n%v", len(lines), len(want)-1, err)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i+1]) {
			t.Errorf("got  %s\nwant %s", line, want[i+1])
		}
	}
}

func TestTakenTableNames(t *testing.T) {
	d := newDesk(t)
	for _, table := range d.texts("select table_name from duckdb_tables() where schema_name = 'raw'") {
		if !taken("raw." + table) {
			t.Errorf("raw.%s is made by a migration: a mapping of that name would take it over", table)
		}
	}
}

func TestSourceWithoutSomeCollections(t *testing.T) {
	d := newDesk(t, "things", thingsAs("varchar"), "others", strings.Replace(thingsAs("varchar"), "things", "others", 1),
		"never", strings.Replace(thingsAs("varchar"), "things", "never", 1))
	d.write("chain/things.bson", encode(t, thing("a", "1")))
	d.write("chain/others.bson", encode(t, thing("o", "1")))
	report := d.load()
	readable(t, report)
	same(t, "notes", report.Notes, []string{"the source has no never: nothing is loaded into their tables"})
	d.remove("chain/things.bson")
	unreadable(t, d.load(), "the collection is gone from the source: what is in raw.things stays")
	same(t, "things", d.texts("select v from raw.things"), []string{"1"})
	d.remove("chain/others.bson")
	if _, err := d.tryLoad(t.Context()); err == nil || !strings.Contains(err.Error(), "has no collection of chain or tools") {
		t.Errorf("nothing that we know: %v", err)
	}
	d.write("chain/things.bson", encode(t, thing("b", "2")))
	unreadable(t, d.load(), "gone from the source: what is in raw.others stays")
	same(t, "things", d.texts("select v from raw.things"), []string{"2"})
}

func TestEmptiedCollectionKeepsItsTable(t *testing.T) {
	d := newMappedDesk(t)
	for range 2 {
		d.write("chain/things.bson", nil)
		d.write("chain/blocks.bson", nil)
		report := d.load()
		same(t, "unreadable", report.Unreadable, []engine.FileError{
			{File: "chain/things.bson", Error: "the collection is empty and had 2 documents: what is in raw.things stays; --prune takes it over"},
			{File: "chain/blocks.bson", Error: "the collection is empty and had 2 documents: what is in raw.blocks stays; --prune takes it over"},
		})
		same(t, "rows", d.texts("select id from raw.things union all select id from raw.blocks"), []string{"a", "b", "a", "b"})
	}
	d.intake = func(in *engine.Intake) { in.Prune = true }
	readable(t, d.load())
	same(t, "rows", d.texts("select id from raw.things union all select id from raw.blocks"), []string(nil))
}

func TestLaterOfTwoDocumentsWithOneKeyCounts(t *testing.T) {
	d := newDesk(t, "things", thingsAs("varchar"))
	d.write("chain/things.bson", encode(t, thing("a", "1"), thing("b", "2"), thing("a", "3")))
	report := d.load()
	readable(t, report)
	same(t, "notes", report.Notes, []string{"things: 1 documents have the id of a later one; the later one counts"})
	same(t, "things", d.texts("select concat_ws(' ', id, v) from raw.things order by id"), []string{"a 3", "b 2"})
}

func TestColumnsMayBeWordsOfSQL(t *testing.T) {
	d := newDesk(t, "things", strings.NewReplacer(`"id", "varchar`, `"order", "varchar`, `key = "id"`, `key = "order"`, `"v", "varchar"`, `"select", "varchar"`).Replace(thingsAs("varchar")))
	d.write("chain/things.bson", encode(t, thing("a", "1"), thing("a", "2")))
	readable(t, d.load())
	d.write("chain/things.bson", encode(t, thing("a", "3")))
	readable(t, d.load())
	same(t, "things", d.query("from raw.things"), []string{`{"order":"a","select":"3"}`})
}

func TestChangedCollectionReplacesOnlyWhatDiffers(t *testing.T) {
	d := newDesk(t, "things", thingsAs("varchar"))
	d.write("chain/things.bson", encode(t, thing("a", "1"), thing("b", "2"), thing("c", "3")))
	same(t, "changed", d.load().Changed, int64(3))
	keys := "select coalesce(key, '∅') from ops.changed_keys order by all"
	same(t, "all keys", d.texts(keys), []string{"∅"})
	d.write("chain/things.bson", encode(t, thing("a", "1"), thing("b", "4"), thing("d", "5")))
	same(t, "changed", d.load().Changed, int64(2))
	same(t, "keys", d.texts(keys), []string{"b", "c", "d", "∅"})
	same(t, "things", d.texts("select concat_ws(' ', id, v) from raw.things order by id"), []string{"a 1", "b 4", "d 5"})
}
