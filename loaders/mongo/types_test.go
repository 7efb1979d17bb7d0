package mongo

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A sample is a value, and what it is in each type of column that it reaches; in all others it is a reject.
type sample struct {
	name  string
	value any
	lands map[string]string
	// reasons of rejects that are not "is KIND, not WANTED".
	reasons map[string]string
}

type texts = map[string]string

// numbers lands in all columns of numbers.
func numbers(whole, double string) texts {
	return texts{"bigint": whole, "hugeint": whole, "double": double}
}

func textColumns(content string) texts {
	return texts{"varchar": content, "word": content, "kind": content, "address": content}
}

// text lands in all columns of text, and is told by all that look into it.
func text(name, content string, also texts) sample {
	s := sample{name: name, value: content, lands: textColumns(content), reasons: texts{
		"bigint":  fmt.Sprintf("is the string %.80q, not a whole number", content),
		"hugeint": fmt.Sprintf("is the string %.80q, not a whole number", content),
		"double":  fmt.Sprintf("is %.80q, not a number", content),
		"date":    fmt.Sprintf("is %.80q, not a day YYYY-MM-DD", content),
		"hash":    fmt.Sprintf("is %.80q, not 64 hex digits in lower case", content),
	}}
	for kind, landed := range also {
		s.lands[kind] = landed
	}
	return s
}

// with adds reasons.
func (s sample) with(reasons texts) sample {
	if s.reasons == nil {
		s.reasons = texts{}
	}
	for kind, reason := range reasons {
		s.reasons[kind] = reason
	}
	return s
}

// wanted is what each type of column asks for.
func wanted() texts {
	return texts{"varchar": "a string", "word": "a string", "kind": "a string", "address": "a string", "hash": "a string", "bigint": "a whole number",
		"hugeint": "a whole number", "double": "a number", "boolean": "a boolean", "date": "a string YYYY-MM-DD", "timestamp": "a date"}
}

// noWhole: the number is named in the reason.
func noWhole(number string) texts {
	return texts{"bigint": "is " + number + ", not a whole number", "hugeint": "is " + number + ", not a whole number"}
}

func tooLong(number string) texts {
	return texts{"bigint": "is " + number + ", more than 64 bits hold", "hugeint": "is " + number + ", more than 38 digits"}
}

func doubles() []sample {
	value := func(name string, number float64, lands texts) sample {
		return sample{name: "double " + name, value: number, lands: lands}
	}
	return []sample{
		value("fraction", 1.5, texts{"double": "1.5"}).with(noWhole("the double 1.5")),
		value("whole", 3, numbers("3", "3.0")),
		value("minus zero", math.Copysign(0, -1), numbers("0", "-0.0")),
		value("NaN", math.NaN(), texts{"double": "nan"}).with(noWhole("the double NaN")),
		value("Infinity", math.Inf(1), texts{"double": "inf"}).with(noWhole("the double +Inf")),
		value("-Infinity", math.Inf(-1), texts{"double": "-inf"}).with(noWhole("the double -Inf")),
		value("2^53", 1<<53, numbers("9007199254740992", "9007199254740992.0")),
		value("-2^63", -1<<63, numbers("-9223372036854775808", "-9.223372036854776e+18")),
		value("2^63", 1<<63, texts{"hugeint": "9223372036854775808", "double": "9.223372036854776e+18"}).
			with(texts{"bigint": "is 9223372036854775808, more than 64 bits hold"}),
		value("1e38", 1e38, texts{"hugeint": "99999999999999997748809823456034029568", "double": "1e+38"}).
			with(texts{"bigint": "is 99999999999999997748809823456034029568, more than 64 bits hold"}),
		value("1e39", 1e39, texts{"double": "1e+39"}).with(tooLong("999999999999999939709166371603178586112")),
		value("smallest", 5e-324, texts{"double": "5e-324"}).with(noWhole("the double 5e-324")),
	}
}

func integers() []sample {
	big := func(number int64) sample {
		digits := fmt.Sprint(number)
		return sample{name: "int64 " + digits, value: number, lands: texts{"bigint": digits, "hugeint": digits}}.
			with(texts{"double": "is " + digits + ", which no double holds exactly"})
	}
	return []sample{
		{name: "int32", value: int32(7), lands: numbers("7", "7.0")},
		{name: "int32 least", value: int32(math.MinInt32), lands: numbers("-2147483648", "-2147483648.0")},
		{name: "int64", value: int64(7), lands: numbers("7", "7.0")},
		{name: "int64 2^53", value: int64(1) << 53, lands: numbers("9007199254740992", "9007199254740992.0")},
		big(1<<53 + 1), big(-1<<53 - 1), big(math.MaxInt64), big(math.MinInt64),
	}
}

func strings64() []sample {
	nines := strings.Repeat("9", 38)
	number := func(content, whole, double string) sample {
		return text("text "+content, content, numbers(whole, double))
	}
	return []sample{
		text("text empty", "", nil), text("text word", "much", nil), text("text unicode", "Börse 𐍈 €", nil), text("text NUL", "a\x00b", nil),
		text("text quote", `it's "x"; \`, nil), text("text true", "true", nil), text("text space", " 12", nil), text("text line", "12\n", nil),
		text("text underscore", "1_0", nil), text("text hex", "0x10", nil), text("text hex double", "0x1p4", nil), text("text NaN", "NaN", nil),
		text("text inf", "inf", nil), text("text ratio", "1/2", nil), text("text long", strings.Repeat("1", 401), nil),
		number("0", "0", "0.0"), number("12", "12", "12.0"), number("+12", "12", "12.0"), number("-12", "-12", "-12.0"), number("007", "7", "7.0"),
		number("-0", "0", "-0.0"), number("9223372036854775000", "9223372036854775000", "9.223372036854775e+18"),
		text("text 2^63-1", "9223372036854775807", texts{"bigint": "9223372036854775807", "hugeint": "9223372036854775807"}).
			with(texts{"double": `is "9223372036854775807", which no double keeps`}),
		text("text 2^63", "9223372036854775808", texts{"hugeint": "9223372036854775808"}).
			with(texts{"bigint": "is 9223372036854775808, more than 64 bits hold", "double": `is "9223372036854775808", which no double keeps`}),
		text("text 38 nines", nines, texts{"hugeint": nines}).
			with(texts{"bigint": "is " + nines + ", more than 64 bits hold", "double": `is "` + nines + `", which no double keeps`}),
		text("text 10^38", "1"+strings.Repeat("0", 38), texts{"double": "1e+38"}).with(tooLong("1" + strings.Repeat("0", 38))),
		text("text 400 digits", strings.Repeat("1", 400), nil).with(tooLong(strings.Repeat("1", 80) + "…")),
		text("text fraction", "0.25", texts{"double": "0.25"}), text("text point first", "-.5", texts{"double": "-0.5"}), text("text point last", "5.e1", texts{"double": "50.0"}),
		text("text point alone", ".", nil), text("text exponent", "1e3", texts{"double": "1000.0"}),
		text("text tenth", "0.1", texts{"double": "0.1"}), text("text 17 digits", "0.008288241720504413", texts{"double": "0.008288241720504413"}),
		text("text 22 digits", "0.1234567890123456789012", nil).with(texts{"double": `is "0.1234567890123456789012", which no double keeps`}),
		text("text tiny", "1e-400", nil).with(texts{"double": `is "1e-400", which no double keeps`}),
		text("text far exponent", "1e-999999999", nil).with(texts{"double": `is "1e-999999999", which no double keeps`}),
		text("text zero with exponent", "0e-999999999", texts{"double": "0.0"}), text("text huge", "1e400", nil),
		text("text day", "2021-06-09", texts{"date": "2021-06-09"}), text("text no day", "2021-02-29", nil), text("text short day", "2021-6-9", nil),
		text("text first day", "0000-01-01", texts{"date": "0001-01-01 (BC)"}), text("text last day", "9999-12-31", texts{"date": "9999-12-31"}),
		text("text five digits", "10000-01-01", nil), text("text time", "2021-06-09T00:00:00Z", nil),
		text("text hash", strings.Repeat("0f", 32), texts{"hash": strings.Repeat("0f", 32)}), text("text upper hash", strings.Repeat("0F", 32), nil),
		text("text short hash", strings.Repeat("0f", 31)+"0", nil), text("text no hash", strings.Repeat("0g", 32), nil),
	}
}

func decimals(t *testing.T) []sample {
	value := func(number string, lands texts) sample {
		return sample{name: "decimal " + number, value: decimal(t, number), lands: lands}
	}
	no := func(number string) texts { return noWhole("the decimal " + number) }
	return []sample{
		value("1.5", texts{"double": "1.5"}).with(no("1.5")), value("12", numbers("12", "12.0")), value("12.0", numbers("12", "12.0")),
		value("12E2", numbers("1200", "1200.0")), value("-0", numbers("0", "-0.0")), value("0E+6111", numbers("0", "0.0")),
		value("NaN", texts{"double": "nan"}).with(no("NaN")), value("Infinity", texts{"double": "inf"}).with(no("Infinity")),
		value("-Infinity", texts{"double": "-inf"}).with(no("-Infinity")),
		value("9223372036854775807", texts{"bigint": "9223372036854775807", "hugeint": "9223372036854775807"}).
			with(texts{"double": `is "9223372036854775807", which no double keeps`}),
		value("9223372036854775808", texts{"hugeint": "9223372036854775808"}).
			with(texts{"bigint": "is 9223372036854775808, more than 64 bits hold", "double": `is "9223372036854775808", which no double keeps`}),
		value("1E+37", texts{"hugeint": "1" + strings.Repeat("0", 37), "double": "1e+37"}).
			with(texts{"bigint": "is 1" + strings.Repeat("0", 37) + ", more than 64 bits hold"}),
		value("1E+38", texts{"double": "1e+38"}).with(tooLong("1" + strings.Repeat("0", 38))),
		value("1E+6111", nil).with(tooLong("1" + strings.Repeat("0", 79) + "…")).with(texts{"double": `is "1E+6111", not a number`}),
		value("1E-6176", nil).with(no("1E-6176")).with(texts{"double": `is "1E-6176", which no double keeps`}),
		value("0.1234567890123456789012345678901234", nil).with(no("0.1234567890123456789012345678901234")).
			with(texts{"double": `is "0.1234567890123456789012345678901234", which no double keeps`}),
	}
}

func dates() []sample {
	far := func(name string, millis int64) sample {
		return sample{name: "date " + name, value: bson.DateTime(millis)}.with(texts{"timestamp": fmt.Sprintf("is the date %d ms, out of range", millis)})
	}
	value := func(name string, millis int64, landed string) sample {
		return sample{name: "date " + name, value: bson.DateTime(millis), lands: texts{"timestamp": landed}}
	}
	return []sample{
		value("zero", 0, "1970-01-01 00:00:00"), value("before", -1, "1969-12-31 23:59:59.999"), value("now", 1757900106937, "2025-09-15 01:35:06.937"),
		value("year 10000", 253402300800000, "10000-01-01 00:00:00"), value("year -1", -62198755200000, "0002-01-01 (BC) 00:00:00"),
		value("last", math.MaxInt64/1000, "294247-01-10 04:00:54.775"), value("first", -9223372022400000, "290309-12-22 (BC) 00:00:00"),
		far("after the last", math.MaxInt64/1000+1), far("before the first", -9223372022400001), far("most", math.MaxInt64), far("least", math.MinInt64),
	}
}

func others() []sample {
	id := bson.ObjectID{1, 2, 255}
	hex := "0102ff000000000000000000"
	return []sample{
		{name: "true", value: true, lands: texts{"boolean": "true"}}, {name: "false", value: false, lands: texts{"boolean": "false"}},
		sample{name: "ObjectID", value: id, lands: textColumns(hex)}.with(texts{"hash": `is "` + hex + `", not 64 hex digits in lower case`}),
		sample{name: "symbol", value: bson.Symbol("sign"), lands: textColumns("sign")}.
			with(texts{"hash": `is "sign", not 64 hex digits in lower case`}),
		{name: "document", value: bson.D{{Key: "a", Value: 1.0}, {Key: "b", Value: bson.D{}}}}, {name: "array", value: bson.A{int64(1), "x", nil, bson.A{}}},
		{name: "binary", value: bson.Binary{Data: []byte("abc")}}, {name: "old binary", value: bson.Binary{Subtype: 2, Data: []byte("abc")}},
		{name: "regex", value: bson.Regex{Pattern: "^a", Options: "i"}}, {name: "pointer", value: bson.DBPointer{DB: "db.c", Pointer: id}},
		{name: "code", value: bson.JavaScript("f()")}, {name: "scoped code", value: bson.CodeWithScope{Code: "f()", Scope: bson.D{{Key: "x", Value: int32(1)}}}},
		{name: "timestamp", value: bson.Timestamp{T: 1, I: 2}}, {name: "min key", value: bson.MinKey{}}, {name: "max key", value: bson.MaxKey{}},
	}
}

func TestEveryTypeLandsInEveryColumnWithoutLossOrIsRejected(t *testing.T) {
	samples := doubles()
	for _, more := range [][]sample{integers(), strings64(), decimals(t), dates(), others()} {
		samples = append(samples, more...)
	}
	documents := make([][]byte, len(samples))
	for i, s := range samples {
		documents[i] = encode(t, thing(s.name, s.value))
	}
	for _, kind := range typeNames() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, "things", thingsAs(kind))
			d.write("chain/things.bson", joined(documents))
			readable(t, d.load())
			landed, rejects := d.landed(kind), d.rejected()
			for i, s := range samples {
				s.check(t, kind, documents[i], landed, rejects[s.name])
			}
		})
	}
}

func joined(documents [][]byte) []byte {
	var all []byte
	for _, one := range documents {
		all = append(all, one...)
	}
	return all
}

// landed are the values in the table, as text by _id.
func (d *desk) landed(kind string) map[string]string {
	value := "v::varchar"
	switch kind {
	case "address":
		value = "(select address from raw.addresses where address_id = v)"
	case "hash":
		value = "lower(hex(v))"
	}
	return pairs(d, "select id, "+value+" from raw.things")
}

// pairs reads two columns of text.
func pairs(d *desk, query string) map[string]string {
	list := map[string]string{}
	for _, one := range d.texts("select concat(a, '\x1f', b) from (" + query + ") as t (a, b)") {
		first, second, _ := strings.Cut(one, "\x1f")
		list[first] = second
	}
	return list
}

type rejected struct{ place, reason, content string }

// rejected are the rejects by _id.
func (d *desk) rejected() map[string]rejected {
	list := map[string]rejected{}
	for _, one := range d.texts("select concat_ws('\x1f', document_id, source, file, field, line, reason, content) from raw.rejects") {
		words := strings.Split(one, "\x1f")
		list[words[0]] = rejected{strings.Join(words[1:4], " "), words[5], words[6]}
	}
	return list
}

func (s sample) check(t *testing.T, kind string, document []byte, landed map[string]string, reject rejected) {
	t.Helper()
	got, there := landed[s.name]
	if there == (reject.reason != "") {
		t.Errorf("%s: landed: %v, rejected: %q", s.name, there, reject.reason)
		return
	}
	if kind == "json" {
		sameDocument(t, fmt.Sprintf(`{"_id":%q,"v":%s}`, s.name, got), document)
		return
	}
	want, lands := s.lands[kind]
	if lands {
		same(t, s.name, got, want)
		return
	}
	reason := s.reasons[kind]
	if reason == "" {
		reason = fmt.Sprintf("is %s, not %s", bsoncore.Document(document).Lookup("v").Type, wanted()[kind])
	}
	same(t, s.name, reject.reason, reason)
	same(t, s.name, reject.place, "mongo chain/things v")
	sameDocument(t, reject.content, document)
}

func TestNothingInAFieldIsNull(t *testing.T) {
	for _, kind := range typeNames() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, "things", thingsAs(kind))
			content := encode(t, thing("null", nil), thing("undefined", bson.Undefined{}), bson.D{{Key: "_id", Value: "missing"}})
			d.write("chain/things.bson", content)
			readable(t, d.load())
			same(t, "things", d.query("select * from raw.things order by id"), []string{`{"id":"missing","v":null}`, `{"id":"null","v":null}`, `{"id":"undefined","v":null}`})

			d = newDesk(t, "things", thingsAs(kind+" not null"))
			d.write("chain/things.bson", content)
			readable(t, d.load())
			same(t, "things", d.query("select * from raw.things"), []string(nil))
			same(t, "rejects", d.query("select line, document_id as id, field, reason, content from raw.rejects order by line"), []string{
				`{"line":1,"id":"null","field":"v","reason":"is missing","content":"{\"_id\":\"null\",\"v\":null}"}`,
				`{"line":2,"id":"undefined","field":"v","reason":"is missing","content":"{\"_id\":\"undefined\",\"v\":{\"$undefined\":true}}"}`,
				`{"line":3,"id":"missing","field":"v","reason":"is missing","content":"{\"_id\":\"missing\"}"}`,
			})
		})
	}
}

// rawThing has a text that the driver would not write.
func rawThing(id, content string) []byte {
	return bsoncore.BuildDocument(nil, bsoncore.AppendStringElement(bsoncore.AppendStringElement(nil, "_id", id), "v", content))
}

func TestTextThatIsNoUTF8IsRejected(t *testing.T) {
	nested := bsoncore.BuildDocument(nil, bsoncore.AppendDocumentElement(bsoncore.AppendStringElement(nil, "_id", "key"), "v",
		bsoncore.BuildDocument(nil, bsoncore.AppendInt32Element(nil, "\xff", 1))))
	reasons := texts{"varchar": `is "a\xffb", which is no UTF-8`, "kind": `is "a\xffb", which is no UTF-8`,
		"address": `is "a\xffb", which is no UTF-8`, "json": "holds a text that is no UTF-8", "double": `is "a\xffb", not a number`}
	for kind, reason := range reasons {
		d := newDesk(t, "things", thingsAs(kind))
		// The _id of the last document is itself no UTF-8, and says so in the reject.
		d.write("chain/things.bson", joined([][]byte{rawThing("text", "a\xffb"), nested, rawThing("i\xffd", "x")}))
		readable(t, d.load())
		rejects := d.rejected()
		same(t, kind, rejects["text"].reason, reason)
		same(t, kind, rejects["text"].content, "{\"_id\":\"text\",\"v\":\"a\ufffdb\"}")
		same(t, kind, rejects["i\ufffdd"].content, "{\"_id\":\"i\ufffdd\",\"v\":\"x\"}")
		if kind == "json" {
			same(t, kind, rejects["key"].reason, reason)
		}
	}
	// The replacement character itself is a character like others.
	d := newDesk(t, "things", thingsAs("json"))
	d.write("chain/things.bson", rawThing("x", "a\ufffdb"))
	readable(t, d.load())
	same(t, "things", d.texts("select v from raw.things"), []string{"\"a\ufffdb\""})
}

func TestKeysOfEveryTypeAreNamed(t *testing.T) {
	d := newDesk(t, "things", thingsAs("boolean"))
	id := bson.ObjectID{0xab}
	whole := encode(t, bson.D{{Key: "_id", Value: "a\x00'b"}, {Key: "v", Value: true}}, bson.D{{Key: "_id", Value: id}, {Key: "v", Value: true}},
		bson.D{{Key: "_id", Value: id}, {Key: "v", Value: "x"}}, bson.D{{Key: "_id", Value: "c\x00'd"}, {Key: "v", Value: "x"}},
		bson.D{{Key: "_id", Value: int64(5)}, {Key: "v", Value: true}}, bson.D{{Key: "_id", Value: bson.D{{Key: "k", Value: int32(1)}}}, {Key: "v", Value: true}},
		bson.D{{Key: "v", Value: true}})
	d.write("chain/things.bson", whole)
	readable(t, d.load())
	same(t, "things", d.query("select * from raw.things order by id"), []string{`{"id":"a\u0000'b","v":true}`, `{"id":"ab0000000000000000000000","v":true}`})
	same(t, "rejects", d.query("select line, document_id as id, field from raw.rejects order by line"), []string{
		`{"line":3,"id":"{\"$oid\":\"ab0000000000000000000000\"}","field":"v"}`, `{"line":4,"id":"c\u0000'd","field":"v"}`,
		`{"line":5,"id":"5","field":"_id"}`, `{"line":6,"id":"{\"k\":1}","field":"_id"}`, `{"line":7,"id":null,"field":"_id"}`,
	})
}

func TestPathsThroughValuesOfOtherTypes(t *testing.T) {
	d := newDesk(t, "things", `
collection = "things"
database = "chain"
about = "Things."
key = "id"
columns = [
    ["_id", "id", "varchar not null", "key"],
    ["v", "v", "json", "leaf and inner"],
    ["v.a", "a", "json", "leaf and inner"],
    ["v.a.b", "b", "bigint", "leaf"],
    ["v.a.b", "b_text", "json", "the same leaf again"],
    ["", "whole", "json", "the document"],
    ["#", "position", "bigint", "place"],
]`)
	d.write("chain/things.bson", encode(t, thing("deep", bson.D{{Key: "a", Value: bson.D{{Key: "b", Value: int32(5)}}}}), thing("text", "x"), thing("text a", bson.D{{Key: "a", Value: "x"}}),
		thing("array", bson.A{bson.D{{Key: "a", Value: 1}}}), thing("null", nil), thing("other", bson.D{{Key: "aa", Value: 1}, {Key: "a.b", Value: 2}})))
	readable(t, d.load())
	same(t, "things", d.query("select position as n, id, v, a, b, b_text from raw.things order by position"), []string{
		`{"n":1,"id":"deep","v":{"a":{"b":5}},"a":{"b":5},"b":5,"b_text":5}`, `{"n":2,"id":"text","v":"x","a":null,"b":null,"b_text":null}`,
		`{"n":3,"id":"text a","v":{"a":"x"},"a":"x","b":null,"b_text":null}`, `{"n":4,"id":"array","v":[{"a":1}],"a":null,"b":null,"b_text":null}`,
		`{"n":5,"id":"null","v":null,"a":null,"b":null,"b_text":null}`, `{"n":6,"id":"other","v":{"aa":1,"a.b":2},"a":null,"b":null,"b_text":null}`,
	})
	same(t, "whole", d.texts("select whole from raw.things where id = 'text'"), []string{`{"_id":"text","v":"x"}`})
}
