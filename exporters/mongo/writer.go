package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/exporters"
)

// largest document that a server takes, bytes.
const largest = 16 << 20

// A writer encodes rows in one goroutine and writes bulks in several. Bulks begin in the order of the rows.
type writer struct {
	e       *Exporter
	p       *engine.Publication
	place   string
	compare bool
	encoder *exporters.Encoder
	encoded []byte

	filling *bulk
	bulks   chan *bulk
	workers sync.WaitGroup
	ctx     context.Context // of the workers
	cancel  context.CancelCauseFunc

	lock    sync.Mutex // for what follows
	outcome engine.Outcome
}

// mostRefused documents are told and left out. A server that refuses more has something against all of them.
const mostRefused = 10_000

// Begin looks at the indexes of the collection and starts workers.
func (e *Exporter) Begin(ctx context.Context, p *engine.Publication) (engine.Writer, error) {
	place := e.place(p.Statistic)
	empty, err := e.isEmpty(ctx, place)
	if err != nil {
		return nil, err
	}
	if err := e.ensureIndexes(ctx, place, p.Columns); err != nil {
		return nil, err
	}
	w := &writer{e: e, p: p, place: place, compare: !empty, bulks: make(chan *bulk)}
	w.outcome.Notes = e.indexed[place]
	e.indexed[place] = nil
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	for range e.options.Parallel {
		w.workers.Go(w.work)
	}
	return w, nil
}

// Wants new and changed documents, days oldest first.
func (w *writer) Wants() engine.Wants { return engine.Wants{Altered: true, ByDay: true} }

func (w *writer) newBulk() *bulk {
	return &bulk{e: w.e, origin: w.p.Origin, statistic: w.p.Name, place: w.place, protect: w.p.Protect, compare: w.compare}
}

// work writes bulks until there are no more. After the first error the rest are thrown away.
func (w *writer) work() {
	for one := range w.bulks {
		if w.ctx.Err() != nil {
			continue
		}
		if err := one.write(w.ctx); err != nil {
			w.cancel(err)
			continue
		}
		if err := w.take(one); err != nil {
			w.cancel(err)
		}
	}
}

func (w *writer) take(b *bulk) error {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.outcome.New += b.outcome.New
	w.outcome.Changed += b.outcome.Changed
	w.outcome.Deleted += b.outcome.Deleted
	w.outcome.Written += b.outcome.Written
	w.outcome.Refused = append(w.outcome.Refused, b.outcome.Refused...)
	w.outcome.Protected = append(w.outcome.Protected, b.outcome.Protected...)
	w.outcome.Kept = append(w.outcome.Kept, b.outcome.Kept...)
	if len(w.outcome.Refused) > mostRefused {
		return fmt.Errorf("more than %d documents were refused, it is given up; the last one: %s", mostRefused, b.outcome.Refused[0].Reason)
	}
	return nil
}

// Write encodes rows and hands full bulks to the workers. A row that makes no document is refused.
func (w *writer) Write(_ context.Context, rows arrow.RecordBatch, marks engine.Marks) (err error) {
	if w.encoder == nil {
		if w.encoder, err = exporters.NewEncoder(rows.Schema(), w.p.Spread); err != nil {
			return err
		}
	}
	if err := w.encoder.Use(rows); err != nil {
		return err
	}
	for row := range int(rows.NumRows()) {
		if marks.Wanted != nil && !marks.Wanted.Value(row) {
			continue
		}
		id := strings.Clone(rows.Column(0).ValueStr(row))
		w.encoded, err = w.encoder.Append(w.encoded[:0], row)
		if err == nil && len(w.encoded) > largest {
			err = fmt.Errorf("%.1f MiB: a server takes documents of up to 16 MiB", float64(len(w.encoded))/(1<<20))
		}
		if err != nil {
			if err := w.take(&bulk{outcome: engine.Outcome{Refused: []engine.Refusal{{ID: id, Reason: err.Error()}}}}); err != nil {
				return err
			}
			continue
		}
		if err := w.add(id, marks.Known != nil && marks.Known.Value(row)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) add(id string, known bool) error {
	if w.filling != nil && (len(w.filling.documents) >= w.e.options.BulkDocuments || len(w.filling.buffer)+len(w.encoded) > w.e.options.BulkBytes) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if w.filling == nil {
		w.filling = w.newBulk()
	}
	w.filling.add(id, w.encoded, known)
	return nil
}

// flush hands the bulk to a worker.
func (w *writer) flush() error {
	if w.filling == nil {
		return nil
	}
	select {
	case w.bulks <- w.filling:
		w.filling = nil
		return nil
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
}

// Finish waits for all bulks, then deletes what is gone and looks for what is stale.
func (w *writer) Finish(ctx context.Context) (engine.Outcome, error) {
	err := w.flush()
	w.stop()
	if err == nil {
		err = context.Cause(w.ctx)
	}
	if err == nil {
		err = w.delete(ctx, w.p.GoneIDs)
	}
	if err == nil && w.p.Everything {
		err = w.missing(ctx)
	}
	if w.outcome.Wrote() {
		delete(w.e.counts, w.place)
	}
	return w.outcome, err
}

// stop waits until the workers have ended.
func (w *writer) stop() {
	if w.bulks != nil {
		close(w.bulks)
		w.workers.Wait()
		w.bulks = nil
	}
}

// Abort ends the workers after what they are at.
func (w *writer) Abort() error {
	w.cancel(errors.New("given up"))
	w.stop()
	return nil
}

// delete deletes documents by their keys, some at a time.
func (w *writer) delete(ctx context.Context, ids []string) error {
	for some := range slices.Chunk(ids, w.e.options.BulkDocuments) {
		b := w.newBulk()
		if err := b.delete(ctx, some); err != nil {
			return err
		}
		if err := w.take(b); err != nil {
			return err
		}
	}
	return nil
}

// missing finds stale documents that are not there any more.
func (w *writer) missing(ctx context.Context) error {
	for some := range slices.Chunk(w.p.StaleIDs, w.e.options.BulkDocuments) {
		there, err := w.e.keys(ctx, w.place, some)
		if err != nil {
			return err
		}
		for _, id := range some {
			if !there[id] {
				w.outcome.Missing = append(w.outcome.Missing, id)
			}
		}
	}
	return nil
}

// Remove deletes documents of a statistic from where they were published, and what was published of it.
func (e *Exporter) Remove(ctx context.Context, p *engine.Publication) (engine.Outcome, error) {
	if err := e.readPublications(ctx); err != nil {
		return engine.Outcome{}, err
	}
	place := e.place(p.Statistic)
	if was, there := e.publications[p.Name]; there {
		place = was.Collection
	}
	w := &writer{e: e, p: p, place: place}
	if err := w.delete(ctx, p.GoneIDs); err != nil {
		return w.outcome, err
	}
	b := &bulk{e: e, origin: p.Origin, statistic: p.Name, place: e.publicationsPlace()}
	delete(e.publications, p.Name)
	delete(e.counts, place)
	return w.outcome, b.delete(ctx, []string{e.publicationID(p.Name)})
}
