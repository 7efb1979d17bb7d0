package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// namesFile is a statistic beside which others write.
func namesFile(ids string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("-- export: names\n-- collection: shared\n-- protect: display_name\n--\n-- x\nselect unnest([" + ids + "]) as _id, 1 as value")}
}

func reportOf(t *testing.T, report *Report, statistic string) ExportReport {
	t.Helper()
	for _, one := range report.Exports {
		if one.Statistic == statistic {
			return one
		}
	}
	t.Fatalf("nothing is told of %s: %+v", statistic, report.Exports)
	return ExportReport{}
}

// TestProtectedDocumentsAreNotOurs: what was in the way at first, and what somebody protected later, is theirs for good.
func TestProtectedDocumentsAreNotOurs(t *testing.T) {
	n, k := newNight(t), newKeeper()
	n.sql["stat/names.sql"] = namesFile("'a', 'b', 'c'")
	k.documents["a"], k.protected["a"] = "theirs", true
	one := reportOf(t, n.exportTo(k), "names")
	equal(t, "told", []any{one.New, one.Same, one.Protected}, []any{int64(2), int64(0), []string{"a"}})
	equal(t, "published", k.published["names"].Documents, int64(2))
	k.documents["b"], k.protected["b"] = "named by hand", true
	n.options.Verify = true
	equal(t, "told", reportOf(t, n.exportTo(k), "names").Protected, []string{"a", "b"})
	n.options.Verify, n.options.Prune = false, true
	n.sql["stat/names.sql"] = namesFile("'d'")
	k.protected = map[string]bool{}
	n.exportTo(k)
	equal(t, "there", []string{k.documents["a"], k.documents["b"], k.documents["c"], k.documents["d"]}, []string{"theirs", "named by hand", "", "1"})
}

func TestPruningAGoneStatisticLeavesWhatIsProtected(t *testing.T) {
	n, k := newNight(t), newKeeper()
	n.sql["stat/names.sql"] = namesFile("'a', 'b'")
	n.exportTo(k)
	delete(n.sql, "stat/names.sql")
	k.protected["b"] = true
	equal(t, "stale", reportOf(t, n.exportTo(k), "names").StaleIDs, []string{"a", "b"})
	n.options.Prune = true
	one := reportOf(t, n.exportTo(k), "names")
	equal(t, "asked", k.removed[0].Statistic, Statistic{Name: "names", Collection: "shared", Protect: "display_name"})
	equal(t, "told", []any{one.Deleted, one.Stale, one.Protected}, []any{int64(1), int64(0), []string{"b"}})
	equal(t, "there", []string{k.documents["a"], k.documents["b"]}, []string{"", "1"})
	equal(t, "once", len(n.exportTo(k).Exports), 0)
}

// TestPruningWaitsForAHeader: an earlier version of the program remembered no header.
func TestPruningWaitsForAHeader(t *testing.T) {
	n, k := newNight(t), newKeeper()
	n.sql["stat/names.sql"] = namesFile("'a'")
	n.exportTo(k)
	forget := "update ops.exports set collection = null, database = null, protect = null, guards = null"
	if err := n.warehouse.exec(t.Context(), forget); err != nil {
		t.Fatal(err)
	}
	file := n.sql["stat/names.sql"]
	delete(n.sql, "stat/names.sql")
	n.options.Prune = true
	one := reportOf(t, n.exportTo(k), "names")
	equal(t, "kept", []any{k.documents["a"], one.Stale, strings.Contains(strings.Join(one.Notes, ""), "not known")}, []any{"1", int64(1), true})
	n.sql["stat/names.sql"] = file
	n.exportTo(k)
	delete(n.sql, "stat/names.sql")
	equal(t, "deleted", reportOf(t, n.exportTo(k), "names").Deleted, int64(1))
}

// TestGuardsOutliveTheirFile: they stop a prune, and a dry run counts what it would delete.
func TestGuardsOutliveTheirFile(t *testing.T) {
	n := newNight(t)
	n.exportTo(n.to)
	// The header alone changes.
	n.sql["stat/daily.sql"] = &fstest.MapFile{Data: append([]byte("-- guard: max_deleted 2\n"), n.sql["stat/daily.sql"].Data...)}
	n.exportTo(n.to)
	delete(n.sql, "stat/daily.sql")
	delete(n.sql, "checks/no_nine.sql")
	n.options.Prune = true
	report := n.exportTo(n.to)
	equal(t, "exit code", report.ExitCode, ExitCheck)
	one := reportOf(t, report, "daily")
	equal(t, "guards", []any{one.Guards[0].Guard, one.Guards[0].Found, one.Deleted}, []any{"max_deleted 2", int64(6), int64(0)})
	equal(t, "steps", steps(report)[len(steps(report))-1], "daily blocked")
	foreseen := n.dryRun(n.to)
	equal(t, "dry run", []any{foreseen.ExitCode, reportOf(t, foreseen, "daily").Stopped()}, []any{ExitCheck, true})
	n.options.Accept = []string{"daily"}
	foreseen = n.dryRun(n.to)
	equal(t, "dry run, accepted", []any{foreseen.ExitCode, reportOf(t, foreseen, "daily").Deleted}, []any{ExitDifferent, int64(6)})
	equal(t, "deleted", reportOf(t, n.exportTo(n.to), "daily").Deleted, int64(6))
}

// dryRun of an export from a copy of the warehouse, which nobody holds.
func (n *night) dryRun(to ...Exporter) *Report {
	n.t.Helper()
	if err := n.warehouse.exec(n.t.Context(), "checkpoint"); err != nil {
		n.t.Fatal(err)
	}
	content, err := os.ReadFile(n.warehouse.Path)
	copied := filepath.Join(n.t.TempDir(), "copy.duckdb")
	if err == nil {
		err = os.WriteFile(copied, content, 0o600)
	}
	if err != nil {
		n.t.Fatal(err)
	}
	db, err := OpenReadOnly(n.t.Context(), copied)
	if err != nil {
		n.t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(context.Background())
	if err != nil {
		n.t.Fatal(err)
	}
	defer conn.Close()
	o := RunOptions{SQL: n.sql, Exporters: to, Prune: n.options.Prune, Accept: n.options.Accept}
	report, err := DryRun(n.t.Context(), conn, o, Options{TempDirectory: n.t.TempDir()}, 1)
	if err != nil {
		n.t.Fatal(err)
	}
	return report
}

// TestWhatACutOffRunMayHaveWritten: of documents that nothing produces any more only those are deleted that are proven ours.
func TestWhatACutOffRunMayHaveWritten(t *testing.T) {
	n, k := newNight(t), newKeeper()
	k.documents["2021-06-12-daily"], k.broken = "theirs", 2
	equal(t, "exit code", n.exportTo(k).ExitCode, ExitFailed)
	equal(t, "written", []string{k.documents["2021-06-09-daily"], k.documents["2021-06-10-daily"], k.documents["2021-06-12-daily"]}, []string{"9", "10", "theirs"})
	// Another run that is cut off at once forgets nothing.
	k.broken = 0
	n.exportTo(k)
	k.broken = -1
	text := strings.ReplaceAll(string(n.sql["stat/daily.sql"].Data), "from mid.cents", "from mid.cents where date = '2021-06-09' and date between from_date() and to_date()")
	n.sql["stat/daily.sql"] = &fstest.MapFile{Data: []byte(text)}
	n.options.Prune = true
	one := reportOf(t, n.exportTo(k), "daily")
	equal(t, "asked", k.asked, []string{"[2021-06-10-daily 2021-06-11-daily 2021-06-12-daily 2021-06-13-daily 2021-06-14-daily] since 1"})
	equal(t, "there", []string{k.documents["2021-06-09-daily"], k.documents["2021-06-10-daily"], k.documents["2021-06-12-daily"]}, []string{"9", "", "theirs"})
	equal(t, "deleted", one.Deleted, int64(1))
	equal(t, "told", one.Notes, []string{"a run that was cut off may have written 1 document that nothing produces now; nothing proves that, so they stay: 2021-06-12-daily"})
	equal(t, "nothing is left", len(n.exportTo(k).Exports), 0)
	equal(t, "asked once", len(k.asked), 1)
	delete(n.sql, "stat/daily.sql")
	delete(n.sql, "checks/no_nine.sql")
	n.exportTo(k)
	equal(t, "theirs", k.documents["2021-06-12-daily"], "theirs")
}
