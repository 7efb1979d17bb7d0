package mongo

import (
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/engine"
)

// kindsMapping has a column of words that are told when they are new, and one of words that are not.
const kindsMapping = `
collection = "things"
database = "chain"
about = "Things."
key = "id"
columns = [
    ["_id", "id", "varchar not null", "key"],
    ["sort.kind", "kind", "kind", "kind"],
    ["color", "color", "word", "color"],
    ["size", "size", "double", "size"],
    ["#", "position", "bigint", "place"],
]`

func kindOf(id string, kind, color, size any) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "sort", Value: bson.D{{Key: "kind", Value: kind}}}, {Key: "color", Value: color}, {Key: "size", Value: size}}
}

func (d *desk) types(columns string) []string {
	return d.texts("select concat_ws(' ', column_name, type, path, value_count, first_id) from ops.field_types where column_name in (" + columns + ") order by column_name, type")
}

func (d *desk) words() []string {
	return d.texts("select concat_ws(' ', collection, column_name, word) from ops.field_words order by all")
}

func TestNewTypesAndWordsAreToldOnce(t *testing.T) {
	d := newDesk(t, "things", kindsMapping)
	notes := func(what string, want ...string) {
		t.Helper()
		report := d.load()
		readable(t, report)
		same(t, what, report.Notes, want)
	}
	d.write("chain/things.bson", encode(t, kindOf("a", "big", "red", 1.5), kindOf("b", nil, "red", 2.5), kindOf("c", "small", "blue", 3.5)))
	notes("first load")
	same(t, "words", d.words(), []string{"things kind big", "things kind small"})
	documents := []bson.D{kindOf("a", "big", "green", 1.5), kindOf("b", "odd", "red", 2.5), kindOf("c", "even", "blue", int32(3)), kindOf("d", "even", "blue", int32(4))}
	d.write("chain/things.bson", encode(t, documents...))
	notes("second load", "things: new in sort.kind: even, odd", "things: size is 32-bit integer for the first time, in c")
	d.write("chain/things.bson", encode(t, documents[1:]...))
	notes("third load")
	same(t, "words", d.words(), []string{"things kind big", "things kind even", "things kind odd", "things kind small"})
	same(t, "runs", d.texts("select count(distinct run_id) from ops.field_words"), []string{"2"})
	// An unchanged file says nothing, a broken one neither.
	notes("unchanged")
	d.write("chain/things.bson", append(encode(t, kindOf("x", "broken", "red", int64(1))), 1))
	same(t, "broken", d.load().Notes, []string(nil))
	d.write("chain/things.bson", encode(t, kindOf("x", "whole", "red", int64(1))))
	notes("mended", "things: new in sort.kind: whole", "things: size is 64-bit integer for the first time, in x")
	// Only some of many are named.
	var many []bson.D
	for i := range 20 {
		many = append(many, kindOf(fmt.Sprint(i), fmt.Sprintf("k%02d", i), "red", 1.5))
	}
	d.write("chain/things.bson", encode(t, many...))
	notes("many", "things: new in sort.kind: k00, k01, k02, k03, k04 and 15 more")
}

func TestAddedColumnHasNothingToCompareWith(t *testing.T) {
	d := newDesk(t, "things", kindsMapping)
	d.write("chain/things.bson", encode(t, append(kindOf("a", "big", "red", 1.5), bson.E{Key: "more", Value: "x"})))
	readable(t, d.load())
	d.edit("things", "\n]", "\n    [\"more\", \"more\", \"kind\", \"more\"],\n]")
	report := d.load()
	same(t, "notes", report.Notes, []string(nil))
	same(t, "types", d.types("'more'"), []string{"more string more 1 a"})
	d.write("chain/things.bson", encode(t, append(kindOf("a", "big", "red", 1.5), bson.E{Key: "more", Value: "y"})))
	same(t, "notes", d.load().Notes, []string{"things: new in more: y"})
}

func TestTypesAreCounted(t *testing.T) {
	d := newDesk(t, "things", kindsMapping)
	documents := []bson.D{
		kindOf("1", "a", "red", 1.5), kindOf("2", nil, "red", int32(1)), {{Key: "_id", Value: "3"}}, kindOf("4", "b", bson.Symbol("blue"), int32(2)),
		// Rejects count with all their fields, those behind the bad one too.
		kindOf("5", 7, "red", "x"), {{Key: "_id", Value: int64(6)}, {Key: "size", Value: int64(1)}, {Key: "sort", Value: "text"}},
		kindOf("7", bson.MinKey{}, bson.MaxKey{}, bson.Undefined{}),
	}
	d.write("chain/things.bson", encode(t, documents...))
	readable(t, d.load())
	want := []string{
		"color max key color 1 7", "color missing color 2 3", "color string color 3 1", "color symbol color 1 4",
		"id 64-bit integer _id 1 6", "id string _id 6 1",
		"kind 32-bit integer sort.kind 1 5", "kind min key sort.kind 1 7", "kind missing sort.kind 2 3", "kind null sort.kind 1 2", "kind string sort.kind 2 1",
		"size 32-bit integer size 2 2", "size 64-bit integer size 1 6", "size double size 1 1", "size missing size 1 3", "size string size 1 5", "size undefined size 1 7",
	}
	same(t, "types", d.types("'id', 'kind', 'color', 'size'"), want)
	same(t, "the place has no type", d.types("'position'"), []string(nil))
	d.intake = func(in *engine.Intake) { in.Full = true }
	readable(t, d.load())
	same(t, "counted again, not added", d.types("'id', 'kind', 'color', 'size'"), want)
	same(t, "words", d.words(), []string{"things kind a", "things kind b"})
}

func TestTypesAreCountedOverChunks(t *testing.T) {
	d := newDesk(t, "things", kindsMapping)
	const documents = 3000
	var whole []byte
	for i := range documents {
		var kind any = fmt.Sprint("k", i%7)
		if i >= documents/2 && i%100 == 0 {
			kind = nil
		}
		one := append(kindOf(fmt.Sprintf("%05d", i), kind, "red", float64(i)), bson.E{Key: "padding", Value: strings.Repeat("x", 5000)})
		whole = append(whole, encode(t, one)...)
	}
	if len(whole) < 3*chunkBytes {
		t.Fatalf("%d bytes are less than three chunks", len(whole))
	}
	d.write("chain/things.bson", whole)
	readable(t, d.load())
	same(t, "types", d.types("'kind', 'size'"), []string{"kind null sort.kind 15 01500", "kind string sort.kind 2985 00000", "size double size 3000 00000"})
	same(t, "words", len(d.words()), 7)
}

func TestWordsAreBounded(t *testing.T) {
	d := newDesk(t, "things", kindsMapping)
	var documents []bson.D
	for i := range maxWords + 500 {
		documents = append(documents, kindOf(fmt.Sprint(i), fmt.Sprintf("k%06d", i), "red", 1.5))
	}
	d.write("chain/things.bson", encode(t, documents...))
	readable(t, d.load())
	same(t, "words", len(d.words()), maxWords)
	same(t, "rows", d.texts("select count(distinct kind) from raw.things"), []string{fmt.Sprint(maxWords + 500)})
}
