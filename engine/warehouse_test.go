package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
)

func TestOpenTwiceIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.duckdb")
	first, err := Open(context.Background(), path, Options{Command: "run"})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := Open(context.Background(), path, Options{}); !errors.Is(err, ErrInUse) {
		t.Fatalf("got %v, want ErrInUse", err)
	} else {
		t.Log(err)
	}
}

func TestPartsAreTheWholeInOrder(t *testing.T) {
	w, err := Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range []int64{0, 1, partRows, partRows + 1, 2*partRows + 17} {
		reader, err := w.arrowParts(t.Context(), fmt.Sprintf("select (%d - i)::bigint as n from range(%d) as t(i) order by n", rows, rows))
		if err != nil {
			t.Fatal(err)
		}
		next := int64(1)
		for reader.Next() {
			column := reader.RecordBatch().Column(0).(*array.Int64)
			for i := range column.Len() {
				if column.Value(i) != next {
					t.Fatalf("%d rows: got %d at place %d", rows, column.Value(i), next)
				}
				next++
			}
		}
		if reader.Err() != nil || next != rows+1 || reader.Schema().NumFields() != 1 {
			t.Errorf("%d rows: %v, %d read", rows, reader.Err(), next-1)
		}
		reader.Release()
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
