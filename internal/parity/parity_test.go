package parity

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/docdiff"
)

// mine are documents of statistics, as a warehouse has them.
type mine map[string][]bson.D

func (m mine) Documents(_ context.Context, statistic string, fn func(bsoncore.Document) error) error {
	documents, there := m[statistic]
	if !there {
		return engine.ErrNotBuilt
	}
	for _, one := range documents {
		raw, err := bson.Marshal(one)
		if err != nil {
			return err
		}
		if err := fn(raw); err != nil {
			return err
		}
	}
	return nil
}

func (m mine) Waiting(context.Context, string) (map[string]string, error) { return nil, nil }

func document(id any, more ...any) bson.D {
	d := bson.D{{Key: "_id", Value: id}}
	for i := 0; i < len(more); i += 2 {
		d = append(d, bson.E{Key: more[i].(string), Value: more[i+1]})
	}
	return d
}

// compareWith writes documents of theirs as s.bson and compares.
func compareWith(t *testing.T, ours mine, theirs []bson.D, change func(*Options)) (*Report, error) {
	t.Helper()
	dir := t.TempDir()
	var content []byte
	for _, one := range theirs {
		raw, err := bson.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, raw...)
	}
	if err := os.WriteFile(filepath.Join(dir, "s.bson"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	o := Options{Against: dir, Statistics: []string{"s"}, Rules: docdiff.Rules{Relative: 1e-9}, Examples: 2, Ours: ours, Staging: conn, Observer: engine.NoObserver{}}
	if change != nil {
		change(&o)
	}
	report, err := Run(t.Context(), o)
	var left int
	if countErr := conn.QueryRowContext(t.Context(), "select count(*) from duckdb_tables()").Scan(&left); countErr != nil || left > 0 {
		t.Errorf("%d tables are left: %v", left, countErr)
	}
	return report, err
}

func TestDocumentsComeInAnyOrderAndNumber(t *testing.T) {
	var ours, theirs []bson.D
	for i := range 3*partRows + 7 {
		ours = append(ours, document(fmt.Sprintf("%06d", i), "n", i))
		if i != 5000 {
			theirs = append(theirs, document(fmt.Sprintf("%06d", i), "n", i-i%3000/2999))
		}
	}
	slices.Reverse(theirs)
	theirs = append(theirs, document("zzz", "n", 1), document(bson.ObjectID{1}, "n", 1), document("000001", "n", 7), document("000001", "n", 8))
	report, err := compareWith(t, mine{"s": ours}, theirs, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := report.Statistics[0]
	if diff := cmp.Diff(Counts{Equal: int64(len(ours)) - 3, Different: 2, OnlyOurs: 1, OnlyTheirs: 2}, got.Counts); diff != "" || got.Twice != 2 {
		t.Errorf("%s, %d twice", diff, got.Twice)
	}
	if diff := cmp.Diff([]string{"zzz"}, got.Theirs.Examples); diff != "" {
		t.Errorf("examples: %s", diff)
	}
	if report.Same {
		t.Error("they are the same")
	}
}

// TestLargeDocumentsAreStagedBySize: what an appender holds is bounded by bytes.
func TestLargeDocumentsAreStagedBySize(t *testing.T) {
	large := strings.Repeat("x", 9<<20)
	documents := []bson.D{document("a", "t", large), document("b", "t", large), document("c", "t", large)}
	report, err := compareWith(t, mine{"s": documents}, documents, nil)
	if err != nil || !report.Same || report.Totals.Equal != 3 {
		t.Errorf("%v %+v", err, report)
	}
}

func TestFieldsWhoseNamesAreDataAreBounded(t *testing.T) {
	var ours, theirs bson.D
	for i := range mostFields + 50 {
		ours = append(ours, bson.E{Key: fmt.Sprint("f", i), Value: i})
		theirs = append(theirs, bson.E{Key: fmt.Sprint("f", i), Value: i + 1})
	}
	report, err := compareWith(t, mine{"s": {document("a", "m", ours)}}, []bson.D{document("a", "m", theirs)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	fields := report.Statistics[0].Fields
	if len(fields) != mostFields+1 || fields[0].Field != otherFields || fields[0].Documents != 50 {
		t.Errorf("%d fields, first %+v", len(fields), fields[0])
	}
	if _, err := json.Marshal(report); err != nil {
		t.Error(err)
	}
}

func TestInfinityIsInTheReport(t *testing.T) {
	zero := 0.0
	report, err := compareWith(t, mine{"s": {document("a", "n", 1/zero)}}, []bson.D{document("a", "n", zero/zero)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(report.Statistics[0].Fields)
	if want := `[{"field":"n","kind":"different","documents":1,"examples":[{"_id":"a","ours":{"$numberDouble":"Infinity"},"theirs":{"$numberDouble":"NaN"}}]}]`; err != nil || string(text) != want {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestWhatOursHasNotIsTold(t *testing.T) {
	report, err := compareWith(t, mine{}, []bson.D{document("a", "date", "2021-06-09")}, nil)
	if err != nil || report.Same || report.Statistics[0].Note != "ours is not built" || report.Statistics[0].Theirs.Days.Ranges != "2021-06-09" {
		t.Errorf("%v %+v", err, report)
	}
	_, err = compareWith(t, mine{"s": nil}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "has no document of the statistics that are compared") {
		t.Errorf("nothing to compare: %v", err)
	}
}

func TestRangesGoOnOverDaysThatNobodyHas(t *testing.T) {
	c := &calendar{numbers: map[string]int{}}
	var in daySet
	for _, day := range []string{"2021-06-21", "2021-06-07", "2021-06-14", "2021-06-28", "2021-07-05", "2021-08-02"} {
		n := c.number(day)
		if day != "2021-06-28" {
			in.add(n)
		}
	}
	c.number("")
	in.add(-1)
	if diff := cmp.Diff(&Days{Count: 5, Ranges: "2021-06-07 … 2021-06-21, 2021-07-05 … 2021-08-02"}, c.tell(in.has)); diff != "" {
		t.Error(diff)
	}
	if got := c.tell(func(int) bool { return false }); got != nil {
		t.Errorf("no days: %+v", got)
	}
}

func TestBothLayoutsInOneFolder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"statistics.json": `{"_id":"a","type":"s","n":1}` + "\n" + `{"_id":"u"}` + "\n" + `{"_id":"o","type":"old"}`,
		"s.jsonl":         `{"_id":"a","n":2}` + "\n",
		"s.metadata.json": `{"indexes":[]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ours := mine{"s": {document("a", "type", "s", "n", 1)}}
	report, err := compareWith(t, ours, nil, func(o *Options) { o.Against = dir })
	if err != nil || report.Totals.Equal != 1 || len(report.Notes) != 2 || !cmp.Equal(report.OnlyTheirs, []Other{{"old", 1}}) {
		t.Errorf("auto: %v %+v", err, report)
	}
	report, err = compareWith(t, ours, nil, func(o *Options) { o.Against, o.Layout = dir, Collections })
	if err != nil || report.Totals.Different != 1 || len(report.OnlyTheirs) != 0 {
		t.Errorf("collections: %v %+v", err, report)
	}
}
