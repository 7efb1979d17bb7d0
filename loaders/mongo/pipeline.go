package mongo

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ccdexplorer/nightrunner/engine"
)

// documents are the documents of one collection, in their order.
type documents interface {
	// next fills a chunk with whole documents, in the buffer when they fit; io.EOF after the last. A source that ends
	// within a document is an error, never an end.
	next(ctx context.Context, buffer []byte) (chunk, error)
	close() error
}

// A pipeline decodes documents with several workers and gives their batches in order, as an Arrow record reader that
// DuckDB pulls from: one statement takes in a collection of any size. Only a few chunks are in memory at a time.
type pipeline struct {
	collection *Collection
	addresses  *addresses
	schema     *arrow.Schema
	cancel     context.CancelFunc
	work       sync.WaitGroup
	ordered    chan chan *batch
	slots      chan struct{}
	references atomic.Int64

	current arrow.RecordBatch
	err     error
	// totals of the batches so far.
	profile   *profile
	rejects   []engine.Reject
	documents int64
	rows      int64
	progress  func(bytes int64)
}

type job struct {
	chunk  chunk
	result chan *batch
}

// chunkBytes is how much a worker decodes at a time.
const chunkBytes = 4 << 20

// startPipeline reads ahead from now on; close ends it.
func startPipeline(ctx context.Context, c *Collection, from documents, a *addresses, days calendar, file string) *pipeline {
	ctx, cancel := context.WithCancel(ctx)
	workers := max(runtime.GOMAXPROCS(0), 1)
	p := &pipeline{collection: c, addresses: a, schema: recordSchema(c), cancel: cancel, ordered: make(chan chan *batch, workers+2),
		slots: make(chan struct{}, workers+2), profile: newProfile(len(c.Columns))}
	p.references.Store(1)
	jobs := make(chan job)
	buffers := sync.Pool{New: func() any { return new([]byte) }}
	p.work.Go(func() {
		defer close(jobs)
		defer close(p.ordered)
		p.read(ctx, from, jobs, &buffers)
	})
	for range workers {
		p.work.Go(func() {
			d := newDecoder(c, a, days, file)
			for one := range jobs {
				one.result <- d.decode(one.chunk)
				buffers.Put(&one.chunk.data)
			}
		})
	}
	return p
}

// read hands chunks to the workers and their results, in order, to whoever pulls.
func (p *pipeline) read(ctx context.Context, from documents, jobs chan<- job, buffers *sync.Pool) {
	for {
		// A slot is given back when the batch was used: that bounds the memory.
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		result := make(chan *batch, 1)
		one, err := from.next(ctx, (*buffers.Get().(*[]byte))[:0])
		if errors.Is(err, io.EOF) {
			return
		}
		select {
		case p.ordered <- result:
		case <-ctx.Done():
			return
		}
		if err != nil {
			result <- &batch{err: err}
			return
		}
		select {
		case jobs <- job{one, result}:
		case <-ctx.Done():
			result <- &batch{err: ctx.Err()} // Who pulls may be waiting for it.
			return
		}
	}
}

// Schema is that of the batches.
func (p *pipeline) Schema() *arrow.Schema { return p.schema }

// Next waits for the next batch.
func (p *pipeline) Next() bool {
	p.drop()
	if p.err != nil {
		return false
	}
	result, more := <-p.ordered
	if !more {
		return false
	}
	one := <-result
	if one.err == nil {
		p.take(one)
		return true
	}
	p.err = one.err
	if one.record != nil {
		one.record.Release()
	}
	return false
}

func (p *pipeline) take(b *batch) {
	b.resolve(p.collection, p.addresses)
	p.profile.merge(b, p.collection)
	p.rejects = append(p.rejects, b.rejects...)
	p.documents += b.documents
	p.rows += b.record.NumRows()
	p.current = b.record
	if p.progress != nil {
		p.progress(p.documents)
	}
}

func (p *pipeline) drop() {
	if p.current != nil {
		p.current.Release()
		p.current = nil
		<-p.slots
	}
}

// RecordBatch is the batch that Next found, until the next call.
func (p *pipeline) RecordBatch() arrow.RecordBatch { return p.current }

// Record is RecordBatch by its old name, which the interface still asks for.
func (p *pipeline) Record() arrow.RecordBatch { return p.current }

// Err is why Next found none.
func (p *pipeline) Err() error { return p.err }

// Retain and Release count who uses the reader; close ends it.
func (p *pipeline) Retain() { p.references.Add(1) }

// Release gives up a use.
func (p *pipeline) Release() { p.references.Add(-1) }

// close ends the workers, whatever they are at, and frees what nobody took.
func (p *pipeline) close() {
	p.cancel()
	for range p.ordered {
	}
	p.work.Wait()
	p.drop()
}
