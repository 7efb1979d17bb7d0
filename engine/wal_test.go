package engine

import (
	"bytes"
	"strings"
	"testing"
)

// aLog is what a crash leaves: the log of the run after a checkpoint.
func aLog(t *testing.T) (wal []byte) {
	t.Helper()
	n := newNight(t)
	must(t, n.crashed(func(n *night) { n.loader.rates[0] = rate(9, 5) }, func(path string) { wal = read(t, walPath(path)) }))
	return wal
}

func TestDamagedLogsAreToldFromUnfinishedOnes(t *testing.T) {
	wal := aLog(t)
	damaged := func(log []byte) bool {
		_, dropped, err := droppedCommit(bytes.NewReader(log), int64(len(log)))
		must(t, err)
		return dropped
	}
	if commits := bytes.Count(wal, walCommit()); commits < 5 {
		t.Fatalf("%d commits in a log of %d bytes: DuckDB writes another format", commits, len(wal))
	}
	// A crash can cut it off anywhere.
	for end := range len(wal) + 1 {
		if damaged(wal[:end]) {
			t.Fatalf("cut off at %d it is taken for damaged", end)
		}
	}
	// What was given blocks and no content yet reads as zeros.
	for _, whole := range []int{0, len(wal) / 2, len(wal)} {
		if damaged(append(bytes.Clone(wal[:whole]), make([]byte, 10000)...)) {
			t.Errorf("with zeros from %d on it is taken for damaged", whole)
		}
	}
	flip := func(at int) []byte {
		changed := bytes.Clone(wal)
		changed[at] ^= 0xff
		return changed
	}
	for what, log := range map[string][]byte{"head": flip(0), "other head": flip(7), "size of the first entry": flip(15), "random": bytes.Repeat([]byte("no log at all"), 1000),
		"zeros first": append(make([]byte, 8), wal[8:]...)} {
		if !damaged(log) {
			t.Errorf("%s: taken for a good one", what)
		}
	}
	// Another version: nothing is known of it, and DuckDB says what it thinks.
	if damaged(flip(5)) {
		t.Error("a log of another version is taken for damaged")
	}
}

// DuckDB opens a file with such a log, and drops what was committed.
func TestLogThatWouldBeDroppedIsSetAside(t *testing.T) {
	n := newNight(t)
	change := func(n *night) { n.loader.rates[0] = rate(9, 5) }
	var wal []byte
	must(t, n.crashed(change, func(path string) { wal = damage(t, walPath(path), 12, 16) }))
	report, _, _ := n.run()
	equal(t, "documents", n.to.documents, undisturbed(t, change))
	list := asides(t, n)
	if len(list) != 2 || !bytes.Equal(read(t, list[1]), wal) || len(report.Notes) != 1 || !strings.Contains(report.Notes[0], "cannot be read from byte 8 on") {
		t.Errorf("set aside %q, notes %q", list, report.Notes)
	}
}
