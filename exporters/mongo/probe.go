package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

// Probe asks the server who it is, for people who check a configuration. It writes nothing: whether the user may write is
// known by writing. at is the server's time.
func (e *Exporter) Probe(ctx context.Context) (what string, at time.Time, err error) {
	var hello struct {
		LocalTime time.Time `bson:"localTime"`
		Writable  *bool     `bson:"isWritablePrimary"`
	}
	fail := func(err error) error {
		return engine.WithHint(errors.New(mongouri.WithoutSecret(err, e.options.URI)), "is the server up, and does --export name its host, user and database?")
	}
	if err := e.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return "", at, fail(err)
	}
	if hello.Writable != nil && !*hello.Writable {
		return "", at, engine.WithHint(errors.New("the server takes no writes: it is no primary"), "name all members and replicaSet= in the URI")
	}
	names, err := e.client.Database(e.options.Database).ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return "", at, fail(err)
	}
	return fmt.Sprintf("database %s has %d collections", e.options.Database, len(names)), hello.LocalTime, nil
}
