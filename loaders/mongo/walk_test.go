package mongo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// columnsOf has a column of a type per path.
func columnsOf(kind Type, paths ...string) []Column {
	var list []Column
	for i, path := range paths {
		list = append(list, Column{Path: path, Name: fmt.Sprint("c", i), Type: kind})
	}
	return list
}

func walkerOf(paths ...string) *walker {
	w := newWalker(columnsOf(JSON, paths...))
	return &w
}

// allTypes has a field of every BSON type.
func allTypes(t testing.TB) []byte {
	t.Helper()
	id := bson.ObjectID{7}
	document, err := bson.Marshal(bson.D{
		{Key: "_id", Value: "x"}, {Key: "double", Value: 1.5}, {Key: "a", Value: bson.D{{Key: "b", Value: bson.D{{Key: "c", Value: int32(1)}}}}},
		{Key: "array", Value: bson.A{"x", bson.D{}}}, {Key: "binary", Value: bson.Binary{Data: []byte("abc")}}, {Key: "undefined", Value: bson.Undefined{}},
		{Key: "id", Value: id}, {Key: "true", Value: true}, {Key: "date", Value: bson.DateTime(1)}, {Key: "null", Value: nil},
		{Key: "regex", Value: bson.Regex{Pattern: "a", Options: "i"}}, {Key: "pointer", Value: bson.DBPointer{DB: "d", Pointer: id}}, {Key: "code", Value: bson.JavaScript("f")},
		{Key: "symbol", Value: bson.Symbol("s")}, {Key: "scoped", Value: bson.CodeWithScope{Code: "g", Scope: bson.D{{Key: "x", Value: 1}}}},
		{Key: "int32", Value: int32(1)}, {Key: "timestamp", Value: bson.Timestamp{T: 1, I: 2}}, {Key: "int64", Value: int64(1)},
		{Key: "decimal", Value: bson.NewDecimal128(0, 1)}, {Key: "min", Value: bson.MinKey{}}, {Key: "max", Value: bson.MaxKey{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// reference walks with the driver's functions: it fills values by path, and an error means damaged bytes.
func reference(document bsoncore.Document, prefix string, paths []string, values map[string]bsoncore.Value) error {
	if length, _, ok := bsoncore.ReadLength(document); !ok || int(length) != len(document) {
		return errors.New("another length")
	}
	if err := document.Validate(); err != nil {
		return err
	}
	elements, err := document.Elements()
	if err != nil {
		return err
	}
	for _, element := range elements {
		if !sound(element.Value()) {
			return errors.New("a value without its end")
		}
		path := prefix + element.Key()
		inner := slices.ContainsFunc(paths, func(one string) bool { return strings.HasPrefix(one, path+".") })
		// A key with a dot in it is no path.
		if strings.Contains(element.Key(), ".") || !inner && !slices.Contains(paths, path) {
			continue
		}
		if slices.Contains(paths, path) {
			values[path] = element.Value()
		}
		if nested, ok := element.Value().DocumentOK(); ok && inner {
			if err := reference(nested, path+".", paths, values); err != nil {
				return err
			}
		}
	}
	return nil
}

// sound looks at what the driver does not: texts end with a NUL, documents are at least a length and an end.
func sound(v bsoncore.Value) bool {
	switch v.Type {
	case bsoncore.TypeString, bsoncore.TypeJavaScript, bsoncore.TypeSymbol:
		return len(v.Data) > 4 && v.Data[len(v.Data)-1] == 0
	case bsoncore.TypeDBPointer:
		return len(v.Data) > 16 && v.Data[len(v.Data)-13] == 0
	case bsoncore.TypeEmbeddedDocument, bsoncore.TypeArray, bsoncore.TypeCodeWithScope:
		return len(v.Data) >= 5
	}
	return true
}

func FuzzWalk(f *testing.F) {
	paths := []string{"_id", "a", "a.b", "a.b.c", "double", "scoped", "regex", "pointer", "binary", "x.y.z"}
	whole := allTypes(f)
	f.Add(whole)
	f.Add(whole[:20])
	f.Add([]byte{5, 0, 0, 0, 0})
	f.Add([]byte{6, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		w := walkerOf(paths...)
		got := w.walk(data)
		values := map[string]bsoncore.Value{}
		want := reference(data, "", paths, values)
		if (got == nil) != (want == nil) {
			t.Fatalf("%x: got %v, the driver says %v", data, got, want)
		}
		for i, path := range paths {
			if want := values[path]; got == nil && (w.values[i].kind != want.Type || !bytes.Equal(w.values[i].data, want.Data)) {
				t.Fatalf("%x: %s is %v, want %v", data, path, w.values[i], want)
			}
		}
	})
}

// manyTypes has the fields of allTypes in columns of every type.
func manyTypes() *Collection {
	c := &Collection{Name: "things", Table: "raw.things", Key: "c0"}
	for _, path := range []string{"_id", "double", "a", "a.b.c", "array", "binary", "id", "true", "date", "regex", "scoped", "pointer", "code", "int64", "decimal", ""} {
		for kind := Varchar; kind <= JSON; kind++ {
			if path != "" || kind == JSON {
				c.Columns = append(c.Columns, Column{Path: path, Name: fmt.Sprint("c", len(c.Columns)), Type: kind})
			}
		}
	}
	return c
}

// damagedWithin has a text of length 0 where no path leads.
func damagedWithin() []byte {
	list := bsoncore.BuildDocument(nil, append([]byte{byte(bsoncore.TypeString), '0', 0}, 0, 0, 0, 0))
	return bsoncore.BuildDocument(nil, bsoncore.AppendArrayElement(bsoncore.AppendStringElement(nil, "_id", "x"), "v", list))
}

func TestDamageBelowAMappedFieldIsRejected(t *testing.T) {
	for kind, reason := range (texts{"json": "field 0: a damaged text", "bigint": "is array, not a whole number"}) {
		d := newDesk(t, "things", thingsAs(kind))
		d.write("chain/things.bson", damagedWithin())
		readable(t, d.load())
		// What cannot be written as Extended JSON is kept as hex.
		same(t, kind, d.rejected(), map[string]rejected{"x": {"mongo chain/things v", reason, fmt.Sprintf("%x", damagedWithin())}})
	}
}

func TestRareTypesWithoutTextAreRejected(t *testing.T) {
	for what, field := range map[string][]byte{
		"dbPointer": bsoncore.AppendDBPointerElement(nil, "v", "a\x01\xff", bson.ObjectID{}),
		"regex":     bsoncore.AppendRegexElement(nil, "v", "a\xff", ""),
		"symbol":    bsoncore.AppendSymbolElement(nil, "v", "a\xff"),
	} {
		document := bsoncore.BuildDocument(nil, append(bsoncore.AppendStringElement(nil, "_id", "x"), field...))
		d := newDesk(t, "things", thingsAs("json"))
		d.write("chain/things.bson", document)
		readable(t, d.load())
		if got := d.rejected()["x"]; got.reason == "" || got.content == "" {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// FuzzDecode: whatever the bytes are, each document lands or is a reject, until damaged bytes end the batch.
func FuzzDecode(f *testing.F) {
	f.Add(allTypes(f), byte(0))
	f.Add(append(allTypes(f), allTypes(f)...), byte(15))
	f.Add(damagedWithin(), byte(1))
	all := manyTypes()
	f.Fuzz(func(t *testing.T, data []byte, at byte) {
		// One column at a time: the first that does not take a document hides it from the others.
		c := *all
		c.Columns = all.Columns[int(at)%len(all.Columns):][:1]
		d := newDecoder(&c, &addresses{ids: map[string]int32{}}, nil, "f")
		got := d.decode(chunk{data: data})
		defer got.record.Release()
		if got.record.NumRows()+int64(len(got.rejects)) != got.documents {
			t.Fatalf("%d documents, %d rows, %d rejects", got.documents, got.record.NumRows(), len(got.rejects))
		}
		if texts, ok := got.record.Column(0).(*array.String); ok {
			for i := range texts.Len() {
				if !utf8.ValidString(texts.Value(i)) {
					t.Fatalf("%q is no UTF-8", texts.Value(i))
				}
			}
		}
	})
}

func TestDamagedDocuments(t *testing.T) {
	element := func(kind bsoncore.Type, data ...byte) []byte {
		return append([]byte{byte(kind), 'v', 0}, data...)
	}
	document := func(fields ...byte) []byte {
		out := binary.LittleEndian.AppendUint32(nil, uint32(len(fields)+5))
		return append(append(out, fields...), 0)
	}
	length := func(n uint32, data ...byte) []byte { return append(binary.LittleEndian.AppendUint32(nil, n), data...) }
	for what, bad := range map[string][]byte{
		"nothing":                     {},
		"no length":                   {1, 0, 0},
		"length of a length":          {4, 0, 0, 0},
		"no end":                      {5, 0, 0, 0, 1},
		"negative length":             {255, 255, 255, 255, 0},
		"length too large":            {6, 0, 0, 0, 0},
		"length too small":            {5, 0, 0, 0, 0, 0},
		"bytes after the end":         {7, 0, 0, 0, 0, 0, 0},
		"type without a key":          {6, 0, 0, 0, 16, 0},
		"key without an end":          document('\x10', 'v'),
		"unknown type 14":             document(element(0x14)...),
		"unknown type 63":             document(element(0x63)...),
		"unknown type 80":             document(element(0x80)...),
		"short int32":                 document(element(bsoncore.TypeInt32, 1, 2)...),
		"short double":                document(element(bsoncore.TypeDouble, 1, 2, 3)...),
		"short decimal":               document(element(bsoncore.TypeDecimal128, make([]byte, 14)...)...),
		"short ObjectID":              document(element(bsoncore.TypeObjectID, make([]byte, 10)...)...),
		"short boolean":               {7, 0, 0, 0, 8, 'v', 0},
		"text of length 0":            document(element(bsoncore.TypeString, length(0)...)...),
		"text without NUL":            document(element(bsoncore.TypeString, length(2, 'a', 'b')...)...),
		"text beyond its document":    document(element(bsoncore.TypeString, length(100, 'a', 0)...)...),
		"text of most negative":       document(element(bsoncore.TypeString, length(math.MaxInt32+1, 'a', 0)...)...),
		"text of largest length":      document(element(bsoncore.TypeString, length(math.MaxInt32, 'a', 0)...)...),
		"nested beyond its document":  document(element(bsoncore.TypeEmbeddedDocument, length(100, 0)...)...),
		"nested of length 4":          document(element(bsoncore.TypeEmbeddedDocument, length(4)...)...),
		"nested of negative length":   document(element(bsoncore.TypeEmbeddedDocument, length(math.MaxUint32, 0)...)...),
		"nested with a lying field":   document(element(bsoncore.TypeEmbeddedDocument, document(16, 'b', 0, 1)...)...),
		"array beyond its document":   document(element(bsoncore.TypeArray, length(100, 0)...)...),
		"binary beyond its document":  document(element(bsoncore.TypeBinary, length(100, 0)...)...),
		"binary of negative length":   document(element(bsoncore.TypeBinary, length(math.MaxUint32, 0)...)...),
		"regex without options":       document(element(bsoncore.TypeRegex, 'a')...),
		"pointer without an ObjectID": document(element(bsoncore.TypeDBPointer, length(2, 'a', 0)...)...),
	} {
		w := walkerOf("v", "v.b")
		if err := w.walk(bad); err == nil {
			t.Errorf("%s: no error for %x", what, bad)
		}
	}
}

func TestDocumentCutAnywhereIsDamaged(t *testing.T) {
	whole := allTypes(t)
	w := walkerOf("a.b.c", "max", "nothing")
	if err := w.walk(whole); err != nil {
		t.Fatal(err)
	}
	for cut := range whole {
		if err := w.walk(whole[:cut]); err == nil {
			t.Errorf("cut at %d: no error", cut)
		}
		// With a length that fits the cut, and an end.
		if cut >= 4 {
			short := append(bytes.Clone(whole[:cut]), 0)
			binary.LittleEndian.PutUint32(short, uint32(len(short)))
			got, want := w.walk(short), reference(short, "", []string{"a.b.c", "max", "nothing"}, map[string]bsoncore.Value{})
			if (got == nil) != (want == nil) {
				t.Errorf("cut at %d: got %v, the driver says %v", cut, got, want)
			}
		}
	}
}

// nest is a document in a document in a document …
func nest(levels int) []byte {
	inner := bsoncore.BuildDocument(nil, bsoncore.AppendInt32Element(nil, "n", 1))
	for range levels {
		inner = bsoncore.BuildDocument(nil, bsoncore.AppendDocumentElement(nil, "n", inner))
	}
	return bsoncore.BuildDocument(nil, bsoncore.AppendDocumentElement(bsoncore.AppendStringElement(nil, "_id", "deep"), "v", inner))
}

func TestDeepNesting(t *testing.T) {
	const levels = 10000
	deep := nest(levels)
	d := newDesk(t, "things", thingsAs("json"), "others", strings.Replace(thingsAs("bigint"), "things", "others", 1))
	d.mapping("others", strings.Replace(string(d.mappings["raw/others.toml"].Data), `["v", "v"`, `["v`+strings.Repeat(".n", 200)+`", "v"`, 1))
	d.write("chain/things.bson", deep)
	d.write("chain/others.bson", append(nest(199), deep...))
	readable(t, d.load())
	same(t, "json", d.texts("select v from raw.things"), []string{strings.Repeat(`{"n":`, levels+1) + "1" + strings.Repeat("}", levels+1)})
	same(t, "path", d.texts("select v from raw.others"), []string{"1"})
	same(t, "reject", d.texts("select reason from raw.rejects"), []string{"is embedded document, not a whole number"})
}
