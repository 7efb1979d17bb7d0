// Package exporters turns rows of statistics into documents, for every destination alike. Destinations are in folders of
// their own.
//
// Rows come as Arrow record batches. A HUGEINT column comes as a decimal with scale 0 and becomes an integer; one that
// does not fit into 64 bits is an error, because no document type holds it: such columns are cast to text in the model.
package exporters

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A fieldError says which field of which document cannot be written.
type fieldError struct {
	id, field string
	err       error
}

func (e *fieldError) Error() string {
	return fmt.Sprintf("document %s, field %s: %v", e.id, e.field, e.err)
}

func (e *fieldError) Unwrap() error { return e.err }

// An Encoder writes the rows of one statistic as BSON documents: `_id` first, then the columns in their order. It is not
// safe for concurrent use.
type Encoder struct {
	schema *arrow.Schema
	// spread is the place of the column (a MAP, or a JSON object as text) whose entries become fields, -1 for none.
	spread int
	names  map[string]bool
	fields []appender
	record arrow.RecordBatch
}

// appender appends one column's value of a row as an element with the given key.
type appender func(dst []byte, key string, row int) ([]byte, error)

var (
	errTooLarge = errors.New("does not fit into 64 bits; cast it to text in the model")
	errTwice    = errors.New("stands twice in the document")
	errName     = errors.New("a field's name holds a NUL")
)

// NewEncoder makes an encoder for rows of a schema, whose first column is `_id`.
func NewEncoder(schema *arrow.Schema, spread string) (*Encoder, error) {
	e := &Encoder{schema: schema, spread: -1, names: map[string]bool{}}
	for i, field := range schema.Fields() {
		if field.Name == spread && spread != "" {
			if field.Type.ID() != arrow.MAP && field.Type.ID() != arrow.STRING {
				return nil, fmt.Errorf("spread %s: the column is %s, neither a MAP nor a JSON object", spread, field.Type)
			}
			e.spread = i
			continue
		}
		e.names[field.Name] = true
	}
	if spread != "" && e.spread < 0 {
		return nil, fmt.Errorf("spread %s: no such column", spread)
	}
	if schema.NumFields() == 0 || schema.Field(0).Name != "_id" {
		return nil, errors.New("the first column is not _id")
	}
	return e, nil
}

// Use takes the record batch whose rows are appended next. It is used until the next call.
func (e *Encoder) Use(record arrow.RecordBatch) error {
	e.record = record
	e.fields = e.fields[:0]
	for i, column := range record.Columns() {
		if i == e.spread {
			entries, err := spreadAppender(column, e.names)
			if err != nil {
				return fmt.Errorf("column %s: %w", e.schema.Field(i).Name, err)
			}
			e.fields = append(e.fields, entries)
			continue
		}
		one, err := columnAppender(column)
		if err != nil {
			return fmt.Errorf("column %s: %w", e.schema.Field(i).Name, err)
		}
		e.fields = append(e.fields, one)
	}
	return nil
}

// Append appends the document of a row of the record batch in use.
func (e *Encoder) Append(dst []byte, row int) ([]byte, error) {
	start, dst := bsoncore.AppendDocumentStart(dst)
	var err error
	for i, field := range e.fields {
		name := e.schema.Field(i).Name
		if dst, err = field(dst, name, row); err != nil {
			var inner *fieldError
			if errors.As(err, &inner) {
				name, err = inner.field, inner.err
			}
			// The texts are the record batch's, which is released before the error is read.
			return dst, &fieldError{id: strings.Clone(e.record.Column(0).ValueStr(row)), field: strings.Clone(name), err: err}
		}
	}
	return bsoncore.AppendDocumentEnd(dst, start)
}

// spreadAppender appends the entries of a MAP or of a JSON object as fields of the document.
func spreadAppender(column arrow.Array, taken map[string]bool) (appender, error) {
	if text, ok := column.(*array.String); ok {
		return objectAppender(text, taken), nil
	}
	return entriesAppender(column.(*array.Map), taken)
}

// objectAppender reads texts as relaxed Extended JSON.
func objectAppender(column *array.String, taken map[string]bool) appender {
	seen := map[string]bool{}
	return func(dst []byte, _ string, row int) ([]byte, error) {
		if column.IsNull(row) {
			return dst, nil
		}
		clear(seen)
		var object bson.Raw
		if err := bson.UnmarshalExtJSON([]byte(column.Value(row)), false, &object); err != nil {
			return dst, err
		}
		fields, err := object.Elements()
		if err != nil {
			return dst, err
		}
		for _, field := range fields {
			key := field.Key()
			if seen[key] || taken[key] {
				return dst, &fieldError{field: key, err: errTwice}
			}
			seen[key] = true
			dst = append(dst, field...)
		}
		return dst, nil
	}
}

func entriesAppender(column *array.Map, taken map[string]bool) (appender, error) {
	keys, ok := column.Keys().(*array.String)
	if !ok {
		return nil, fmt.Errorf("the keys of a spread MAP are text, not %s", column.Keys().DataType())
	}
	value, err := columnAppender(column.Items())
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	return func(dst []byte, _ string, row int) ([]byte, error) {
		if column.IsNull(row) {
			return dst, nil
		}
		clear(seen)
		from, to := column.ValueOffsets(row)
		for i := from; i < to; i++ {
			key := keys.Value(int(i))
			if seen[key] || taken[key] {
				return dst, &fieldError{field: key, err: errTwice}
			}
			if err := checkName(key); err != nil {
				return dst, &fieldError{field: key, err: err}
			}
			seen[key] = true
			if dst, err = value(dst, key, int(i)); err != nil {
				return dst, &fieldError{field: key, err: err}
			}
		}
		return dst, nil
	}, nil
}

// checkName refuses a field's name that BSON cannot hold.
func checkName(name string) error {
	if strings.IndexByte(name, 0) >= 0 {
		return errName
	}
	return nil
}

// columnAppender chooses how the values of a column are written.
func columnAppender(column arrow.Array) (appender, error) {
	value, err := valueAppender(column)
	if err != nil {
		return nil, err
	}
	return func(dst []byte, key string, row int) ([]byte, error) {
		if column.IsNull(row) {
			return bsoncore.AppendNullElement(dst, key), nil
		}
		return value(dst, key, row)
	}, nil
}

func valueAppender(column arrow.Array) (appender, error) {
	switch column := column.(type) {
	case *array.Null:
		return func(dst []byte, key string, _ int) ([]byte, error) { return bsoncore.AppendNullElement(dst, key), nil }, nil
	case *array.String:
		return func(dst []byte, key string, row int) ([]byte, error) {
			return bsoncore.AppendStringElement(dst, key, column.Value(row)), nil
		}, nil
	case *array.Boolean:
		return func(dst []byte, key string, row int) ([]byte, error) {
			return bsoncore.AppendBooleanElement(dst, key, column.Value(row)), nil
		}, nil
	case *array.Float64:
		return func(dst []byte, key string, row int) ([]byte, error) {
			return bsoncore.AppendDoubleElement(dst, key, column.Value(row)), nil
		}, nil
	case *array.Float32:
		return func(dst []byte, key string, row int) ([]byte, error) {
			return bsoncore.AppendDoubleElement(dst, key, float64(column.Value(row))), nil
		}, nil
	case *array.Date32:
		return func(dst []byte, key string, row int) ([]byte, error) {
			return bsoncore.AppendStringElement(dst, key, column.Value(row).ToTime().Format(time.DateOnly)), nil
		}, nil
	case *array.Timestamp:
		unit := column.DataType().(*arrow.TimestampType).Unit
		return func(dst []byte, key string, row int) ([]byte, error) {
			return bsoncore.AppendDateTimeElement(dst, key, column.Value(row).ToTime(unit).UnixMilli()), nil
		}, nil
	case *array.Decimal128:
		return decimalAppender(column), nil
	case *array.Map:
		return mapAppender(column)
	case *array.Struct:
		return structAppender(column)
	case *array.List:
		return listAppender(column)
	}
	if integer := integerOf(column); integer != nil {
		return func(dst []byte, key string, row int) ([]byte, error) {
			return appendInteger(dst, key, integer(row)), nil
		}, nil
	}
	if large, ok := column.(*array.Uint64); ok {
		return func(dst []byte, key string, row int) ([]byte, error) {
			if large.Value(row) > math.MaxInt64 {
				return dst, errTooLarge
			}
			return appendInteger(dst, key, int64(large.Value(row))), nil
		}, nil
	}
	return nil, fmt.Errorf("a document cannot hold %s; cast it in the model", column.DataType())
}

func integerOf(column arrow.Array) func(row int) int64 {
	switch column := column.(type) {
	case *array.Int8:
		return func(row int) int64 { return int64(column.Value(row)) }
	case *array.Int16:
		return func(row int) int64 { return int64(column.Value(row)) }
	case *array.Int32:
		return func(row int) int64 { return int64(column.Value(row)) }
	case *array.Int64:
		return column.Value
	case *array.Uint8:
		return func(row int) int64 { return int64(column.Value(row)) }
	case *array.Uint16:
		return func(row int) int64 { return int64(column.Value(row)) }
	case *array.Uint32:
		return func(row int) int64 { return int64(column.Value(row)) }
	}
	return nil
}

// appendInteger writes int32 where it fits, else int64: what today's readers know.
func appendInteger(dst []byte, key string, value int64) []byte {
	if value >= math.MinInt32 && value <= math.MaxInt32 {
		return bsoncore.AppendInt32Element(dst, key, int32(value))
	}
	return bsoncore.AppendInt64Element(dst, key, value)
}

// decimalAppender writes whole numbers as integers and others as the nearest double.
func decimalAppender(column *array.Decimal128) appender {
	scale := column.DataType().(*arrow.Decimal128Type).Scale
	return func(dst []byte, key string, row int) ([]byte, error) {
		number := column.Value(row)
		if scale == 0 {
			integer := number.BigInt()
			if !integer.IsInt64() {
				return dst, errTooLarge
			}
			return appendInteger(dst, key, integer.Int64()), nil
		}
		// Through text, because it is rounded once.
		double, err := strconv.ParseFloat(number.ToString(scale), 64)
		if err != nil {
			return dst, err
		}
		return bsoncore.AppendDoubleElement(dst, key, double), nil
	}
}

func mapAppender(column *array.Map) (appender, error) {
	keys, ok := column.Keys().(*array.String)
	if !ok {
		return nil, fmt.Errorf("the keys of a MAP are text, not %s", column.Keys().DataType())
	}
	value, err := columnAppender(column.Items())
	if err != nil {
		return nil, err
	}
	return func(dst []byte, key string, row int) ([]byte, error) {
		start, dst := bsoncore.AppendDocumentElementStart(dst, key)
		from, to := column.ValueOffsets(row)
		for i := from; i < to; i++ {
			key := keys.Value(int(i))
			if err := checkName(key); err != nil {
				return dst, err
			}
			if dst, err = value(dst, key, int(i)); err != nil {
				return dst, err
			}
		}
		return bsoncore.AppendDocumentEnd(dst, start)
	}, nil
}

func structAppender(column *array.Struct) (appender, error) {
	kind := column.DataType().(*arrow.StructType)
	fields := make([]appender, column.NumField())
	for i := range fields {
		var err error
		if fields[i], err = columnAppender(column.Field(i)); err != nil {
			return nil, fmt.Errorf("%s: %w", kind.Field(i).Name, err)
		}
	}
	return func(dst []byte, key string, row int) ([]byte, error) {
		start, dst := bsoncore.AppendDocumentElementStart(dst, key)
		var err error
		for i, field := range fields {
			if dst, err = field(dst, kind.Field(i).Name, row); err != nil {
				return dst, err
			}
		}
		return bsoncore.AppendDocumentEnd(dst, start)
	}, nil
}

func listAppender(column *array.List) (appender, error) {
	value, err := columnAppender(column.ListValues())
	if err != nil {
		return nil, err
	}
	return func(dst []byte, key string, row int) ([]byte, error) {
		start, dst := bsoncore.AppendArrayElementStart(dst, key)
		from, to := column.ValueOffsets(row)
		for i := from; i < to; i++ {
			if dst, err = value(dst, strconv.Itoa(int(i-from)), int(i)); err != nil {
				return dst, err
			}
		}
		return bsoncore.AppendArrayEnd(dst, start)
	}, nil
}
