package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

// Wrong usage leaves nothing, a run neither.
func TestWrongUsageIsNoRun(t *testing.T) {
	n := newNight(t)
	n.run()
	for _, o := range []RunOptions{{Select: []string{"nope"}}, {Accept: []string{"nope"}}, {Select: []string{"mid.cents", "+nope"}}} {
		o.SQL = n.sql
		report, err := n.warehouse.Run(t.Context(), o)
		if !errors.Is(err, ErrUsage) || report.Run != 0 {
			t.Errorf("%+v: run %d, %v", o, report.Run, err)
		}
	}
	report, _, _ := n.run()
	equal(t, "run", report.Run, int64(2))
}

// lostPlace is a destination whose disk is away.
type lostPlace struct{ memory }

func (*lostPlace) Destination() string { return "lost" }

func (*lostPlace) Begin(context.Context, *Publication) (Writer, error) {
	return nil, LostDestination(errors.New("the disk is away"))
}

// heard are the steps that are told.
type heard struct {
	NoObserver
	steps []Step
}

func (h *heard) End(s Step) { h.steps = append(h.steps, s) }

func TestLostDestinationIsToldOnce(t *testing.T) {
	n := newNight(t)
	lost, told := &lostPlace{memory{documents: map[string]string{}}}, &heard{}
	report, err := n.warehouse.Run(t.Context(), RunOptions{SQL: n.sql, Loaders: []Loader{n.loader}, Exporters: []Exporter{lost, n.to}, Observer: told})
	must(t, err)
	counts := map[string]int{}
	for _, step := range report.Steps {
		counts[step.Status+" "+step.Phase]++
	}
	loud := 0
	for _, step := range told.steps {
		if step.Phase == PhaseExport && step.Status != StatusDone {
			loud++
		}
	}
	equal(t, "failed, blocked, done, told", []int{counts["failed export"], counts["blocked export"], counts["done export"], loud}, []int{1, 2, 3, 1})
	equal(t, "exit code", report.ExitCode, ExitFailed)
}

// Macros are made all or none: what stood in files that were put back is what the warehouse has.
func TestMacrosAfterAnErrorAreThoseOfBefore(t *testing.T) {
	w, err := OpenMemory(t.Context())
	must(t, err)
	defer w.Close()
	files := func(text string) fstest.MapFS { return fstest.MapFS{"macros/m.sql": {Data: []byte(text)}} }
	good := files("create or replace macro one() as 1; create or replace macro two() as 2;")
	_, err = w.ReadProject(t.Context(), good)
	must(t, err)
	var errs ModelErrors
	_, err = w.ReadProject(t.Context(), files("create or replace macro one() as 7;\ncreate or replace macro two() as nothing_such(;\ndelete from ops.runs;\ncreate or replace macro x() as table from nowhere"))
	if !errors.As(err, &errs) || len(errs) != 3 || errs[0].Line != 2 || errs[1].Line != 3 || errs[2].Line != 4 || !strings.Contains(errs[2].Error(), "nowhere") {
		t.Errorf("got %v", err)
	}
	_, err = w.ReadProject(t.Context(), good)
	must(t, err)
	var one int64
	must(t, w.scalar(t.Context(), &one, "select one()"))
	equal(t, "one()", one, int64(1))
}
