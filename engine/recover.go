package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/ccdexplorer/nightrunner/internal/durable"
	"github.com/ccdexplorer/nightrunner/migrations"
)

// Recovery says how far Open may go when the warehouse is damaged. The damaged file is set aside in any case, never
// overwritten.
type Recovery int

const (
	// RecoverNothing returns ErrDamaged.
	RecoverNothing Recovery = iota
	// RecoverSnapshot goes on from the last state that can be read: the file without its write-ahead log, or the newest
	// snapshot.
	RecoverSnapshot
	// RecoverAll starts with an empty warehouse when there is none: for who loads sources next.
	RecoverAll
)

// openPatience is how long a reader that has the file open is waited for: status and query take a moment.
const openPatience = 2 * time.Second

// openOrRecover opens the database, also after what a crash leaves.
func (w *Warehouse) openOrRecover(ctx context.Context) error {
	err := w.openPresent(ctx)
	for tries := openPatience / (50 * time.Millisecond); errors.Is(err, ErrInUse) && tries > 0 && ctx.Err() == nil; tries-- {
		time.Sleep(50 * time.Millisecond)
		err = errors.Join(w.disconnect(), w.open(ctx))
	}
	if err == nil || !errors.Is(err, ErrDamaged) || w.options.Recovery == RecoverNothing {
		return err
	}
	if closeErr := w.disconnect(); closeErr != nil {
		return errors.Join(err, closeErr)
	}
	if recoverErr := w.recover(ctx, err); recoverErr != nil {
		return errors.Join(err, recoverErr)
	}
	return w.open(ctx)
}

// openPresent opens the file that is there, or makes one. A process that is killed while it makes the file can leave one
// without a byte: that is made anew. One that was published before has lost its bytes.
func (w *Warehouse) openPresent(ctx context.Context) error {
	info, err := os.Stat(w.Path)
	if err == nil && info.Size() > 0 {
		if err := checkLog(w.Path); err != nil {
			return err
		}
		return w.open(ctx)
	}
	if err == nil {
		err = w.removeEmpty()
	}
	if err := ignoreGone(err); err != nil {
		return err
	}
	if err := w.keepLostLog(); err != nil {
		return err
	}
	return w.open(ctx)
}

func (w *Warehouse) removeEmpty() error {
	newest, err := w.snapshots.newest()
	switch {
	case err != nil:
		return err
	case newest > 0:
		return WithHint(fmt.Errorf("%s: %w: %w", w.Path, ErrDamaged, cause("it is empty")), damageHint)
	}
	return os.Remove(w.Path)
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// recover puts the last state that can be read in the place of a damaged warehouse. Documents that were exported after it
// are not in its ops.documents: it distrusts what it knows of destinations.
func (w *Warehouse) recover(ctx context.Context, damage error) error {
	aside := w.asidePath("damaged")
	from, err := w.recoverFrom(ctx, aside)
	if err != nil {
		return fmt.Errorf("set the damaged warehouse aside: %w", err)
	}
	if from == "" {
		return WithHint(errors.New("there is no snapshot to go on from"), "nightrunner run sets the file aside and loads the sources again")
	}
	w.note("the warehouse was damaged (%v); it was set aside as %s, and this goes on from %s", rootOf(damage), aside, from)
	return nil
}

// A cause is why a file is damaged that DuckDB would open.
type cause string

func (c cause) Error() string { return string(c) }

// rootOf is what DuckDB said, or the cause.
func rootOf(err error) error {
	if duck := (*duckdb.Error)(nil); errors.As(err, &duck) {
		return duck
	}
	if why := cause(""); errors.As(err, &why) {
		return why
	}
	return err
}

// recoverFrom tries what there is and says what it took; "" for nothing.
func (w *Warehouse) recoverFrom(ctx context.Context, aside string) (string, error) {
	if _, err := os.Stat(walPath(w.Path)); err == nil {
		err := w.replaceByCopy(ctx, w.Path, aside, (*Warehouse).distrustDestinations)
		if err == nil {
			return "what it held before its write-ahead log", nil
		}
		if !errors.Is(err, ErrDamaged) {
			return "", err
		}
	}
	list, err := w.snapshots.List()
	if err != nil {
		return "", err
	}
	for _, one := range toRecoverFrom(list) {
		err := w.replaceByCopy(ctx, one.Path, aside, (*Warehouse).distrustDestinations)
		if err == nil {
			return fmt.Sprintf("the snapshot of run %d", one.Run), nil
		}
		if !errors.Is(err, ErrDamaged) {
			return "", err
		}
		w.note("the snapshot of run %d is damaged too: %v", one.Run, rootOf(err))
	}
	if w.options.Recovery != RecoverAll {
		return "", nil
	}
	return "the sources: there is no snapshot", w.replaceByEmpty(ctx, aside)
}

// toRecoverFrom puts snapshots in the order in which a warehouse goes on from them: the current one, then those before it.
// Later ones, from which someone went back, are better than none.
func toRecoverFrom(list []Snapshot) []Snapshot {
	current := max(slices.IndexFunc(list, func(one Snapshot) bool { return one.Current }), 0)
	return slices.Concat(list[current:], list[:current])
}

// replaceByCopy puts a copy of a file in the warehouse's place, whose present file gets the name aside. finish changes the copy
// before.
func (w *Warehouse) replaceByCopy(ctx context.Context, from, aside string, finish func(*Warehouse, context.Context) error) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := needRoom(w.Path, info.Size()); err != nil {
		return err
	}
	return w.replaceBy(aside, info.Mode(), func(beside string) error {
		if err := copyBlocks(ctx, from, beside, func(int64, int64) {}); err != nil {
			return err
		}
		return w.inOther(ctx, beside, finish)
	})
}

// replaceByEmpty puts an empty warehouse in the place of the present one.
func (w *Warehouse) replaceByEmpty(ctx context.Context, aside string) error {
	info, err := os.Stat(w.Path)
	if err != nil {
		return err
	}
	return w.replaceBy(aside, info.Mode(), func(beside string) error {
		return w.inOther(ctx, beside, func(*Warehouse, context.Context) error { return nil })
	})
}

// replaceBy puts the file that is made beside it in the warehouse's place, whose present file gets the name aside at the last
// moment. A crash leaves the present file or the other one, whole, or what settleAsides puts in order.
func (w *Warehouse) replaceBy(aside string, mode fs.FileMode, fill func(beside string) error) error {
	err := durable.Write(w.Path, mode.Perm()|0o200, func(beside string) error {
		err := ignoreGone(os.Remove(walPath(beside)))
		if err == nil {
			err = fill(beside)
		}
		if err == nil {
			err = durable.Sync(beside)
		}
		if err == nil && aside != "" {
			err = setAside(w.Path, aside)
		}
		return err
	})
	if err != nil && aside != "" {
		_, backErr := putBack(w.Path, aside)
		err = errors.Join(err, backErr)
	}
	return err
}

// inOther opens the file at path as this warehouse will be, brings its schema up to date, does something in it and brings all
// that into the file.
func (w *Warehouse) inOther(ctx context.Context, path string, do func(*Warehouse, context.Context) error) (err error) {
	other := &Warehouse{Path: path, options: w.options, snapshots: w.snapshots, now: w.now, log: w.log, highestRun: w.highestRun}
	defer func() { err = errors.Join(err, other.disconnect()) }()
	if err := other.open(ctx); err != nil {
		return err
	}
	if err := migrations.Up(ctx, other.db); err != nil {
		return fmt.Errorf("migrate %s: %w", path, err)
	}
	if err := other.acquire(ctx); err != nil {
		return err
	}
	if err := do(other, ctx); err != nil {
		return err
	}
	return other.exec(ctx, "checkpoint")
}

// note is told with the report of the next run.
func (w *Warehouse) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// distrustDestinations makes the next export compare everything with what destinations hold: they may have documents that
// this warehouse does not know of.
func (w *Warehouse) distrustDestinations(ctx context.Context) error {
	return w.exec(ctx, "update ops.exports set state = ''")
}
