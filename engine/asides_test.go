package engine

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ccdexplorer/nightrunner/internal/durable"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// A kill can come between any two of the steps that set a warehouse with its log aside. The last run is in the log: opened without
// it, the file would be good, and old.
func TestKilledWhileSettingAside(t *testing.T) {
	change := func(n *night) { n.loader.rates[0] = rate(9, 5) }
	const aside = ".damaged-20261125-020004"
	log := func(path string) error { return os.Rename(walPath(path), walPath(path+aside)) }
	file := func(path string) error { return os.Rename(path, path+aside) }
	link := func(path string) error { return os.Link(path, path+aside) }
	for what, steps := range map[string][]func(string) error{
		"linked": {link}, "linked, log moved": {link, log}, "renamed": {file}, "renamed, log moved": {file, log},
		"the log is put back already": {file, log, func(path string) error { return os.Rename(walPath(path+aside), walPath(path)) }},
	} {
		n := newNight(t)
		err := n.crashed(change, func(path string) {
			write(t, path+".before-rollback-20261124-020004", []byte("another one"))
			write(t, durable.Beside(path), []byte("a copy"))
			for _, step := range steps {
				must(t, step(path))
			}
		})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		report, built, written := n.run()
		equal(t, what+": built and written", append(built, written...), []string(nil))
		if len(report.Notes) != 1 || !strings.Contains(report.Notes[0], aside+" was put back") {
			t.Errorf("%s: notes %q", what, report.Notes)
		}
		if _, err := os.Stat(durable.Beside(n.warehouse.Path)); !errors.Is(err, os.ErrNotExist) || len(asides(t, n)) != 1 {
			t.Errorf("%s: left are %q, %v", what, asides(t, n), err)
		}
	}
}

// What cannot be set aside to its end stays what it was.
func TestSettingAsideFails(t *testing.T) {
	n := newNight(t)
	err := n.crashed(func(n *night) { n.loader.rates[0] = rate(9, 5) }, func(path string) {
		w := &Warehouse{Path: path}
		must(t, os.MkdirAll(walPath(path+".damaged-1")+"/in the way", 0o700))
		err := w.replaceBy(path+".damaged-1", 0o600, func(beside string) error { return os.WriteFile(beside, []byte("new"), 0o600) })
		if err == nil {
			t.Error("a log was set aside over a folder")
		}
		must(t, os.RemoveAll(walPath(path+".damaged-1")))
	})
	must(t, err)
	_, built, written := n.run()
	equal(t, "built and written", append(built, written...), []string(nil))
	equal(t, "set aside", asides(t, n), []string(nil))
}

// A warehouse that is only there under another name is not begun anew.
func TestMissingWarehouseIsNotBegunAnew(t *testing.T) {
	n := newNight(t)
	n.run()
	path := n.warehouse.Path
	asides := []string{path + ".damaged-20261124-020004", path + ".before-rollback-20261125-020004", path + ".damaged-20261123-020004"}
	for range 2 {
		err := n.reopen(RecoverAll, func(path string) {
			if _, err := os.Stat(path); err == nil {
				must(t, os.Rename(path, asides[0]), os.Link(asides[0], asides[1]), os.Link(asides[0], asides[2]))
			}
		})
		if err == nil || !strings.Contains(err.Error(), asides[1]+" is, which was set aside") || !strings.Contains(HintOf(err), "mv "+asides[1]+" "+path) {
			t.Fatalf("got %v (%s)", err, HintOf(err))
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("a warehouse was made: %v", err)
		}
	}
	must(t, n.reopen(RecoverAll, func(path string) { must(t, os.Rename(asides[1], path)) }))
	_, built, written := n.run()
	equal(t, "built and written", append(built, written...), []string(nil))
}

// DuckDB removes a log that it finds without a file.
func TestLostLogIsKept(t *testing.T) {
	n := newNight(t)
	var wal []byte
	must(t, n.crashed(func(n *night) { n.loader.rates[0] = rate(9, 5) }, func(path string) {
		wal = read(t, walPath(path))
		must(t, os.Truncate(path, 0))
	}))
	must(t, n.warehouse.EnsureTables(t.Context(), testTables()))
	report, _, _ := n.run()
	list := asides(t, n)
	if len(list) != 1 || string(read(t, list[0])) != string(wal) || len(report.Notes) != 1 || !strings.Contains(report.Notes[0], list[0]) {
		t.Errorf("set aside %q, notes %q", list, report.Notes)
	}
}

// A run that is killed before it has an id leaves the id of one that was killed before it.
func TestIdsOfKilledRunsAreNotUsedAgain(t *testing.T) {
	n := newNight(t)
	n.run()
	killed := func(run int64) {
		must(t, n.reopen(RecoverNothing, func(path string) {
			l, _, err := takeLease(path, "run", time.Now)
			must(t, err)
			l.at(run, PhaseLoad, "", 0, 0)
			must(t, l.file.Close())
		}))
	}
	killed(812)
	killed(0)
	report, _, _ := n.run()
	equal(t, "run", report.Run, int64(813))
}
