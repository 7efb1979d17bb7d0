package parity

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

// A server is a live MongoDB.
type server struct {
	uri, database string
	client        *mongo.Client
}

func openServer(o Options) (*server, error) {
	client, err := mongouri.Connect(o.Against, "against")
	if err != nil {
		return nil, err
	}
	return &server{o.Against, o.Database, client}, nil
}

func (s *server) name() string { return mongouri.Redact(s.uri) + " (" + s.database + ")" }

func (s *server) hint() string {
	return "the URI or --mongo-database names their database: mongodb://HOST/DATABASE"
}

func (s *server) fail(what string, err error) error {
	return fmt.Errorf("%s %s: %s", what, s.name(), mongouri.WithoutSecret(err, s.uri))
}

func (s *server) collections(ctx context.Context) ([]string, error) {
	names, err := s.client.Database(s.database).ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return nil, s.fail("connect to", err)
	}
	return names, nil
}

// read asks for the documents in no order: that needs no index.
func (s *server) read(ctx context.Context, collection string, f filter, fn func(bsoncore.Document) error) (err error) {
	cursor, err := s.client.Database(s.database).Collection(collection).Find(ctx, f.query())
	if err != nil {
		return s.fail("read "+collection+" of", err)
	}
	defer func() { err = errors.Join(err, cursor.Close(context.WithoutCancel(ctx))) }()
	for cursor.Next(ctx) {
		if err := fn(bsoncore.Document(cursor.Current)); err != nil {
			return err
		}
	}
	if err := cursor.Err(); err != nil {
		return s.fail("read "+collection+" of", err)
	}
	return nil
}

// query is made so that an index on (type, date) serves it.
func (f filter) query() bson.D {
	query := bson.D{}
	if f.types != nil {
		query = append(query, bson.E{Key: "type", Value: bson.D{{Key: "$in", Value: f.types}}})
	}
	days := bson.D{}
	if f.from != "" {
		days = append(days, bson.E{Key: "$gte", Value: f.from})
	}
	if f.to != "" {
		days = append(days, bson.E{Key: "$lte", Value: f.to})
	}
	if len(days) > 0 {
		query = append(query, bson.E{Key: "date", Value: days})
	}
	return query
}

func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), mongouri.Timeout)
	defer cancel()
	return s.client.Disconnect(ctx)
}
