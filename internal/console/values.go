package console

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// null is how a missing value looks in every format for people.
const null = "NULL"

// valueText is a value as DuckDB would cast it to VARCHAR, except for blobs: those are lower-case hex, as hashes are.
func valueText(value any, info duckdb.TypeInfo) string {
	switch v := value.(type) {
	case nil:
		return null
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float32:
		return floatText(float64(v), 32)
	case float64:
		return floatText(v, 64)
	case duckdb.Decimal:
		return decimalText(v)
	case *big.Int:
		return v.String()
	case []byte:
		return bytesText(v, info)
	case time.Time:
		return timeText(v, info)
	case duckdb.Interval:
		return intervalText(v)
	case duckdb.Bit:
		return v.String()
	}
	return nestedText(value, info)
}

func nestedText(value any, info duckdb.TypeInfo) string {
	switch v := value.(type) {
	case []any:
		parts := make([]string, 0, len(v))
		for _, one := range v {
			parts = append(parts, member(one, child(info)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, entry := range entries(info) {
			parts = append(parts, quoted(entry.Name())+": "+member(v[entry.Name()], entry.Info()))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case duckdb.OrderedMap:
		var parts []string
		key, item := pair(info)
		values := v.Values()
		for i, one := range v.Keys() {
			parts = append(parts, member(one, key)+"="+member(values[i], item))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case duckdb.Union:
		return valueText(v.Value, tagged(info, v.Tag))
	}
	return fmt.Sprint(value)
}

// member is a value inside a list, struct or map: text that could be mistaken for something else is quoted.
func member(value any, info duckdb.TypeInfo) string {
	out := valueText(value, info)
	switch value.(type) {
	case nil, []any, map[string]any, duckdb.OrderedMap:
		return out
	case duckdb.Union:
		return out
	}
	if needsQuotes(out) {
		return quoted(out)
	}
	return out
}

func needsQuotes(s string) bool {
	return s == "" || strings.EqualFold(s, null) || s[0] == ' ' || s[len(s)-1] == ' ' || strings.ContainsAny(s, `'",:()[]{}=`)
}

func quoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// child is the type of a list's or array's values.
func child(info duckdb.TypeInfo) duckdb.TypeInfo {
	if info == nil {
		return nil
	}
	switch details := info.Details().(type) {
	case *duckdb.ListDetails:
		return details.Child
	case *duckdb.ArrayDetails:
		return details.Child
	}
	return nil
}

func entries(info duckdb.TypeInfo) []duckdb.StructEntry {
	if info == nil {
		return nil
	}
	if details, ok := info.Details().(*duckdb.StructDetails); ok {
		return details.Entries
	}
	return nil
}

// pair is the types of a map's keys and values.
func pair(info duckdb.TypeInfo) (key, value duckdb.TypeInfo) {
	if info == nil {
		return nil, nil
	}
	if details, ok := info.Details().(*duckdb.MapDetails); ok {
		return details.Key, details.Value
	}
	return nil, nil
}

// tagged is the type of a union's member.
func tagged(info duckdb.TypeInfo, tag string) duckdb.TypeInfo {
	if info == nil {
		return nil
	}
	if details, ok := info.Details().(*duckdb.UnionDetails); ok {
		for _, one := range details.Members {
			if one.Name == tag {
				return one.Type
			}
		}
	}
	return nil
}

// floatText is the shortest text that reads back as the same number. As in DuckDB, whole numbers keep their ".0".
func floatText(v float64, bits int) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(v, 'f', -1, bits)), "+")
	}
	size := math.Abs(v)
	if size != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.FormatFloat(v, 'e', -1, bits)
	}
	out := strconv.FormatFloat(v, 'f', -1, bits)
	if !strings.Contains(out, ".") {
		out += ".0"
	}
	return out
}

// decimalText keeps all digits of the scale; the driver's own String drops zeros at the end.
func decimalText(d duckdb.Decimal) string {
	digits, scale := new(big.Int).Abs(d.Value).String(), int(d.Scale)
	if scale > 0 {
		if missing := scale + 1 - len(digits); missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if d.Value.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

func bytesText(v []byte, info duckdb.TypeInfo) string {
	if info != nil && info.InternalType() == duckdb.TYPE_UUID && len(v) == len(duckdb.UUID{}) {
		id := duckdb.UUID(v)
		return id.String()
	}
	return hex.EncodeToString(v)
}

func timeText(t time.Time, info duckdb.TypeInfo) string {
	if info == nil {
		return t.Format("2006-01-02 15:04:05.999999999")
	}
	switch info.InternalType() {
	case duckdb.TYPE_DATE:
		return dateText(t)
	case duckdb.TYPE_TIMESTAMP_TZ:
		return stampText(t, "+00")
	}
	return stampText(t, "")
}

func dateText(t time.Time) string {
	switch days := t.Unix() / 86400; days {
	case math.MaxInt32:
		return "infinity"
	case -math.MaxInt32:
		return "-infinity"
	}
	return yearFirst(t, "-01-02")
}

func stampText(t time.Time, zone string) string {
	switch t {
	case time.UnixMicro(math.MaxInt64).UTC(), time.Unix(math.MaxInt64, 0).UTC(), time.UnixMilli(math.MaxInt64).UTC(), time.Unix(0, math.MaxInt64).UTC():
		return "infinity"
	case time.UnixMicro(-math.MaxInt64).UTC(), time.Unix(-math.MaxInt64, 0).UTC(), time.UnixMilli(-math.MaxInt64).UTC(), time.Unix(0, -math.MaxInt64).UTC():
		return "-infinity"
	}
	return yearFirst(t, "-01-02 15:04:05.999999999"+zone)
}

// yearFirst counts the years before year 1 backwards: Go's year 0 is 1 BC.
func yearFirst(t time.Time, rest string) string {
	if t.Year() <= 0 {
		return fmt.Sprintf("%04d", 1-t.Year()) + t.Format(rest) + " (BC)"
	}
	return fmt.Sprintf("%04d", t.Year()) + t.Format(rest)
}

func intervalText(v duckdb.Interval) string {
	var parts []string
	add := func(n int64, unit string) {
		if n != 0 {
			plural := ""
			if n != 1 && n != -1 {
				plural = "s"
			}
			parts = append(parts, fmt.Sprintf("%d %s%s", n, unit, plural))
		}
	}
	add(int64(v.Months/12), "year")
	add(int64(v.Months%12), "month")
	add(int64(v.Days), "day")
	if v.Micros != 0 || len(parts) == 0 {
		parts = append(parts, clockText(v.Micros))
	}
	return strings.Join(parts, " ")
}

func clockText(micros int64) string {
	sign, rest := "", uint64(micros)
	if micros < 0 {
		sign, rest = "-", -rest
	}
	seconds, fraction := rest/1e6, rest%1e6
	out := fmt.Sprintf("%s%02d:%02d:%02d", sign, seconds/3600, seconds/60%60, seconds%60)
	if fraction > 0 {
		out += strings.TrimRight(fmt.Sprintf(".%06d", fraction), "0")
	}
	return out
}
