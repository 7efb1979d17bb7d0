package durable

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace is Write for files that people name: processes may write the same one. fill writes a file beside path, which is
// synced and renamed over what is there. After an error, path is what it was.
// The file gets mode, less the process's umask, or the mode of the file it replaces. A link is followed: what it names is
// replaced.
func Replace(path string, mode fs.FileMode, fill func(*os.File) error) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	info, statErr := os.Stat(path)
	if statErr == nil && !info.Mode().IsRegular() {
		return writeThrough(path, fill)
	}
	beside := Beside(path + "." + rand.Text()[:8])
	file, err := os.OpenFile(beside, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(beside))
		}
	}()
	if statErr == nil {
		err = file.Chmod(info.Mode().Perm())
	}
	if err == nil {
		err = fill(file)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(beside, path); err != nil {
		return err
	}
	return SyncFolder(path)
}

// writeThrough: what is no file, /dev/null or a pipe, is not replaced by one.
func writeThrough(path string, fill func(*os.File) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(fill(file), file.Close())
}
