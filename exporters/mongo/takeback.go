package mongo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/ccdexplorer/nightrunner/engine"
)

// errChanged is said of a document that is left, because somebody else has changed it.
var errChanged = errors.New("somebody else changed it since; it stays as it is")

// Undo puts documents back as they were before a run: what it wrote, and what later runs wrote, newest first. A document that
// is neither as we wrote it nor as it was is left and told. What is kept of a run is forgotten when all of it is back.
func (e *Exporter) Undo(ctx context.Context, origin engine.Origin, told func(engine.Undone) error) ([]int64, error) {
	list, err := e.undo.exports(ctx)
	if err != nil {
		return nil, err
	}
	last := slices.IndexFunc(list, func(one export) bool { return one.Warehouse == origin.Warehouse && one.Run == origin.Run })
	if last < 0 {
		return nil, notKept(origin, list)
	}
	e.publications = nil
	var runs []int64
	for _, one := range list[:last+1] {
		whole := true
		err := e.takeBack(ctx, one, func(done engine.Undone) error {
			whole = whole && len(done.Conflicts) == 0
			return told(done)
		})
		if err != nil {
			return runs, fmt.Errorf("undo run %d: %w", one.Run, err)
		}
		if runs = append(runs, one.Run); !whole {
			continue
		}
		if err := e.undo.forget(ctx, one); err != nil {
			return runs, err
		}
	}
	return runs, nil
}

// notKept says which runs could be taken back.
func notKept(origin engine.Origin, list []export) error {
	var kept []string
	for _, one := range list {
		if one.Warehouse == origin.Warehouse {
			kept = append(kept, fmt.Sprint(one.Run))
		}
	}
	err := fmt.Errorf("%w: %s keeps nothing of run %d of this warehouse", engine.ErrUsage, undoCollection, origin.Run)
	if len(kept) == 0 {
		return engine.WithHint(err, "it keeps nothing of any run of it")
	}
	return engine.WithHint(err, "it keeps what these runs wrote over: %s", strings.Join(kept, ", "))
}

// takeBack goes through the records of one run, newest first: markers go before the data that they stand for.
func (e *Exporter) takeBack(ctx context.Context, one export, told func(engine.Undone) error) error {
	type key struct {
		ID string    `bson:"_id"`
		At time.Time `bson:"at"`
	}
	var keys []key
	err := e.try(ctx, "read "+undoCollection, func() error {
		cursor, err := e.own(undoCollection).Find(ctx, e.undo.filter(one), options.Find().SetProjection(bson.D{{Key: "at", Value: 1}}))
		if err != nil {
			return err
		}
		return cursor.All(ctx, &keys)
	})
	if err != nil {
		return err
	}
	// By time first: after a warehouse was rolled back, another run may have had the same number.
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(b.At.Compare(a.At), strings.Compare(b.ID, a.ID)) })
	for _, one := range keys {
		if err := e.takeBackRecord(ctx, one.ID, told); err != nil {
			return err
		}
	}
	return nil
}

func (e *Exporter) takeBackRecord(ctx context.Context, name string, told func(engine.Undone) error) error {
	var r record
	err := e.try(ctx, "read "+undoCollection, func() error {
		return e.own(undoCollection).FindOne(ctx, bson.D{{Key: "_id", Value: name}}).Decode(&r)
	})
	if err != nil {
		return err
	}
	entries, err := entriesOf(r)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(entries, bulkDocuments) {
		done, err := e.restore(ctx, r, part)
		if err != nil {
			return err
		}
		if r.Place == e.publicationsPlace() {
			done = engine.Undone{Statistic: r.Statistic, Conflicts: done.Conflicts}
		}
		if err := told(done); err != nil {
			return err
		}
	}
	return nil
}

// restore puts documents back that are as we wrote them.
func (e *Exporter) restore(ctx context.Context, r record, entries []entry) (engine.Undone, error) {
	done := engine.Undone{Statistic: r.Statistic}
	var ids []string
	for _, one := range entries {
		ids = append(ids, one.ID)
	}
	there, err := e.find(ctx, r.Place, ids)
	if err != nil {
		return done, err
	}
	back := &bulk{e: e, place: r.Place}
	var remove []string
	for _, one := range entries {
		is := there[one.ID]
		ours := is == nil && one.Written == 0 || is != nil && hashOf(is) == one.Written
		switch {
		case bytes.Equal(is, one.Was):
		case !ours:
			done.Conflicts = append(done.Conflicts, engine.Refusal{ID: one.ID, Reason: errChanged.Error()})
			continue
		case one.Was == nil:
			remove = append(remove, one.ID)
		default:
			back.add(one.ID, one.Was, false)
		}
		date, _ := one.Was.Lookup("date").StringValueOK()
		done.Back = append(done.Back, engine.BackDocument{ID: one.ID, Date: date, There: one.Was != nil, Known: one.Known})
	}
	if len(remove) > 0 {
		if err := e.remove(ctx, r.Place, remove); err != nil {
			return done, err
		}
	}
	if len(back.documents) > 0 {
		if err := back.send(ctx, back.documents); err != nil {
			return done, err
		}
	}
	done.Conflicts = append(done.Conflicts, back.outcome.Refused...)
	done.Removed, done.Restored = int64(len(remove)), int64(len(back.documents)-len(back.outcome.Refused))
	return done, nil
}

func (e *Exporter) remove(ctx context.Context, place string, ids []string) error {
	return e.try(ctx, "delete from "+place, func() error {
		_, err := e.collection(place).DeleteMany(ctx, byID(ids))
		return err
	})
}
