package docdiff

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/internal/extjson"
)

func parse(t testing.TB, text string) bsoncore.Document {
	t.Helper()
	var raw bson.Raw
	if err := bson.UnmarshalExtJSON([]byte(text), false, &raw); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return bsoncore.Document(raw)
}

// show writes a difference as "kind field first second".
func show(t testing.TB, d Difference) string {
	t.Helper()
	words := []string{string(d.Kind), d.Field}
	for _, value := range []bsoncore.Value{d.First, d.Second} {
		if value.Type != 0 {
			text, err := extjson.AppendValue(nil, value)
			if err != nil {
				t.Fatal(err)
			}
			words = append(words, string(text))
		}
	}
	return strings.Join(words, " ")
}

func compare(t testing.TB, r *Rules, first, second string) []string {
	t.Helper()
	var got []string
	if err := r.Compare(parse(t, first), parse(t, second), func(d Difference) { got = append(got, show(t, d)) }); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestEveryKindOfDifference(t *testing.T) {
	rules := &Rules{Relative: 1e-9, Absolute: 1e-12}
	for _, one := range []struct {
		name, first, second string
		want                []string
	}{
		{"the same bytes", `{"_id":"a","n":1}`, `{"_id":"a","n":1}`, nil},
		{"an integer", `{"n":412}`, `{"n":409}`, []string{"different n 412 409"}},
		{"integers are exact, however large", `{"n":9007199254740993}`, `{"n":9007199254740992}`, []string{"different n 9007199254740993 9007199254740992"}},
		{"int32 and int64", `{"n":1}`, `{"n":{"$numberLong":"1"}}`, []string{"type n 1 1"}},
		{"int32 and double", `{"n":1}`, `{"n":1.0}`, []string{"type n 1 1.0"}},
		{"an integer that no double is", `{"n":9007199254740993}`, `{"n":9007199254740992.0}`, []string{"rounding n 9007199254740993 9007199254740992.0"}},
		{"2^63 is no int64", `{"n":9223372036854775807}`, `{"n":9223372036854775808.0}`, []string{"rounding n 9223372036854775807 9223372036854776000.0"}},
		{"the last digit of a double", `{"n":0.1}`, `{"n":0.10000000000000002}`, []string{"rounding n 0.1 0.10000000000000002"}},
		{"more than the last digit", `{"n":0.1}`, `{"n":0.10000001}`, []string{"different n 0.1 0.10000001"}},
		{"next to zero", `{"n":0.0}`, `{"n":1e-13}`, []string{"rounding n 0.0 1e-13"}},
		{"not next to zero", `{"n":0.0}`, `{"n":1e-11}`, []string{"different n 0.0 1e-11"}},
		{"the two zeros", `{"n":0.0}`, `{"n":-0.0}`, nil},
		{"NaN is NaN", `{"n":{"$numberDouble":"NaN"},"m":1}`, `{"n":{"$numberDouble":"NaN"},"m":2}`, []string{"different m 1 2"}},
		{"NaN is no number", `{"n":{"$numberDouble":"NaN"}}`, `{"n":0.0}`, []string{`different n {"$numberDouble":"NaN"} 0.0`}},
		{"NaN is not null", `{"n":{"$numberDouble":"NaN"}}`, `{"n":null}`, []string{`different n {"$numberDouble":"NaN"} null`}},
		{"infinity", `{"n":{"$numberDouble":"Infinity"}}`, `{"n":1e308}`, []string{fmt.Sprintf(`different n {"$numberDouble":"Infinity"} %s`, "1e+308")}},
		{"null and nothing", `{"n":null}`, `{}`, []string{"removed n null"}},
		{"another field", `{"a":1}`, `{"b":1}`, []string{"removed a 1", "added b 1"}},
		{"a text", `{"a":"1"}`, `{"a":1}`, []string{`different a "1" 1`}},
		{"true is not 1", `{"a":true}`, `{"a":1}`, []string{"different a true 1"}},
		{"the order", `{"a":1,"b":2}`, `{"b":2,"a":1}`, []string{"order "}},
		{"the order within", `{"a":{"b":1,"c":2}}`, `{"a":{"c":2,"b":1}}`, []string{"order a"}},
		{"a field more is no other order", `{"a":1,"b":2}`, `{"a":1,"x":0,"b":2}`, []string{"added x 0"}},
		{"within documents", `{"t":{"E":{"USD":{"mint":1.5}}}}`, `{"t":{"E":{"USD":{"mint":2.5}}}}`, []string{"different t.E.USD.mint 1.5 2.5"}},
		{"names with dots", `{"gate.io":1}`, `{"gate.io":2}`, []string{"different gate.io 1 2"}},
		{"arrays", `{"a":[1,{"b":2},3]}`, `{"a":[1,{"b":3},3.0]}`, []string{"different a.1.b 2 3", "type a.2 3 3.0"}},
		{"longer arrays", `{"a":[1]}`, `{"a":[1,2]}`, []string{"different a [1] [1,2]"}},
		{"a document and an array", `{"a":{"0":1}}`, `{"a":[1]}`, []string{`different a {"0":1} [1]`}},
	} {
		if diff := cmp.Diff(one.want, compare(t, rules, one.first, one.second)); diff != "" {
			t.Errorf("%s:\n%s", one.name, diff)
		}
	}
}

func TestTolerancesOfFieldsStandInForTheUsualOnes(t *testing.T) {
	rules := &Rules{Relative: 1e-9, Absolute: 1e-12}
	for _, text := range []string{"amount_*=1", "count_>=100=2", "USD.*=10%", "exact=0"} {
		one, err := ParseTolerance(text)
		if err != nil {
			t.Fatal(err)
		}
		rules.Tolerances = append(rules.Tolerances, one)
	}
	for _, one := range []struct{ field, first, second, want string }{
		{"amount_>=0", "5", "6", "rounding"}, {"amount_>=0", "5", "7", "different"},
		{"count_>=100", "5", "7", "rounding"}, {"count_>=1000", "5", "7", "different"},
		{"USD.mint", "100", "91", "rounding"}, {"USD.mint", "100", "89", "different"},
		{"exact", "0.1", "0.10000000000000002", "different"},
	} {
		got := compare(t, rules, fmt.Sprintf(`{%q:%s}`, one.field, one.first), fmt.Sprintf(`{%q:%s}`, one.field, one.second))
		if want := []string{one.want + " " + one.field + " " + one.first + " " + one.second}; !cmp.Equal(want, got) {
			t.Errorf("want %v, got %v", want, got)
		}
	}
	for _, wrong := range []string{"amount", "=1", "a=", "a=x", "a=-1", "a=NaN", "a=+Inf", "a[=1"} {
		if _, err := ParseTolerance(wrong); err == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
}

func TestIgnoredFieldsAreLeftOutWithWhatIsInThem(t *testing.T) {
	rules := &Rules{Ignore: []Pattern{"tokens", "rate", "a.b", "x*"}}
	got := compare(t, rules, `{"tokens":{"E":1},"rate":1,"a":{"b":1,"c":1,"rate":2},"x1":1,"b":1}`, `{"b":2,"tokens":{"E":2},"a":{"c":2,"rate":3},"x2":1}`)
	if diff := cmp.Diff([]string{"different a.c 1 2", "different b 1 2", "order "}, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzCompare: whatever the bytes, comparing ends in words; a document is equal to itself, and differences are the same from
// both sides.
func FuzzCompare(f *testing.F) {
	f.Add([]byte(parse(f, `{"_id":"a","n":1,"d":{"x":[1,2.5]}}`)), []byte(parse(f, `{"_id":"a","d":{"x":[1,3]},"n":1.0}`)))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		rules := &Rules{Relative: 1e-9}
		count := func(a, b []byte) (kinds map[Kind]int, err error) {
			kinds = map[Kind]int{}
			return kinds, rules.Compare(a, b, func(d Difference) { kinds[d.Kind]++ })
		}
		if kinds, err := count(first, first); err != nil || len(kinds) > 0 {
			t.Fatalf("with itself: %v %v", kinds, err)
		}
		one, err := count(first, second)
		other, otherErr := count(second, first)
		if bsoncore.Document(first).Validate() != nil || bsoncore.Document(second).Validate() != nil || !unique(first) || !unique(second) {
			return
		}
		if err != nil || otherErr != nil {
			t.Fatalf("documents without damage: %v and %v", err, otherErr)
		}
		one[Added], one[Removed] = one[Removed], one[Added]
		if diff := cmp.Diff(one, other, cmpopts.IgnoreMapEntries(func(_ Kind, n int) bool { return n == 0 })); diff != "" {
			t.Fatal(diff)
		}
	})
}

// unique: no field stands twice in the document.
func unique(document bsoncore.Document) bool {
	list, err := elements(document)
	if err != nil {
		return false
	}
	seen := map[string]bool{}
	for _, one := range list {
		if seen[one.key] {
			return false
		}
		seen[one.key] = true
		if inner, ok := one.value.DocumentOK(); ok && !unique(inner) {
			return false
		}
		if inner, ok := one.value.ArrayOK(); ok && !unique(bsoncore.Document(inner)) {
			return false
		}
	}
	return true
}
