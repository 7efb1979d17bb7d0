package mongotest

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// everyType has one field for every type that the server takes, alone and nested.
func everyType() bson.D {
	values := bson.D{
		{Key: "double", Value: 0.1 + 0.2}, {Key: "whole", Value: 2.0}, {Key: "smallest", Value: 5e-324}, {Key: "largest", Value: math.MaxFloat64},
		{Key: "string", Value: "a\x00b € 😀"}, {Key: "empty", Value: ""}, {Key: "document", Value: bson.D{{Key: "z", Value: 1}, {Key: "a", Value: bson.D{}}}},
		{Key: "array", Value: bson.A{1, "x", nil, bson.D{{Key: "a", Value: bson.A{}}}}}, {Key: "none", Value: bson.A{}},
		{Key: "binary", Value: bson.Binary{Subtype: 0, Data: []byte{1, 2}}}, {Key: "uuid", Value: bson.Binary{Subtype: 4, Data: make([]byte, 16)}},
		{Key: "own", Value: bson.Binary{Subtype: 0x80, Data: []byte{}}}, {Key: "id", Value: bson.NewObjectID()}, {Key: "bool", Value: true},
		{Key: "date", Value: bson.DateTime(1_630_000_000_123)}, {Key: "early", Value: bson.DateTime(-1)}, {Key: "null", Value: nil},
		{Key: "regex", Value: bson.Regex{Pattern: "^a.*", Options: "i"}}, {Key: "int32", Value: int32(math.MinInt32)}, {Key: "timestamp", Value: bson.Timestamp{T: 5, I: 6}},
		{Key: "int64", Value: int64(math.MaxInt64)}, {Key: "short int64", Value: int64(3)}, {Key: "odd int64", Value: int64(1)<<53 + 1},
		{Key: "Gate.io 1", Value: 1}, {Key: "a$b", Value: 1}, {Key: "", Value: 1},
	}
	return append(values, bson.E{Key: "nested", Value: slices.Clone(values)}, bson.E{Key: "list", Value: bson.A{slices.Clone(values)}})
}

func raw(t *testing.T, document bson.D) bson.Raw {
	t.Helper()
	text, err := bson.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// made is one document of each type of _id, more small ones than a batch takes, and more bytes than one takes.
func made(t *testing.T) []bson.Raw {
	t.Helper()
	var documents []bson.Raw
	for _, id := range []any{"text", int32(7), int64(1) << 40, 1.5, bson.NewObjectID(), true, bson.DateTime(5), bson.D{{Key: "a", Value: 1}}, nil} {
		documents = append(documents, raw(t, append(bson.D{{Key: "_id", Value: id}}, everyType()...)))
	}
	for i := range batchDocuments {
		documents = append(documents, raw(t, bson.D{{Key: "_id", Value: fmt.Sprintf("%x", (i*7919)%batchDocuments)}, {Key: "i", Value: i}}))
	}
	large := strings.Repeat("x", batchBytes/2)
	for i := range 3 {
		documents = append(documents, raw(t, bson.D{{Key: "_id", Value: fmt.Sprintf("large %d", 2-i)}, {Key: "text", Value: large}}))
	}
	return documents
}

func writeDump(t *testing.T, collections map[string][]bson.Raw) string {
	t.Helper()
	dir := t.TempDir()
	for name, documents := range collections {
		file := filepath.Join(dir, name+".bson")
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		var content []byte
		for _, document := range documents {
			content = append(content, document...)
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// same compares bytes: a type or an order that changed is a difference.
func same(t *testing.T, got, want []bson.Raw) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d documents, want %d", len(got), len(want))
		return
	}
	for i := range want {
		if string(got[i]) != string(want[i]) {
			t.Errorf("document %d (-want +got):\n%s", i+1, cmp.Diff(want[i].String(), got[i].String()))
			return
		}
	}
}

func TestRestoredDumpReadsBackEqual(t *testing.T) {
	s := Start(t)
	documents, few := made(t), []bson.Raw{raw(t, bson.D{{Key: "_id", Value: "<515,0>"}})}
	Restore(t, s.URI, writeDump(t, map[string][]bson.Raw{"chain/transactions": documents, "chain/none": nil, "tools/labels": few}))
	same(t, Documents(t, s.URI, "chain", "transactions"), documents)
	same(t, Documents(t, s.URI, "tools", "labels"), few)
	names, err := Connect(t, s.URI).Database("chain").ListCollectionNames(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if want := []string{"none", "transactions"}; !slices.Equal(names, want) {
		t.Errorf("collections %q, want %q", names, want)
	}
}

func TestKillAndRestartKeepTheData(t *testing.T) {
	s := Start(t)
	documents := []bson.Raw{raw(t, append(bson.D{{Key: "_id", Value: "b"}}, everyType()...)), raw(t, bson.D{{Key: "_id", Value: "a"}})}
	client := Connect(t, s.URI+"?serverSelectionTimeoutMS=200")
	collection := client.Database("chain").Collection("blocks")
	for _, document := range documents {
		if _, err := collection.InsertOne(t.Context(), document); err != nil {
			t.Fatal(err)
		}
	}
	s.Kill()
	s.Kill() // of one that is dead does nothing
	if err := client.Ping(t.Context(), nil); err == nil {
		t.Error("a killed server answers")
	}
	s.Restart()
	same(t, Documents(t, s.URI, "chain", "blocks"), documents)
	s.Restart() // of one that runs, too
	same(t, Documents(t, s.URI, "chain", "blocks"), documents)
}

func TestServersAreApart(t *testing.T) {
	one, two := Start(t), Start(t)
	Restore(t, one.URI, writeDump(t, map[string][]bson.Raw{"d/c": {raw(t, bson.D{{Key: "_id", Value: 1}})}}))
	same(t, Documents(t, two.URI, "d", "c"), nil)
}

// TestServerEndsCleanly: when told to, and when nobody holds its stdin any more.
func TestServerEndsCleanly(t *testing.T) {
	for name, end := range map[string]func(*Server) error{
		"SIGTERM": func(s *Server) error { return s.process.Process.Signal(syscall.SIGTERM) },
		"stdin":   func(s *Server) error { return s.stdin.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			s := Start(t)
			if err := end(s); err != nil {
				t.Fatal(err)
			}
			if err := s.process.Wait(); err != nil {
				t.Errorf("it ended with %v:\n%s", err, s.stderr)
			}
		})
	}
}

// told takes what a helper says of a test that it fails.
type told struct {
	testing.TB
	text string
}

func (r *told) Error(args ...any) { r.text += fmt.Sprint(args...) }

func TestServerThatDoesNotComeUpSaysWhy(t *testing.T) {
	taken, s := Start(t), Start(t)
	report := &told{TB: t}
	s.t, s.URI = report, taken.URI
	s.Restart()
	s.t = t
	if !strings.Contains(report.text, "address already in use") {
		t.Errorf("it says %q", report.text)
	}
}

func TestRealDocumentsReadBackEqual(t *testing.T) {
	dump := filepath.FromSlash("../../../shared/data/A/dump/concordium_mainnet")
	if _, err := os.Stat(dump); err != nil {
		t.Skip("../shared/data is not here")
	}
	s := Start(t)
	database := Connect(t, s.URI).Database("d")
	for _, name := range []string{"blocks_per_day", "helpers", "impacted_addresses", "instances", "plts_tags", "tokens_logged_events_v2"} {
		file := filepath.Join(dump, name+".bson")
		if err := restore(t.Context(), database, name, file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, err := readFile(file)
		if err != nil {
			t.Fatal(err)
		}
		same(t, Documents(t, s.URI, "d", name), want)
	}
}
