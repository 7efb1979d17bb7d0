package console

import (
	"fmt"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// A field is a column of a result.
type field struct {
	name string
	// info is nil for types that the driver cannot describe.
	info duckdb.TypeInfo
	// raw: the values come as text that is JSON already.
	raw bool
}

// right: numbers stand to the right.
func (f field) right() bool {
	if f.info == nil {
		return false
	}
	switch f.info.InternalType() {
	case duckdb.TYPE_TINYINT, duckdb.TYPE_SMALLINT, duckdb.TYPE_INTEGER, duckdb.TYPE_BIGINT, duckdb.TYPE_HUGEINT,
		duckdb.TYPE_UTINYINT, duckdb.TYPE_USMALLINT, duckdb.TYPE_UINTEGER, duckdb.TYPE_UBIGINT, duckdb.TYPE_UHUGEINT,
		duckdb.TYPE_BIGNUM, duckdb.TYPE_FLOAT, duckdb.TYPE_DOUBLE, duckdb.TYPE_DECIMAL:
		return true
	}
	return false
}

func (f field) typeName() string { return typeName(f.info) }

// typeName is what DuckDB calls a type, in lower case and short: the members of structs and enums are left out.
func typeName(info duckdb.TypeInfo) string {
	if info == nil {
		return ""
	}
	if alias := info.Alias(); alias != "" {
		return strings.ToLower(alias)
	}
	switch details := info.Details().(type) {
	case *duckdb.DecimalDetails:
		return fmt.Sprintf("decimal(%d,%d)", details.Width, details.Scale)
	case *duckdb.ListDetails:
		return typeName(details.Child) + "[]"
	case *duckdb.ArrayDetails:
		return fmt.Sprintf("%s[%d]", typeName(details.Child), details.Size)
	case *duckdb.MapDetails:
		return fmt.Sprintf("map(%s, %s)", typeName(details.Key), typeName(details.Value))
	case *duckdb.StructDetails:
		return "struct"
	case *duckdb.UnionDetails:
		return "union"
	case *duckdb.EnumDetails:
		return "enum"
	}
	return scalarName(info.InternalType())
}

func scalarName(t duckdb.Type) string {
	switch t {
	case duckdb.TYPE_BOOLEAN:
		return "boolean"
	case duckdb.TYPE_TINYINT:
		return "tinyint"
	case duckdb.TYPE_SMALLINT:
		return "smallint"
	case duckdb.TYPE_INTEGER:
		return "integer"
	case duckdb.TYPE_BIGINT:
		return "bigint"
	case duckdb.TYPE_HUGEINT:
		return "hugeint"
	case duckdb.TYPE_UTINYINT:
		return "utinyint"
	case duckdb.TYPE_USMALLINT:
		return "usmallint"
	case duckdb.TYPE_UINTEGER:
		return "uinteger"
	case duckdb.TYPE_UBIGINT:
		return "ubigint"
	case duckdb.TYPE_UHUGEINT:
		return "uhugeint"
	case duckdb.TYPE_BIGNUM:
		return "bignum"
	case duckdb.TYPE_FLOAT:
		return "float"
	case duckdb.TYPE_DOUBLE:
		return "double"
	}
	return otherName(t)
}

func otherName(t duckdb.Type) string {
	switch t {
	case duckdb.TYPE_VARCHAR:
		return "varchar"
	case duckdb.TYPE_BLOB:
		return "blob"
	case duckdb.TYPE_BIT:
		return "bit"
	case duckdb.TYPE_UUID:
		return "uuid"
	case duckdb.TYPE_DATE:
		return "date"
	case duckdb.TYPE_TIME:
		return "time"
	case duckdb.TYPE_TIME_TZ:
		return "timetz"
	case duckdb.TYPE_TIMESTAMP:
		return "timestamp"
	case duckdb.TYPE_TIMESTAMP_S:
		return "timestamp_s"
	case duckdb.TYPE_TIMESTAMP_MS:
		return "timestamp_ms"
	case duckdb.TYPE_TIMESTAMP_NS:
		return "timestamp_ns"
	case duckdb.TYPE_TIMESTAMP_TZ:
		return "timestamptz"
	case duckdb.TYPE_INTERVAL:
		return "interval"
	}
	return ""
}

// lossy: the driver does not hand these values over as they are. It reads JSON into float64 and unordered maps, keeps
// one of several unnamed struct members, refuses maps whose keys Go cannot compare, folds 24:00:00 into 00:00:00, and
// does not know every type.
func lossy(info duckdb.TypeInfo) bool {
	if info == nil || info.Alias() != "" {
		return true
	}
	switch details := info.Details().(type) {
	case *duckdb.ListDetails:
		return lossy(details.Child)
	case *duckdb.ArrayDetails:
		return lossy(details.Child)
	case *duckdb.MapDetails:
		return !hashable(details.Key) || lossy(details.Key) || lossy(details.Value)
	case *duckdb.StructDetails:
		for _, entry := range details.Entries {
			if entry.Name() == "" || lossy(entry.Info()) {
				return true
			}
		}
	case *duckdb.UnionDetails:
		for _, member := range details.Members {
			if lossy(member.Type) {
				return true
			}
		}
	}
	switch info.InternalType() {
	case duckdb.TYPE_TIME, duckdb.TYPE_TIME_TZ, duckdb.TYPE_GEOMETRY, duckdb.TYPE_VARIANT, duckdb.TYPE_ANY:
		return true
	}
	return false
}

// hashable keys are those that compare by value in Go: not bytes, lists, structs, or pointers to big numbers.
func hashable(info duckdb.TypeInfo) bool {
	switch info.InternalType() {
	case duckdb.TYPE_BLOB, duckdb.TYPE_UUID, duckdb.TYPE_BIT, duckdb.TYPE_LIST, duckdb.TYPE_ARRAY, duckdb.TYPE_STRUCT,
		duckdb.TYPE_MAP, duckdb.TYPE_UNION:
		return false
	}
	return true
}

func isJSON(info duckdb.TypeInfo) bool { return info != nil && info.Alias() == "JSON" }
