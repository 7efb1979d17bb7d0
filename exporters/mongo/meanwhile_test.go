package mongo

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/mongotest"
)

// meanwhile lets somebody else write to s between what we read and what we write.
func (d *desk) meanwhile(command, collection string, document bson.D) *desk {
	var once atomic.Bool
	// One bulk at a time: another one would pass while this one is held up.
	one := *d
	one.change = func(o *Options) { o.Parallel = 1 }
	return one.met(command, func(sent bson.Raw) (bson.D, bool) {
		if sent.Lookup(command).StringValue() == collection && once.CompareAndSwap(false, true) {
			d.put(document)
		}
		return nil, false
	})
}

func protected(run int64, gone ...string) *engine.Publication {
	p := &engine.Publication{Statistic: statistic(), Origin: engine.Origin{Warehouse: "w", Run: run}, Everything: true, GoneIDs: gone}
	p.Protect = "display_name"
	return p
}

func TestSomebodyProtectsADocumentMeanwhile(t *testing.T) {
	d := newDesk(t)
	theirs := bson.D{{Key: "_id", Value: "2025-01-02"}, {Key: "display_name", Value: "theirs"}}
	done := d.must(exportPublication(t, d.meanwhile("update", "s", theirs).exporter(), protected(1), numbered(3, 1)))
	is(t, "written", []any{done.New, done.Written, done.Protected, len(done.Refused)}, []any{int64(2), int64(2), []string{"2025-01-02"}, 0})
	is(t, "theirs", strings.Contains(d.documents("s")["2025-01-02"], "theirs"), true)

	theirs[0].Value = "2025-01-03"
	done = d.must(exportPublication(t, d.meanwhile("delete", "s", theirs).exporter(), protected(2, "2025-01-01", "2025-01-03"), nil))
	is(t, "deleted", []any{done.Deleted, done.Kept}, []any{int64(1), []string{"2025-01-03"}})
	is(t, "left", len(d.documents("s")), 2)
}

func TestSomebodyWritesWhileItIsUndone(t *testing.T) {
	for what, test := range map[string]struct{ command, id string }{
		"a document that is put back": {"update", "2025-01-01"}, "one that was deleted": {"update", "2025-01-03"}, "one that was not there": {"delete", "2025-01-04"},
	} {
		t.Run(what, func(t *testing.T) {
			d := newDesk(t)
			d.must(d.export(1, numbered(3, 1)))
			d.must(d.export(2, append(numbered(2, 10), numbered(4, 10)[3]), "2025-01-03"))
			theirs := bson.D{{Key: "_id", Value: test.id}, {Key: "value", Value: "theirs"}}
			through := d.meanwhile(test.command, "s", theirs)
			undone := through.undo(2)
			is(t, "conflicts", undone.conflicts, []string{test.id})
			is(t, "theirs", strings.Contains(d.documents("s")[test.id], "theirs"), true)
			if _, told := undone.back[test.id]; told {
				t.Error("it is told as back")
			}
			is(t, "back", len(undone.back), 3)
			is(t, "runs", undone.TakenBack, engine.TakenBack{Stopped: 2})
		})
	}
}

// TestUndoStopsWhereARunDoesNotComeBack: what is before it is a state before, and needs it.
func TestUndoStopsWhereARunDoesNotComeBack(t *testing.T) {
	d := newDesk(t)
	for run := range int64(3) {
		d.must(d.export(run+1, numbered(2, float64(run))))
	}
	d.put(bson.D{{Key: "_id", Value: "2025-01-02"}, {Key: "value", Value: "by hand"}})
	undone := d.undo(1)
	is(t, "stopped", undone.TakenBack, engine.TakenBack{Stopped: 3, Left: []int64{2, 1}})
	is(t, "the state before 3", strings.Contains(d.documents("s")["2025-01-01"], `"1.0"`), true)
	d.leave = true
	undone = d.undo(1)
	is(t, "left as they are", undone.TakenBack, engine.TakenBack{Runs: []int64{3, 2, 1}})
	is(t, "there", len(d.documents("s")), 1)
	is(t, "by hand", strings.Contains(d.documents("s")["2025-01-02"], "by hand"), true)
}

// TestUndoGoesByTime: a warehouse that was put back counts runs from an earlier number.
func TestUndoGoesByTime(t *testing.T) {
	d := newDesk(t)
	clock := time.Date(2025, 2, 1, 0, 0, 0, 0, time.UTC)
	at := func(run int64, value float64) {
		t.Helper()
		e := d.exporter()
		clock = clock.Add(time.Hour)
		e.now = func() time.Time { return clock }
		d.must(exportTo(t, e, run, numbered(2, value)))
	}
	value := func() string { return d.documents("s")["2025-01-01"] }
	at(6, 6)
	at(7, 7)
	at(5, 50)
	at(6, 60)
	is(t, "undone", d.undo(6).Runs, []int64{6})
	is(t, "the later 6", strings.Contains(value(), `"50.0"`), true)
	is(t, "undone", d.undo(6).Runs, []int64{5, 7, 6})
	is(t, "all", value(), "")
	d.change = func(o *Options) { o.KeepUndo = 2 }
	at(9, 9)
	at(3, 3)
	at(2, 2)
	_, err := d.exporter().Undo(t.Context(), engine.Origin{Warehouse: "w", Run: 9}, nil, nil)
	is(t, "kept", engine.HintOf(err), "it keeps what these runs wrote over: 2, 3")
}

func TestWhatIsProvenOurs(t *testing.T) {
	d := newDesk(t)
	d.must(d.export(4, numbered(3, 1)))
	d.put(bson.D{{Key: "_id", Value: "2025-01-02"}, {Key: "value", Value: "theirs"}})
	d.put(bson.D{{Key: "_id", Value: "2025-01-07"}, {Key: "value", Value: "theirs"}})
	ids := []string{"2025-01-01", "2025-01-02", "2025-01-03", "2025-01-07", "none"}
	proven := func(warehouse string, since int64) [][]string {
		t.Helper()
		ours, others, err := d.exporter().Prove(t.Context(), statistic(), engine.Origin{Warehouse: warehouse, Run: since}, ids)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(others)
		return [][]string{ours, others}
	}
	ours := [][]string{{"2025-01-01", "2025-01-03"}, {"2025-01-02", "2025-01-07"}}
	is(t, "since 3", proven("w", 3), ours)
	is(t, "since 4", proven("w", 4), ours)
	is(t, "since 5", proven("w", 5)[0], []string(nil))
	is(t, "another warehouse", proven("v", 1)[0], []string(nil))
}

// TestAWholeCommandIsRefused: what is wrong with the command is not wrong with its documents.
func TestAWholeCommandIsRefused(t *testing.T) {
	d := newDesk(t)
	answer := bson.D{{Key: "ok", Value: 0.0}, {Key: "code", Value: int32(2)}, {Key: "codeName", Value: "BadValue"}, {Key: "errmsg", Value: "no such write concern"}}
	sent := atomic.Int64{}
	through := d.met("update", func(bson.Raw) (bson.D, bool) { sent.Add(1); return answer, false })
	done, err := through.export(1, numbered(20, 1))
	if err == nil || !strings.Contains(err.Error(), "no such write concern") {
		t.Errorf("got %v", err)
	}
	is(t, "refused", len(done.Refused), 0)
	if sent.Load() > 8 {
		t.Errorf("asked %d times", sent.Load())
	}
}

// TestABadLineRefusesNothing: a document is found guilty when it breaks the connection every time.
func TestABadLineRefusesNothing(t *testing.T) {
	d := newDesk(t)
	broken := atomic.Int64{}
	through := d.met("update", func(sent bson.Raw) (bson.D, bool) {
		return nil, !strings.Contains(string(sent), nowhere) && sent.Lookup("update").StringValue() == "s" && broken.Add(1) <= 5
	})
	done := d.must(through.export(1, numbered(1, 1)))
	is(t, "written", []any{done.New, len(done.Refused)}, []any{int64(1), 0})
}

func TestARefusedDocumentIsToldOnce(t *testing.T) {
	d := newDesk(t)
	unique := driver.IndexModel{Keys: bson.D{{Key: "value", Value: 1}}, Options: options.Index().SetUnique(true)}
	if _, err := mongotest.Connect(t, d.uri).Database("chain").Collection("s").Indexes().CreateOne(t.Context(), unique); err != nil {
		t.Fatal(err)
	}
	d.change = func(o *Options) { o.BulkDocuments = 9 }
	list := numbered(9, 1)
	list[3].fields["value"] = list[2].fields["value"]
	sent := atomic.Int64{}
	through := d.met("update", func(command bson.Raw) (bson.D, bool) {
		// What is left of the bulk is cut off after the server has refused one.
		n := int64(0)
		if !strings.Contains(string(command), nowhere) && command.Lookup("update").StringValue() == "s" {
			n = sent.Add(1)
		}
		return nil, n == 2 || n == 3
	})
	done := d.must(through.export(1, list))
	is(t, "refused", len(done.Refused), 1)
	is(t, "which", done.Refused[0].ID, "2025-01-04")
	is(t, "counts", []int64{done.New, done.Written}, []int64{8, 8})
	is(t, "there", len(d.documents("s")), 8)
}

func TestMuchIsReadInParts(t *testing.T) {
	d := newDesk(t)
	d.must(d.export(1, numbered(20, 1)))
	first := d.documents("s")
	d.change = func(o *Options) { o.BulkDocuments, o.BulkBytes = 50, 100 }
	changed := numbered(21, 1)
	changed[7].fields["value"] = 99
	e := d.exporter()
	e.options.BulkDocuments = 50
	done := d.must(exportTo(t, e, 2, changed, "2025-01-01", "2025-01-02", "2025-01-03"))
	is(t, "counts", []int64{done.New, done.Changed, done.Deleted}, []int64{1, 1, 3})
	is(t, "conflicts", len(d.undo(2).conflicts), 0)
	is(t, "undone", d.documents("s"), first)
}

func TestADestinationIsTheSameHoweverItIsWritten(t *testing.T) {
	d := &desk{t: t, change: func(*Options) {}}
	d.uri = "mongodb://u:p@B:27018,a:27017/?replicaSet=r"
	one := d.exporter().Destination()
	d.uri = "mongodb://a,b:27018"
	is(t, "destination", []string{one, d.exporter().Destination()}, []string{"mongodb://a,b:27018/chain?layout=collections", "mongodb://a,b:27018/chain?layout=collections"})
}

func TestUndoOfAServerThatIsNotThere(t *testing.T) {
	d := &desk{t: t, uri: "mongodb://u:Secret@127.0.0.1:1/?serverSelectionTimeoutMS=50", change: func(*Options) {}}
	_, err := d.exporter().Undo(t.Context(), engine.Origin{Warehouse: "w", Run: 1}, nil, nil)
	if !errors.Is(err, engine.ErrUnreachable) || strings.Contains(err.Error(), "topology") || strings.Contains(err.Error(), "Secret") {
		t.Errorf("got %v", err)
	}
	if engine.HintOf(err) == "" || !strings.Contains(err.Error(), "no server answers (dial tcp 127.0.0.1:1: connect: connection refused)") {
		t.Errorf("got %v", err)
	}
}

func TestAServerThatRefusesAllIsGivenUp(t *testing.T) {
	w := &writer{}
	b := &bulk{}
	for i := range mostRefused + 1 {
		b.refuse(strings.Repeat("x", i%7)+time.Unix(int64(i), 0).String(), "no")
	}
	if err := w.take(b); err == nil || !strings.Contains(err.Error(), "given up") {
		t.Errorf("got %v", err)
	}
}
