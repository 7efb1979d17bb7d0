package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/engine"
)

// publication of documents.
func publication(ids ...string) *rows {
	return &rows{Publication: engine.Publication{Statistic: engine.Statistic{Name: "s"}, New: int64(len(ids))}, ids: ids}
}

// rows with a number each, and the publication that they are of.
type rows struct {
	engine.Publication
	ids  []string
	done engine.Outcome
}

func (r *rows) batch(from string) arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{{Name: "_id", Type: arrow.BinaryTypes.String}, {Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i, id := range r.ids {
		if id >= from {
			builder.Field(0).(*array.StringBuilder).Append(id)
			builder.Field(1).(*array.Int64Builder).Append(int64(i))
		}
	}
	return builder.NewRecordBatch()
}

// writeTo does what an export does.
func (r *rows) writeTo(ctx context.Context, e *Exporter) error {
	w, err := e.Begin(ctx, &r.Publication)
	if err != nil {
		return err
	}
	if err = w.Write(ctx, r.batch(w.Wants().From), engine.Marks{}); err == nil {
		r.done, err = w.Finish(ctx)
	}
	return errors.Join(err, w.Abort())
}

func write(t *testing.T, dir string, p *rows) {
	t.Helper()
	e, err := New(dir, []string{JSONL, BSON})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.writeTo(context.Background(), e); err != nil {
		t.Fatal(err)
	}
	if state, err := e.State(context.Background(), engine.Statistic{Name: "s"}); state == "" || err != nil {
		t.Fatal(state, err)
	}
}

func ids(t *testing.T, dir string) (string, string) {
	t.Helper()
	var lines, stored []string
	text, err := os.ReadFile(filepath.Join(dir, "s.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var document bson.M
		if err := bson.UnmarshalExtJSON([]byte(line), false, &document); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, document["_id"].(string))
	}
	file, err := os.Open(filepath.Join(dir, "s.bson"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for {
		document, err := bson.ReadDocument(file)
		if err != nil {
			break
		}
		stored = append(stored, document.Lookup("_id").StringValue())
	}
	return strings.Join(lines, " "), strings.Join(stored, " ")
}

func TestStaleDocumentsStayInTheirPlace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	write(t, dir, publication("a", "b", "c", "d"))
	p := publication("a", "c", "e")
	p.StaleIDs = []string{"b", "d", "never"}
	write(t, dir, p)
	if lines, stored := ids(t, dir); lines != "a b c d e" || stored != lines {
		t.Errorf("kept: %s and %s", lines, stored)
	}
	p.StaleIDs, p.GoneIDs = nil, []string{"b", "d"}
	write(t, dir, p)
	if lines, stored := ids(t, dir); lines != "a c e" || stored != lines {
		t.Errorf("pruned: %s and %s", lines, stored)
	}
}

func TestFailedWriteLeavesTheOldFileAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, publication("a"))
	if err := os.WriteFile(filepath.Join(dir, ".s.jsonl.ABCD.unfinished"), []byte("left by a killed run"), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := New(dir, []string{JSONL})
	if err != nil {
		t.Fatal(err)
	}
	p := publication("b")
	p.Spread = "missing"
	if err := p.writeTo(context.Background(), e); err == nil || !strings.Contains(err.Error(), "s.jsonl") {
		t.Fatalf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := publication("b").writeTo(ctx, e); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if lines, _ := ids(t, dir); lines != "a" {
		t.Errorf("the old file is gone: %s", lines)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			t.Errorf("left behind: %s", entry.Name())
		}
	}
}

// TestUnchangedDocumentsAreTakenOver: with First, the file is what a whole write gives, for every place of the change.
func TestUnchangedDocumentsAreTakenOver(t *testing.T) {
	var all []string
	for i := range 40 {
		all = append(all, fmt.Sprintf("2021-06-%02d-%s", i, strings.Repeat("é\"", i%7)))
	}
	want := t.TempDir()
	write(t, want, publication(all...))
	wanted, err := os.ReadFile(filepath.Join(want, "s.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for from := range len(all) + 1 {
		first := "3"
		if from < len(all) {
			first = all[from]
		}
		dir := t.TempDir()
		// Before, the documents from there on were other ones.
		write(t, dir, publication(append(slices.Clone(all[:from]), first+"x", first+"y")...))
		p := publication(all...)
		p.First = first
		write(t, dir, p)
		got, err := os.ReadFile(filepath.Join(dir, "s.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(wanted) {
			t.Errorf("from %s:\n%s", first, got)
		}
	}
}

// TestVerifiedFileStays: a file that holds what would be written is left, with its time.
func TestVerifiedFileStays(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, publication("a", "b"))
	path := filepath.Join(dir, "s.jsonl")
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	p := publication("a", "b")
	p.Everything = true
	write(t, dir, p)
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) || p.done.Wrote() {
		t.Errorf("it was written again: %v, %+v", err, p.done)
	}
	if err := os.WriteFile(path, []byte("by hand"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, dir, p)
	if lines, stored := ids(t, dir); lines != "a b" || stored != lines || !p.done.Wrote() {
		t.Errorf("not mended: %s, %s, %+v", lines, stored, p.done)
	}
}
