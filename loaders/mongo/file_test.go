package mongo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
)

// sized is a document of exactly so many bytes.
func sized(bytes int, id string) []byte {
	empty := len(bsoncore.BuildDocument(nil, bsoncore.AppendStringElement(bsoncore.AppendStringElement(nil, "_id", id), "v", "")))
	return rawThing(id, strings.Repeat("x", bytes-empty))
}

// readAll reads a file to its end and wants the chunks to fit together.
func readAll(t *testing.T, in io.Reader) ([]byte, int64, error) {
	t.Helper()
	f := newFile(in, func() error { return nil })
	var all []byte
	var count int64
	for {
		one, err := f.next(context.Background(), nil)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return all, count, err
			}
			return all, count, nil
		}
		if one.offset != int64(len(all)) || one.count != count {
			t.Fatalf("a chunk says document %d at byte %d after %d documents in %d bytes", one.count, one.offset, count, len(all))
		}
		size, documents, err := wholeDocuments(one.data)
		if err != nil || size != len(one.data) || documents == 0 {
			t.Fatalf("a chunk of %d bytes has %d documents in %d: %v", len(one.data), documents, size, err)
		}
		all, count = append(all, one.data...), count+documents
	}
}

func TestChunkBorders(t *testing.T) {
	small := sized(40, "s")
	for what, sizes := range map[string][]int{
		"nothing": {}, "one": {40}, "a chunk": {chunkBytes}, "a byte less": {chunkBytes - 1, 40}, "a byte more": {chunkBytes + 1, 40}, "two chunks": {chunkBytes, chunkBytes},
		"border between documents": {chunkBytes - 40, 40, 40}, "border after a byte": {chunkBytes - 1, 40, 40}, "border within a length": {chunkBytes - 3, 40}, "border after a length": {chunkBytes - 4, 40},
		"border before the end": {chunkBytes - 39, 40, 40}, "large": {40, 3*chunkBytes + 7, 40}, "largest": {40, maxDocument, maxDocument, 40},
	} {
		var whole []byte
		for _, size := range sizes {
			whole = append(whole, sized(size, "s")...)
		}
		for how, in := range map[string]io.Reader{"at once": bytes.NewReader(whole), "half by half": iotest.HalfReader(bytes.NewReader(whole)), "end with data": iotest.DataErrReader(bytes.NewReader(whole))} {
			got, count, err := readAll(t, in)
			if err != nil || count != int64(len(sizes)) || !bytes.Equal(got, whole) {
				t.Errorf("%s, %s: %d documents, %d of %d bytes, %v", what, how, count, len(got), len(whole), err)
			}
		}
	}
	_, _, err := readAll(t, bytes.NewReader(append(small, sized(maxDocument+1, "s")...)))
	if err == nil || !strings.Contains(err.Error(), "document 2 at byte 40 is damaged: a length of 16793601 bytes") {
		t.Errorf("too large: %v", err)
	}
}

func TestCutFileIsNeverAnEnd(t *testing.T) {
	first := encode(t, bson.D{{Key: "a", Value: 1}})
	whole := append(bytes.Clone(first), encode(t, bson.D{{Key: "b", Value: "text"}, {Key: "c", Value: bson.A{1, bson.D{}}}})...)
	for cut := range whole {
		_, _, err := readAll(t, iotest.OneByteReader(bytes.NewReader(whole[:cut])))
		if boundary := cut == 0 || cut == len(first); (err == nil) != boundary {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	broken := errors.New("the disk is broken")
	_, _, err := readAll(t, io.MultiReader(bytes.NewReader(whole), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func FuzzFile(f *testing.F) {
	f.Add(append(sized(40, "s"), sized(60, "t")...))
	f.Add([]byte{5, 0, 0, 0, 0, 5, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, _, err := readAll(t, bytes.NewReader(data))
		if err == nil && !bytes.Equal(got, data) || !bytes.HasPrefix(data, got) {
			t.Fatalf("%d of %d bytes, %v", len(got), len(data), err)
		}
	})
}

// damaged are files that cannot be read, made from two good documents, and what their errors name.
func damaged(whole []byte, first int) map[string][]byte {
	list := map[string][]byte{}
	for cut := first + 1; cut < len(whole); cut += 9 {
		list[fmt.Sprintf("cut at %d", cut)] = whole[:cut]
	}
	with := func(at int, b ...byte) []byte {
		copied := bytes.Clone(whole)
		copy(copied[at:], b)
		return copied
	}
	list["length of zero"] = with(first, 0, 0, 0, 0)
	list["negative length"] = with(first, 255, 255, 255, 255)
	list["length beyond the file"] = with(first, 0, 0, 1, 0)
	list["length a byte short"] = with(first, byte(len(whole)-first-1))
	list["unknown type"] = with(first+4, 0x44)
	list["no end"] = with(len(whole)-1, 7)
	return list
}

func TestBrokenFileKeepsTheTable(t *testing.T) {
	heights := "collection = \"blocks\"\ndatabase = \"chain\"\nabout = \"Blocks.\"\nheight = \"h\"\ncolumns = [[\"h\", \"h\", \"bigint\", \"height\"], [\"_id\", \"id\", \"varchar\", \"key\"], [\"v\", \"v\", \"varchar\", \"value\"]]"
	d := newDesk(t, "things", thingsAs("varchar"), "blocks", heights, "blocks_per_day", daysMapping)
	d.write("chain/blocks_per_day.bson", nil)
	first := encode(t, thing("a", "one"))
	whole := append(bytes.Clone(first), encode(t, thing("b", "two"))...)
	before := append(bytes.Clone(first), encode(t, thing("c", "three"))...)
	d.write("chain/things.bson", before)
	// The other table is empty: it is read into directly.
	for what, content := range damaged(whole, len(first)) {
		d.write("chain/things.bson", content)
		d.write("chain/blocks.bson", content)
		report := d.load()
		if len(report.Unreadable) != 2 {
			t.Fatalf("%s: %v", what, report.Unreadable)
		}
		for i, name := range []string{"chain/things.bson", "chain/blocks.bson"} {
			one := report.Unreadable[i]
			if one.File != name || !strings.HasPrefix(one.Error, fmt.Sprintf("document 2 at byte %d", len(first))) {
				t.Errorf("%s: %s: %s", what, one.File, one.Error)
			}
		}
		same(t, what, d.texts("select id from raw.things union all select id from raw.blocks"), []string(nil))
	}
	d.write("chain/things.bson", before)
	d.write("chain/blocks.bson", before)
	readable(t, d.load())
	versions := d.query("from ops.source_tables order by all")
	for what, content := range damaged(whole, len(first)) {
		d.write("chain/things.bson", content)
		d.write("chain/blocks.bson", content)
		same(t, what, len(d.load().Unreadable), 2)
		same(t, what, d.texts("select concat_ws(' ', id, v) from raw.things union all select concat_ws(' ', id, v) from raw.blocks"), []string{"a one", "c three", "a one", "c three"})
		same(t, what, d.texts("select concat_ws(' ', name, status) from ops.source_files where name in ('things', 'blocks') order by name"), []string{"blocks failed", "things failed"})
	}
	same(t, "versions", d.query("from ops.source_tables order by all"), versions)
	d.write("chain/things.bson", whole)
	d.write("chain/blocks.bson", whole)
	readable(t, d.load())
	same(t, "mended", d.texts("select v from raw.things union all select v from raw.blocks"), []string{"one", "two", "one", "two"})
	same(t, "mended", d.texts("select concat_ws(' ', name, status, message) from ops.source_files where name in ('things', 'blocks') order by name"), []string{"blocks loaded ", "things loaded "})
}

func TestBrokenFileIsTriedAgain(t *testing.T) {
	d := newDesk(t, "things", thingsAs("varchar"))
	whole := encode(t, thing("a", "one"))
	d.write("chain/things.bson", whole[:9])
	unreadable(t, d.load(), "document 1 at byte 0: the file ends within it")
	unreadable(t, d.load(), "document 1 at byte 0: the file ends within it")
	d.write("chain/things.bson", whole)
	readable(t, d.load())
	same(t, "things", d.texts("select v from raw.things"), []string{"one"})
}

func TestShortFiles(t *testing.T) {
	d := newDesk(t, "things", thingsAs("varchar"))
	whole := encode(t, thing("a", "one"))
	d.write("chain/things.bson", whole)
	readable(t, d.load())
	for _, content := range [][]byte{{5}, {5, 0, 0}, {5, 0, 0, 0}, []byte("{}\n"), []byte("<html>no BSON</html>")} {
		d.write("chain/things.bson", content)
		unreadable(t, d.load(), "document 1 at byte 0")
		same(t, "things", d.texts("select v from raw.things"), []string{"one"})
	}
	for _, rest := range [][]byte{{0}, {5, 0}, {0, 0, 0, 0}, []byte("garbage")} {
		d.write("chain/things.bson", append(bytes.Clone(whole), rest...))
		unreadable(t, d.load(), fmt.Sprintf("document 2 at byte %d", len(whole)))
		same(t, "things", d.texts("select v from raw.things"), []string{"one"})
	}
	// mongodump writes an empty file for an empty collection.
	d.intake = func(in *engine.Intake) { in.Prune = true }
	d.write("chain/things.bson", nil)
	readable(t, d.load())
	same(t, "things", d.texts("select v from raw.things"), []string(nil))
}

// zipped is content as gzip, in members of at most so many bytes.
func zipped(t *testing.T, content []byte, member int) []byte {
	t.Helper()
	var packed bytes.Buffer
	for start := 0; start == 0 || start < len(content); start += member {
		zip := gzip.NewWriter(&packed)
		if _, err := zip.Write(content[start:min(start+member, len(content))]); err != nil {
			t.Fatal(err)
		}
		if err := zip.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return packed.Bytes()
}

func TestZippedFiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var whole []byte
	for i := range 500 {
		whole = append(whole, encode(t, thing(fmt.Sprint(i), fmt.Sprint(random.Uint64())))...)
	}
	d := newDesk(t, "things", thingsAs("varchar"))
	d.write("chain/things.bson", whole)
	readable(t, d.load())
	content := d.query("from raw.things order by id")
	same(t, "documents", len(content), 500)
	d.remove("chain/things.bson")
	d.write("chain/things.bson.gz", zipped(t, whole, 1<<20))
	report := d.load()
	readable(t, report)
	same(t, "the same content is nothing new", report.Changed, int64(0))
	// The border of two members lies within a document.
	d.write("chain/things.bson.gz", zipped(t, whole, 1001))
	report = d.load()
	readable(t, report)
	same(t, "members", report.Rows, int64(500))
	same(t, "again", d.load().Unchanged, 1)

	packed := zipped(t, whole, 1001)
	wrong := bytes.Clone(packed)
	wrong[len(wrong)-6] ^= 1
	for what, bad := range map[string][]byte{
		"empty": {}, "header alone": packed[:10], "cut": packed[:len(packed)/2], "cut before its sum": packed[:len(packed)-8], "cut within its sum": packed[:len(packed)-1],
		"no gzip": whole, "garbage behind": append(bytes.Clone(packed), "garbage"...), "wrong sum": wrong,
		"a document cut": zipped(t, whole[:len(whole)-3], 1001), "a lying length": zipped(t, append(bytes.Clone(whole), 1, 0, 0, 0, 0), 1001),
	} {
		d.write("chain/things.bson.gz", bad)
		report := d.load()
		if len(report.Unreadable) != 1 || report.Unreadable[0].File != "chain/things.bson.gz" || !strings.Contains(report.Unreadable[0].Error, "byte ") {
			t.Errorf("%s: %v", what, report.Unreadable)
		}
		same(t, what, d.query("from raw.things order by id"), content)
	}
	d.write("chain/things.bson.gz", zipped(t, whole, 1<<20))
	readable(t, d.load())
	same(t, "mended", d.query("from raw.things order by id"), content)
}

func TestHugeDocument(t *testing.T) {
	d := newDesk(t, "things", thingsAs("json"))
	d.write("chain/things.bson", joined([][]byte{sized(100, "a"), sized(maxDocument, "b"), sized(2*chunkBytes+1, "c"), sized(100, "d")}))
	readable(t, d.load())
	same(t, "things", d.texts("select concat_ws(' ', id, length(v::varchar)) from raw.things order by id"), []string{"a 78", fmt.Sprint("b ", maxDocument-22), fmt.Sprint("c ", 2*chunkBytes-21), "d 78"})
}

func TestTinyDocuments(t *testing.T) {
	d := newDesk(t, "blocks_per_day", daysMapping, "tiny", "collection = \"tiny\"\ndatabase = \"chain\"\nabout = \"Tiny.\"\nheight = \"h\"\ncolumns = [[\"h\", \"h\", \"bigint\", \"height\"], [\"#\", \"n\", \"bigint\", \"place\"]]")
	d.write("chain/blocks_per_day.bson", nil)
	const documents = 2*chunkBytes/minDocument + 3
	d.write("chain/tiny.bson", bytes.Repeat([]byte{5, 0, 0, 0, 0}, documents))
	readable(t, d.load())
	same(t, "tiny", d.query("select count(*) as rows, count(h) as heights, count(date) as dates, count(distinct n) as places, min(n) as first, max(n) as last from raw.tiny"),
		[]string{fmt.Sprintf(`{"rows":%d,"heights":0,"dates":0,"places":%[1]d,"first":1,"last":%[1]d}`, documents)})
}

func TestLengthsThatLie(t *testing.T) {
	whole := encode(t, thing("a", "one"))
	for _, length := range []uint32{0, 1, 4, uint32(len(whole) - 1), uint32(len(whole) + 1), maxDocument + 1, 1<<31 - 1, 1 << 31, 1<<32 - 1} {
		lying := bytes.Clone(whole)
		binary.LittleEndian.PutUint32(lying, length)
		d := newDecoder(&Collection{Columns: columnsOf(JSON, "v")}, &addresses{ids: map[string]int32{}}, nil, "f")
		one := d.decode(chunk{data: lying, offset: 1000, count: 9})
		if one.err == nil || !strings.HasPrefix(one.err.Error(), "document 10 at byte 1000 is damaged") {
			t.Errorf("%d: %v", length, one.err)
		}
		one.record.Release()
	}
}
