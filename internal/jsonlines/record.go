package jsonlines

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// A Column of a raw table and what a Row holds for it.
type Column struct {
	Name string
	Kind Kind
}

// A Kind of values.
type Kind int

// Kinds, with the type in a Row.
const (
	Day    Kind = iota // time.Time
	Text               // string
	Whole              // uint64
	Real               // float64
	Moment             // time.Time
	Flag               // bool
)

func (k Kind) arrow() arrow.DataType {
	switch k {
	case Day:
		return arrow.FixedWidthTypes.Date32
	case Text:
		return arrow.BinaryTypes.String
	case Real:
		return arrow.PrimitiveTypes.Float64
	case Moment:
		// Without a zone: DuckDB would write one with a zone in the time of the session.
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	case Flag:
		return arrow.FixedWidthTypes.Boolean
	}
	return arrow.PrimitiveTypes.Uint64
}

// recordOf is the rows as one record batch; the caller releases it.
func recordOf(columns []Column, rows []Row) arrow.RecordBatch {
	fields := make([]arrow.Field, len(columns))
	for i, column := range columns {
		fields[i] = arrow.Field{Name: column.Name, Type: column.Kind.arrow(), Nullable: true}
	}
	builder := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer builder.Release()
	for _, row := range rows {
		for i, value := range row {
			appendValue(builder.Field(i), value)
		}
	}
	return builder.NewRecordBatch()
}

func appendValue(into array.Builder, value any) {
	switch into := into.(type) {
	case *array.Date32Builder:
		if day, ok := value.(time.Time); ok {
			into.Append(arrow.Date32FromTime(day))
			return
		}
	case *array.StringBuilder:
		if text, ok := value.(string); ok {
			into.Append(text)
			return
		}
	case *array.Uint64Builder:
		if number, ok := value.(uint64); ok {
			into.Append(number)
			return
		}
	case *array.Float64Builder:
		if number, ok := value.(float64); ok {
			into.Append(number)
			return
		}
	case *array.TimestampBuilder:
		if moment, ok := value.(time.Time); ok {
			into.Append(arrow.Timestamp(moment.UnixMicro()))
			return
		}
	case *array.BooleanBuilder:
		if flag, ok := value.(bool); ok {
			into.Append(flag)
			return
		}
	}
	into.AppendNull()
}
