package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ccdexplorer/nightrunner/engine"
)

// Probe looks whether the folder, or the one in which it would be made, can be written, for people who check a
// configuration. A folder has no time of its own.
func (e *Exporter) Probe(context.Context) (what string, at time.Time, err error) {
	what = "a folder"
	for dir := e.dir; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir):
			what = "a folder, to be made"
			continue
		case err != nil:
			return "", at, err
		case !info.IsDir():
			return "", at, fmt.Errorf("%s is no folder", dir)
		}
		if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
			return "", at, engine.WithHint(fmt.Errorf("%s cannot be written: %w", dir, err), "the run's user must write there")
		}
		return what, at, nil
	}
}
