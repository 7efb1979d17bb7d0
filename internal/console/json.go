package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/duckdb/duckdb-go/v2"
)

// appendJSON writes a value as JSON. Numbers are numbers with all their digits, NaN and infinities are null, dates, times
// and blobs are the text of the other formats.
func appendJSON(out []byte, value any, info duckdb.TypeInfo) []byte {
	switch v := value.(type) {
	case nil:
		return append(out, "null"...)
	case bool:
		return strconv.AppendBool(out, v)
	case int8, int16, int32, int64, uint8, uint16, uint32, uint64:
		return fmt.Append(out, v)
	case float32:
		return appendFloat(out, float64(v), 32)
	case float64:
		return appendFloat(out, v, 64)
	case duckdb.Decimal:
		return append(out, decimalText(v)...)
	case *big.Int:
		return v.Append(out, 10)
	case []any:
		return appendArray(out, v, child(info))
	case map[string]any:
		return appendStruct(out, v, info)
	case duckdb.OrderedMap:
		return appendMap(out, v, info)
	case duckdb.Union:
		return appendJSON(out, v.Value, tagged(info, v.Tag))
	}
	return appendString(out, valueText(value, info))
}

func appendFloat(out []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(out, "null"...)
	}
	return append(out, floatText(v, bits)...)
}

func appendArray(out []byte, values []any, info duckdb.TypeInfo) []byte {
	out = append(out, '[')
	for i, one := range values {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendJSON(out, one, info)
	}
	return append(out, ']')
}

func appendStruct(out []byte, values map[string]any, info duckdb.TypeInfo) []byte {
	out = append(out, '{')
	for i, entry := range entries(info) {
		out = appendKey(out, i, entry.Name())
		out = appendJSON(out, values[entry.Name()], entry.Info())
	}
	return append(out, '}')
}

func appendMap(out []byte, m duckdb.OrderedMap, info duckdb.TypeInfo) []byte {
	key, item := pair(info)
	values := m.Values()
	out = append(out, '{')
	for i, one := range m.Keys() {
		out = appendKey(out, i, valueText(one, key))
		out = appendJSON(out, values[i], item)
	}
	return append(out, '}')
}

// appendKey writes the comma before all members but the first, the key and its colon.
func appendKey(out []byte, position int, key string) []byte {
	if position > 0 {
		out = append(out, ',')
	}
	return append(appendString(out, key), ':')
}

// appendString leaves <, > and & as they are.
func appendString(out []byte, s string) []byte {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return append(out, "null"...)
	}
	return append(out, bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))...)
}

// appendRaw writes text that DuckDB says is JSON on one line, and as a string should it be none.
func appendRaw(out []byte, s string) []byte {
	var buffer bytes.Buffer
	if err := json.Compact(&buffer, []byte(s)); err != nil {
		return appendString(out, s)
	}
	return append(out, buffer.Bytes()...)
}
