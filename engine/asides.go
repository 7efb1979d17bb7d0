package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/internal/durable"
)

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

// Asides are what was set aside of a warehouse, logs too.
func Asides(path string) ([]Aside, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, ignoreGone(err)
	}
	var list []Aside
	for _, entry := range entries {
		if _, is := asideTime(filepath.Base(path), entry.Name()); !is {
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

// asideTime is when something was set aside, as its name says.
func asideTime(of, name string) (string, bool) {
	for _, why := range []string{"damaged", "before-rollback"} {
		if at, is := strings.CutPrefix(name, of+"."+why+"-"); is {
			return at, true
		}
	}
	return "", false
}

// asideFiles are the paths of what was set aside of a warehouse, logs left out, the latest first.
func asideFiles(path string) ([]string, error) {
	list, err := Asides(path)
	if err != nil {
		return nil, err
	}
	at := func(file string) string {
		text, _ := asideTime(filepath.Base(path), filepath.Base(file))
		return text
	}
	var files []string
	for _, one := range list {
		if !strings.HasSuffix(one.Path, walPath("")) {
			files = append(files, one.Path)
		}
	}
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(at(b), at(a)) })
	return files, nil
}

func walPath(path string) string { return path + ".wal" }

// setAside gives a file and its write-ahead log another name, right before another file is put in its place. The file keeps the
// old name too until then, where the file system can do that, so that there is one at any moment.
func setAside(path, aside string) error {
	err := os.Link(path, aside)
	if err != nil {
		err = os.Rename(path, aside)
	}
	if err == nil {
		err = ignoreGone(os.Rename(walPath(path), walPath(aside)))
	}
	if err == nil {
		err = durable.SyncFolder(path)
	}
	return err
}

// putBack undoes a setAside after which nothing was put in the place: there is no file, or it is still the one with both names. It
// says whether that was so.
func putBack(path, aside string) (bool, error) {
	old, err := os.Stat(aside)
	if err != nil {
		return false, ignoreGone(err)
	}
	present, err := os.Stat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return false, err
	case !missing && !os.SameFile(old, present):
		return false, nil
	}
	// The log first: a file without it would be opened as if it were all.
	if _, err := os.Lstat(walPath(path)); errors.Is(err, fs.ErrNotExist) {
		if err := ignoreGone(os.Rename(walPath(aside), walPath(path))); err != nil {
			return false, err
		}
	}
	if missing {
		err = os.Rename(aside, path)
	} else {
		err = os.Remove(aside)
	}
	return true, errors.Join(err, durable.SyncFolder(path))
}

// settleAsides puts in order what a kill left of replacing the warehouse: what was set aside without another file in its place is
// put back, and what was not finished is removed. Only for who has the lease.
func (w *Warehouse) settleAsides() error {
	asides, err := asideFiles(w.Path)
	if err != nil {
		return err
	}
	beside := durable.Beside(w.Path)
	_, missing := os.Stat(w.Path)
	_, unfinished := os.Stat(beside)
	// Where the file is gone and nothing is unfinished, someone else took it away.
	if missing != nil && unfinished != nil {
		asides = nil
	}
	for _, aside := range asides {
		back, err := putBack(w.Path, aside)
		if err != nil {
			return fmt.Errorf("put %s back: %w", aside, err)
		}
		if back {
			w.note("what was set aside as %s was put back: nothing had taken its place", aside)
		}
	}
	for _, left := range []string{beside, walPath(beside)} {
		if err := ignoreGone(os.Remove(left)); err != nil {
			return err
		}
	}
	return nil
}

// RefuseMissing refuses to begin an empty warehouse where the one that was is likely to be there under another name.
func RefuseMissing(path string) error {
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	asides, err := asideFiles(path)
	if err != nil || len(asides) == 0 {
		return err
	}
	return WithHint(fmt.Errorf("%s is not there, but %s is, which was set aside", path, asides[0]),
		"mv %s %s goes on from it, nightrunner snapshots rollback RUN from a snapshot; to load everything anew, move what was set aside to another folder", asides[0], path)
}

// keepLostLog gives a write-ahead log whose file is gone another name: DuckDB removes it when it makes the file.
func (w *Warehouse) keepLostLog() error {
	aside := walPath(w.asidePath("damaged"))
	err := os.Rename(walPath(w.Path), aside)
	if err == nil {
		w.note("there was a write-ahead log without its warehouse; it was set aside as %s", aside)
	}
	return ignoreGone(err)
}
