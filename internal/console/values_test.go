package console

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// values are an expression of every type of DuckDB, with its JSON. As text each must read as DuckDB's own cast to VARCHAR.
func values() map[string]string {
	return map[string]string{
		"true":                 "true",
		"null":                 "null",
		"(-128)::tinyint":      "-128",
		"32767::smallint":      "32767",
		"-2147483648":          "-2147483648",
		"9223372036854775807":  "9223372036854775807",
		"255::utinyint":        "255",
		"65535::usmallint":     "65535",
		"4294967295::uinteger": "4294967295",
		"18446744073709551615": "18446744073709551615",
		"(-170141183460469231731687303715884105728)::hugeint":                     "-170141183460469231731687303715884105728",
		"340282366920938463463374607431768211455::uhugeint":                       "340282366920938463463374607431768211455",
		"'-123456789012345678901234567890123456789012345678901234567890'::bignum": "-123456789012345678901234567890123456789012345678901234567890",
		"1234.5::decimal(18,6)":  "1234.500000",
		"(-0.005)::decimal(4,3)": "-0.005",
		"0::decimal(4,2)":        "0.00",
		"12::decimal(4,0)":       "12",
		"99999999999999999999999999999999.999999::decimal(38,6)": "99999999999999999999999999999999.999999",
		"0.1::float":            "0.1",
		"16777216::float":       "16777216.0",
		"1::double":             "1.0",
		"-0.0::double":          "-0.0",
		"0.1::double":           "0.1",
		"1e15::double":          "1000000000000000.0",
		"1e16::double":          "1e+16",
		"0.0001::double":        "0.0001",
		"0.00001::double":       "1e-05",
		"1e300::double":         "1e+300",
		"123456789.125::double": "123456789.125",
		"'nan'::double":         "null",
		"'-inf'::float":         "null",
		"'inf'::double":         "null",
		"'text <&> \"q\"'":      `"text <&> \"q\""`,
		"''":                    `""`,
		"'x'::enum('x', 'y')":   `"x"`,
		"'0101'::bit":           `"0101"`,
		"'5b1e8f10-0000-4000-8000-0000000000ff'::uuid":   `"5b1e8f10-0000-4000-8000-0000000000ff"`,
		"date '2021-06-09'":                              `"2021-06-09"`,
		"date '0044-03-15 (BC)'":                         `"0044-03-15 (BC)"`,
		"date '12345-01-01'":                             `"12345-01-01"`,
		"'infinity'::date":                               `"infinity"`,
		"'-infinity'::date":                              `"-infinity"`,
		"time '12:00:00.5'":                              `"12:00:00.5"`,
		"time '24:00:00'":                                `"24:00:00"`,
		"timetz '12:00:00.5+02:30'":                      `"12:00:00.5+02:30"`,
		"timestamp '2021-06-09 12:00:00'":                `"2021-06-09 12:00:00"`,
		"timestamp '2021-06-09 12:00:00.120000'":         `"2021-06-09 12:00:00.12"`,
		"timestamp '0044-03-15 (BC) 01:02:03'":           `"0044-03-15 (BC) 01:02:03"`,
		"'infinity'::timestamp":                          `"infinity"`,
		"'-infinity'::timestamptz":                       `"-infinity"`,
		"'infinity'::timestamp_s":                        `"infinity"`,
		"'infinity'::timestamp_ms":                       `"infinity"`,
		"'-infinity'::timestamp_ns":                      `"-infinity"`,
		"timestamp_s '2021-06-09 12:00:00'":              `"2021-06-09 12:00:00"`,
		"timestamp_ms '2021-06-09 12:00:00.123'":         `"2021-06-09 12:00:00.123"`,
		"timestamp_ns '2021-06-09 12:00:00.123456789'":   `"2021-06-09 12:00:00.123456789"`,
		"timestamptz '2021-06-09 12:00:00.5+02'":         `"2021-06-09 10:00:00.5+00"`,
		"interval '1 year 2 months 3 days 04:05:06.789'": `"1 year 2 months 3 days 04:05:06.789"`,
		"interval '-14 months'":                          `"-1 year -2 months"`,
		"interval '-04:00:00.5'":                         `"-04:00:00.5"`,
		"interval '0 days'":                              `"00:00:00"`,
		"[1, null, 3]":                                   "[1,null,3]",
		"[]::integer[]":                                  "[]",
		"[[1.50], []]":                                   "[[1.5],[]]",
		"[1, 2]::integer[2]":                             "[1,2]",
		"['a', 'b c', 'b,c', null, 'NULL', '', 'it''s', 'a\"b', 'x:y', ' a', 'a ', '[z', '{q', '(p', 'a=b', 'c\\d', 'c\\''d']": `["a","b c","b,c",null,"NULL","","it's","a\"b","x:y"," a","a ","[z","{q","(p","a=b","c\\d","c\\'d"]`,
		"[date '2021-06-09']":                                      `["2021-06-09"]`,
		"[timestamp '2021-06-09 12:00:00']":                        `["2021-06-09 12:00:00"]`,
		"[interval '1 day 01:00:00', interval '1 day']":            `["1 day 01:00:00","1 day"]`,
		"['5b1e8f10-0000-4000-8000-0000000000ff'::uuid]":           `["5b1e8f10-0000-4000-8000-0000000000ff"]`,
		"[true, false]":                                            "[true,false]",
		"['x']::enum('x', 'y')[]":                                  `["x"]`,
		"['0101'::bit]":                                            `["0101"]`,
		"[1::hugeint]":                                             "[1]",
		"[1::double, 'nan', '-inf']":                               "[1.0,null,null]",
		`{'a"': 'NaN\"', 'b': 'inf'::float}`:                       `{"a\"":"NaN\\\"","b":null}`,
		"{'b': 1, 'a b': 'x y', 'c': null, 'it''s': 'a:b'}":        `{"b":1,"a b":"x y","c":null,"it's":"a:b"}`,
		"{'b': {'z': date '2021-06-09', 'a': [1]}}":                `{"b":{"z":"2021-06-09","a":[1]}}`,
		"map {'b': 1.50, 'a=c': null}":                             `{"b":1.5,"a=c":null}`,
		"map {2: [1], 1: []}":                                      `{"2":[1],"1":[]}`,
		"map {date '2021-06-09': 1}":                               `{"2021-06-09":1}`,
		"map {1::hugeint: 1, 2: 3}":                                `{"1":1,"2":3}`,
		"map {[1]: 1}":                                             `{"[1]":1}`,
		"union_value(a := 'x')":                                    `{"a":"x"}`,
		"[union_value(a := 'x y:')]":                               `[{"a":"x y:"}]`,
		"row(1, 2)":                                                `{"":1,"":2}`,
		`'{"z": 123456789012345678901234567890, "a": 1.10}'::json`: `{"z":123456789012345678901234567890,"a":1.10}`,
		`'null'::json`:                                             `null`,
		`['{"a": 1}'::json]`:                                       `[{"a":1}]`,
		`{'j': '[1, 2]'::json}`:                                    `{"j":[1,2]}`,
	}
}

func TestTextIsDuckDBs(t *testing.T) {
	db := openDB(t)
	for expression := range values() {
		t.Run(expression, func(t *testing.T) {
			var want *string
			if err := db.QueryRow("select (" + expression + ")::varchar").Scan(&want); err != nil {
				t.Fatal(err)
			}
			got := strings.TrimSuffix(runOn(t, db, Options{Format: Line}, "select "+expression+" as v;"), "\n")
			shown := null
			if want != nil {
				shown = *want
			}
			if got != "v = "+shown {
				t.Errorf("got %s, DuckDB casts to %s", got, shown)
			}
		})
	}
}

func TestJSONValues(t *testing.T) {
	db := openDB(t)
	for expression, want := range values() {
		t.Run(expression, func(t *testing.T) {
			got := runOn(t, db, Options{Format: JSONL}, "select "+expression+" as v")
			if got != `{"v":`+want+"}\n" {
				t.Errorf("got %s, want %s", got, want)
			}
			if !json.Valid([]byte(got)) {
				t.Error("that is no JSON")
			}
		})
	}
}

// TestBlobsAreHex when they stand alone, and DuckDB's text inside of others.
func TestBlobsAreHex(t *testing.T) {
	db := openDB(t)
	const query = `select '\xAA\x00abc'::blob as a, ['\x01'::blob] as b`
	if got := runOn(t, db, Options{Format: CSV}, query); got != `a,b`+"\n"+`aa00616263,[\x01]`+"\n" {
		t.Errorf("got %s", got)
	}
	if got := runOn(t, db, Options{Format: JSONL}, query); got != `{"a":"aa00616263","b":["\\x01"]}`+"\n" {
		t.Errorf("got %s", got)
	}
}

// TestJSONOfOddTypes: what the driver cannot hand over still arrives.
func TestJSONOfOddTypes(t *testing.T) {
	db := openDB(t)
	got := runOn(t, db, Options{Format: JSON}, `select map {'\x01'::blob: 1} as m, 1 as a, 2 as a, '{
		"b": 1}'::json as j`)
	var rows []map[string]any
	if err := json.Unmarshal([]byte(got), &rows); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if len(rows) != 1 || rows[0]["a"] != 1.0 || rows[0]["a_1"] != 2.0 || bytes.Count([]byte(got), []byte("\n")) != 1 {
		t.Errorf("got %s", got)
	}
}
