package balances

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
)

// Day says in words when the folder or repository does not have the snapshot of a UTC day, or not all of it.
func (ldr *Loader) Day(ctx context.Context, day time.Time) (missing string, err error) {
	store, err := ldr.open(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, store.close()) }()
	return store.day(ctx, day)
}

// Probe looks whether the folder or repository can be read, for people who check a configuration. It has no time of its own.
func (ldr *Loader) Probe(ctx context.Context) (what string, at time.Time, err error) {
	store, err := ldr.open(ctx)
	if err != nil {
		return "", at, err
	}
	defer func() { err = errors.Join(err, store.close()) }()
	what, err = store.probe(ctx)
	return what, at, err
}

// day: a file that is being written has no line end yet.
func (f folder) day(_ context.Context, day time.Time) (missing string, err error) {
	l := &load{store: f}
	if _, err := os.Stat(f.dir); err != nil {
		return "", err
	}
	name := day.Format(time.DateOnly) + ".csv"
	for _, ending := range []string{"", ".gz", ".zst"} {
		_, text, err := l.read(source{name: name + ending})
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return fmt.Sprintf("%s: %v", name+ending, err), nil
		case !bytes.HasSuffix(text, []byte("\n")):
			return name + ending + " is not written to its end", nil
		}
		return "", nil
	}
	return fmt.Sprintf("%s has no %s", f.dir, name), nil
}

func (f folder) probe(context.Context) (what string, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return "", engine.WithHint(err, "--balances names the folder of YYYY-MM-DD.csv files")
	}
	count, first, last := 0, "", ""
	for _, entry := range entries {
		match := fileName.FindStringSubmatch(entry.Name())
		if match == nil || match[2] != "" || entry.IsDir() {
			continue
		}
		count++
		if first == "" {
			first = match[1]
		}
		last = match[1]
	}
	if count == 0 {
		return "", engine.WithHint(fmt.Errorf("%s has no file YYYY-MM-DD.csv", f.dir), "is it mounted?")
	}
	file, err := os.Open(filepath.Join(f.dir, entries[len(entries)-1].Name()))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d snapshots, %s to %s", count, first, last), file.Close()
}
