package mongo

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/engine"
	sqlfiles "github.com/ccdexplorer/nightrunner/sql"
)

// A desk is a warehouse, a dump and mapping files to work on.
type desk struct {
	t         *testing.T
	dir       string
	warehouse *engine.Warehouse
	mappings  fstest.MapFS
	uri, temp string
	run       int64
	// intake changes what the next loads may do.
	intake func(*engine.Intake)
}

// newDesk has the mapping files given as name and text; without any, those that nightrunner ships.
func newDesk(t *testing.T, mappings ...string) *desk {
	t.Helper()
	w, err := engine.Open(context.Background(), filepath.Join(t.TempDir(), "w.duckdb"), engine.Options{Threads: 2, MemoryLimit: "1GB"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &desk{t: t, dir: t.TempDir(), temp: t.TempDir(), warehouse: w, mappings: fstest.MapFS{}}
	d.uri = d.dir
	for i := 0; i < len(mappings); i += 2 {
		d.mapping(mappings[i], mappings[i+1])
	}
	for _, database := range []string{"chain", "tools"} {
		if err := os.MkdirAll(filepath.Join(d.dir, database), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// mapping writes the mapping file raw/NAME.toml.
func (d *desk) mapping(name, text string) {
	d.mappings["raw/"+name+".toml"] = &fstest.MapFile{Data: []byte(text)}
}

func (d *desk) collections() []Collection {
	d.t.Helper()
	list, err := ReadMappings(d.mappings)
	if len(d.mappings) == 0 {
		list, err = ReadMappings(sqlfiles.Files)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

// encode writes documents as they stand in a .bson file.
func encode(t *testing.T, documents ...bson.D) []byte {
	t.Helper()
	var out []byte
	for _, document := range documents {
		one, err := bson.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, one...)
	}
	return out
}

// write writes a file of the dump, always with another modification time.
func (d *desk) write(name string, content []byte) {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.run++
	d.touch(name, time.Unix(1.7e9+d.run, 0))
}

func (d *desk) touch(name string, at time.Time) {
	d.t.Helper()
	if err := os.Chtimes(filepath.Join(d.dir, name), at, at); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) remove(name string) {
	d.t.Helper()
	if err := os.Remove(filepath.Join(d.dir, name)); err != nil {
		d.t.Fatal(err)
	}
}

// load makes the tables and loads, as a run does.
func (d *desk) load() *engine.LoadReport {
	d.t.Helper()
	report, err := d.tryLoad(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	return report
}

func (d *desk) tryLoad(ctx context.Context) (*engine.LoadReport, error) {
	d.t.Helper()
	collections := d.collections()
	if err := d.warehouse.EnsureTables(context.Background(), Tables(collections)); err != nil {
		d.t.Fatal(err)
	}
	d.run++
	in := d.warehouse.NewIntake(source, d.run)
	in.MaxRejects = 1
	if d.intake != nil {
		d.intake(in)
	}
	loader := New(Options{URI: d.uri, Database: "chain", Utilities: "tools", Collections: collections, TempDirectory: d.temp})
	return in.Report(), loader.Load(ctx, in)
}

// query gives the rows of a query as JSON, one line each.
func (d *desk) query(query string) []string {
	d.t.Helper()
	return d.texts("select to_json(t) from (" + query + ") as t")
}

// texts gives the one column of a query, "∅" for null.
func (d *desk) texts(query string) []string {
	d.t.Helper()
	var list []string
	err := d.warehouse.NewIntake(source, 0).Query(context.Background(), func(rows *sql.Rows) error {
		var text sql.NullString
		err := rows.Scan(&text)
		if !text.Valid {
			text.String = "∅"
		}
		list = append(list, text.String)
		return err
	}, "select columns(*)::varchar from ("+query+")")
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

// one gives the one value of a query.
func (d *desk) one(query string) string {
	d.t.Helper()
	list := d.texts("select (" + query + ")::varchar")
	if len(list) != 1 {
		d.t.Fatalf("%s: %d rows", query, len(list))
	}
	return list[0]
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(rejected{})); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// unreadable wants exactly one file that could not be read, with these words in its error.
func unreadable(t *testing.T, report *engine.LoadReport, words ...string) {
	t.Helper()
	if len(report.Unreadable) != 1 {
		t.Fatalf("want one unreadable file, got %v", report.Unreadable)
	}
	for _, word := range words {
		if !strings.Contains(report.Unreadable[0].Error, word) {
			t.Errorf("%q does not say %q", report.Unreadable[0].Error, word)
		}
	}
}

func readable(t *testing.T, report *engine.LoadReport) {
	t.Helper()
	if len(report.Unreadable)+len(report.TooManyRejects) > 0 || report.Failed > 0 {
		t.Fatalf("unreadable: %v, %v", report.Unreadable, report.TooManyRejects)
	}
}

// sameDocument wants Extended JSON that reads back as the document.
func sameDocument(t *testing.T, text string, document []byte) {
	t.Helper()
	if !json.Valid([]byte(text)) {
		t.Errorf("no JSON: %s", text)
		return
	}
	relaxed, err := bson.MarshalExtJSON(bson.Raw(document), false, false)
	if err != nil {
		t.Fatal(err)
	}
	if want, got := reread(t, relaxed), reread(t, []byte(text)); !bytes.Equal(want, got) {
		t.Errorf("got %s, want %s", text, relaxed)
	}
}

func reread(t *testing.T, text []byte) []byte {
	t.Helper()
	var document bson.D
	if err := bson.UnmarshalExtJSON(text, false, &document); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return encode(t, document)
}

func decimal(t *testing.T, text string) bson.Decimal128 {
	t.Helper()
	number, err := bson.ParseDecimal128(text)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// thing is a document with an _id and a field v.
func thing(id string, value any) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "v", Value: value}}
}

// thingsAs maps field v of collection things to a column of a type.
func thingsAs(kind string) string {
	return fmt.Sprintf("collection = \"things\"\ndatabase = \"chain\"\nabout = \"Things.\"\nkey = \"id\"\n"+
		"columns = [\n[\"_id\", \"id\", \"varchar not null\", \"key\"],\n[\"v\", \"v\", %q, \"value\"],\n]\n", kind)
}

// daysMapping maps the days of block heights.
const daysMapping = `
collection = "blocks_per_day"
database = "chain"
about = "Days."
key = "date"
columns = [
    ["date", "date", "date not null", "the day"],
    ["height_for_first_block", "height_for_first_block", "bigint not null", "height of its first block"],
    ["height_for_last_block", "height_for_last_block", "bigint not null", "height of its last block"],
    ["hash_for_last_block", "hash_for_last_block", "varchar", "hex"],
]`
