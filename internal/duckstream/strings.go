package duckstream

import (
	"database/sql"
	"unsafe"

	bindings "github.com/duckdb/duckdb-go-bindings"
)

// A vector is a column of a chunk. Calling C for each value would take longer than making it.
type vector struct {
	// data holds a string_t for each row: a length of four bytes, then twelve bytes of text, or, if it is longer, four bytes
	// of it and a pointer to all of it (duckdb.h).
	data unsafe.Pointer
	// valid has a bit for each row, 64 to a word; nil when no value is missing.
	valid unsafe.Pointer
}

const (
	stringSize  = 16
	inlineBytes = 12
)

// eachOf calls fn for each row of a chunk.
func eachOf(chunk bindings.DataChunk, row Row, fn func(Row) error) error {
	vectors := make([]vector, len(row))
	for i := range vectors {
		one := bindings.DataChunkGetVector(chunk, bindings.IdxT(i))
		vectors[i] = vector{data: bindings.VectorGetData(one), valid: bindings.VectorGetValidity(one)}
	}
	for at := range int(bindings.DataChunkGetSize(chunk)) {
		for i, one := range vectors {
			row[i] = one.value(at)
		}
		if err := fn(row); err != nil {
			return err
		}
	}
	return nil
}

// value copies what stands in a row: the chunk's memory is DuckDB's.
func (v vector) value(row int) sql.NullString {
	if v.valid != nil && *(*uint64)(unsafe.Add(v.valid, row/64*8))>>(row%64)&1 == 0 {
		return sql.NullString{}
	}
	at := unsafe.Add(v.data, row*stringSize)
	length, text := *(*uint32)(at), unsafe.Add(at, 4)
	if length > inlineBytes {
		text = *(*unsafe.Pointer)(unsafe.Add(at, 8))
	}
	return sql.NullString{String: string(unsafe.Slice((*byte)(text), length)), Valid: true}
}
