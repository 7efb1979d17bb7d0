package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// partRows is how many rows of a large result are in memory at a time: the driver has a result whole before its first row,
// and outside of DuckDB's memory limit.
const partRows = 200_000

// arrowParts reads a large result part by part, in the order of the query, from a temporary table that DuckDB can spill.
func (w *Warehouse) arrowParts(ctx context.Context, query string) (array.RecordReader, error) {
	if err := w.exec(ctx, "create or replace temp table outgoing as "+query); err != nil {
		return nil, err
	}
	r := &partsReader{ctx: ctx, w: w, uses: 1}
	if err := w.scalar(ctx, &r.rows, "select count(*) from temp.outgoing"); err != nil {
		return nil, err
	}
	return r, r.open()
}

// A partsReader gives the record batches of one part after the other.
type partsReader struct {
	ctx  context.Context
	w    *Warehouse
	part array.RecordReader
	// next is the first row that no part has held yet, of rows.
	next, rows, uses int64
	err              error
}

func (r *partsReader) open() error {
	part, err := r.w.arrowQuery(r.ctx, fmt.Sprintf("select * from temp.outgoing where rowid >= %d and rowid < %d order by rowid", r.next, r.next+partRows))
	r.part, r.next = part, r.next+partRows
	return err
}

func (r *partsReader) Next() bool {
	for r.err == nil {
		if r.part.Next() {
			return true
		}
		if r.err = r.part.Err(); r.err != nil || r.next >= r.rows {
			return false
		}
		r.part.Release()
		r.part = nil
		r.err = r.open()
	}
	return false
}

func (r *partsReader) Schema() *arrow.Schema          { return r.part.Schema() }
func (r *partsReader) RecordBatch() arrow.RecordBatch { return r.part.RecordBatch() }
func (r *partsReader) Record() arrow.RecordBatch      { return r.part.RecordBatch() }
func (r *partsReader) Err() error                     { return r.err }
func (r *partsReader) Retain()                        { r.uses++ }

func (r *partsReader) Release() {
	if r.uses--; r.uses > 0 {
		return
	}
	if r.part != nil {
		r.part.Release()
	}
	r.err = errors.Join(r.err, r.w.exec(context.WithoutCancel(r.ctx), "drop table if exists temp.outgoing"))
}
