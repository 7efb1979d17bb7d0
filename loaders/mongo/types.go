package mongo

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/internal/extjson"
)

// A Type is what a column holds and which BSON types reach it without loss.
type Type int

// Types of columns, by their names in sql/raw.
const (
	Varchar   Type = iota // strings; ObjectIDs as hex
	Word                  // strings that recur
	Kind                  // strings of which there are few; one that was never seen before is told
	Address               // strings that recur, as integers: ids in raw.addresses
	Hash                  // strings of 64 hex digits, as 32 bytes
	Bigint                // int32, int64; doubles, strings and Decimal128 that are whole numbers
	Hugeint               // the same, up to 38 digits
	Double                // double; int32, int64, Decimal128 and strings with a number that a double keeps
	Boolean               // true, false
	Date                  // strings YYYY-MM-DD
	Timestamp             // BSON dates, UTC
	JSON                  // anything, as relaxed Extended JSON
)

func typeNames() []string {
	return []string{"varchar", "word", "kind", "address", "hash", "bigint", "hugeint", "double", "boolean", "date", "timestamp", "json"}
}

func typeOf(name string) (Type, bool) {
	at := slices.Index(typeNames(), name)
	return Type(at), at >= 0
}

// sql is the column's type in the warehouse, as DuckDB writes it.
func (t Type) sql() string {
	return []string{"VARCHAR", "VARCHAR", "VARCHAR", "INTEGER", "BLOB", "BIGINT", "HUGEINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP", "JSON"}[t]
}

// compression is how the warehouse stores the column, where it is known what serves: hashes are noise, words recur, JSON
// texts are like each other. Else DuckDB finds out.
func (t Type) compression() string {
	switch t {
	case Hash:
		return "uncompressed"
	case Word, Kind:
		return "dictionary"
	case JSON:
		return "fsst"
	}
	return ""
}

// arrow is the type on the way there.
func (t Type) arrow() arrow.DataType {
	switch t {
	case Word, Kind:
		return &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	case Address:
		return arrow.PrimitiveTypes.Int32
	case Hash:
		return arrow.BinaryTypes.Binary
	case Bigint:
		return arrow.PrimitiveTypes.Int64
	case Hugeint:
		return &arrow.FixedSizeBinaryType{ByteWidth: 16}
	case Double:
		return arrow.PrimitiveTypes.Float64
	case Boolean:
		return arrow.FixedWidthTypes.Boolean
	case Date:
		return arrow.FixedWidthTypes.Date32
	case Timestamp:
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	}
	return arrow.BinaryTypes.String
}

// extension names DuckDB's own type where Arrow's would be converted, value by value.
func (t Type) extension() arrow.Metadata {
	switch t {
	case Hugeint:
		return arrow.NewMetadata([]string{"ARROW:extension:name", "ARROW:extension:metadata"}, []string{"arrow.opaque", `{"type_name":"hugeint","vendor_name":"DuckDB"}`})
	case JSON:
		return arrow.NewMetadata([]string{"ARROW:extension:name", "ARROW:extension:metadata"}, []string{"arrow.json", ""})
	}
	return arrow.Metadata{}
}

// value is a field's BSON type and bytes, within the document; type 0 is missing.
type value struct {
	kind bsoncore.Type
	data []byte
}

func (v value) core() bsoncore.Value { return bsoncore.Value{Type: v.kind, Data: v.data} }

var errMissing = errors.New("is missing")

// isNull: the field has no value, whatever its type would be.
func (v value) isNull() bool {
	return v.kind == 0 || v.kind == bsoncore.TypeNull || v.kind == bsoncore.TypeUndefined
}

func wrongType(v value, wanted string) error { return fmt.Errorf("is %s, not %s", v.kind, wanted) }

// text is a string's bytes, without copying.
func (v value) text() []byte { return v.data[4 : len(v.data)-1] }

func toText(v value) ([]byte, error) {
	switch v.kind {
	case bsoncore.TypeString, bsoncore.TypeSymbol:
		if !utf8.Valid(v.text()) {
			return nil, fmt.Errorf("is %.80q, which is no UTF-8", v.text())
		}
		return v.text(), nil
	case bsoncore.TypeObjectID:
		return hex.AppendEncode(nil, v.data), nil
	}
	return nil, wrongType(v, "a string")
}

// appendString appends a string as it is.
func appendString(dst []byte, v value) ([]byte, error) {
	text, err := toText(v)
	return append(dst, text...), err
}

// appendHash appends the bytes of 64 hex digits.
func appendHash(dst []byte, v value) ([]byte, error) {
	text, err := toText(v)
	if err != nil {
		return nil, err
	}
	out, err := hex.AppendDecode(dst, text)
	// An upper case digit would come back in lower case.
	if err != nil || len(text) != 64 || bytes.ContainsAny(text, "ABCDEF") {
		return nil, fmt.Errorf("is %.80q, not 64 hex digits in lower case", text)
	}
	return out, nil
}

// appendJSON appends any value as relaxed Extended JSON.
func appendJSON(dst []byte, v value) ([]byte, error) {
	out, err := extjson.AppendValue(dst, v.core())
	if err != nil {
		return nil, err
	}
	if replaced(out[len(dst):]) && !validTexts(v.core()) {
		return nil, errors.New("holds a text that is no UTF-8")
	}
	return out, nil
}

// replaced reports whether bytes that are no UTF-8 may have become the replacement character: the driver escapes it.
func replaced(text []byte) bool {
	return bytes.Contains(text, []byte(string(utf8.RuneError))) || bytes.Contains(text, []byte(`\ufffd`))
}

// validTexts reports whether all keys and strings in a value are UTF-8.
func validTexts(v bsoncore.Value) bool {
	switch v.Type {
	case bsoncore.TypeString, bsoncore.TypeSymbol, bsoncore.TypeJavaScript:
		return utf8.Valid(v.Data[4 : len(v.Data)-1])
	case bsoncore.TypeRegex:
		return utf8.Valid(v.Data)
	case bsoncore.TypeEmbeddedDocument, bsoncore.TypeArray:
		elements, err := bsoncore.Document(v.Data).Elements()
		return err == nil && !slices.ContainsFunc(elements, func(e bsoncore.Element) bool {
			return !utf8.ValidString(e.Key()) || !validTexts(e.Value())
		})
	}
	return true
}

func toInteger(v value) (int64, error) {
	switch v.kind {
	case bsoncore.TypeInt32:
		return int64(v.core().Int32()), nil
	case bsoncore.TypeInt64:
		return v.core().Int64(), nil
	}
	whole, err := toWhole(v)
	if err != nil {
		return 0, err
	}
	if !whole.IsInt64() {
		return 0, fmt.Errorf("is %s, more than 64 bits hold", short(whole))
	}
	return whole.Int64(), nil
}

func toHuge(v value) (decimal128.Num, error) {
	switch v.kind {
	case bsoncore.TypeInt32:
		return decimal128.FromI64(int64(v.core().Int32())), nil
	case bsoncore.TypeInt64:
		return decimal128.FromI64(v.core().Int64()), nil
	}
	whole, err := toWhole(v)
	if err != nil {
		return decimal128.Num{}, err
	}
	if whole.CmpAbs(power(38)) >= 0 {
		return decimal128.Num{}, fmt.Errorf("is %s, more than 38 digits", short(whole))
	}
	return decimal128.FromBigInt(whole), nil
}

// longestNumber bounds texts that are read as numbers.
const longestNumber = 400

// toWhole reads doubles, strings and Decimal128 that are whole numbers.
func toWhole(v value) (*big.Int, error) {
	switch v.kind {
	case bsoncore.TypeDouble:
		number := v.core().Double()
		if math.IsInf(number, 0) || number != math.Trunc(number) {
			return nil, fmt.Errorf("is the double %v, not a whole number", number)
		}
		whole, _ := big.NewFloat(number).Int(nil)
		return whole, nil
	case bsoncore.TypeString:
		text := v.text()
		number, ok := new(big.Int).SetString(string(text[:min(len(text), longestNumber)]), 10)
		if !ok || len(text) > longestNumber {
			return nil, fmt.Errorf("is the string %.80q, not a whole number", text)
		}
		return number, nil
	case bsoncore.TypeDecimal128:
		return decimalWhole(v)
	}
	return nil, wrongType(v, "a whole number")
}

func decimalWhole(v value) (*big.Int, error) {
	high, low := v.core().Decimal128()
	decimal := bson.NewDecimal128(high, low)
	digits, exponent, err := decimal.BigInt()
	if err == nil && exponent < 0 {
		var rest big.Int
		digits, _ = digits.QuoRem(digits, power(-exponent), &rest)
		if rest.Sign() != 0 {
			err = errors.New("fraction")
		}
	}
	if err == nil && exponent > 0 {
		digits.Mul(digits, power(exponent))
	}
	if err != nil {
		return nil, fmt.Errorf("is the decimal %s, not a whole number", decimal)
	}
	return digits, nil
}

// short is a number for people; a Decimal128 can have 6,145 digits.
func short(whole *big.Int) string {
	text := whole.String()
	if len(text) > 80 {
		text = text[:80] + "…"
	}
	return text
}

func power(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// exactInDouble is the largest range of integers that a double holds without gaps.
const exactInDouble = 1 << 53

func toDouble(v value) (float64, error) {
	switch v.kind {
	case bsoncore.TypeDouble:
		return v.core().Double(), nil
	case bsoncore.TypeInt32:
		return float64(v.core().Int32()), nil
	case bsoncore.TypeInt64:
		number := v.core().Int64()
		if number > exactInDouble || number < -exactInDouble {
			return 0, fmt.Errorf("is %d, which no double holds exactly", number)
		}
		return float64(number), nil
	case bsoncore.TypeString:
		return textDouble(string(v.text()))
	case bsoncore.TypeDecimal128:
		high, low := v.core().Decimal128()
		decimal := bson.NewDecimal128(high, low)
		if infinite := decimal.IsInf(); infinite != 0 {
			return math.Inf(infinite), nil
		}
		if decimal.IsNaN() {
			return math.NaN(), nil
		}
		return textDouble(decimal.String())
	}
	return 0, wrongType(v, "a number")
}

// textDouble reads a decimal number whose digits a double keeps: written again, it is the same number.
func textDouble(text string) (float64, error) {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || len(text) > longestNumber || strings.Trim(text, "+-0123456789.eE") != "" {
		return 0, fmt.Errorf("is %.80q, not a number", text)
	}
	if number == 0 {
		digits, _, _ := strings.Cut(strings.ToLower(text), "e")
		if strings.ContainsAny(digits, "123456789") {
			return 0, fmt.Errorf("is %.80q, which no double keeps", text)
		}
		return number, nil
	}
	wanted, _ := new(big.Rat).SetString(text)
	kept, _ := new(big.Rat).SetString(strconv.FormatFloat(number, 'g', -1, 64))
	if wanted.Cmp(kept) != 0 {
		return 0, fmt.Errorf("is %.80q, which no double keeps", text)
	}
	return number, nil
}

// toDay is in days since 1970-01-01.
func toDay(v value) (int32, error) {
	if v.kind != bsoncore.TypeString {
		return 0, wrongType(v, "a string YYYY-MM-DD")
	}
	day, err := time.Parse(time.DateOnly, string(v.text()))
	if err != nil {
		return 0, fmt.Errorf("is %.80q, not a day YYYY-MM-DD", v.text())
	}
	return int32(day.Unix() / 86400), nil
}

func toMicros(v value) (int64, error) {
	if v.kind != bsoncore.TypeDateTime {
		return 0, wrongType(v, "a date")
	}
	// DuckDB's timestamps reach from the year -290308 to 294247, a little less than microseconds in 64 bits do.
	const first = -9223372022400000
	millis := v.core().DateTime()
	if millis > math.MaxInt64/1000 || millis < first {
		return 0, fmt.Errorf("is the date %d ms, out of range", millis)
	}
	return millis * 1000, nil
}
