package jsonlines

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A Recorder appends answers to the files of a folder that Load reads. A nil Recorder does nothing.
type Recorder struct {
	dir   string
	files map[string]*os.File
}

// NewRecorder records into a folder, which is made when there is something to record.
func NewRecorder(dir string) *Recorder { return &Recorder{dir: dir, files: map[string]*os.File{}} }

// Append writes lines to a file and makes them durable.
func (r *Recorder) Append(name string, lines [][]byte) error {
	if r == nil || len(lines) == 0 {
		return nil
	}
	file, err := r.open(name)
	if err != nil {
		return err
	}
	var content bytes.Buffer
	for _, line := range lines {
		// A line is one line, however the answer was written.
		if err := json.Compact(&content, line); err != nil {
			return err
		}
		content.WriteByte('\n')
	}
	if _, err := file.Write(content.Bytes()); err != nil {
		return err
	}
	return file.Sync()
}

func (r *Recorder) open(name string) (*os.File, error) {
	if file := r.files[name]; file != nil {
		return file, nil
	}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(r.dir, name), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	if err := endLine(file); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
	}
	r.files[name] = file
	return file, nil
}

// endLine sees to it that a file ends with a whole line. What a kill cut off is dropped: it will be recorded again.
func endLine(file *os.File) error {
	content, err := io.ReadAll(file)
	if err != nil || len(content) == 0 || content[len(content)-1] == '\n' {
		return err
	}
	start := bytes.LastIndexByte(content, '\n') + 1
	if json.Valid(content[start:]) {
		_, err = file.Write([]byte("\n"))
		return err
	}
	return file.Truncate(int64(start))
}

// Close closes the files.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	var errs []error
	for _, file := range r.files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}
