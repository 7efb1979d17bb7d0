// Package parity compares the documents that another system wrote with ours, per statistic, field and day. Both sides come
// in the order of `_id`: ours from the warehouse, theirs through temporary tables of DuckDB, which spill. So millions of
// documents take little memory, whatever order they come in.
//
// "Ours" is this warehouse, "theirs" is what the other system wrote. Nothing is written to either.
package parity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/docdiff"
	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

// Ours gives the documents of our statistics.
type Ours interface {
	// Documents calls fn with every document of a statistic in the order of `_id`, of the days that are compared. The bytes
	// are overwritten when fn has returned. The error is engine.ErrNotBuilt where there is nothing of it.
	Documents(ctx context.Context, statistic string, fn func(bsoncore.Document) error) error
	// Waiting says for which days of a statistic (YYYY-MM-DD) something is waited for, and what.
	Waiting(ctx context.Context, statistic string) (map[string]string, error)
}

// Layouts of their documents.
const (
	Auto        = "auto"        // of each statistic where it has documents, first in the single collection
	Single      = "single"      // one collection `statistics`, told apart by `type`
	Collections = "collections" // a collection or file per statistic
)

// Options of a comparison.
type Options struct {
	// Warehouse says for people what ours is read from.
	Warehouse string
	// Against is a server (mongodb://…), a folder of mongodump, or a folder of NAME.jsonl, NAME.json or NAME.bson files.
	Against string
	// Database is theirs, on a server and in a folder of mongodump.
	Database string
	// Layout is one of the constants; "" is Auto.
	Layout string
	// Statistics are the names of ours that are compared.
	Statistics []string
	// Selected: they were chosen by name. Then what else theirs has does not count, and one that theirs has not does.
	Selected bool
	// From and To bound the days (YYYY-MM-DD, inclusive; "" is open). With a bound, documents without a date are left out.
	From, To string
	Rules    docdiff.Rules
	// Examples is how many are kept of each field and kind of difference.
	Examples int
	Ours     Ours
	// Staging takes their documents as temporary tables; it may be a connection to a database that is read-only.
	Staging  *sql.Conn
	Observer engine.Observer
}

// single is the collection that holds all statistics.
const single = "statistics"

// Run compares. The error wraps engine.ErrUsage when the options make no sense.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	theirs, err := openStore(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, theirs.close()) }()
	staged := newStaging(o)
	defer func() { err = errors.Join(err, staged.drop(context.WithoutCancel(ctx))) }()
	report := newReport(o, theirs)
	if err := readTheirs(ctx, o, theirs, staged, report); err != nil {
		return nil, err
	}
	compared := 0
	for i, name := range o.Statistics {
		o.Observer.Begin("compare", name, i+1, len(o.Statistics))
		one, err := compare(ctx, o, staged, name)
		if err != nil {
			return nil, fmt.Errorf("compare %s: %w", name, err)
		}
		if staged.tables[name] != nil {
			compared++
		}
		report.add(one, staged.tables[name] != nil)
	}
	if compared == 0 && len(report.OnlyTheirs) == 0 {
		return nil, engine.WithHint(fmt.Errorf("%s has no document of the statistics that are compared", theirs.name()), "%s", theirs.hint())
	}
	report.finish()
	return report, nil
}

// readTheirs stages all documents of theirs that are compared.
func readTheirs(ctx context.Context, o Options, theirs store, staged *staging, report *Report) error {
	all, err := theirs.collections(ctx)
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, name := range all {
		has[name] = true
	}
	if o.Layout == Single && !has[single] {
		return fmt.Errorf("%w: %s has no %s: the layout is not single", engine.ErrUsage, theirs.name(), single)
	}
	read := func(collection string, take func(bsoncore.Document) error) error {
		o.Observer.Begin("read", collection, 0, 0)
		if err := theirs.read(ctx, collection, filter{from: o.From, to: o.To, types: wantedTypes(o, collection)}, take); err != nil {
			return err
		}
		return staged.flush()
	}
	if has[single] && o.Layout != Collections {
		if err := read(single, func(document bsoncore.Document) error { return staged.byType(ctx, document) }); err != nil {
			return err
		}
	}
	if o.Layout != Single {
		for _, name := range ownCollections(o, all) {
			if staged.tables[name] != nil {
				report.note("%s is in %s and in a collection of its own: the one in %s is compared (--against-layout %s takes the other)", name, single, single, Collections)
				continue
			}
			if err := read(name, func(document bsoncore.Document) error { return staged.add(ctx, name, document) }); err != nil {
				return err
			}
		}
	}
	staged.tell(report)
	return nil
}

func wantedTypes(o Options, collection string) []string {
	if collection == single && o.Selected {
		return o.Statistics
	}
	return nil
}

// ownCollections are those of statistics that are compared, and others that look like a statistic's.
func ownCollections(o Options, all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool {
		return !slices.Contains(o.Statistics, name) && (o.Selected || !strings.HasPrefix(name, single+"_"))
	})
}

// compare merges both sides of one statistic.
func compare(ctx context.Context, o Options, staged *staging, name string) (*Statistic, error) {
	tally := newTally(o, name)
	theirs, err := staged.sorted(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := theirs.advance(ctx); err != nil {
		return nil, err
	}
	err = o.Ours.Documents(ctx, name, func(document bsoncore.Document) error {
		id := idOf(document)
		for theirs.valid && theirs.id < id {
			tally.onlyTheirs(theirs.id, theirs.document)
			if err := theirs.advance(ctx); err != nil {
				return err
			}
		}
		if !theirs.valid || theirs.id != id {
			tally.onlyOurs(id, document)
			return nil
		}
		if err := tally.pair(id, document, theirs.document); err != nil {
			return fmt.Errorf("document %s: %w", id, err)
		}
		return theirs.advance(ctx)
	})
	if errors.Is(err, engine.ErrNotBuilt) {
		tally.statistic.Note, err = "ours is not built", nil
	}
	for err == nil && theirs.valid {
		tally.onlyTheirs(theirs.id, theirs.document)
		err = theirs.advance(ctx)
	}
	if err != nil {
		return nil, err
	}
	tally.statistic.Twice = theirs.twice
	waiting, err := o.Ours.Waiting(ctx, name)
	if err != nil {
		return nil, err
	}
	return tally.finish(waiting), nil
}

// A store is where the other system keeps its documents.
type store interface {
	// name is for people, without secrets; hint says what to do when it has nothing to compare.
	name() string
	hint() string
	collections(ctx context.Context) ([]string, error)
	// read calls fn with every document of a collection. It may give more than the filter asks for. The bytes may be
	// overwritten when fn has returned.
	read(ctx context.Context, collection string, f filter, fn func(bsoncore.Document) error) error
	close() error
}

// A filter spares a store documents that are not compared.
type filter struct {
	from, to string
	// types of the single collection; nil is all.
	types []string
}

func openStore(o Options) (store, error) {
	if mongouri.Is(o.Against) {
		return openServer(o)
	}
	if strings.Contains(o.Against, "://") {
		return nil, fmt.Errorf("%w: --against %s: neither mongodb:// nor a folder", engine.ErrUsage, o.Against)
	}
	return openFolder(o)
}

// sortedKeys of a map.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
