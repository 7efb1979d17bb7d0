package mongo

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ccdexplorer/nightrunner/engine"
)

// addressTable is the dictionary of addresses: it only grows, an id never changes its meaning.
const addressTable = "raw.addresses"

// addresses give every address an id. Decoders look up at the same time; only add, in the order of documents, makes ids,
// so that the same documents give the same ids.
type addresses struct {
	mu    sync.RWMutex
	ids   map[string]int32
	texts []string
	// saved is how many the warehouse has.
	saved int
}

func readAddresses(ctx context.Context, in *engine.Intake) (*addresses, error) {
	a := &addresses{ids: map[string]int32{}}
	err := in.QueryArrow(ctx, "select address from "+addressTable+" order by address_id", func(record arrow.RecordBatch) error {
		column := record.Column(0).(*array.String)
		for i := range column.Len() {
			a.add(strings.Clone(column.Value(i)))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", addressTable, err)
	}
	a.saved = len(a.texts)
	return a, nil
}

func (a *addresses) find(address []byte) (int32, bool) {
	a.mu.RLock()
	id, known := a.ids[string(address)]
	a.mu.RUnlock()
	return id, known
}

func (a *addresses) add(address string) int32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	id, known := a.ids[address]
	if !known {
		id = int32(len(a.texts))
		a.ids[address] = id
		a.texts = append(a.texts, address)
	}
	return id
}

// save appends the addresses that the warehouse has not yet. Call it in the transaction that uses them, and confirm when
// that is committed.
func (a *addresses) save(ctx context.Context, in *engine.Intake) (confirm func(), err error) {
	count := len(a.texts)
	if a.saved == count {
		return func() {}, nil
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "address_id", Type: arrow.PrimitiveTypes.Int32}, {Name: "address", Type: arrow.BinaryTypes.String}}, nil)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer builder.Release()
	for i := a.saved; i < count; i++ {
		builder.Field(0).(*array.Int32Builder).Append(int32(i))
		builder.Field(1).(*array.StringBuilder).Append(a.texts[i])
	}
	record := builder.NewRecordBatch()
	defer record.Release()
	return func() { a.saved = count }, in.AppendArrow(ctx, addressTable, record)
}
