package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrDatabase marks a DuckDB file that something else was to be written over.
var ErrDatabase = errors.New("it is a DuckDB file, which nothing is written over")

// Replaceable returns ErrDatabase for a DuckDB file: who names a warehouse or snapshot for a result has mistyped.
func Replaceable(path string) error {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		// What is not there is not lost; of all else the writing tells.
		return nil //nolint:nilerr // see above
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	head := make([]byte, 12)
	if _, err := io.ReadFull(file, head); err == nil && bytes.Equal(head[8:], []byte("DUCK")) {
		return fmt.Errorf("%s: %w", path, ErrDatabase)
	}
	return nil
}

// Replace is Write for files that people name: processes may write the same one. fill writes a file beside path, which is
// synced and renamed over what is there. After an error, path is what it was.
// A DuckDB file is not replaced. The file gets mode, less the process's umask, or the mode of the file it replaces. A link is followed: what it names is
// replaced.
func Replace(path string, mode fs.FileMode, fill func(*os.File) error) error {
	if err := Replaceable(path); err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	info, statErr := os.Stat(path)
	if statErr == nil && !info.Mode().IsRegular() {
		return writeThrough(path, fill)
	}
	file, err := Create(path, mode)
	if err != nil {
		return Named(err, path)
	}
	if statErr == nil {
		err = file.Chmod(info.Mode().Perm())
	}
	if err == nil {
		err = fill(file.File)
	}
	if err != nil {
		return errors.Join(err, file.Abort())
	}
	return file.Commit()
}

// writeThrough: what is no file, /dev/null or a pipe, is not replaced by one.
func writeThrough(path string, fill func(*os.File) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(fill(file), file.Close())
}

// Named is an error of a file beside path, told of path: people know no other name.
func Named(err error, path string) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return &fs.PathError{Op: "write", Path: path, Err: of.Err}
	}
	return err
}
