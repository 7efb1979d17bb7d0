package engine

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// modest is a night in a warehouse with little memory that cannot spill.
func modest(t *testing.T, limit string) *night {
	t.Helper()
	n := newNight(t)
	w, err := Open(context.Background(), filepath.Join(t.TempDir(), "modest.duckdb"), Options{MemoryLimit: limit, MaxTempSize: "0KB", Threads: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := w.EnsureTables(t.Context(), testTables()); err != nil {
		t.Fatal(err)
	}
	n.warehouse = w
	n.sql = fstest.MapFS{}
	for name, file := range testProject() {
		if strings.HasPrefix(name, "macros/") || name == "stg/ccd_rates.sql" {
			n.sql[name] = file
		}
	}
	return n
}

// lists are as many numbers per day as asked for, in one list each: a list stays in memory while it grows.
func lists(header string, numbers string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(header + "\n--\n-- Lists.\nselect concat(date, '-lists') as _id, date, list_sum(list(number)) as total, count(*) as numbers\n" +
		"from stg.ccd_rates cross join range(" + numbers + ") as numbers (number)\nwhere date between from_date() and to_date()\ngroup by date")}
}

func settingsOf(t *testing.T, w *Warehouse) string {
	t.Helper()
	var now string
	if err := w.scalar(t.Context(), &now, "select concat_ws(' ', current_setting('threads'), current_setting('preserve_insertion_order'))"); err != nil {
		t.Fatal(err)
	}
	return now
}

func (n *night) withSmall() {
	n.sql["stat/small.sql"] = &fstest.MapFile{Data: []byte("-- materialize: incremental\n-- grain: day\n--\n-- Days.\nselect date, 1 as one from stg.ccd_rates where date between from_date() and to_date()")}
}

func TestModelOutOfMemoryIsBuiltWithLess(t *testing.T) {
	n := modest(t, "64MB")
	n.sql["stat/lists.sql"] = lists("-- materialize: incremental\n-- grain: day\n-- export: lists", "700000")
	n.withSmall()
	before := settingsOf(t, n.warehouse)
	report, built, written := n.run()
	equal(t, "built", built, []string{"stg.ccd_rates 0", "stat.lists 6", "stat.small 6"})
	equal(t, "written", len(written), 6)
	equal(t, "exit code", report.ExitCode, ExitDone)
	equal(t, "settings", settingsOf(t, n.warehouse), before)
	if len(report.Notes) != 1 || !strings.HasPrefix(report.Notes[0], "stat.lists: memory did not suffice at once; tried with 1 thread, ") || !strings.HasSuffix(report.Notes[0], " batches of days") {
		t.Errorf("notes %q", report.Notes)
	}
	var total int64
	if err := n.warehouse.scalar(t.Context(), &total, "select sum(total)::bigint from stat.lists"); err != nil {
		t.Fatal(err)
	}
	equal(t, "total", total, int64(6*(700000*699999/2)))
}

// A table has no days to build one after the other: less is all there is. What does not fit fails alone, and the next run
// builds exactly that.
func TestModelThatDoesNotFitFailsAlone(t *testing.T) {
	n := modest(t, "64MB")
	n.sql["stat/lists.sql"] = lists("-- export: lists", "3000000")
	n.withSmall()
	report, built, _ := n.run()
	equal(t, "built", built, []string{"stg.ccd_rates 0", "stat.small 6"})
	equal(t, "exit code", report.ExitCode, ExitFailed)
	for _, step := range report.Steps {
		if step.Phase == PhaseBuild && step.Name == "stat.lists" {
			equal(t, "status", step.Status, StatusFailed)
			if !strings.Contains(step.Message, "Out of Memory") {
				t.Errorf("message %q", step.Message)
			}
		}
	}
	if err := n.warehouse.disconnect(); err != nil {
		t.Fatal(err)
	}
	n.warehouse.options.MemoryLimit = "2GB"
	if err := n.warehouse.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, built, _ = n.run()
	equal(t, "built with memory", built, []string{"stat.lists 0"})
}
