package mongo

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A kind is what a column holds and which BSON types reach it without loss.
type kind int

const (
	textKind    kind = iota // VARCHAR: strings; ObjectIDs as hex
	integerKind             // BIGINT: int32, int64, and doubles, strings and Decimal128 that are whole numbers
	doubleKind              // DOUBLE: double, int32, int64 up to 2^53, Decimal128 and strings with a number
	dayKind                 // DATE: strings YYYY-MM-DD
	timeKind                // TIMESTAMP (UTC): BSON dates
)

func (k kind) arrow() arrow.DataType {
	switch k {
	case integerKind:
		return arrow.PrimitiveTypes.Int64
	case doubleKind:
		return arrow.PrimitiveTypes.Float64
	case dayKind:
		return arrow.FixedWidthTypes.Date32
	case timeKind:
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	}
	return arrow.BinaryTypes.String
}

// decoder brings documents of one collection into columns, walking each document once.
type decoder struct {
	collection collection
	builder    *array.RecordBuilder
	// top finds mappings by the first word of their path.
	top map[string][]int
	// values of the document at work, by mapping; Type 0 is missing.
	values  []bsoncore.Value
	rejects []engine.Reject
}

func newDecoder(c collection) *decoder {
	d := &decoder{collection: c, top: map[string][]int{}, values: make([]bsoncore.Value, len(c.fields))}
	var fields []arrow.Field
	for i, m := range c.fields {
		fields = append(fields, arrow.Field{Name: m.column, Type: m.kind.arrow(), Nullable: true})
		first, _, _ := strings.Cut(m.path, ".")
		d.top[first] = append(d.top[first], i)
	}
	d.builder = array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	return d
}

// fieldError says which field of a document cannot be kept, and why.
type fieldError struct {
	field  string
	reason error
}

func (e *fieldError) Error() string { return e.field + ": " + e.reason.Error() }

// add decodes the document with the given ordinal (from 1). What cannot be kept becomes a reject.
func (d *decoder) add(document bsoncore.Document, ordinal int64, file string) error {
	if err := d.walk(document); err != nil {
		return err
	}
	values := make([]any, len(d.values))
	for i, m := range d.collection.fields {
		if m.path == "#" {
			values[i] = ordinal
			continue
		}
		var problem error
		if values[i], problem = convert(d.values[i], m); problem != nil {
			d.reject(document, ordinal, file, &fieldError{m.path, problem})
			return nil
		}
	}
	for i, value := range values {
		appendValue(d.builder.Field(i), value)
	}
	return nil
}

func (d *decoder) walk(document bsoncore.Document) error {
	clear(d.values)
	elements, err := document.Elements()
	if err != nil {
		return err
	}
	for _, element := range elements {
		for _, i := range d.top[element.Key()] {
			_, rest, nested := strings.Cut(d.collection.fields[i].path, ".")
			value := element.Value()
			if nested {
				inner, ok := value.DocumentOK()
				if !ok {
					continue
				}
				if value, err = inner.LookupErr(strings.Split(rest, ".")...); err != nil {
					continue
				}
			}
			d.values[i] = value
		}
	}
	return nil
}

func (d *decoder) reject(document bsoncore.Document, ordinal int64, file string, problem *fieldError) {
	content, err := bson.MarshalExtJSON(bson.Raw(document), false, false)
	if err != nil {
		content = []byte(document.String())
	}
	d.rejects = append(d.rejects, engine.Reject{File: file, Line: ordinal, DocumentID: idText(document), Field: problem.field,
		Reason: problem.reason.Error(), Content: string(content)})
}

// idText is the `_id` as people write it.
func idText(document bsoncore.Document) string {
	value, err := document.LookupErr("_id")
	if err != nil {
		return ""
	}
	if text, ok := value.StringValueOK(); ok {
		return text
	}
	return value.String()
}

var errMissing = errors.New("is missing")

// convert gives the value a column holds (nil, string, int64, float64, arrow.Date32, arrow.Timestamp), without loss.
func convert(value bsoncore.Value, m mapping) (any, error) {
	if value.Type == 0 || value.Type == bsoncore.TypeNull || value.Type == bsoncore.TypeUndefined {
		if m.required {
			return nil, errMissing
		}
		return nil, nil
	}
	switch m.kind {
	case integerKind:
		return toInteger(value)
	case doubleKind:
		return toDouble(value)
	case dayKind:
		return toDay(value)
	case timeKind:
		millis, ok := value.DateTimeOK()
		if !ok {
			return nil, wrongType(value, "a date")
		}
		if millis > math.MaxInt64/1000 || millis < math.MinInt64/1000 {
			return nil, fmt.Errorf("the date %d ms is out of range", millis)
		}
		return arrow.Timestamp(millis * 1000), nil
	}
	return toText(value)
}

func wrongType(value bsoncore.Value, wanted string) error {
	return fmt.Errorf("is %s, not %s", value.Type, wanted)
}

func toText(value bsoncore.Value) (any, error) {
	if text, ok := value.StringValueOK(); ok {
		return text, nil
	}
	if text, ok := value.SymbolOK(); ok {
		return text, nil
	}
	if id, ok := value.ObjectIDOK(); ok {
		return fmt.Sprintf("%x", id[:]), nil
	}
	return nil, wrongType(value, "a string")
}

func toInteger(value bsoncore.Value) (any, error) {
	switch value.Type {
	case bsoncore.TypeInt32:
		return int64(value.Int32()), nil
	case bsoncore.TypeInt64:
		return value.Int64(), nil
	case bsoncore.TypeDouble:
		number := value.Double()
		// 2^63 itself does not fit.
		if number != math.Trunc(number) || number < math.MinInt64 || number >= math.MaxInt64 {
			return nil, fmt.Errorf("is the double %v, not a whole number", number)
		}
		return int64(number), nil
	case bsoncore.TypeString:
		number, err := strconv.ParseInt(value.StringValue(), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("is the string %q, not a whole number", value.StringValue())
		}
		return number, nil
	case bsoncore.TypeDecimal128:
		return decimalInteger(value)
	}
	return nil, wrongType(value, "a whole number")
}

func decimalInteger(value bsoncore.Value) (any, error) {
	high, low := value.Decimal128()
	decimal := bson.NewDecimal128(high, low)
	digits, exponent, err := decimal.BigInt()
	if err == nil && exponent < 0 {
		var rest big.Int
		digits, _ = digits.QuoRem(digits, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-exponent)), nil), &rest)
		if rest.Sign() != 0 {
			err = errors.New("fraction")
		}
	}
	if err == nil && exponent > 0 {
		digits.Mul(digits, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil))
	}
	if err != nil || !digits.IsInt64() {
		return nil, fmt.Errorf("is the decimal %s, not a whole number up to 2^63", decimal)
	}
	return digits.Int64(), nil
}

// exactInDouble is the largest range of integers that a double holds without gaps.
const exactInDouble = 1 << 53

func toDouble(value bsoncore.Value) (any, error) {
	switch value.Type {
	case bsoncore.TypeDouble:
		return value.Double(), nil
	case bsoncore.TypeInt32:
		return float64(value.Int32()), nil
	case bsoncore.TypeInt64:
		number := value.Int64()
		if number > exactInDouble || number < -exactInDouble {
			return nil, fmt.Errorf("is %d, which no double holds exactly", number)
		}
		return float64(number), nil
	case bsoncore.TypeString, bsoncore.TypeDecimal128:
		text, ok := value.StringValueOK()
		if !ok {
			high, low := value.Decimal128()
			text = bson.NewDecimal128(high, low).String()
		}
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("is %q, not a number", text)
		}
		return number, nil
	}
	return nil, wrongType(value, "a number")
}

func toDay(value bsoncore.Value) (any, error) {
	text, ok := value.StringValueOK()
	if !ok {
		return nil, wrongType(value, "a string YYYY-MM-DD")
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return nil, fmt.Errorf("is %q, not a day YYYY-MM-DD", text)
	}
	return arrow.Date32(day.Unix() / 86400), nil
}

func appendValue(builder array.Builder, value any) {
	switch value := value.(type) {
	case string:
		builder.(*array.StringBuilder).Append(value)
	case int64:
		builder.(*array.Int64Builder).Append(value)
	case float64:
		builder.(*array.Float64Builder).Append(value)
	case arrow.Date32:
		builder.(*array.Date32Builder).Append(value)
	case arrow.Timestamp:
		builder.(*array.TimestampBuilder).Append(value)
	default:
		builder.AppendNull()
	}
}
