package mongo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

// errChanged is said of a document that is left, because somebody else has changed it.
var errChanged = errors.New("somebody else changed it since; it stays as it is")

// Undo puts documents back as they were before a run: what it wrote, and what was written later, newest first. A document that
// is neither as we wrote it nor as it was is left and told. What is kept of a run is forgotten when all of it is back; where
// it is not, older ones are not begun, because they are the states before.
func (e *Exporter) Undo(ctx context.Context, origin engine.Origin, leave func(statistic string) bool, told func(engine.Undone) error) (engine.TakenBack, error) {
	var back engine.TakenBack
	// Somebody sits there and waits.
	if err := e.reach(ctx, mongouri.Retry{Attempts: 1}); err != nil {
		return back, err
	}
	list, err := e.undo.exports(ctx)
	if err != nil {
		return back, err
	}
	last := slices.IndexFunc(list, func(one export) bool { return one.Warehouse == origin.Warehouse && one.Run == origin.Run })
	if last < 0 {
		return back, notKept(origin, list)
	}
	e.publications = nil
	for i, one := range list[:last+1] {
		whole := true
		err := e.takeBack(ctx, one, func(done engine.Undone) error {
			whole = whole && (len(done.Conflicts) == 0 || leave(done.Statistic))
			return told(done)
		})
		if err == nil && whole {
			err = e.undo.forget(ctx, one)
		}
		if err != nil {
			return back, fmt.Errorf("undo run %d: %w", one.Run, err)
		}
		if !whole {
			back.Stopped = one.Run
			for _, older := range list[i+1 : last+1] {
				back.Left = append(back.Left, older.Run)
			}
			break
		}
		back.Runs = append(back.Runs, one.Run)
	}
	return back, nil
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

// takeBack goes through the records of one export, newest first: markers go before the data that they stand for.
func (e *Exporter) takeBack(ctx context.Context, one export, told func(engine.Undone) error) error {
	var keys []struct {
		ID string `bson:"_id"`
	}
	err := e.try(ctx, "read "+undoCollection, func() error {
		cursor, err := e.own(undoCollection).Find(ctx, e.undo.filter(one), options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}}))
		if err != nil {
			return err
		}
		return cursor.All(ctx, &keys)
	})
	if err != nil {
		return err
	}
	ids := make([]string, len(keys))
	for i, key := range keys {
		ids[i] = key.ID
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	for _, id := range ids {
		if err := e.takeBackRecord(ctx, id, told); err != nil {
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
	byKey := map[string]entry{}
	var ids []string
	for _, one := range entries {
		byKey[one.ID], ids = one, append(ids, one.ID)
	}
	for some := range slices.Chunk(ids, bulkDocuments) {
		err := e.eachFound(ctx, r.Place, some, func(ids []string, there map[string]bson.Raw) error {
			b := &back{bulk: &bulk{e: e, place: r.Place}, protect: r.Protect, done: engine.Undone{Statistic: r.Statistic}}
			for _, id := range ids {
				if err := b.take(byKey[id], there[id]); err != nil {
					return err
				}
			}
			if err := b.write(ctx); err != nil {
				return err
			}
			if r.Place == e.publicationsPlace() {
				b.done = engine.Undone{Statistic: r.Statistic, Conflicts: b.done.Conflicts}
			}
			return told(b.done)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// back puts some documents of one record back.
type back struct {
	*bulk
	protect string
	// same are as they were already; restored ones are in the bulk; removed ones are to be deleted.
	same, restored, removed []entry
	removals                []driver.WriteModel
	done                    engine.Undone
}

// take decides about a document: is is what is there now, nil for nothing. What is written takes the place of just that.
func (b *back) take(one entry, is bson.Raw) error {
	ours := is == nil && one.Written == 0 || is != nil && hashOf(is) == one.Written
	switch {
	case bytes.Equal(is, one.Was):
		b.same = append(b.same, one)
		return nil
	case !ours:
		b.conflict(one.ID)
		return nil
	}
	condition, err := asRead(is)
	if err != nil {
		return fmt.Errorf("read %s: %w", one.ID, err)
	}
	if is != nil && is.Lookup(b.protect).Type == 0 {
		condition = append(condition, lacking(b.protect)...)
	}
	if one.Was == nil {
		b.removed = append(b.removed, one)
		b.removals = append(b.removals, driver.NewDeleteOneModel().SetFilter(append(bson.D{{Key: "_id", Value: one.ID}}, condition...)))
		return nil
	}
	b.restored = append(b.restored, one)
	b.add(one.ID, one.Was, false).condition = condition
	return nil
}

func (b *back) conflict(id string) {
	b.done.Conflicts = append(b.done.Conflicts, engine.Refusal{ID: id, Reason: errChanged.Error()})
}

// write writes what was decided, and tells what came of it.
func (b *back) write(ctx context.Context) error {
	left, err := b.deleteRemoved(ctx)
	if err != nil {
		return err
	}
	if len(b.documents) > 0 {
		if err := b.send(ctx, b.documents); err != nil {
			return err
		}
	}
	b.done.Conflicts = append(b.done.Conflicts, b.outcome.Refused...)
	for _, one := range b.same {
		b.tell(one)
	}
	for _, one := range b.removed {
		if left[one.ID] {
			b.conflict(one.ID)
			continue
		}
		b.done.Removed++
		b.tell(one)
	}
	for _, one := range b.restored {
		if b.unmet[one.ID] != "" {
			b.conflict(one.ID)
		} else if !b.refused[one.ID] {
			b.done.Restored++
			b.tell(one)
		}
	}
	return nil
}

// deleteRemoved deletes documents that were not there before, and returns those that still are.
func (b *back) deleteRemoved(ctx context.Context) (left map[string]bool, err error) {
	if len(b.removals) == 0 {
		return nil, nil
	}
	err = b.e.try(ctx, "delete from "+b.place, func() error {
		_, err := b.e.collection(b.place).BulkWrite(ctx, b.removals, options.BulkWrite().SetOrdered(false))
		return err
	})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, one := range b.removed {
		ids = append(ids, one.ID)
	}
	return b.e.keys(ctx, b.place, ids)
}

func (b *back) tell(one entry) {
	date, _ := one.Was.Lookup("date").StringValueOK()
	b.done.Back = append(b.done.Back, engine.BackDocument{ID: one.ID, Date: date, There: one.Was != nil, Known: one.Known})
}
