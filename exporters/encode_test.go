package exporters

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/internal/extjson"
)

// documents of a query, as relaxed Extended JSON.
func documents(t testing.TB, query, spread string) ([]string, error) {
	t.Helper()
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer connector.Close()
	conn, err := connector.Connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	duck, err := duckdb.NewArrowFromConn(conn)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := duck.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Release()
	encoder, err := NewEncoder(reader.Schema(), spread)
	if err != nil {
		return nil, err
	}
	var out []string
	for reader.Next() {
		record := reader.RecordBatch()
		if err := encoder.Use(record); err != nil {
			return nil, err
		}
		for row := range int(record.NumRows()) {
			document, err := encoder.Append(nil, row)
			if err != nil {
				return nil, err
			}
			if err := bsoncore.Document(document).Validate(); err != nil {
				t.Fatal(err)
			}
			text, err := extjson.Append(nil, document)
			if err != nil {
				return nil, err
			}
			out = append(out, string(text))
		}
	}
	return out, reader.Err()
}

func TestEveryTypeBecomesItsField(t *testing.T) {
	got, err := documents(t, `select 'x' as _id, 1::tinyint as a, 2147483648 as b, 5::hugeint as c, 9007199254740993::decimal(38, 0) as d, 1.25::decimal(10, 2) as e,
		0.1::double as f, 'nan'::double as g, 2.0::double as h, true as i, null::integer as j, date '2021-06-09' as k, timestamp '2021-06-09 01:02:03.004' as l,
		{'a': 1, 'b': null} as m, map {'gate.io': 1.5::double} as n, ['ü"', null] as o, 3::ubigint as p, 1e-9::double as q, null as r`, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`{"_id":"x","a":1,"b":2147483648,"c":5,"d":9007199254740993,"e":1.25,"f":0.1,"g":{"$numberDouble":"NaN"},"h":2.0,"i":true,"j":null,"k":"2021-06-09",` +
		`"l":{"$date":"2021-06-09T01:02:03.004Z"},"m":{"a":1,"b":null},"n":{"gate.io":1.5},"o":["ü\"",null],"p":3,"q":1e-09,"r":null}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSpreadPutsEntriesInItsPlace(t *testing.T) {
	got, err := documents(t, "select * from (values ('x', map {'b': 1, 'a': null}, 2), ('y', null, 3), ('z', map {}, 4)) as t(_id, fields, last)", "fields")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`{"_id":"x","b":1,"a":null,"last":2}`, `{"_id":"y","last":3}`, `{"_id":"z","last":4}`}, got); diff != "" {
		t.Error(diff)
	}
}

// TestSpreadOfAnObject: a document that came in as relaxed Extended JSON goes out as it was.
func TestSpreadOfAnObject(t *testing.T) {
	object := `{"a.b":1,"$c":9007199254740993,"d":1.0,"e":null,"f":{"$date":"2021-06-09T01:02:03.004Z"},"g":["ü\"",{"h":{"$oid":"c46b89739e5813adf862e207"}}],"i":{"$numberDouble":"NaN"}}`
	query := "select * from (values ('x', '" + object + "'::json, 2), ('y', null, 3), ('z', '{}', 4)) as t(_id, fields, last)"
	got, err := documents(t, query, "fields")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`{"_id":"x",` + object[1:len(object)-1] + `,"last":2}`, `{"_id":"y","last":3}`, `{"_id":"z","last":4}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatNoDocumentHoldsIsAnErrorThatNamesIt(t *testing.T) {
	for query, want := range map[string]string{
		"select 'x' as _id, map {'last': 1} as fields, 2 as last":                       "document x, field last: stands twice",
		"select 'x' as _id, map {'a': 1} as fields, 99999999999999999999::hugeint as n": "document x, field n: does not fit",
		"select 'x' as _id, map {'a' || chr(0): 1} as fields":                           "a field's name holds a NUL",
		"select 'x' as _id, map {'a': 1} as fields, map {chr(0): 1} as n":               "a field's name holds a NUL",
		"select 'x' as _id, map {'a': 1} as fields, 'ab'::blob as n":                    "column n: a document cannot hold binary",
		"select 1 as n, map {'a': 1} as fields":                                         "the first column is not _id",
		"select 'x' as _id, 1 as fields":                                                "spread fields: the column is int32, neither a MAP nor a JSON object",
		"select 'x' as _id":                                                             "spread fields: no such column",
		"select 'x' as _id, '[1]' as fields":                                            "document x, field fields: ",
		`select 'x' as _id, '{"a": 1, "last": 1}' as fields, 2 as last`:                 "document x, field last: stands twice",
	} {
		_, err := documents(t, query, "fields")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", query, err, want)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	rows := 100_000
	b.ReportAllocs()
	for b.Loop() {
		_, err := documents(b, fmt.Sprintf("select concat('2021-06-09-account_graph-', i) as _id, 'account_graph' as type, i as account_index, date '2021-06-09' as date, i / 7 as ccd_balance from range(%d) as t(i)", rows), "")
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "documents/s")
}
