package mongo

import (
	"bytes"
	"encoding/binary"
	"hash"
	"hash/crc64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// An archiver writes what mongodump --archive does.
type archiver struct {
	t    *testing.T
	out  []byte
	sums map[string]hash.Hash64
}

func newArchiver(t *testing.T, collections ...string) *archiver {
	a := &archiver{t: t, sums: map[string]hash.Hash64{}, out: []byte{0x6d, 0xe2, 0x99, 0x81}}
	a.document(bson.D{{Key: "concurrent_collections", Value: int32(4)}, {Key: "version", Value: "0.1"}, {Key: "server_version", Value: "7.0.5"}, {Key: "tool_version", Value: "100.9.4"}})
	for _, name := range collections {
		database, collection, _ := strings.Cut(name, "/")
		a.document(bson.D{{Key: "db", Value: database}, {Key: "collection", Value: collection}, {Key: "metadata", Value: "{}"}, {Key: "size", Value: int32(0)}, {Key: "type", Value: "collection"}})
		a.sums[name] = crc64.New(crc64.MakeTable(crc64.ECMA))
	}
	a.terminate()
	return a
}

func (a *archiver) document(document bson.D) { a.out = append(a.out, encode(a.t, document)...) }
func (a *archiver) terminate()               { a.out = binary.LittleEndian.AppendUint32(a.out, 0xffffffff) }

// header begins a block.
func (a *archiver) header(name string, ended bool, sum int64) {
	database, collection, _ := strings.Cut(name, "/")
	a.document(bson.D{{Key: "db", Value: database}, {Key: "collection", Value: collection}, {Key: "EOF", Value: ended}, {Key: "CRC", Value: sum}})
}

// block writes some documents of a collection.
func (a *archiver) block(name string, documents ...[]byte) {
	a.header(name, false, 0)
	for _, one := range documents {
		a.sums[name].Write(one)
		a.out = append(a.out, one...)
	}
	a.terminate()
}

// end writes a collection's last block; off makes its sum a wrong one.
func (a *archiver) end(name string, off int64) {
	a.header(name, true, int64(a.sums[name].Sum64())+off)
	a.terminate()
}

// Collections of the archive, by database and name.
const (
	archivedThings = "chain/things"
	archivedLabels = "tools/labels"
	archivedOther  = "chain/unknown"
	archivedEmpty  = "chain/empty"
)

// archiveOf has two collections in mixed blocks, an empty block, and a collection that nothing maps.
func archiveOf(t *testing.T, change func(*archiver)) []byte {
	a := newArchiver(t, archivedThings, archivedOther, archivedLabels, archivedEmpty)
	one := func(id, text string) []byte { return encode(t, thing(id, text)) }
	a.block(archivedThings, one("a", "1"), one("b", "2"))
	a.block(archivedOther, sized(3000, "x"))
	a.block(archivedLabels, one("l", "label"))
	a.block(archivedThings)
	a.block(archivedThings, one("c", "3"))
	a.end(archivedOther, 0)
	if change == nil {
		change = func(a *archiver) { a.end(archivedThings, 0) }
	}
	change(a)
	a.block(archivedEmpty)
	a.end(archivedEmpty, 0)
	a.end(archivedLabels, 0)
	return a.out
}

func newArchiveDesk(t *testing.T) *desk {
	d := newDesk(t, "things", thingsAs("varchar"), "empty", strings.Replace(thingsAs("varchar"), "things", "empty", 1),
		"labels", strings.Replace(strings.Replace(thingsAs("varchar"), "things", "labels", 1), `"chain"`, `"utilities"`, 1),
		"absent", strings.Replace(thingsAs("varchar"), "things", "absent", 1))
	d.uri = filepath.Join(d.dir, "dump.archive")
	return d
}

func (d *desk) archived() []string {
	return d.texts("select concat_ws(' ', id, v) from raw.things union all select concat_ws(' ', id, v) from raw.labels union all select id from raw.empty")
}

func TestArchive(t *testing.T) {
	want := []string{"a 1", "b 2", "c 3", "l label"}
	whole := archiveOf(t, nil)
	for what, content := range map[string][]byte{"plain": whole, "zipped": zipped(t, whole, 1<<20), "zipped in members": zipped(t, whole, 777)} {
		d := newArchiveDesk(t)
		d.write("dump.archive", content)
		report := d.load()
		readable(t, report)
		same(t, what, d.archived(), want)
		same(t, "notes", report.Notes, []string{"the source has no absent: nothing is loaded into their tables"})
		same(t, "read", report.Read, 3)
		same(t, "unchanged", d.load().Unchanged, 3)
		// Only the time is another one.
		d.write("dump.archive", content)
		report = d.load()
		same(t, "touched", []int{report.Read, report.Unchanged}, []int{0, 3})
		same(t, "sources", d.texts("select concat_ws(' ', name, status, row_count) from ops.source_files order by name"), []string{"empty loaded 0", "labels loaded 1", "things loaded 3"})
	}
}

func TestArchiveLeavesNothingBehind(t *testing.T) {
	d := newArchiveDesk(t)
	temp := t.TempDir()
	d.temp = temp
	for _, content := range [][]byte{archiveOf(t, nil), archiveOf(t, func(a *archiver) { a.end(archivedThings, 1) })} {
		d.write("dump.archive", content)
		d.load()
		left, err := os.ReadDir(temp)
		if err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
	}
}

func TestDocumentsOfAnArchiveAreNamed(t *testing.T) {
	d := newArchiveDesk(t)
	d.mapping("things", thingsAs("bigint"))
	d.write("dump.archive", archiveOf(t, func(a *archiver) {
		a.block(archivedThings, encode(t, thing("bad", "x")))
		a.end(archivedThings, 0)
	}))
	readable(t, d.load())
	same(t, "rejects", d.texts("select concat_ws(' ', source, file, line, document_id, field) from raw.rejects"), []string{"mongo chain/things 4 bad v"})
}

func TestDamagedArchive(t *testing.T) {
	whole := archiveOf(t, nil)
	prelude := len(newArchiver(t, archivedThings, archivedOther, archivedLabels, archivedEmpty).out)
	packed := zipped(t, whole, 1<<20)
	for what, one := range map[string]struct {
		content []byte
		reason  string
	}{
		"wrong sum":     {archiveOf(t, func(a *archiver) { a.end(archivedThings, 1) }), "the checksum of things is another one"},
		"no last block": {archiveOf(t, func(*archiver) {}), "the end of chain/things is missing"},
		"a document changed": {archiveOf(t, func(a *archiver) {
			a.out = bytes.Replace(a.out, []byte("3\x00\x00"), []byte("4\x00\x00"), 1)
			a.end(archivedThings, 0)
		}), "the checksum of things is another one"},
		"a block without a header": {archiveOf(t, func(a *archiver) { a.terminate() }), "a block without a header"},
		"a lying length":           {archiveOf(t, func(a *archiver) { a.header(archivedThings, false, 0); a.out = append(a.out, 4, 0, 0, 0) }), "a document of 4 bytes"},
		"prelude alone":            {whole[:prelude], "is missing"},
		"cut in a block":           {whole[:prelude+100], "damaged or cut off"},
		"cut in a large document":  {whole[:prelude+1500], "damaged or cut off"},
		"cut at the end":           {whole[:len(whole)-4], "damaged or cut off"},
		"zipped and cut":           {packed[:len(packed)-20], "EOF"},
	} {
		d := newArchiveDesk(t)
		d.write("dump.archive", whole)
		readable(t, d.load())
		d.write("dump.archive", one.content)
		report := d.load()
		// One damaged collection makes the archive untrustworthy: none of it is taken.
		same(t, what, len(report.Unreadable), 3)
		for _, told := range report.Unreadable {
			if !strings.Contains(told.Error, one.reason) {
				t.Errorf("%s: %s: %s", what, told.File, told.Error)
			}
		}
		same(t, what, d.archived(), []string{"a 1", "b 2", "c 3", "l label"})
		d.write("dump.archive", whole)
		readable(t, d.load())
	}
}

func TestArchiveCutAnywhereIsDamaged(t *testing.T) {
	whole := archiveOf(t, nil)
	collections := newArchiveDesk(t).collections()
	for cut := 0; cut < len(whole); cut += 17 {
		path := filepath.Join(t.TempDir(), "a")
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := openArchive(Options{URI: path, Database: "chain", Utilities: "tools", Collections: collections, TempDirectory: t.TempDir()})
		if err == nil {
			err = a.unpack()
		}
		if err == nil {
			t.Errorf("cut at %d of %d: no error", cut, len(whole))
		}
	}
}

func TestNoArchive(t *testing.T) {
	for what, content := range map[string][]byte{"empty": {}, "short": {0x6d, 0xe2}, "BSON": encode(t, thing("a", 1)), "zipped BSON": zipped(t, encode(t, thing("a", 1)), 100), "half a gzip": {0x1f, 0x8b, 8}} {
		d := newArchiveDesk(t)
		d.write("dump.archive", content)
		_, err := d.tryLoad(t.Context())
		if err == nil || !strings.Contains(err.Error(), "dump.archive") {
			t.Errorf("%s: %v", what, err)
		}
	}
	d := newArchiveDesk(t)
	if _, err := d.tryLoad(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("nothing there: %v", err)
	}
}
