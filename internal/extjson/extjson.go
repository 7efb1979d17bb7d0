// Package extjson writes BSON as relaxed Extended JSON v2, straight from its bytes.
package extjson

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// Append appends a document as relaxed Extended JSON v2 on one line, without building anything in between.
func Append(dst []byte, document bsoncore.Document) ([]byte, error) {
	return appendElements(dst, document, false)
}

// AppendValue appends one value.
func AppendValue(dst []byte, value bsoncore.Value) ([]byte, error) {
	return appendJSONValue(dst, value)
}

func appendElements(dst, document []byte, isArray bool) ([]byte, error) {
	open, end := byte('{'), byte('}')
	if isArray {
		open, end = '[', ']'
	}
	dst = append(dst, open)
	_, rest, ok := bsoncore.ReadLength(document)
	if !ok {
		return dst, fmt.Errorf("a damaged document")
	}
	for first := true; len(rest) > 1; first = false {
		element, after, ok := bsoncore.ReadElement(rest)
		if !ok {
			return dst, fmt.Errorf("a damaged element")
		}
		rest = after
		if !first {
			dst = append(dst, ',')
		}
		if !isArray {
			dst = append(appendText(dst, element.Key()), ':')
		}
		var err error
		if dst, err = appendJSONValue(dst, element.Value()); err != nil {
			return dst, fmt.Errorf("field %s: %w", element.Key(), err)
		}
	}
	return append(dst, end), nil
}

func appendJSONValue(dst []byte, value bsoncore.Value) ([]byte, error) {
	switch value.Type {
	case bsoncore.TypeString:
		text, ok := value.StringValueOK()
		if !ok {
			return dst, errors.New("a damaged text")
		}
		return appendText(dst, text), nil
	case bsoncore.TypeInt32:
		return strconv.AppendInt(dst, int64(value.Int32()), 10), nil
	case bsoncore.TypeInt64:
		return strconv.AppendInt(dst, value.Int64(), 10), nil
	case bsoncore.TypeDouble:
		return appendDouble(dst, value.Double()), nil
	case bsoncore.TypeBoolean:
		return strconv.AppendBool(dst, value.Boolean()), nil
	case bsoncore.TypeNull:
		return append(dst, "null"...), nil
	case bsoncore.TypeEmbeddedDocument:
		return appendElements(dst, value.Data, false)
	case bsoncore.TypeArray:
		return appendElements(dst, value.Data, true)
	case bsoncore.TypeDateTime:
		return appendDate(dst, value.DateTime()), nil
	case bsoncore.TypeObjectID:
		id := value.ObjectID()
		return append(append(append(dst, `{"$oid":"`...), hex.EncodeToString(id[:])...), `"}`...), nil
	case bsoncore.TypeDecimal128:
		high, low := value.Decimal128()
		return append(append(append(dst, `{"$numberDecimal":"`...), bson.NewDecimal128(high, low).String()...), `"}`...), nil
	case bsoncore.TypeBinary:
		kind, data, ok := value.BinaryOK()
		if !ok {
			return dst, errors.New("a damaged binary")
		}
		return fmt.Appendf(dst, `{"$binary":{"base64":"%s","subType":"%02x"}}`, base64.StdEncoding.EncodeToString(data), kind), nil
	}
	return appendRare(dst, value)
}

// appendRare leaves types that hardly occur (regular expressions, code, timestamps, …) to the driver.
func appendRare(dst []byte, value bsoncore.Value) ([]byte, error) {
	text, err := bson.MarshalExtJSON(bson.D{{Key: "v", Value: bson.RawValue{Type: bson.Type(value.Type), Value: value.Data}}}, false, false)
	if err != nil {
		return dst, err
	}
	// The driver does not escape what names and patterns of these types should not hold.
	if !utf8.Valid(text) || !json.Valid(text) {
		return dst, fmt.Errorf("a %s that is no text", value.Type)
	}
	return append(dst, text[len(`{"v":`):len(text)-1]...), nil
}

// appendDouble writes the shortest text that reads back as the same double, and so that it is seen to be one.
func appendDouble(dst []byte, number float64) []byte {
	switch {
	case math.IsNaN(number):
		return append(dst, `{"$numberDouble":"NaN"}`...)
	case math.IsInf(number, 1):
		return append(dst, `{"$numberDouble":"Infinity"}`...)
	case math.IsInf(number, -1):
		return append(dst, `{"$numberDouble":"-Infinity"}`...)
	}
	start := len(dst)
	format := byte('f')
	if size := math.Abs(number); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'g'
	}
	dst = strconv.AppendFloat(dst, number, format, -1, 64)
	for _, c := range dst[start:] {
		if c == '.' || c == 'e' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

func appendDate(dst []byte, millis int64) []byte {
	at := time.UnixMilli(millis).UTC()
	if at.Year() < 1970 || at.Year() > 9999 {
		return fmt.Appendf(dst, `{"$date":{"$numberLong":"%d"}}`, millis)
	}
	layout := "2006-01-02T15:04:05Z"
	if millis%1000 != 0 {
		layout = "2006-01-02T15:04:05.000Z"
	}
	return append(at.AppendFormat(append(dst, `{"$date":"`...), layout), `"}`...)
}

const hexDigits = "0123456789abcdef"

// appendText writes a JSON string. Bytes that are no UTF-8 become the replacement character.
func appendText(dst []byte, text string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, text[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
			i++
			continue
		}
		dst = append(dst, text[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, text[start:]...), '"')
}
