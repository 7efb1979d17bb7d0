package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/internal/extjson"
	"github.com/ccdexplorer/nightrunner/internal/mongotest"
)

// mongoBuilt: scripts that need a MongoDB server begin with [!mongo] skip.
func mongoBuilt() bool {
	_, err := os.Stat(filepath.FromSlash("../../bin/mongotest-server"))
	return err == nil
}

// mongoCommands are those of scripts with a MongoDB server:
//
//	mongoserver                       starts an empty one for the script; $MONGO is its URI
//	restore DIR                       fills it with DIR/DATABASE/COLLECTION.bson
func mongoCommands(t *testing.T) map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"mongoserver": func(ts *testscript.TestScript, _ bool, _ []string) {
			ts.Setenv("MONGO", mongotest.Start(t).URI)
		},
		"restore": func(ts *testscript.TestScript, _ bool, args []string) {
			mongotest.Restore(t, ts.Getenv("MONGO"), ts.MkAbs(args[0]))
		},
		// mongo-dump DATABASE COLLECTION FILE writes documents as an export does, sorted by _id.
		"mongo-dump": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Check(os.WriteFile(ts.MkAbs(args[2]), dumped(ts, t, args[0], args[1], bson.D{}), 0o600))
		},
		// mongo-put DATABASE COLLECTION DOCUMENT puts one document.
		"mongo-put": func(ts *testscript.TestScript, _ bool, args []string) {
			var document bson.D
			ts.Check(bson.UnmarshalExtJSON([]byte(args[2]), false, &document))
			_, err := mongotest.Connect(t, ts.Getenv("MONGO")).Database(args[0]).Collection(args[1]).ReplaceOne(t.Context(),
				bson.D{document[0]}, document, options.Replace().SetUpsert(true))
			ts.Check(err)
		},
		// mongo-delete DATABASE COLLECTION ID deletes one document.
		"mongo-delete": func(ts *testscript.TestScript, _ bool, args []string) {
			_, err := mongotest.Connect(t, ts.Getenv("MONGO")).Database(args[0]).Collection(args[1]).DeleteOne(t.Context(), bson.D{{Key: "_id", Value: args[2]}})
			ts.Check(err)
		},
		// mongo-drop DATABASE COLLECTION drops it.
		"mongo-drop": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Check(mongotest.Connect(t, ts.Getenv("MONGO")).Database(args[0]).Collection(args[1]).Drop(t.Context()))
		},
		// mongo-is DATABASE DIR [single] compares the files of an export with the collections, byte by byte.
		"mongo-is": func(ts *testscript.TestScript, neg bool, args []string) {
			files, err := filepath.Glob(filepath.Join(ts.MkAbs(args[1]), "*.jsonl"))
			ts.Check(err)
			var differ []string
			for _, file := range files {
				name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
				want, err := os.ReadFile(file)
				ts.Check(err)
				collection, filter := name, bson.D{}
				if len(args) > 2 && name != "projects" && name != "helpers" {
					collection, filter = "statistics", bson.D{{Key: "type", Value: name}}
				}
				if !bytes.Equal(want, dumped(ts, t, args[0], collection, filter)) {
					differ = append(differ, name)
				}
			}
			if len(files) == 0 || len(differ) > 0 != neg {
				ts.Fatalf("of %d files, these are not what the server has: %v", len(files), differ)
			}
		},
		// mongo-insert DATABASE COLLECTION FILE inserts a file of JSON Lines.
		"mongo-insert": func(ts *testscript.TestScript, _ bool, args []string) {
			var documents []bson.Raw
			for line := range strings.Lines(ts.ReadFile(args[2])) {
				var one bson.Raw
				ts.Check(bson.UnmarshalExtJSON([]byte(line), false, &one))
				documents = append(documents, one)
			}
			_, err := mongotest.Connect(t, ts.Getenv("MONGO")).Database(args[0]).Collection(args[1]).InsertMany(t.Context(), documents)
			ts.Check(err)
		},
	}
}

// dumped are documents as lines, sorted by _id.
func dumped(ts *testscript.TestScript, t *testing.T, database, collection string, filter bson.D) []byte {
	cursor, err := mongotest.Connect(t, ts.Getenv("MONGO")).Database(database).Collection(collection).Find(t.Context(), filter)
	ts.Check(err)
	var documents []bson.Raw
	ts.Check(cursor.All(t.Context(), &documents))
	slices.SortFunc(documents, func(a, b bson.Raw) int {
		return strings.Compare(a.Lookup("_id").StringValue(), b.Lookup("_id").StringValue())
	})
	var text []byte
	for _, one := range documents {
		text, err = extjson.Append(text, bsoncore.Document(one))
		ts.Check(err)
		text = append(text, '\n')
	}
	return text
}
