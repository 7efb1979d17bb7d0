package mongo

import (
	"context"
	"errors"
	"io"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
)

const (
	// cursorsAhead is how many cursors read at the same time; aheadChunks how many chunks each holds until it is its turn.
	cursorsAhead = 3
	aheadChunks  = 4
)

// ranges are the ranges of heights from what is committed to the cut: some cursors read ahead of the one whose turn it is.
type ranges struct {
	ctx    context.Context
	cancel context.CancelFunc
	h      *heights
	step   int64
	// next is the first height that no cursor reads yet; first the lowest there is.
	next, first int64
	queue       []*ahead
}

func (h *heights) startRanges(ctx context.Context, step, first int64) *ranges {
	ctx, cancel := context.WithCancel(ctx)
	return &ranges{ctx: ctx, cancel: cancel, h: h, step: step, next: h.reached + 1, first: first}
}

// last is the end of so many ranges from a height on.
func (r *ranges) last(from, count int64) int64 {
	return min(max(from, r.first)+count*r.step-1, r.h.cut)
}

// fill starts cursors until enough of them read.
func (r *ranges) fill() {
	for r.next <= r.h.cut && len(r.queue) < cursorsAhead {
		last := r.last(r.next, 1)
		r.queue = append(r.queue, r.h.readAhead(r.ctx, r.next, last))
		r.next = last + 1
	}
}

// group is the ranges that are committed next.
func (r *ranges) group() *group {
	first := r.h.reached + 1
	return &group{ranges: r, first: first, last: r.last(first, commitRanges)}
}

func (r *ranges) stop() {
	r.cancel()
	for _, one := range r.queue {
		one.wait()
	}
}

// A group gives the documents of ranges that follow each other.
type group struct {
	ranges      *ranges
	first, last int64
}

func (g *group) next(ctx context.Context, buffer []byte) (chunk, error) {
	for {
		g.ranges.fill()
		if len(g.ranges.queue) == 0 || g.ranges.queue[0].first > g.last {
			return chunk{}, io.EOF
		}
		one, err := g.ranges.queue[0].next(ctx, buffer)
		if !errors.Is(err, io.EOF) {
			return one, err
		}
		g.ranges.queue[0].wait()
		g.ranges.queue = g.ranges.queue[1:]
	}
}

func (g *group) close() error { return nil }

// ahead reads a range of heights into memory while others are at work: some chunks of it, then it waits for its turn.
type ahead struct {
	first  int64
	chunks chan chunk
	work   sync.WaitGroup
	cancel context.CancelFunc
	err    error
}

func (h *heights) readAhead(ctx context.Context, first, last int64) *ahead {
	ctx, cancel := context.WithCancel(ctx)
	a := &ahead{first: first, chunks: make(chan chunk, aheadChunks), cancel: cancel}
	bounds := bson.D{{Key: "$lte", Value: last}}
	if first > lowest {
		bounds = append(bounds, bson.E{Key: "$gte", Value: first})
	}
	from := &cursor{collection: h.server.collection(h.collection), filter: bson.D{{Key: h.collection.Height, Value: bounds}}, fields: projection(h.collection.Columns)}
	a.work.Go(func() {
		defer close(a.chunks)
		defer func() { a.err = errors.Join(a.err, from.close()) }()
		for {
			one, err := from.next(ctx, nil)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				a.err = err
				return
			}
			select {
			case a.chunks <- one:
			case <-ctx.Done():
				a.err = ctx.Err()
				return
			}
		}
	})
	return a
}

func (a *ahead) next(ctx context.Context, _ []byte) (chunk, error) {
	select {
	case one, more := <-a.chunks:
		if more {
			return one, nil
		}
		// The channel is closed after the error is set.
		if a.err != nil {
			return chunk{}, a.err
		}
		return chunk{}, io.EOF
	case <-ctx.Done():
		return chunk{}, ctx.Err()
	}
}

// wait ends the reading, whether it came to its end or not.
func (a *ahead) wait() {
	a.cancel()
	for range a.chunks {
	}
	a.work.Wait()
}
