package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// publish publishes what the last run left and returns the step, nil for none.
func (n *night) publish(report *Report) *Step {
	n.t.Helper()
	before := len(report.Steps)
	if err := n.warehouse.Publish(context.Background(), report, nil); err != nil {
		n.t.Fatal(err)
	}
	if len(report.Steps) == before {
		return nil
	}
	return &report.Steps[before]
}

// runsOf are the runs with a snapshot, the newest first.
func (n *night) runsOf() []int64 {
	n.t.Helper()
	list, err := n.warehouse.snapshots.List()
	if err != nil {
		n.t.Fatal(err)
	}
	var runs []int64
	for _, one := range list {
		runs = append(runs, one.Run)
	}
	return runs
}

// contents is what a database holds: definitions with their comments, and rows.
func contents(t *testing.T, path string) []string {
	t.Helper()
	db, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var tables []string
	list := func(into *[]string, query string) {
		t.Helper()
		err := eachRow(t.Context(), db, func(rows *sql.Rows) error {
			var text string
			err := rows.Scan(&text)
			*into = append(*into, text)
			return err
		}, query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	var all []string
	for _, query := range []string{
		"select concat_ws('; ', schema_name, sql, comment) from duckdb_tables() order by 1",
		"select concat_ws('; ', schema_name, sql, comment) from duckdb_views() where not internal order by 1",
		"select concat_ws('; ', schema_name, table_name, column_name, column_default, comment) from duckdb_columns() where not internal order by 1",
		"select concat_ws('; ', schema_name, function_name, parameters, macro_definition) from duckdb_functions() where not internal order by 1",
		"select concat_ws('; ', sequence_name, start_value, last_value) from duckdb_sequences() order by 1",
		"select concat_ws('; ', schema_name, table_name, constraint_text) from duckdb_constraints() order by 1",
	} {
		list(&all, query)
	}
	list(&tables, "select schema_name || '.' || table_name from duckdb_tables() order by 1")
	for _, name := range tables {
		list(&all, fmt.Sprintf("select concat_ws(' ', '%[1]s', count(*), sum(hash(t))) from %[1]s as t", name))
	}
	return all
}

func stat(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestSnapshotHoldsWhatTheWarehouseHolds(t *testing.T) {
	for _, compact := range []bool{false, true} {
		n := newNight(t)
		if compact {
			for _, statement := range []string{"create table raw.big as select hash(range) as x from range(2000000)", "checkpoint", "drop table raw.big"} {
				if err := n.warehouse.exec(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
		}
		report, _, _ := n.run()
		step := n.publish(report)
		if step == nil || step.Status != StatusDone || strings.Contains(step.Message, "compacted") != compact {
			t.Fatalf("step %+v, compact %v", step, compact)
		}
		equal(t, "snapshot in the report", report.Snapshot.Run, report.Run)
		snapshot := contents(t, report.Snapshot.Path)
		// What the warehouse has on top is how it was published.
		err := n.warehouse.exec(t.Context(), "delete from ops.run_steps where phase = 'publish'; checkpoint")
		if err != nil {
			t.Fatal(err)
		}
		if err := n.warehouse.disconnect(); err != nil {
			t.Fatal(err)
		}
		// The run's end is after its publishing.
		same := func(all []string) []string {
			return slices.DeleteFunc(slices.Clone(all), func(line string) bool { return strings.HasPrefix(line, "ops.runs ") })
		}
		equal(t, "snapshot", same(snapshot), same(contents(t, n.warehouse.Path)))
		if len(snapshot) < 50 {
			t.Errorf("only %d lines compared", len(snapshot))
		}
		made, original := stat(t, report.Snapshot.Path), stat(t, n.warehouse.Path)
		if made.Mode().Perm()&0o222 != 0 || compact && made.Size() > original.Size()/2 {
			t.Errorf("%v, %d of %d bytes: not read-only, or not compact", made.Mode(), made.Size(), original.Size())
		}
	}
}

func TestSnapshotsArePublishedWhenSomethingChanged(t *testing.T) {
	n := newNight(t)
	n.warehouse.options.Publishing.Keep = 2
	var published []int64
	next := func(want string) {
		t.Helper()
		report, _, _ := n.run()
		step := n.publish(report)
		got := "none"
		if step != nil {
			got = step.Status
		}
		equal(t, fmt.Sprint("run ", report.Run), got, want)
		if got == StatusDone {
			published = append([]int64{report.Run}, published...)
		}
		equal(t, "kept", n.runsOf(), published[:min(2, len(published))])
		current, err := n.warehouse.snapshots.Current()
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "current", current.Run, published[0])
	}
	next("done")
	next("none")
	for day := 1; day <= 2; day++ {
		n.loader.rates[0] = rate(9, float64(day))
		next("done")
	}
	// A run with a failed model publishes nothing, the next good one does, although it changes nothing else.
	good := n.sql["stat/daily.sql"].Data
	n.sql["stat/daily.sql"].Data = []byte("select 1 as _id, error('no')")
	report, _, _ := n.run()
	equal(t, "exit code", report.ExitCode, ExitFailed)
	if step := n.publish(report); step != nil {
		t.Errorf("a failed run published: %+v", step)
	}
	n.sql["stat/daily.sql"].Data = good
	next("done")
	next("none")
	equal(t, "snapshots are not numbered anew", n.runsOf()[0], published[0])
}

func TestBudgetKeepsFewerButTheNewest(t *testing.T) {
	list := []Snapshot{{Run: 9, Bytes: 50, Current: true}, {Run: 7, Bytes: 40}, {Run: 5, Bytes: 30}, {Run: 2, Bytes: 10}}
	runs := func(keep int, budget int64) (runs []int64) {
		for _, one := range surplus(list, keep, budget) {
			runs = append(runs, one.Run)
		}
		return runs
	}
	equal(t, "all fit", runs(7, 0), []int64(nil))
	equal(t, "three", runs(3, 0), []int64{2})
	equal(t, "a budget", runs(7, 90), []int64{5, 2})
	equal(t, "a small budget", runs(7, 10), []int64{7, 5, 2})
	equal(t, "the current one stays", runs(0, 0), []int64{7, 5, 2})
}

func TestNoSnapshotsAreKept(t *testing.T) {
	n := newNight(t)
	report, _, _ := n.run()
	n.publish(report)
	n.warehouse.options.Publishing.Keep = 0
	n.loader.rates[0] = rate(9, 3)
	report, _, _ = n.run()
	n.publish(report)
	equal(t, "kept", n.runsOf(), []int64(nil))
	if _, err := n.warehouse.snapshots.Current(); !errors.Is(err, ErrNoSnapshot) {
		t.Errorf("current: %v", err)
	}
}

// A snapshot that cannot be written is told, fails the run, and leaves nothing half done.
func TestPublishingThatFails(t *testing.T) {
	n := newNight(t)
	report, _, _ := n.run()
	n.publish(report)
	n.loader.rates[0] = rate(9, 3)
	report, _, _ = n.run()
	inTheWay := n.warehouse.snapshots.Path(report.Run)
	if err := os.MkdirAll(filepath.Join(inTheWay, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	step := n.publish(report)
	if step == nil || step.Status != StatusFailed || report.ExitCode != ExitFailed {
		t.Fatalf("step %+v, exit code %d", step, report.ExitCode)
	}
	var status string
	if err := n.warehouse.scalar(t.Context(), &status, "select concat_ws(' ', status, exit_code) from ops.runs where run_id = ?", report.Run); err != nil {
		t.Fatal(err)
	}
	equal(t, "recorded", status, "incomplete 1")
	equal(t, "kept", n.runsOf(), []int64{1})
	left, err := fs.Glob(os.DirFS(n.warehouse.snapshots.Dir), ".*")
	if err != nil || len(left) > 0 {
		t.Errorf("left %v %v", left, err)
	}
	// The next run makes good for it, with nothing else to do.
	report, _, _ = n.run()
	if step := n.publish(report); step == nil || step.Status != StatusDone {
		t.Errorf("step %+v", step)
	}
}

func TestWarehousesInOneFolderDoNotShareSnapshots(t *testing.T) {
	dir := t.TempDir()
	found := func(warehouse, snapshots string) Snapshots {
		t.Helper()
		s, err := FindSnapshots(warehouse, snapshots)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := found(filepath.Join(dir, "a.duckdb"), "")
	equal(t, "the first", first.Dir, filepath.Join(dir, "snapshots"))
	if err := first.own(); err != nil {
		t.Fatal(err)
	}
	second := found(filepath.Join(dir, "b.duckdb"), "")
	equal(t, "the second", second.Dir, filepath.Join(dir, "snapshots", "b"))
	if err := second.own(); err != nil {
		t.Fatal(err)
	}
	equal(t, "the first again", found(filepath.Join(dir, "a.duckdb"), "").Dir, first.Dir)
	equal(t, "the second again", found(filepath.Join(dir, "b.duckdb"), "").Dir, second.Dir)
	other := filepath.Join(dir, "other")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	equal(t, "one of the same name elsewhere", found(filepath.Join(other, "a.duckdb"), first.Dir).Dir, filepath.Join(first.Dir, "a"))
	// The way there does not matter.
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	equal(t, "through a link", found(filepath.Join(link, "a.duckdb"), "").Dir, filepath.Join(link, "snapshots"))
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	equal(t, "moved together", found(filepath.Join(moved, "a.duckdb"), "").Dir, filepath.Join(moved, "snapshots"))
}

func TestNewWarehouseGoesOnCountingAfterSnapshots(t *testing.T) {
	n := newNight(t)
	if err := n.warehouse.snapshots.own(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(n.warehouse.snapshots.Path(811), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	report, _, _ := n.run()
	equal(t, "run", report.Run, int64(812))
}
