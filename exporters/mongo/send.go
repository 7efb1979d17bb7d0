package mongo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	wire "go.mongodb.org/mongo-driver/v2/x/mongo/driver"

	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

// send replaces documents, or inserts those that are not there. A document that the server does not take is told as
// refused; the others go on.
func (b *bulk) send(ctx context.Context, documents []document) error {
	b.e.hunt.RLock()
	suspects, _, err := b.attempt(ctx, documents)
	b.e.hunt.RUnlock()
	if len(suspects) == 0 {
		return err
	}
	b.e.hunt.Lock()
	defer b.e.hunt.Unlock()
	return b.search(ctx, suspects)
}

// search finds the documents that a server cannot take by halves.
func (b *bulk) search(ctx context.Context, documents []document) error {
	suspects, why, err := b.attempt(ctx, documents)
	switch {
	case len(suspects) == 0:
		return err
	case len(suspects) == 1 && len(documents) == 1:
		b.refuse(suspects[0].id, why)
		return nil
	}
	half := (len(suspects) + 1) / 2
	if err := b.search(ctx, suspects[:half]); err != nil || half == len(suspects) {
		return err
	}
	return b.search(ctx, suspects[half:])
}

// suspectAfter is how often a bulk breaks the connection to a server that takes other writes, until its documents are the
// suspects. One document alone is found guilty when it has done so at every attempt.
const suspectAfter = 2

// attempt writes documents, again where the network or the server was at fault. Suspects are those among which there is one
// that the server does not take, and why.
func (b *bulk) attempt(ctx context.Context, documents []document) (suspects []document, why string, err error) {
	retry := b.e.options.Retry
	most, pause, broken := retry.Attempts, retry.Pause, 0
	if len(documents) > 1 {
		most = min(most, suspectAfter)
	}
	for try := 1; ; try++ {
		if err := b.e.givenUp(); err != nil {
			return nil, "", err
		}
		var left []document
		left, err = b.once(ctx, documents)
		switch {
		case err == nil && len(left) == 0:
			return nil, "", nil
		case err == nil:
			// The server stopped at a document that it refused: the others are written without it.
			documents, try = left, 0
			continue
		case ctx.Err() != nil:
			return nil, "", b.e.wrap(ctx, "write "+b.place, err)
		case documentsFault(err) && b.e.takesWrites(ctx, b.place):
			return documents, mongouri.WithoutSecret(err, b.e.options.URI), nil
		case !mongouri.Passing(err):
			return nil, "", b.e.wrap(ctx, "write "+b.place, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, "", ctx.Err()
		}
		pause *= 2
		if driver.IsNetworkError(err) && b.e.takesWrites(ctx, b.place) {
			broken++
		}
		switch {
		case broken >= most:
			return documents, "the server breaks the connection when it gets this document", nil
		case try >= retry.Attempts:
			return nil, "", b.e.wrap(ctx, "write "+b.place, err)
		}
	}
}

// takesWrites reports whether the server takes a write of which it is known that nothing is wrong with it, because it
// finds no document to write to. Where it does not, the documents of another write are not at fault.
func (e *Exporter) takesWrites(ctx context.Context, place string) bool {
	nobody := bson.D{{Key: "_id", Value: nowhere + rand.Text()}}
	_, err := e.collection(place).UpdateOne(ctx, nobody, bson.D{{Key: "$set", Value: bson.D{{Key: nowhere, Value: true}}}})
	return err == nil
}

// once sends one bulk. It returns the documents that were neither written nor refused.
func (b *bulk) once(ctx context.Context, documents []document) (left []document, err error) {
	models := make([]driver.WriteModel, len(documents))
	for i, d := range documents {
		filter := append(bson.D{{Key: "_id", Value: d.id}}, d.condition...)
		models[i] = driver.NewReplaceOneModel().SetFilter(filter).SetReplacement(b.raw(d)).SetUpsert(true)
	}
	result, err := b.e.collection(b.place).BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	var refused driver.BulkWriteException
	if !errors.As(err, &refused) || len(refused.WriteErrors) == 0 || refused.WriteConcernError != nil {
		return nil, err
	}
	bad := map[int]bool{}
	for _, one := range refused.WriteErrors {
		bad[one.Index] = true
		b.takeWriteError(documents[one.Index], one)
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

// takeWriteError: where the condition of a document is not met, the server tries to insert it, and finds another of its key.
func (b *bulk) takeWriteError(d document, err driver.BulkWriteError) {
	const duplicateKey = 11000
	why := fmt.Sprintf("%s (code %d)", mongouri.WithoutSecret(errors.New(err.Message), b.e.options.URI), err.Code)
	if err.Code != duplicateKey || len(d.condition) == 0 {
		b.refuse(d.id, why)
		return
	}
	if b.unmet == nil {
		b.unmet = map[string]string{}
	}
	b.unmet[d.id] = why
}

// documentsFault tells errors that can be about the documents of a bulk from others.
func documentsFault(err error) bool {
	var command driver.CommandError
	if errors.As(err, &command) {
		const badValue, failedToParse, invalidBSON, dollarField, emptyField, dottedField, tooLarge = 2, 9, 22, 52, 56, 57, 10334
		return slices.Contains([]int32{badValue, failedToParse, invalidBSON, dollarField, emptyField, dottedField, tooLarge}, command.Code)
	}
	return errors.Is(err, wire.ErrDocumentTooLarge) || errors.As(err, new(driver.MarshalError))
}
