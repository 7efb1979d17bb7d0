package engine

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// damage turns the bits of a file from an offset on.
func damage(t *testing.T, path string, from, to int) []byte {
	t.Helper()
	content := read(t, path)
	for i := from; i < min(to, len(content)); i++ {
		content[i] ^= 0xff
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, path, content)
	return content
}

// reopen closes the night's warehouse, lets something happen to the file, and opens it again.
func (n *night) reopen(recovery Recovery, happens func(path string)) error {
	n.t.Helper()
	path := n.warehouse.Path
	if err := n.warehouse.Close(); err != nil {
		n.t.Fatal(err)
	}
	happens(path)
	w, err := Open(context.Background(), path, Options{Publishing: Publishing{Keep: 7}, Recovery: recovery})
	if err == nil {
		n.warehouse = w
		n.t.Cleanup(func() {
			if err := w.Close(); err != nil {
				n.t.Error(err)
			}
		})
	}
	return err
}

// undisturbed is what destinations hold when nothing happens.
func undisturbed(t *testing.T, change func(*night)) map[string]string {
	t.Helper()
	n := newNight(t)
	change(n)
	n.run()
	return n.to.documents
}

func asides(t *testing.T, n *night) []string {
	t.Helper()
	list, err := filepath.Glob(n.warehouse.Path + ".*-*")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestDamagedWarehouseGoesOnFromTheSnapshot(t *testing.T) {
	n := newNight(t)
	report, _, _ := n.run()
	n.publish(report)
	// The destination gets something that the snapshot does not know of.
	change := func(n *night) { n.loader.rates[0] = rate(9, 5) }
	change(n)
	n.run()
	var damaged []byte
	err := n.reopen(RecoverSnapshot, func(path string) { damaged = damage(t, path, 12288, 1<<30) })
	if err != nil {
		t.Fatal(err)
	}
	report, _, _ = n.run()
	if len(report.Notes) != 1 || !strings.Contains(report.Notes[0], "goes on from the snapshot of run 1") {
		t.Errorf("notes %q", report.Notes)
	}
	list := asides(t, n)
	if len(list) != 1 || !bytes.Equal(read(t, list[0]), damaged) || !strings.Contains(report.Notes[0], list[0]) {
		t.Errorf("set aside %q: not the damaged file, or not told in %q", list, report.Notes)
	}
	equal(t, "documents", n.to.documents, undisturbed(t, change))
}

// What was exported after the state that is gone on from, and is not produced now, must not stay unnoticed.
func TestRecoveredWarehouseDoesNotTrustDestinations(t *testing.T) {
	n := newNight(t)
	report, _, _ := n.run()
	n.publish(report)
	before := maps.Clone(n.to.documents)
	n.loader.rates[0] = rate(9, 5)
	n.run()
	must(t, n.reopen(RecoverSnapshot, func(path string) { damage(t, path, 12288, 1<<30) }))
	// It is killed before it does anything.
	must(t, n.reopen(RecoverNothing, func(string) {}))
	// The source is what it was when the snapshot was made: nothing is to be built, all is to be written.
	n.loader.rates[0] = rate(9, 0.09)
	_, built, _ := n.run()
	equal(t, "built", built, []string(nil))
	equal(t, "documents", n.to.documents, before)
}

func TestDamagedWarehouseWithoutSnapshot(t *testing.T) {
	n := newNight(t)
	n.run()
	path, content := n.warehouse.Path, []byte(nil)
	for _, recovery := range []Recovery{RecoverNothing, RecoverSnapshot} {
		damageOnce := func(path string) {
			if content == nil {
				content = damage(t, path, 12288, 1<<30)
			}
		}
		err := n.reopen(recovery, damageOnce)
		if !errors.Is(err, ErrDamaged) || HintOf(err) == "" {
			t.Fatalf("got %v, want ErrDamaged with a hint", err)
		}
		if !bytes.Equal(read(t, path), content) || len(asides(t, n)) > 0 {
			t.Fatal("the file is not as it was")
		}
	}
	if err := n.reopen(RecoverAll, func(string) {}); err != nil {
		t.Fatal(err)
	}
	if err := n.warehouse.EnsureTables(t.Context(), testTables()); err != nil {
		t.Fatal(err)
	}
	report, _, _ := n.run()
	if len(report.Notes) != 1 || !strings.Contains(report.Notes[0], "goes on from the sources") {
		t.Errorf("notes %q", report.Notes)
	}
	if list := asides(t, n); len(list) != 1 || !bytes.Equal(read(t, list[0]), content) {
		t.Errorf("set aside %q", list)
	}
	equal(t, "documents", n.to.documents, undisturbed(t, func(*night) {}))
}

// crashed leaves the files as a crash would: the last run is in the write-ahead log.
func (n *night) crashed(change func(*night), then func(path string)) error {
	n.t.Helper()
	n.run()
	if err := n.warehouse.exec(n.t.Context(), "checkpoint; set wal_autocheckpoint = '1TB'"); err != nil {
		n.t.Fatal(err)
	}
	change(n)
	n.run()
	path := n.warehouse.Path
	file, wal := read(n.t, path), read(n.t, walPath(path))
	return n.reopen(RecoverSnapshot, func(path string) {
		write(n.t, path, file)
		write(n.t, walPath(path), wal)
		then(path)
	})
}

func TestDamagedLogGoesOnFromTheFile(t *testing.T) {
	change := func(n *night) { n.loader.rates[0] = rate(9, 5) }
	for what, at := range map[string]int{"in the middle": 2, "near the start": 10} {
		n := newNight(t)
		var wal []byte
		err := n.crashed(change, func(path string) {
			size := len(read(t, walPath(path)))
			wal = damage(t, walPath(path), size/at, size/at+8)
		})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		report, _, _ := n.run()
		equal(t, what+": documents", n.to.documents, undisturbed(t, change))
		list := asides(t, n)
		if len(list) != 2 || !bytes.Equal(read(t, list[1]), wal) || len(report.Notes) != 1 || !strings.Contains(report.Notes[0], "before its write-ahead log") {
			t.Errorf("%s: set aside %q, notes %q", what, list, report.Notes)
		}
	}
}

func TestCrashWithAGoodLogLosesNothing(t *testing.T) {
	n := newNight(t)
	change := func(n *night) { n.loader.rates[0] = rate(9, 5) }
	if err := n.crashed(change, func(string) {}); err != nil {
		t.Fatal(err)
	}
	report, built, written := n.run()
	equal(t, "built and written", append(built, written...), []string(nil))
	equal(t, "notes", report.Notes, []string(nil))
}

// A process that is killed while it makes the file leaves one without a byte, or with part of its head.
func TestFileThatWasBegunIsMadeAnew(t *testing.T) {
	for _, size := range []int{0, 4096, 8192} {
		n := newNight(t)
		err := n.reopen(RecoverAll, func(path string) { write(t, path, read(t, path)[:size]) })
		if err != nil {
			t.Errorf("%d bytes: %v", size, err)
			continue
		}
		if err := n.warehouse.EnsureTables(t.Context(), testTables()); err != nil {
			t.Fatal(err)
		}
		n.run()
		equal(t, "documents", n.to.documents, undisturbed(t, func(*night) {}))
	}
}

func TestForeignFileIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.duckdb")
	write(t, path, []byte("not at all a DuckDB file"))
	if _, err := Open(t.Context(), path, Options{Recovery: RecoverAll}); !errors.Is(err, ErrNotWarehouse) {
		t.Errorf("got %v, want ErrNotWarehouse", err)
	}
	equal(t, "content", string(read(t, path)), "not at all a DuckDB file")
}

// A file of a newer DuckDB is not damaged: it is left alone.
func TestNewerFormat(t *testing.T) {
	newest, err := newestFormat()
	if err != nil || newest == 0 {
		t.Fatal(newest, err)
	}
	path := filepath.Join(t.TempDir(), "w.duckdb")
	head := append(make([]byte, 8), "DUCK\x00\x00\x00\x00\x00\x00\x00\x00"...)
	for ahead, want := range map[byte]bool{0: false, 1: true, 50: true} {
		head[12] = byte(newest) + ahead
		write(t, path, head)
		equal(t, "newer", newerFormat(path), want)
	}
}

func TestKilledHolderIsTold(t *testing.T) {
	n := newNight(t)
	report, _, _ := n.run()
	equal(t, "notes", report.Notes, []string(nil))
	path := n.warehouse.Path
	started := time.Date(2026, 11, 25, 2, 0, 4, 0, time.UTC)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	killed := &lease{now: time.Now, holder: Holder{Host: host, PID: 4711, Command: "run", Started: started, Run: 812, Phase: PhaseBuild, Step: "stat.daily", Position: 14, Total: 31}}
	equal(t, "words", killed.holder.String(), "run 812 (pid 4711, since 2026-11-25 02:00:04 UTC) is at build 14/31, stat.daily")
	err = n.reopen(RecoverNothing, func(string) {
		if killed.file, err = os.OpenFile(leasePath(path), os.O_RDWR, 0); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(killed.write(), killed.file.Close()); err != nil {
			t.Fatal(err)
		}
		if h, err := WhoHolds(path); h != nil || err != nil {
			t.Errorf("%v %v holds the warehouse", h, err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if h, err := WhoHolds(path); err != nil || h == nil || h.PID != os.Getpid() {
		t.Errorf("%v %v holds the warehouse, not this process", h, err)
	}
	report, _, _ = n.run()
	equal(t, "run", report.Run, int64(813))
	equal(t, "notes", report.Notes, []string{"run 812 (pid 4711, since 2026-11-25 02:00:04 UTC) was killed at build 14/31, stat.daily; its lease was taken over, and this goes on from the last step that was done"})
}

func TestNetworkDiskIsRefused(t *testing.T) {
	nfs := func(string) (string, error) { return "NFS", nil }
	err := refuseNetworkDisk("/data/w.duckdb", nfs)
	if !errors.Is(err, ErrNetworkDisk) || !errors.Is(err, ErrUsage) || !strings.Contains(HintOf(err), "--allow-network-disk") {
		t.Errorf("got %v (%s)", err, HintOf(err))
	}
}

func TestRollback(t *testing.T) {
	n := newNight(t)
	report, _, _ := n.run()
	n.publish(report)
	first := contents(t, report.Snapshot.Path)
	early := maps.Clone(n.to.documents)
	// A day more, and another value: the destination has more documents then, and other ones.
	n.loader.days, n.loader.rates = append(n.loader.days, block(15)), append(n.loader.rates, rate(15, 0.15))
	n.loader.rates[0] = rate(9, 5)
	report, _, _ = n.run()
	n.publish(report)
	path := n.warehouse.Path
	if err := n.warehouse.Close(); err != nil {
		t.Fatal(err)
	}
	later := contents(t, path)
	if _, err := Rollback(t.Context(), path, 7, Options{}); !errors.Is(err, ErrNoSnapshot) {
		t.Errorf("got %v, want ErrNoSnapshot", err)
	}
	back, err := Rollback(t.Context(), path, 1, Options{Command: "rollback"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rollback", []int64{back.Run, back.To}, []int64{3, 1})
	equal(t, "set aside", contents(t, back.Aside), later)
	models := func(all []string) (list []string) {
		for _, line := range all {
			if !strings.HasPrefix(line, "ops.") && !strings.HasPrefix(line, "main.") {
				list = append(list, line)
			}
		}
		return list
	}
	equal(t, "warehouse", models(contents(t, path)), models(first))
	if err := n.reopen(RecoverNothing, func(string) {}); err != nil {
		t.Fatal(err)
	}
	current, err := n.warehouse.snapshots.Current()
	equal(t, "current", current.Run, int64(1))
	if err != nil {
		t.Fatal(err)
	}
	// The sources are what they were then. Nothing is built, and the destination gets back what it had; what there is too much is
	// told, and goes with --prune.
	n.loader.days, n.loader.rates = n.loader.days[:6], n.loader.rates[:6]
	n.loader.rates[0] = rate(9, 0.09)
	report, built, _ := n.run()
	equal(t, "run", report.Run, int64(4))
	equal(t, "built", built, []string(nil))
	var stale int64
	for _, one := range report.Exports {
		stale += one.Stale
	}
	equal(t, "documents that nothing produces", stale, int64(2))
	n.options.Prune = true
	n.run()
	equal(t, "documents", n.to.documents, early)
}

func TestRollbackOfADamagedWarehouse(t *testing.T) {
	n := newNight(t)
	report, _, _ := n.run()
	n.publish(report)
	path := n.warehouse.Path
	if err := n.warehouse.Close(); err != nil {
		t.Fatal(err)
	}
	damaged := damage(t, path, 12288, 1<<30)
	back, err := Rollback(t.Context(), path, 1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, back.Aside), damaged) || len(back.Notes) != 1 {
		t.Errorf("report %+v", back)
	}
	if err := n.reopen(RecoverNothing, func(string) {}); err != nil {
		t.Fatal(err)
	}
	_, built, _ := n.run()
	equal(t, "built", built, []string(nil))
}

// twoSnapshots leaves a night after two runs with snapshots, its warehouse closed, gone back to the first.
func twoSnapshots(t *testing.T) *night {
	n := newNight(t)
	report, _, _ := n.run()
	n.publish(report)
	n.loader.rates[0] = rate(9, 5)
	report, _, _ = n.run()
	n.publish(report)
	must(t, n.warehouse.Close())
	_, err := Rollback(t.Context(), n.warehouse.Path, 1, Options{})
	must(t, err)
	return n
}

// Who went back from a run does not want to go on from its snapshot.
func TestDamageAfterRollback(t *testing.T) {
	n := twoSnapshots(t)
	must(t, n.reopen(RecoverSnapshot, func(path string) { damage(t, path, 12288, 1<<30) }))
	report, _, _ := n.run()
	if len(report.Notes) != 1 || !strings.Contains(report.Notes[0], "goes on from the snapshot of run 1") {
		t.Errorf("notes %q", report.Notes)
	}
}

// A rollback that is killed before it switches the stable name: the next run publishes, also when it changes nothing.
func TestKilledRollbackIsPublished(t *testing.T) {
	n := twoSnapshots(t)
	must(t, n.reopen(RecoverNothing, func(string) {
		must(t, os.Remove(n.warehouse.snapshots.CurrentPath()), os.Symlink("2.duckdb", n.warehouse.snapshots.CurrentPath()))
	}))
	n.loader.rates[0] = rate(9, 0.09)
	report, built, _ := n.run()
	equal(t, "built", built, []string(nil))
	n.publish(report)
	current, err := n.warehouse.snapshots.Current()
	must(t, err)
	equal(t, "current", current.Run, int64(4))
}

// A file that lost all its bytes is no new one where there are snapshots.
func TestEmptiedWarehouseGoesOnFromTheSnapshot(t *testing.T) {
	n := newNight(t)
	report, _, _ := n.run()
	n.publish(report)
	must(t, n.reopen(RecoverSnapshot, func(path string) { must(t, os.Truncate(path, 0)) }))
	report, built, _ := n.run()
	equal(t, "built", built, []string(nil))
	if len(report.Notes) != 1 || !strings.Contains(report.Notes[0], "goes on from the snapshot of run 1") {
		t.Errorf("notes %q", report.Notes)
	}
}
