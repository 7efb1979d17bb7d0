// Package durable changes folders so that a crash leaves the state before or after: content is written beside its place,
// synced and renamed, and the folder is synced. Names of unfinished files start with a dot and end with Unfinished.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Unfinished ends the name of a file that is being written.
const Unfinished = ".unfinished"

// Beside is where path is written before it is renamed.
func Beside(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+Unfinished)
}

// Write replaces path by what write makes of a file beside it. On an error path is as it was, and nothing is beside it.
// One process at a time may write a path.
func Write(path string, mode fs.FileMode, write func(beside string) error) error {
	beside := Beside(path)
	if err := ignoreGone(os.Remove(beside)); err != nil {
		return err
	}
	err := write(beside)
	if err == nil {
		err = os.Chmod(beside, mode)
	}
	if err == nil {
		err = Sync(beside)
	}
	if err == nil {
		err = os.Rename(beside, path)
	}
	if err != nil {
		return errors.Join(err, ignoreGone(os.Remove(beside)))
	}
	return SyncFolder(path)
}

// Link makes path a symbolic link to target, in the place of the link that it was.
func Link(target, path string) error {
	beside := Beside(path)
	if err := ignoreGone(os.Remove(beside)); err != nil {
		return err
	}
	if err := os.Symlink(target, beside); err != nil {
		return err
	}
	if err := os.Rename(beside, path); err != nil {
		return errors.Join(err, os.Remove(beside))
	}
	return SyncFolder(path)
}

// SyncFolder makes the names in the folder of path safe from a crash of the machine.
func SyncFolder(path string) error { return Sync(filepath.Dir(path)) }

// Sync makes a file, or the names in a folder, safe from a crash of the machine.
func Sync(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// RemoveUnfinished removes from a folder what a killed process left unfinished. The folder need not be there.
func RemoveUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ignoreGone(err)
	}
	for _, entry := range entries {
		// DuckDB keeps a log beside a file that it writes.
		name := strings.TrimSuffix(entry.Name(), ".wal")
		if strings.HasPrefix(name, ".") && strings.HasSuffix(name, Unfinished) {
			if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
