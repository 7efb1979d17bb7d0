package extjson

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

func TestTextIsWhatTheDriverReads(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	rare := []any{bson.Regex{Pattern: "a\"b", Options: "i"}, bson.JavaScript("f()"), bson.Symbol("s"), bson.Timestamp{T: 1, I: 2}, bson.MinKey{}, bson.MaxKey{},
		bson.Undefined{}, bson.ObjectID{1}, bson.Binary{Subtype: 4, Data: make([]byte, 16)}, bson.NewDecimal128(0x3040000000000000, 12),
		bson.CodeWithScope{Code: "g()", Scope: bson.D{{Key: "x", Value: int32(1)}}}, bson.DBPointer{DB: "d", Pointer: bson.ObjectID{2}}}
	var value func(depth int) any
	value = func(depth int) any {
		switch kind := random.IntN(10); {
		case kind == 0:
			return int32(random.Uint32())
		case kind == 1:
			return int64(random.Uint64())
		case kind == 2:
			return math.Float64frombits(random.Uint64())
		case kind == 3:
			return string([]rune{rune(random.IntN(0x300)), '"', '\\', rune(random.IntN(32)), '😀'})
		case kind == 4:
			return bson.DateTime(random.Int64N(1 << 45))
		case kind == 5 && depth < 3:
			return bson.A{value(depth + 1), value(depth + 1)}
		case kind == 6 && depth < 3:
			return bson.D{{Key: "a.b", Value: value(depth + 1)}, {Key: "", Value: value(depth + 1)}}
		case kind == 7:
			return random.IntN(2) == 0
		case kind == 8:
			return rare[random.IntN(len(rare))]
		}
		return nil
	}
	for range 3000 {
		document, err := bson.Marshal(bson.D{{Key: "v", Value: value(0)}})
		if err != nil {
			t.Fatal(err)
		}
		text, err := Append(nil, document)
		if err != nil {
			t.Fatal(err)
		}
		var back bson.Raw
		if err := bson.UnmarshalExtJSON(text, false, &back); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		want, err := bson.MarshalExtJSON(bson.Raw(document), true, false)
		if err != nil {
			t.Fatal(err)
		}
		got, err := bson.MarshalExtJSON(back, true, false)
		if err != nil {
			t.Fatal(err)
		}
		// Relaxed form does not tell int32 from int64; the values are what counts.
		plain := func(b []byte) string { return strings.ReplaceAll(string(b), "numberInt", "numberLong") }
		if plain(got) != plain(want) {
			t.Fatalf("%s: got %s, want %s", text, got, want)
		}
	}
}
