package mongo

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/mongotest"
	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

// A row is a document of statistic s: its key, a day, and fields of any name.
type row struct {
	id     string
	fields map[string]float64
}

func rows(values map[string]float64) []row {
	var list []row
	for id, value := range values {
		list = append(list, row{id, map[string]float64{"value": value}})
	}
	slices.SortFunc(list, func(a, b row) int { return strings.Compare(a.id, b.id) })
	return list
}

// numbered rows, each with the value.
func numbered(n int, value float64) []row {
	values := map[string]float64{}
	for i := range n {
		values[fmt.Sprintf("2025-01-%02d", i+1)] = value + float64(i)
	}
	return rows(values)
}

func batchOf(list []row) arrow.RecordBatch {
	fields := arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Float64)
	schema := arrow.NewSchema([]arrow.Field{{Name: "_id", Type: arrow.BinaryTypes.String}, {Name: "type", Type: arrow.BinaryTypes.String}, {Name: "fields", Type: fields}}, nil)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	entries := builder.Field(2).(*array.MapBuilder)
	for _, one := range list {
		builder.Field(0).(*array.StringBuilder).Append(one.id)
		builder.Field(1).(*array.StringBuilder).Append("s")
		entries.Append(true)
		for key, value := range one.fields {
			entries.KeyBuilder().(*array.StringBuilder).Append(key)
			entries.ItemBuilder().(*array.Float64Builder).Append(value)
		}
	}
	return builder.NewRecordBatch()
}

// A desk is a server, and what a warehouse would export to it.
type desk struct {
	t   *testing.T
	uri string
	// change changes the options of the next exporters.
	change func(*Options)
	// leave what somebody else changed, when undoing.
	leave bool
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	return &desk{t: t, uri: mongotest.Start(t).URI, change: func(*Options) {}}
}

// exporter is a new one, as every run makes.
func (d *desk) exporter() *Exporter {
	d.t.Helper()
	o := Options{URI: d.uri, Database: "chain", Utilities: "utilities", Layout: engine.LayoutCollections, KeepUndo: 7, BulkDocuments: 2, Parallel: 2,
		Retry: mongouri.Retry{Attempts: 4, Pause: time.Millisecond}}
	d.change(&o)
	e, err := New(o)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = e.Close() })
	return e
}

func statistic() engine.Statistic {
	return engine.Statistic{Name: "s", Spread: "fields", Columns: []string{"_id", "type", "fields"}}
}

// export writes rows as a run does; known says what the warehouse thinks is there.
func (d *desk) export(run int64, list []row, gone ...string) (engine.Outcome, error) {
	return exportTo(d.t, d.exporter(), run, list, gone...)
}

func exportTo(t *testing.T, e *Exporter, run int64, list []row, gone ...string) (engine.Outcome, error) {
	p := &engine.Publication{Statistic: statistic(), Origin: engine.Origin{Warehouse: "w", Run: run}, New: int64(len(list)), GoneIDs: gone, Everything: true}
	return exportPublication(t, e, p, list)
}

func exportPublication(t *testing.T, e *Exporter, p *engine.Publication, list []row) (engine.Outcome, error) {
	t.Helper()
	ctx := t.Context()
	if _, err := e.State(ctx, p.Statistic); err != nil {
		return engine.Outcome{}, err
	}
	w, err := e.Begin(ctx, p)
	if err != nil {
		return engine.Outcome{}, err
	}
	var done engine.Outcome
	known := array.NewBooleanBuilder(memory.DefaultAllocator)
	for range list {
		known.Append(true)
	}
	if err = w.Write(ctx, batchOf(list), engine.Marks{Known: known.NewBooleanArray()}); err == nil {
		done, err = w.Finish(ctx)
	}
	if err = errors.Join(err, w.Abort()); err != nil {
		return done, err
	}
	return done, e.Publish(ctx, p.Statistic, engine.Summary{Origin: p.Origin, Model: "stat.s", Documents: int64(len(list))})
}

func (d *desk) must(done engine.Outcome, err error) engine.Outcome {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	return done
}

// put puts a document as somebody else would.
func (d *desk) put(document bson.D) {
	d.t.Helper()
	_, err := mongotest.Connect(d.t, d.uri).Database("chain").Collection("s").ReplaceOne(d.t.Context(), bson.D{document[0]}, document,
		options.Replace().SetUpsert(true))
	if err != nil {
		d.t.Fatal(err)
	}
}

// documents of a collection as text, by key.
func (d *desk) documents(collection string) map[string]string {
	d.t.Helper()
	found := map[string]string{}
	for _, one := range mongotest.Documents(d.t, d.uri, "chain", collection) {
		found[one.Lookup("_id").StringValue()] = one.String()
	}
	return found
}

func is(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestOnlyWhatDiffersIsWritten(t *testing.T) {
	d := newDesk(t)
	done := d.must(d.export(1, numbered(7, 1)))
	is(t, "first", done, engine.Outcome{New: 7, Written: 7})
	done = d.must(d.export(2, numbered(7, 1)))
	is(t, "again", done, engine.Outcome{})
	changed := numbered(8, 1)
	changed[3].fields["value"] = 99
	done = d.must(d.export(3, changed, "2025-01-01", "never"))
	is(t, "changed", done, engine.Outcome{New: 1, Changed: 1, Written: 2, Deleted: 1})
	documents := d.documents("s")
	is(t, "documents", len(documents), 7)
	if !strings.Contains(documents["2025-01-04"], "99") {
		t.Errorf("not changed: %s", documents["2025-01-04"])
	}
}

func TestUndo(t *testing.T) {
	d := newDesk(t)
	// The system before wrote these; the second is as ours will be.
	d.put(bson.D{{Key: "_id", Value: "2025-01-01"}, {Key: "value", Value: int32(3)}, {Key: "theirs", Value: bson.A{"é", nil}}})
	d.put(bson.D{{Key: "_id", Value: "2025-01-02"}, {Key: "type", Value: "s"}, {Key: "value", Value: 2.0}})
	d.put(bson.D{{Key: "_id", Value: "other"}, {Key: "value", Value: "theirs"}})
	before := d.documents("s")
	d.must(d.export(1, numbered(5, 1)))
	first, published := d.documents("s"), d.documents(publicationsCollection)
	is(t, "of others", first["other"], before["other"])
	d.must(d.export(2, numbered(4, 10), "2025-01-05"))
	d.must(d.export(3, numbered(6, 20)))

	undone := d.undo(2)
	is(t, "runs", undone.Runs, []int64{3, 2})
	is(t, "conflicts", len(undone.conflicts), 0)
	is(t, "after undo of 2 and 3", d.documents("s"), first)
	is(t, "published", d.documents(publicationsCollection), published)
	// The warehouse learns what was its own and what was not there.
	is(t, "back", undone.back["2025-01-05"], engine.BackDocument{ID: "2025-01-05", There: true, Known: true})
	is(t, "back", undone.back["2025-01-06"], engine.BackDocument{ID: "2025-01-06", Known: true})

	d.undo(1)
	is(t, "after undo of all", d.documents("s"), before)
	is(t, "published", d.documents(publicationsCollection), map[string]string{})
	is(t, "records", d.documents(undoCollection), map[string]string{})
	_, err := d.exporter().Undo(t.Context(), engine.Origin{Warehouse: "w", Run: 1}, nil, nil)
	if !errors.Is(err, engine.ErrUsage) {
		t.Errorf("a run that is not kept: %v", err)
	}
}

type undone struct {
	engine.TakenBack
	conflicts []string
	back      map[string]engine.BackDocument
}

func (d *desk) undo(run int64) undone {
	d.t.Helper()
	result := undone{back: map[string]engine.BackDocument{}}
	var err error
	leave := func(string) bool { return d.leave }
	result.TakenBack, err = d.exporter().Undo(d.t.Context(), engine.Origin{Warehouse: "w", Run: run}, leave, func(done engine.Undone) error {
		for _, one := range done.Conflicts {
			result.conflicts = append(result.conflicts, one.ID)
		}
		for _, one := range done.Back {
			result.back[one.ID] = one
		}
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return result
}

func TestUndoLeavesWhatSomebodyElseChanged(t *testing.T) {
	d := newDesk(t)
	d.must(d.export(1, numbered(3, 1)))
	d.must(d.export(2, numbered(3, 10)))
	d.put(bson.D{{Key: "_id", Value: "2025-01-02"}, {Key: "value", Value: "by hand"}})
	theirs := d.documents("s")["2025-01-02"]
	is(t, "told", d.undo(2).conflicts, []string{"2025-01-02"})
	documents := d.documents("s")
	is(t, "theirs", documents["2025-01-02"], theirs)
	if !strings.Contains(documents["2025-01-01"], `"1.0"`) || !strings.Contains(documents["2025-01-03"], `"3.0"`) {
		t.Errorf("the others are not back: %v", documents)
	}
	// What is kept stays until all is back: without theirs in the way, the rest follows.
	d.put(bson.D{{Key: "_id", Value: "2025-01-02"}, {Key: "type", Value: "s"}, {Key: "value", Value: 11.0}})
	is(t, "told again", len(d.undo(2).conflicts), 0)
	is(t, "back", strings.Contains(d.documents("s")["2025-01-02"], `"2.0"`), true)
}

func TestUndoIsKeptForSomeExports(t *testing.T) {
	d := newDesk(t)
	d.change = func(o *Options) { o.KeepUndo = 2 }
	for run := range int64(4) {
		d.must(d.export(run+1, numbered(2, float64(run))))
	}
	_, err := d.exporter().Undo(t.Context(), engine.Origin{Warehouse: "w", Run: 2}, nil, nil)
	is(t, "hint", engine.HintOf(err), "it keeps what these runs wrote over: 4, 3")
	d.undo(3)
	is(t, "value", strings.Contains(d.documents("s")["2025-01-01"], `"1.0"`), true)
	d.change = func(o *Options) { o.KeepUndo = 0 }
	d.must(d.export(5, numbered(2, 50)))
	is(t, "records", d.documents(undoCollection), map[string]string{})
}

func TestRefusedDocumentsAreToldAndTheRestGoesOn(t *testing.T) {
	d := newDesk(t)
	list := numbered(9, 1)
	// The server of tests breaks the connection at NaN. MongoDB takes it, as it takes names with a dollar within.
	list[2].fields["value"] = math.NaN()
	list[4].fields = map[string]float64{"$value": 1}
	list[6].fields = map[string]float64{"type": 1}
	list[7].id += strings.Repeat("x", 17<<20)
	done := d.must(d.export(1, list))
	reasons := map[string]string{}
	for _, one := range done.Refused {
		reasons[one.ID[:10]] = one.Reason
	}
	is(t, "refused", len(done.Refused), 4)
	for id, want := range map[string]string{"2025-01-03": "breaks the connection", "2025-01-07": "stands twice", "2025-01-08": "17.0 MiB: a server takes documents of up to 16 MiB"} {
		if !strings.Contains(reasons[id], want) {
			t.Errorf("%s: %q, want %q", id, reasons[id], want)
		}
	}
	if reasons["2025-01-05"] == "" {
		t.Error("a field that begins with $ is not refused")
	}
	is(t, "there", len(d.documents("s")), 5)
	is(t, "counts", done.New, int64(5))
}

func TestADocumentWithAProtectedFieldStays(t *testing.T) {
	d := newDesk(t)
	d.put(bson.D{{Key: "_id", Value: "2025-01-01"}, {Key: "display_name", Value: "theirs"}})
	p := &engine.Publication{Statistic: statistic(), Origin: engine.Origin{Warehouse: "w", Run: 1}, Everything: true, GoneIDs: []string{"2025-01-01"}}
	p.Protect = "display_name"
	done := d.must(exportPublication(t, d.exporter(), p, numbered(2, 1)))
	is(t, "counts", []int64{done.New, done.Changed, done.Deleted}, []int64{1, 0, 0})
	is(t, "told", [][]string{done.Protected, done.Kept}, [][]string{{"2025-01-01"}, {"2025-01-01"}})
	is(t, "theirs", strings.Contains(d.documents("s")["2025-01-01"], "theirs"), true)
}

func TestPlaces(t *testing.T) {
	d := newDesk(t)
	for layout, want := range map[string][]string{
		engine.LayoutCollections: {"chain.s", "chain.shared", "utilities.rates"}, engine.LayoutSingle: {"chain.statistics", "chain.shared", "utilities.rates"},
	} {
		d.change = func(o *Options) { o.Layout = layout }
		e := d.exporter()
		got := []string{e.place(engine.Statistic{Name: "s"}), e.place(engine.Statistic{Name: "t", Collection: "shared"}),
			e.place(engine.Statistic{Name: "rates", Collection: "rates", Database: engine.DatabaseUtilities})}
		is(t, layout, got, want)
	}
}

func TestIndexesAreMadeAndNeverDropped(t *testing.T) {
	d := newDesk(t)
	collection := mongotest.Connect(t, d.uri).Database("chain").Collection("s")
	_, err := collection.Indexes().CreateMany(t.Context(), []driver.IndexModel{
		{Keys: bson.D{{Key: "type", Value: 1}, {Key: "date", Value: 1}}, Options: options.Index().SetUnique(true).SetName("mine")},
		{Keys: bson.D{{Key: "type", Value: 1}}, Options: options.Index().SetName("type_1_project_1_date_1")},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := d.exporter()
	if err := e.ensureIndexes(t.Context(), "chain.s", []string{"_id", "type", "project", "date", "account_address_canonical"}); err != nil {
		t.Fatal(err)
	}
	is(t, "told", e.indexed["chain.s"], []string{
		"chain.s: its index mine on (type, date) is not plain: unique; it stays as it is",
		`chain.s: its index type_1_project_1_date_1 is not on (type, project, date): {"type": {"$numberInt":"1"}}; it stays, and the other one is not made`,
	})
	specifications, err := collection.Indexes().ListSpecifications(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range specifications {
		names = append(names, one.Name)
	}
	slices.Sort(names)
	is(t, "indexes", names, []string{"_id_", "account_address_canonical_1_date_1", "mine", "type_1_project_1_date_1"})
	if err := e.ensureIndexes(t.Context(), "chain.none", []string{"_id", "n"}); err != nil {
		t.Fatal(err)
	}
}

func TestStateTellsAnotherDestination(t *testing.T) {
	d := newDesk(t)
	state := func() string {
		t.Helper()
		word, err := d.exporter().State(t.Context(), statistic())
		if err != nil {
			t.Fatal(err)
		}
		return word
	}
	is(t, "nothing there", state(), "")
	d.must(d.export(1, numbered(4, 1)))
	first := state()
	if first == "" || first != state() {
		t.Errorf("%q, then %q", first, state())
	}
	collection := mongotest.Connect(t, d.uri).Database("chain").Collection("s")
	if _, err := collection.DeleteOne(t.Context(), bson.D{{Key: "_id", Value: "2025-01-01"}}); err != nil {
		t.Fatal(err)
	}
	is(t, "one is missing", state(), first+" short")
	d.must(d.export(2, numbered(4, 1)))
	if second := state(); second == first || strings.Contains(second, "short") {
		t.Errorf("another write: %q", second)
	}
	if err := collection.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	is(t, "dropped", state(), "")
}

func TestASecretIsNotTold(t *testing.T) {
	d := newDesk(t)
	d.uri = "mongodb://u:Secret@127.0.0.1:1/?serverSelectionTimeoutMS=50"
	d.change = func(o *Options) { o.Retry.Attempts = 1 }
	e := d.exporter()
	is(t, "destination", e.Destination(), "mongodb://127.0.0.1:1/chain?layout=collections")
	if _, err := e.State(t.Context(), statistic()); err == nil || strings.Contains(err.Error(), "Secret") {
		t.Errorf("got %v", err)
	}
}
