package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/ccdexplorer/nightrunner/internal/durable"
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
	if err := removeEmpty(w.Path); err != nil {
		return err
	}
	err := w.open(ctx)
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

// removeEmpty: a process that is killed while it makes the file can leave one without a byte.
func removeEmpty(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() > 0 {
		return ignoreGone(err)
	}
	return os.Remove(path)
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// recover puts the last state that can be read in the place of a damaged warehouse. Documents that were exported after it
// are not in its ops.documents: it forgets what destinations hold.
func (w *Warehouse) recover(ctx context.Context, damage error) error {
	aside := w.asidePath("damaged")
	from, err := w.recoverFrom(ctx, aside)
	if err != nil {
		return fmt.Errorf("set the damaged warehouse aside: %w", err)
	}
	if from == "" {
		if w.options.Recovery != RecoverAll {
			return WithHint(errors.New("there is no snapshot to go on from"), "nightrunner run sets the file aside and loads the sources again")
		}
		if err := setAside(w.Path, aside); err != nil {
			return err
		}
		if err := ignoreGone(os.Remove(w.Path)); err != nil {
			return err
		}
		from = "the sources: there is no snapshot"
	}
	w.recovered = true
	w.note("the warehouse was damaged (%v); it was set aside as %s, and this goes on from %s", rootOf(damage), aside, from)
	return nil
}

// rootOf is what DuckDB said.
func rootOf(err error) error {
	if duck := (*duckdb.Error)(nil); errors.As(err, &duck) {
		return duck
	}
	return err
}

// recoverFrom tries what there is, the newest first, and says what it took; "" for nothing.
func (w *Warehouse) recoverFrom(ctx context.Context, aside string) (string, error) {
	if _, err := os.Stat(walPath(w.Path)); err == nil {
		err := w.replaceBy(ctx, w.Path, aside, nil)
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
	for _, one := range list {
		err := w.replaceBy(ctx, one.Path, aside, nil)
		if err == nil {
			return fmt.Sprintf("the snapshot of run %d", one.Run), nil
		}
		if !errors.Is(err, ErrDamaged) {
			return "", err
		}
		w.note("the snapshot of run %d is damaged too: %v", one.Run, rootOf(err))
	}
	return "", nil
}

// replaceBy puts a copy of a file in the warehouse's place, whose present file gets the name aside. finish may change the
// copy before. A crash leaves the present file or the copy, whole.
func (w *Warehouse) replaceBy(ctx context.Context, from, aside string, finish func(ctx context.Context, copied string) error) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := needRoom(w.Path, info.Size()); err != nil {
		return err
	}
	return durable.Write(w.Path, info.Mode().Perm()|0o200, func(beside string) error {
		if err := ignoreGone(os.Remove(walPath(beside))); err != nil {
			return err
		}
		if err := copyBlocks(ctx, from, beside, func(int64, int64) {}); err != nil {
			return err
		}
		db, err := OpenReadOnly(ctx, beside)
		if err != nil {
			return err
		}
		if err := db.Close(); err != nil {
			return err
		}
		if finish != nil {
			if err := finish(ctx, beside); err != nil {
				return err
			}
		}
		return setAside(w.Path, aside)
	})
}

// asidePath is a name beside the warehouse that is not taken: FILE.WHY-20261125-020004.
func (w *Warehouse) asidePath(why string) string {
	name := fmt.Sprintf("%s.%s-%s", w.Path, why, w.now().UTC().Format("20060102-150405"))
	path := name
	for i := 2; ; i++ {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return path
		}
		path = fmt.Sprintf("%s-%d", name, i)
	}
}

// An Aside is a file that was set aside.
type Aside struct {
	Path  string    `json:"path"`
	Bytes int64     `json:"bytes"`
	At    time.Time `json:"at"`
}

// Asides are what was set aside of a warehouse, the oldest first.
func Asides(path string) ([]Aside, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, ignoreGone(err)
	}
	var list []Aside
	for _, entry := range entries {
		why, is := strings.CutPrefix(entry.Name(), filepath.Base(path)+".")
		if !is || !strings.HasPrefix(why, "damaged-") && !strings.HasPrefix(why, "before-rollback-") {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return nil, err
		}
		list = append(list, Aside{filepath.Join(filepath.Dir(path), entry.Name()), info.Size(), info.ModTime().UTC()})
	}
	return list, nil
}

func walPath(path string) string { return path + ".wal" }

// setAside gives a file and its write-ahead log another name. The file keeps the old one too until it is replaced, where the
// file system can do that, so that there is one at any moment.
func setAside(path, aside string) error {
	if aside == "" {
		return nil
	}
	if err := os.Link(path, aside); err != nil {
		if err := os.Rename(path, aside); err != nil {
			return err
		}
	}
	if err := ignoreGone(os.Rename(walPath(path), walPath(aside))); err != nil {
		return err
	}
	return durable.SyncFolder(path)
}

// note is told with the report of the next run.
func (w *Warehouse) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// distrustDestinations makes the next export compare everything with what destinations hold: they may have documents that
// this warehouse does not know of.
const distrustDestinations = "update ops.exports set state = ''"
