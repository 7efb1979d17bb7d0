package mongo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	wire "go.mongodb.org/mongo-driver/v2/x/mongo/driver"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

// A bulk is some documents of one statistic on their way: what is there is read, what differs is recorded in the undo log
// as it was, then written.
type bulk struct {
	e         *Exporter
	origin    engine.Origin
	statistic string
	place     string
	protect   string
	// compare: the collection may have documents of these keys.
	compare bool

	buffer    []byte
	documents []document
	outcome   engine.Outcome
	// protected counts documents that differ and are left.
	protected int64
}

// A document lies in the buffer from start to end; known says that the server has it from us.
type document struct {
	id         string
	start, end int
	known      bool
}

func (b *bulk) add(id string, encoded []byte, known bool) {
	start := len(b.buffer)
	b.buffer = append(b.buffer, encoded...)
	b.documents = append(b.documents, document{id, start, len(b.buffer), known})
}

func (b *bulk) raw(d document) bson.Raw { return bson.Raw(b.buffer[d.start:d.end]) }

// write writes what differs.
func (b *bulk) write(ctx context.Context) error {
	was := map[string]bson.Raw{}
	if b.compare {
		var err error
		if was, err = b.e.find(ctx, b.place, b.ids()); err != nil {
			return err
		}
	}
	var differ []document
	var record []entry
	for _, d := range b.documents {
		old := was[d.id]
		switch {
		case bytes.Equal(old, b.raw(d)):
			continue
		case old != nil && b.isProtected(old):
			b.protected++
			continue
		}
		differ = append(differ, d)
		record = append(record, replaced(d, b.raw(d), old))
	}
	if len(differ) == 0 {
		return nil
	}
	if err := b.e.undo.record(ctx, b.origin, b.statistic, b.place, record); err != nil {
		return err
	}
	if err := b.send(ctx, differ); err != nil {
		return err
	}
	b.tally(differ, was)
	return nil
}

// tally counts what was written.
func (b *bulk) tally(written []document, was map[string]bson.Raw) {
	refused := map[string]bool{}
	for _, one := range b.outcome.Refused {
		refused[one.ID] = true
	}
	for _, d := range written {
		switch {
		case refused[d.id]:
			continue
		case was[d.id] == nil:
			b.outcome.New++
		default:
			b.outcome.Changed++
		}
		b.outcome.Written++
	}
}

func (b *bulk) ids() []string {
	ids := make([]string, len(b.documents))
	for i, d := range b.documents {
		ids[i] = d.id
	}
	return ids
}

func (b *bulk) isProtected(old bson.Raw) bool {
	return b.protect != "" && old.Lookup(b.protect).Type != 0
}

// find reads documents by their keys.
func (e *Exporter) find(ctx context.Context, place string, ids []string) (map[string]bson.Raw, error) {
	var found map[string]bson.Raw
	err := e.try(ctx, "read "+place, func() error {
		found = make(map[string]bson.Raw, len(ids))
		cursor, err := e.collection(place).Find(ctx, byID(ids), options.Find().SetBatchSize(int32(min(len(ids)+1, bulkDocuments*10))))
		if err != nil {
			return err
		}
		for cursor.Next(ctx) {
			if id, ok := cursor.Current.Lookup("_id").StringValueOK(); ok {
				found[id] = slices.Clone(cursor.Current)
			}
		}
		return errors.Join(cursor.Err(), cursor.Close(ctx))
	})
	return found, err
}

// byID finds documents by their keys; one alone without a list, which every server finds by its index.
func byID(ids []string) bson.D {
	if len(ids) == 1 {
		return bson.D{{Key: "_id", Value: ids[0]}}
	}
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}
}

// send replaces documents, or inserts those that are not there. A document that the server does not take is told as
// refused; the others go on.
func (b *bulk) send(ctx context.Context, documents []document) error {
	b.e.hunt.RLock()
	suspect, err := b.attempt(ctx, documents)
	b.e.hunt.RUnlock()
	if suspect {
		b.e.hunt.Lock()
		defer b.e.hunt.Unlock()
		return b.search(ctx, documents)
	}
	return err
}

// search finds the documents that a server cannot take by halves.
func (b *bulk) search(ctx context.Context, documents []document) error {
	suspect, err := b.attempt(ctx, documents)
	switch {
	case !suspect:
		return err
	case len(documents) == 1:
		b.refuse(documents[0].id, err.Error())
		return nil
	}
	half := len(documents) / 2
	if err := b.search(ctx, documents[:half]); err != nil {
		return err
	}
	return b.search(ctx, documents[half:])
}

func (b *bulk) refuse(id, reason string) {
	b.outcome.Refused = append(b.outcome.Refused, engine.Refusal{ID: id, Reason: reason})
}

// suspectAfter is how often a bulk breaks the connection to a server that answers otherwise, until its documents are the suspects.
const suspectAfter = 2

// attempt writes documents, again where the network or the server was at fault. suspect: one of the documents is.
func (b *bulk) attempt(ctx context.Context, documents []document) (suspect bool, err error) {
	if err := b.e.givenUp(); err != nil {
		return false, err
	}
	pause := b.e.options.Retry.Pause
	broken := 0
	for try := 1; ; try++ {
		var left []document
		left, err = b.once(ctx, documents)
		switch {
		case err == nil && len(left) == 0:
			return false, nil
		case err == nil:
			// The server stopped at a document that it refused: the others are written without it.
			documents, try = left, 0
			continue
		case ctx.Err() != nil:
			return false, b.e.wrap(ctx, "write "+b.place, err)
		case documentsFault(err):
			return true, errors.New(mongouri.WithoutSecret(err, b.e.options.URI))
		case !mongouri.Passing(err) || try >= b.e.options.Retry.Attempts:
			return false, b.e.wrap(ctx, "write "+b.place, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false, ctx.Err()
		}
		pause *= 2
		if driver.IsNetworkError(err) && b.e.answers(ctx) {
			if broken++; broken == suspectAfter {
				return true, errors.New("the server breaks the connection when it gets this document")
			}
		}
	}
}

// answers reports whether the server takes requests at all.
func (e *Exporter) answers(ctx context.Context) bool {
	return e.client.Ping(ctx, nil) == nil
}

// once sends one bulk. It returns the documents that were neither written nor refused.
func (b *bulk) once(ctx context.Context, documents []document) (left []document, err error) {
	models := make([]driver.WriteModel, len(documents))
	for i, d := range documents {
		models[i] = driver.NewReplaceOneModel().SetFilter(bson.D{{Key: "_id", Value: d.id}}).SetReplacement(b.raw(d)).SetUpsert(true)
	}
	result, err := b.e.collection(b.place).BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	var refused driver.BulkWriteException
	if !errors.As(err, &refused) || len(refused.WriteErrors) == 0 {
		return nil, err
	}
	if refused.WriteConcernError != nil {
		return nil, err
	}
	bad := map[int]bool{}
	for _, one := range refused.WriteErrors {
		bad[one.Index] = true
		b.refuse(documents[one.Index].id, fmt.Sprintf("%s (code %d)", mongouri.WithoutSecret(errors.New(one.Message), b.e.options.URI), one.Code))
	}
	if result != nil && int(result.MatchedCount+result.UpsertedCount)+len(bad) >= len(documents) {
		return nil, nil
	}
	for i, d := range documents {
		if !bad[i] {
			left = append(left, d)
		}
	}
	return left, nil
}

// documentsFault tells errors that are about the documents of a bulk from others.
func documentsFault(err error) bool {
	var command driver.CommandError
	if errors.As(err, &command) {
		const badValue, failedToParse, invalidBSON, dollarField, emptyField, dottedField, tooLarge = 2, 9, 22, 52, 56, 57, 10334
		return slices.Contains([]int32{badValue, failedToParse, invalidBSON, dollarField, emptyField, dottedField, tooLarge}, command.Code)
	}
	return errors.Is(err, wire.ErrDocumentTooLarge) || errors.As(err, new(driver.MarshalError))
}
