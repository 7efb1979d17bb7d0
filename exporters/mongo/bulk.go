package mongo

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A bulk is some documents of one statistic on their way: what is there is read, what differs is recorded in the undo log
// as it was, then written.
type bulk struct {
	e         *Exporter
	origin    engine.Origin
	statistic string
	place     string
	// protect is a field: a document that has it is not written over or deleted.
	protect string
	// compare: the collection may have documents of these keys.
	compare bool

	buffer    []byte
	documents []document
	outcome   engine.Outcome
	// refused holds the keys of outcome.Refused; unmet are documents whose condition was not met, with what the server says.
	refused map[string]bool
	unmet   map[string]string
}

// A document lies in the buffer from start to end; known says that the server has it from us. It takes the place of none, or
// of one for which the condition holds.
type document struct {
	id         string
	start, end int
	known      bool
	condition  bson.D
}

func (b *bulk) add(id string, encoded []byte, known bool) *document {
	start := len(b.buffer)
	b.buffer = append(b.buffer, encoded...)
	b.documents = append(b.documents, document{id: id, start: start, end: len(b.buffer), known: known, condition: lacking(b.protect)})
	return &b.documents[len(b.documents)-1]
}

func (b *bulk) raw(d document) bson.Raw { return bson.Raw(b.buffer[d.start:d.end]) }

// write writes what differs.
func (b *bulk) write(ctx context.Context) error {
	if !b.compare {
		return b.replace(ctx, b.documents, nil)
	}
	byKey := make(map[string]document, len(b.documents))
	ids := make([]string, len(b.documents))
	for i, d := range b.documents {
		ids[i], byKey[d.id] = d.id, d
	}
	return b.e.eachFound(ctx, b.place, ids, func(ids []string, was map[string]bson.Raw) error {
		some := make([]document, len(ids))
		for i, id := range ids {
			some[i] = byKey[id]
		}
		return b.replace(ctx, some, was)
	})
}

// replace writes those documents that are not what was there.
func (b *bulk) replace(ctx context.Context, documents []document, was map[string]bson.Raw) error {
	var differ []document
	var record []entry
	for _, d := range documents {
		old := was[d.id]
		switch {
		case bytes.Equal(old, b.raw(d)):
			continue
		case old != nil && b.isProtected(old):
			b.outcome.Protected = append(b.outcome.Protected, d.id)
			continue
		}
		differ = append(differ, d)
		record = append(record, replaced(d, b.raw(d), old))
	}
	if len(differ) == 0 {
		return nil
	}
	if err := b.e.undo.record(ctx, b.origin, b.statistic, b.place, b.protect, record); err != nil {
		return err
	}
	if err := b.send(ctx, differ); err != nil {
		return err
	}
	if err := b.judgeUnmet(ctx); err != nil {
		return err
	}
	b.tally(differ, was)
	return nil
}

// judgeUnmet finds out why documents were not written: somebody protected what is in their place since it was read, or there
// is something else that keeps them out.
func (b *bulk) judgeUnmet(ctx context.Context) error {
	unmet := b.unmet
	b.unmet = nil
	return b.e.eachFound(ctx, b.place, slices.Sorted(maps.Keys(unmet)), func(ids []string, was map[string]bson.Raw) error {
		for _, id := range ids {
			if was[id] != nil && b.isProtected(was[id]) {
				b.outcome.Protected = append(b.outcome.Protected, id)
			} else {
				b.refuse(id, unmet[id])
			}
		}
		return nil
	})
}

// tally counts what was written.
func (b *bulk) tally(written []document, was map[string]bson.Raw) {
	not := map[string]bool{}
	for _, id := range b.outcome.Protected {
		not[id] = true
	}
	for _, d := range written {
		switch {
		case b.refused[d.id] || not[d.id]:
			continue
		case was[d.id] == nil:
			b.outcome.New++
		default:
			b.outcome.Changed++
		}
		b.outcome.Written++
	}
}

func (b *bulk) isProtected(old bson.Raw) bool {
	return b.protect != "" && old.Lookup(b.protect).Type != 0
}

func (b *bulk) refuse(id, reason string) {
	if b.refused == nil {
		b.refused = map[string]bool{}
	}
	if !b.refused[id] {
		b.refused[id] = true
		b.outcome.Refused = append(b.outcome.Refused, engine.Refusal{ID: id, Reason: reason})
	}
}

// delete deletes documents after it has recorded them.
func (b *bulk) delete(ctx context.Context, ids []string) error {
	return b.e.eachFound(ctx, b.place, ids, func(ids []string, was map[string]bson.Raw) error {
		var record []entry
		var there []string
		for _, id := range ids {
			switch old := was[id]; {
			case old == nil:
			case b.isProtected(old):
				b.outcome.Kept = append(b.outcome.Kept, id)
			default:
				record, there = append(record, deleted(id, old)), append(there, id)
			}
		}
		if len(there) == 0 {
			return nil
		}
		if err := b.e.undo.record(ctx, b.origin, b.statistic, b.place, b.protect, record); err != nil {
			return err
		}
		return b.remove(ctx, there)
	})
}

// remove deletes documents. Those that somebody protected since they were read stay.
func (b *bulk) remove(ctx context.Context, ids []string) error {
	err := b.e.try(ctx, "delete from "+b.place, func() error {
		_, err := b.e.collection(b.place).DeleteMany(ctx, append(byID(ids), lacking(b.protect)...))
		return err
	})
	if err != nil || b.protect == "" {
		b.outcome.Deleted += int64(len(ids))
		return err
	}
	left, err := b.e.keys(ctx, b.place, ids)
	for _, id := range ids {
		if left[id] {
			b.outcome.Kept = append(b.outcome.Kept, id)
		} else {
			b.outcome.Deleted++
		}
	}
	if err != nil {
		return fmt.Errorf("look at what is left: %w", err)
	}
	return nil
}
