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

// Day says in words when the folder does not have the snapshot of a UTC day, or not all of it: a file that is being
// written has no line end yet.
func (ldr *Loader) Day(_ context.Context, day time.Time) (missing string, err error) {
	l := &load{dir: ldr.dir}
	if _, err := os.Stat(ldr.dir); err != nil {
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
	return fmt.Sprintf("%s has no %s", ldr.dir, name), nil
}

// Probe looks whether the folder can be read, for people who check a configuration. A folder has no time of its own.
func (ldr *Loader) Probe(context.Context) (what string, at time.Time, err error) {
	entries, err := os.ReadDir(ldr.dir)
	if err != nil {
		return "", at, engine.WithHint(err, "--balances names the folder of YYYY-MM-DD.csv files")
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
		return "", at, engine.WithHint(fmt.Errorf("%s has no file YYYY-MM-DD.csv", ldr.dir), "is it mounted?")
	}
	file, err := os.Open(filepath.Join(ldr.dir, entries[len(entries)-1].Name()))
	if err != nil {
		return "", at, err
	}
	return fmt.Sprintf("%d snapshots, %s to %s", count, first, last), at, file.Close()
}
