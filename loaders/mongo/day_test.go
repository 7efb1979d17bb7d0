package mongo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/internal/mongotest"
	sqlfiles "github.com/ccdexplorer/nightrunner/sql"
)

var firstJune = time.Date(2021, 6, 1, 0, 0, 0, 0, time.UTC)

// asks what a source says of days.
func asks(t *testing.T, uri string) {
	t.Helper()
	collections, err := ReadMappings(sqlfiles.Files)
	if err != nil {
		t.Fatal(err)
	}
	loader := New(Options{URI: uri, Database: chainDatabase, Utilities: utilitiesDatabase, Collections: collections})
	for number, want := range map[int]string{1: "", 3: "", 4: "blocks_per_day has no 2021-06-04"} {
		got, err := loader.Day(t.Context(), firstJune.AddDate(0, 0, number-1))
		if err != nil || got != want {
			t.Errorf("day %d: %q, %v; want %q", number, got, err, want)
		}
	}
	got, err := loader.NightlyAccounts(t.Context())
	if want := firstJune.AddDate(0, 0, 1); err != nil || !got.Equal(want) {
		t.Errorf("nightly accounts of %s, %v", got, err)
	}
	what, _, err := loader.Probe(t.Context())
	if err != nil || !strings.HasPrefix(what, "2 of ") {
		t.Errorf("%s, %v", what, err)
	}
}

func TestDaysOfASource(t *testing.T) {
	d := newDesk(t)
	if err := os.Mkdir(filepath.Join(d.dir, chainDatabase), 0o700); err != nil {
		t.Fatal(err)
	}
	d.write(chainDatabase+"/blocks_per_day.bson", encode(t, day(1, 100, 199), day(2, 200, 299), day(3, 300, 399)))
	d.write(chainDatabase+"/helpers.bson", encode(t, bson.D{{Key: "_id", Value: "other"}}, bson.D{{Key: "_id", Value: lastNightlyAccounts}, {Key: "date", Value: "2021-06-02"}}))
	asks(t, d.uri)
	server := mongotest.Start(t)
	mongotest.Restore(t, server.URI, d.uri)
	asks(t, server.URI)
}

func TestDaysOfASourceThatCannotBeAsked(t *testing.T) {
	dir := t.TempDir()
	loader := New(Options{URI: dir, Database: "a", Utilities: "b", Collections: newDesk(t).collections()})
	if got, err := loader.Day(t.Context(), firstJune); err != nil || got == "" {
		t.Errorf("an empty folder: %q, %v", got, err)
	}
	if got, err := loader.NightlyAccounts(t.Context()); err != nil || !got.IsZero() {
		t.Errorf("an empty folder: %s, %v", got, err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := loader.Day(t.Context(), firstJune); err == nil {
		t.Error("no folder: no error")
	}
	loader = New(Options{URI: "mongodb://u:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=200", Database: "a", Utilities: "b", Collections: newDesk(t).collections()})
	if _, err := loader.Day(t.Context(), firstJune); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}
