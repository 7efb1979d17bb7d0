package mongotest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

const (
	batchDocuments = 5000
	batchBytes     = 4 << 20
)

// Restore fills the server with every DIR/DATABASE/COLLECTION.bson of a mongodump folder, in the order of the file.
// Documents are added to what is there. Indexes of the metadata files are not made: no result depends on them.
func Restore(t testing.TB, uri, dumpDir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dumpDir, "*", "*.bson"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("%s holds no DATABASE/COLLECTION.bson: it is no mongodump folder", dumpDir)
	}
	client := Connect(t, uri)
	for _, file := range files {
		database := client.Database(filepath.Base(filepath.Dir(file)))
		if err := restore(t.Context(), database, strings.TrimSuffix(filepath.Base(file), ".bson"), file); err != nil {
			t.Fatalf("restore %s: %v", file, err)
		}
	}
}

func restore(ctx context.Context, database *mongo.Database, name, file string) error {
	documents, err := readFile(file)
	if err != nil {
		return err
	}
	if len(documents) == 0 {
		return database.CreateCollection(ctx, name)
	}
	for offset := 0; offset < len(documents); {
		batch := nextBatch(documents[offset:])
		if _, err := database.Collection(name).InsertMany(ctx, batch, options.InsertMany().SetOrdered(true)); err != nil {
			return fmt.Errorf("documents from %d on: %w", offset+1, err)
		}
		offset += len(batch)
	}
	return nil
}

// nextBatch is the longest start of the documents that is small enough, but at least one.
func nextBatch(documents []bson.Raw) []bson.Raw {
	bytes := 0
	for i, document := range documents {
		bytes += len(document)
		if i > 0 && (i == batchDocuments || bytes > batchBytes) {
			return documents[:i]
		}
	}
	return documents
}

func readFile(file string) ([]bson.Raw, error) {
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var documents []bson.Raw
	for len(rest) > 0 {
		document, after, ok := bsoncore.ReadDocument(rest)
		if !ok {
			return nil, fmt.Errorf("document %d is cut off", len(documents)+1)
		}
		documents, rest = append(documents, bson.Raw(document)), after
	}
	return documents, nil
}

// Documents returns a collection in natural order: as inserted, a changed document in its old place.
func Documents(t testing.TB, uri, database, collection string) []bson.Raw {
	t.Helper()
	// FerretDB refuses to sort by $natural, and reads in that order unasked.
	cursor, err := Connect(t, uri).Database(database).Collection(collection).Find(t.Context(), bson.D{})
	if err != nil {
		t.Fatalf("read %s.%s: %v", database, collection, err)
	}
	var documents []bson.Raw
	if err := cursor.All(t.Context(), &documents); err != nil {
		t.Fatalf("read %s.%s: %v", database, collection, err)
	}
	return documents
}
