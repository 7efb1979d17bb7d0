package durable

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A File is written beside its place, by whoever likes to write one, and put there by Commit. Processes may write the same
// place: the last one wins, as a whole.
type File struct {
	*os.File
	path string
	done bool
}

// Create begins a file. It gets mode, less the process's umask; Chmod says otherwise.
func Create(path string, mode fs.FileMode) (*File, error) {
	file, err := os.OpenFile(Beside(path+"."+rand.Text()[:8]), os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, err
	}
	return &File{File: file, path: path}, nil
}

// Commit makes the file durable and puts it in its place. After an error the place is as it was, and nothing is beside it.
func (f *File) Commit() error {
	if f.done {
		return fs.ErrClosed
	}
	f.done = true
	err := f.Sync()
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		return errors.Join(err, ignoreGone(os.Remove(f.Name())))
	}
	return SyncFolder(f.path)
}

// Abort gives the file up. It does nothing after Commit, or after itself.
func (f *File) Abort() error {
	if f.done {
		return nil
	}
	f.done = true
	// Nothing in it counts, and so it does not matter how it is closed.
	_ = f.Close()
	return ignoreGone(os.Remove(f.Name()))
}

// RemoveLeftovers removes what killed processes left of files that were to be put at path.
func RemoveLeftovers(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ignoreGone(err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "."+filepath.Base(path)+".") && strings.HasSuffix(entry.Name(), Unfinished) {
			if err := ignoreGone(os.Remove(filepath.Join(filepath.Dir(path), entry.Name()))); err != nil {
				return err
			}
		}
	}
	return nil
}
