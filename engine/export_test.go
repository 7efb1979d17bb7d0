package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/apache/arrow-go/v18/arrow"
)

// A keeper is a destination that is written to document by document, as a server is: it reads what it has before it writes.
type keeper struct {
	documents map[string]string
	published map[string]Summary
	// refuse has documents that it does not take; broken fails after so many documents, -1 never.
	refuse map[string]bool
	broken int
	// rows are the documents that it was given, in their order.
	rows []string
	// known are those that the warehouse said were ours.
	known []string
	// protected have a field that keeps them; wrote are those that it took; removed is what Remove was asked.
	protected, wrote map[string]bool
	removed          []Publication
	asked            []string
}

func newKeeper() *keeper {
	return &keeper{documents: map[string]string{}, published: map[string]Summary{}, refuse: map[string]bool{}, broken: -1, protected: map[string]bool{}, wrote: map[string]bool{}}
}

func (*keeper) Destination() string { return "keeper" }
func (*keeper) Compares() bool      { return true }

func (k *keeper) State(_ context.Context, s Statistic) (string, error) {
	if _, there := k.published[s.Name]; there {
		return "there", nil
	}
	return "", nil
}

func (k *keeper) Publish(_ context.Context, s Statistic, summary Summary) error {
	k.published[s.Name] = summary
	return nil
}

func (k *keeper) Remove(_ context.Context, p *Publication) (Outcome, error) {
	k.removed = append(k.removed, *p)
	var done Outcome
	for _, id := range p.GoneIDs {
		if k.protected[id] {
			done.Kept = append(done.Kept, id)
			continue
		}
		delete(k.documents, id)
		done.Deleted++
	}
	return done, nil
}

func (k *keeper) Prove(_ context.Context, _ Statistic, since Origin, ids []string) (ours, others []string, err error) {
	k.asked = append(k.asked, fmt.Sprintf("%s since %d", ids, since.Run))
	for _, id := range ids {
		if k.wrote[id] {
			ours = append(ours, id)
		} else if _, there := k.documents[id]; there {
			others = append(others, id)
		}
	}
	return ours, others, nil
}

func (k *keeper) Begin(_ context.Context, p *Publication) (Writer, error) {
	return &keeperWriter{k: k, p: p}, nil
}

type keeperWriter struct {
	k    *keeper
	p    *Publication
	done Outcome
}

func (*keeperWriter) Wants() Wants { return Wants{Altered: true, ByDay: true} }
func (*keeperWriter) Abort() error { return nil }

func (w *keeperWriter) Write(_ context.Context, rows arrow.RecordBatch, marks Marks) error {
	for row := range int(rows.NumRows()) {
		if !marks.Wanted.Value(row) {
			continue
		}
		id, text := strings.Clone(rows.Column(0).ValueStr(row)), strings.Clone(rows.Column(int(rows.NumCols())-1).ValueStr(row))
		w.k.rows = append(w.k.rows, id)
		if marks.Known.Value(row) {
			w.k.known = append(w.k.known, id)
		}
		was, there := w.k.documents[id]
		switch {
		case w.k.broken == 0:
			return errors.New("the line is dead")
		case w.k.refuse[id]:
			w.done.Refused = append(w.done.Refused, Refusal{id, "no"})
			continue
		case w.k.protected[id]:
			w.done.Protected = append(w.done.Protected, id)
			continue
		case there && was == text:
			continue
		case there:
			w.done.Changed++
		default:
			w.done.New++
		}
		w.k.broken--
		w.done.Written++
		w.k.documents[id], w.k.wrote[id] = text, true
	}
	return nil
}

func (w *keeperWriter) Finish(context.Context) (Outcome, error) {
	for _, id := range w.p.GoneIDs {
		if w.k.protected[id] {
			w.done.Kept = append(w.done.Kept, id)
			continue
		}
		delete(w.k.documents, id)
		w.done.Deleted++
	}
	return w.done, nil
}

// exportNight runs everything to the given destinations.
func (n *night) exportTo(to ...Exporter) *Report {
	n.t.Helper()
	n.to.written = nil
	report, err := n.warehouse.Run(context.Background(), RunOptions{SQL: n.sql, Loaders: []Loader{n.loader}, Exporters: to, Layout: n.options.Layout, Verify: n.options.Verify,
		Prune: n.options.Prune, Accept: n.options.Accept})
	if err != nil {
		n.t.Fatal(err)
	}
	return report
}

func steps(report *Report) []string {
	var list []string
	for _, one := range report.Steps {
		if one.Phase == PhaseExport {
			list = append(list, one.Name+" "+one.Status)
		}
	}
	return list
}

func TestSeveralDestinationsHaveTheSame(t *testing.T) {
	n, k := newNight(t), newKeeper()
	// A statistic whose keys are not in the order of days.
	n.sql["stat/backwards.sql"] = &fstest.MapFile{Data: []byte("-- materialize: incremental\n-- grain: day\n-- export: backwards\n--\n-- x\nselect concat(31 - day(date), '-backwards') as _id, date, cents from mid.cents")}
	n.exportTo(n.to, k)
	equal(t, "documents", len(k.documents), 19)
	for id := range n.to.documents {
		if _, there := k.documents[id]; !there {
			t.Errorf("%s is at one destination only", id)
		}
	}
	of := func(rows []string) []string {
		return slices.DeleteFunc(slices.Clone(rows), func(id string) bool { return !strings.HasSuffix(id, "backwards") })
	}
	equal(t, "by key", of(n.to.written), []string{"17-backwards", "18-backwards", "19-backwards", "20-backwards", "21-backwards", "22-backwards"})
	equal(t, "by day", of(k.rows), []string{"22-backwards", "21-backwards", "20-backwards", "19-backwards", "18-backwards", "17-backwards"})
	equal(t, "published", k.published["daily"], Summary{Origin: k.published["daily"].Origin, Model: "stat.daily", Version: k.published["daily"].Version,
		FirstDay: "2021-06-09", LastDay: "2021-06-14", Days: 6, Documents: 6, CutDay: "2021-06-14", CutHeight: 1499, CutHash: "hash14"})

	k.rows = nil
	n.loader.rates[2] = rate(11, 0.21)
	n.exportTo(n.to, k)
	if !slices.Contains(k.rows, "2021-06-11-daily") || slices.Contains(k.rows, "2021-06-12-daily") {
		t.Errorf("written: %v", k.rows)
	}
	equal(t, "all that was written was ours", k.known, k.rows)
	equal(t, "idle", n.exportTo(n.to, k).Idle(), true)
}

func TestRefusedDocumentsAreTriedAgainAndHoldBackWhatNeedsThem(t *testing.T) {
	n, k := newNight(t), newKeeper()
	n.sql["stat/marker.sql"] = &fstest.MapFile{Data: []byte("-- materialize: incremental\n-- grain: day\n-- depends: stat.daily\n-- export: marker\n--\n-- x\nselect concat(date, '-marker') as _id, date, cents from mid.cents")}
	k.refuse["2021-06-11-daily"] = true
	report := n.exportTo(k)
	equal(t, "exit code", report.ExitCode, ExitFailed)
	equal(t, "steps", steps(report), []string{"daily failed", "last done", "marker blocked", "running done"})
	equal(t, "refused", report.Exports[0].Refused, []Refusal{{"2021-06-11-daily", "no"}})
	equal(t, "told to readers", []int64{k.published["daily"].Documents, k.published["daily"].Refused}, []int64{5, 1})

	k.rows = nil
	equal(t, "again", steps(n.exportTo(k)), []string{"daily failed", "last fresh", "marker blocked", "running fresh"})
	equal(t, "tried", k.rows, []string{"2021-06-11-daily"})
	k.refuse, k.rows = nil, nil
	equal(t, "taken", steps(n.exportTo(k)), []string{"daily done", "last fresh", "marker done", "running fresh"})
	equal(t, "documents", len(k.documents), 19)
	equal(t, "idle", n.exportTo(k).Idle(), true)
}

// TestACutOffWriteIsComparedWhole: also where the model is what it was before by then, and the destination half of something else.
func TestACutOffWriteIsComparedWhole(t *testing.T) {
	n, k := newNight(t), newKeeper()
	n.exportTo(k)
	want := len(k.documents)
	before := k.documents["2021-06-09-running"]
	n.loader.rates[0] = rate(9, 0.99)
	k.broken = 2
	report := n.exportTo(k)
	equal(t, "exit code", report.ExitCode, ExitFailed)
	n.loader.rates[0] = rate(9, 0.09)
	k.broken, k.rows = -1, nil
	n.exportTo(k)
	equal(t, "documents", len(k.documents), want)
	equal(t, "back", k.documents["2021-06-09-running"], before)
	equal(t, "day 9", k.documents["2021-06-09-daily"], "9")
	equal(t, "idle", n.exportTo(k).Idle(), true)
}

func TestVerifyLooksAtEverything(t *testing.T) {
	n, k := newNight(t), newKeeper()
	n.exportTo(k)
	k.documents["2021-06-10-daily"] = "by hand"
	delete(k.documents, "2021-06-12-daily")
	equal(t, "not seen", n.exportTo(k).Idle(), true)
	n.options.Verify = true
	report := n.exportTo(k)
	equal(t, "counts", []int64{report.Exports[0].New, report.Exports[0].Changed, report.Exports[0].Same}, []int64{1, 1, 4})
	equal(t, "mended", []string{k.documents["2021-06-10-daily"], k.documents["2021-06-12-daily"]}, []string{"10", "12"})
	equal(t, "nothing to mend", n.exportTo(k).Idle(), true)
}

func TestLayoutsAndSharedCollections(t *testing.T) {
	n, k := newNight(t), newKeeper()
	n.sql["stat/notes.sql"] = &fstest.MapFile{Data: []byte("-- export: notes\n-- layout: single\n-- collection: helpers\n--\n-- x\nselect 'note' as _id, 1 as value")}
	n.exportTo(k)
	equal(t, "another layout", k.documents["note"], "")
	n.options.Layout = LayoutSingle
	n.exportTo(k)
	equal(t, "this layout", k.documents["note"], "1")
	// Others write there too: what is there is read every time.
	k.documents["note"] = "by a service"
	n.exportTo(k)
	equal(t, "put right", k.documents["note"], "1")
	equal(t, "idle", n.exportTo(k).Idle(), true)
}

func TestKeysOfPlacesGoWithExport(t *testing.T) {
	for text, want := range map[string]string{
		"-- layout: both\n-- export: x\n":    `layout: "both" is not one of collections, single`,
		"-- database: other\n-- export: x\n": `database: "other" is not one of utilities`,
		"-- collection: a b\n-- export: x\n": `collection: "a b" is not a plain name`,
		"-- protect: display_name\n":         "protect goes with export",
		"-- collection: helpers\n":           "collection goes with export",
	} {
		_, errs := parseModel("stat/x.sql", "stat.x", text+"--\n-- x\nselect 1 as _id")
		if len(errs) != 1 || errs[0].Err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, errs, want)
		}
	}
}
