package mongo

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/engine"
)

type desk struct {
	t         *testing.T
	dir       string
	warehouse *engine.Warehouse
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	w, err := engine.Open(context.Background(), filepath.Join(t.TempDir(), "w.duckdb"), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &desk{t: t, dir: t.TempDir(), warehouse: w}
	for _, database := range []string{"chain", "tools"} {
		if err := os.MkdirAll(filepath.Join(d.dir, database), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

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

func (d *desk) write(name string, content []byte) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), content, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) load() *engine.LoadReport {
	d.t.Helper()
	in := d.warehouse.NewIntake("mongo", 1)
	in.MaxRejects = 1
	if err := New(Options{URI: d.dir, Database: "chain", Utilities: "tools"}).Load(context.Background(), in); err != nil {
		d.t.Fatal(err)
	}
	return in.Report()
}

func (d *desk) query(query string) []string {
	d.t.Helper()
	var list []string
	err := d.warehouse.NewIntake("mongo", 0).Query(context.Background(), func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		list = append(list, text)
		return err
	}, "select to_json(t)::varchar from ("+query+") as t")
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func rateOf(id string, value any) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "token", Value: "CCD"}, {Key: "date", Value: "2021-06-09"}, {Key: "rate", Value: value}}
}

func decimal(t *testing.T, text string) bson.Decimal128 {
	t.Helper()
	number, err := bson.ParseDecimal128(text)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

func TestNumbersOfEveryTypeLandExactlyOrAreRejected(t *testing.T) {
	d := newDesk(t)
	d.write("tools/exchange_rates_historical.bson", encode(t,
		rateOf("double", 0.5), rateOf("int32", int32(0)), rateOf("int64", int64(3)), rateOf("text", "0.25"), rateOf("decimal", decimal(t, "1.5")),
		rateOf("large", int64(1)<<53+1), rateOf("word", "much"), rateOf("true", true), rateOf("null", nil),
		append(rateOf("whole", 1.0), bson.E{Key: "timestamp", Value: 1.63e12}), append(rateOf("text time", 1.0), bson.E{Key: "timestamp", Value: "12"}),
		append(rateOf("decimal time", 1.0), bson.E{Key: "timestamp", Value: decimal(t, "12E2")}), append(rateOf("part", 1.0), bson.E{Key: "timestamp", Value: 1.5}),
		append(rateOf("far", 1.0), bson.E{Key: "timestamp", Value: decimal(t, "9223372036854775808")}),
	))
	report := d.load()
	same(t, "rates", d.query("select id, rate, timestamp_ms as ms from raw.exchange_rates_historical order by id"), []string{
		`{"id":"decimal","rate":1.5,"ms":null}`, `{"id":"decimal time","rate":1.0,"ms":1200}`, `{"id":"double","rate":0.5,"ms":null}`, `{"id":"int32","rate":0.0,"ms":null}`,
		`{"id":"int64","rate":3.0,"ms":null}`, `{"id":"text","rate":0.25,"ms":null}`, `{"id":"text time","rate":1.0,"ms":12}`, `{"id":"whole","rate":1.0,"ms":1630000000000}`,
	})
	same(t, "rejects", d.query("select line, document_id, field, reason from raw.rejects order by line"), []string{
		`{"line":6,"document_id":"large","field":"rate","reason":"is 9007199254740993, which no double holds exactly"}`,
		`{"line":7,"document_id":"word","field":"rate","reason":"is \"much\", not a number"}`,
		`{"line":8,"document_id":"true","field":"rate","reason":"is boolean, not a number"}`,
		`{"line":9,"document_id":"null","field":"rate","reason":"is missing"}`,
		`{"line":13,"document_id":"part","field":"timestamp","reason":"is the double 1.5, not a whole number"}`,
		`{"line":14,"document_id":"far","field":"timestamp","reason":"is the decimal 9223372036854775808, not a whole number up to 2^63"}`,
	})
	same(t, "counted", report.Rejects, int64(6))
}

func TestChangedCollectionReplacesItsTable(t *testing.T) {
	d := newDesk(t)
	label := func(id, text string) bson.D {
		return bson.D{{Key: "_id", Value: id}, {Key: "label_group", Value: "exchanges"}, {Key: "label", Value: text}}
	}
	d.write("tools/labeled_accounts.bson", encode(t, label("a", "Börse 1"), label("b", "x")))
	same(t, "changed", d.load().Changed, int64(2))
	same(t, "unchanged", d.load().Unchanged, 1)
	d.write("tools/labeled_accounts.bson", encode(t, label("a", "Börse 2"), label("c", "y"), label("c", "z")))
	report := d.load()
	same(t, "notes", strings.Join(report.Notes[len(report.Notes)-2:], "; "), "labeled_accounts: 1 documents have the account_address of a later one; the later one counts; the source has no collection exchange_rates_historical: raw.exchange_rates_historical stays empty")
	same(t, "labels", d.query("select account_address, label, position from raw.labeled_accounts order by 1"),
		[]string{`{"account_address":"a","label":"Börse 2","position":1}`, `{"account_address":"c","label":"z","position":3}`})
	// The same content, compressed, is nothing new to the table.
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write(encode(t, label("a", "Börse 2"), label("c", "y"), label("c", "z"))); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(d.dir, "tools/labeled_accounts.bson")); err != nil {
		t.Fatal(err)
	}
	d.write("tools/labeled_accounts.bson.gz", packed.Bytes())
	same(t, "changed", d.load().Changed, int64(0))
	if err := os.Remove(filepath.Join(d.dir, "tools/labeled_accounts.bson.gz")); err != nil {
		t.Fatal(err)
	}
	same(t, "gone", len(d.load().Unreadable), 1)
	same(t, "labels", len(d.query("from raw.labeled_accounts")), 2)
}

func TestBrokenFileKeepsTheTable(t *testing.T) {
	d := newDesk(t)
	whole := encode(t, bson.D{{Key: "_id", Value: "x"}, {Key: "date", Value: "2021-06-09"}, {Key: "height_for_first_block", Value: int32(1)}, {Key: "height_for_last_block", Value: int64(2)}})
	d.write("chain/blocks_per_day.bson", whole)
	d.load()
	two := append(bytes.Clone(whole), whole...)
	for cut := len(whole) + 1; cut < len(two); cut += 7 {
		d.write("chain/blocks_per_day.bson", two[:cut])
		report := d.load()
		if len(report.Unreadable) != 1 || !strings.Contains(report.Unreadable[0].Error, fmt.Sprintf("document 2 at byte %d", len(whole))) {
			t.Fatalf("cut at %d: %v", cut, report.Unreadable)
		}
		same(t, "days", len(d.query("from raw.blocks_per_day")), 1)
	}
}

func TestCutStreamIsNeverAnEnd(t *testing.T) {
	whole := encode(t, bson.D{{Key: "a", Value: 1}}, bson.D{{Key: "b", Value: "text"}, {Key: "c", Value: bson.A{1, bson.D{}}}})
	first := len(encode(t, bson.D{{Key: "a", Value: 1}}))
	for cut := range whole {
		s := newStream(bytes.NewReader(whole[:cut]), func() error { return nil })
		var err error
		for err == nil {
			_, err = s.next()
		}
		if boundary := cut == 0 || cut == first; errors.Is(err, io.EOF) != boundary {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func FuzzStream(f *testing.F) {
	one, err := bson.Marshal(rateOf("x", 1.5))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(one)
	f.Add(append(bytes.Clone(one), one[:9]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newStream(bytes.NewReader(data), func() error { return nil })
		all := collections()
		d := newDecoder(all[len(all)-1])
		defer d.builder.Release()
		for {
			document, err := s.next()
			if errors.Is(err, io.EOF) && s.offset != int64(len(data)) {
				t.Fatalf("an end at byte %d of %d", s.offset, len(data))
			}
			if err != nil {
				return
			}
			if err := d.add(document, s.count, "x"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestRealDump(t *testing.T) {
	dump := "../../../shared/data/R/dump"
	if _, err := os.Stat(dump); err != nil {
		t.Skip("../shared/data is not here")
	}
	d := newDesk(t)
	in := d.warehouse.NewIntake("mongo", 1)
	if err := New(Options{URI: dump, Database: "concordium_mainnet", Utilities: "concordium_utilities"}).Load(context.Background(), in); err != nil {
		t.Fatal(err)
	}
	same(t, "rejects", in.Report().Rejects, int64(0))
	same(t, "rows", d.query("select (select count(*) from raw.blocks_per_day) as days, (select count(*) from raw.stable_address_info) > 40000 as accounts"), []string{`{"days":175,"accounts":true}`})
}
