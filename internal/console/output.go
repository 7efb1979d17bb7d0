package console

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ccdexplorer/nightrunner/internal/durable"
)

// Output is where a result goes, and how wide it may be in columns; 0 is no limit.
type Output struct {
	io.Writer
	Width int
	paint paint
	// screen: it is where the progress of the statement stands.
	screen bool
}

// emit has fill write a result to where results go: the file of .once, that of .output, the pager when it is longer than
// the screen, or Out.
func (s *Session) emit(fill func(to Output) error) error {
	switch {
	case s.once != "":
		path := s.once
		s.once = ""
		return durable.Replace(path, 0o644, func(file *os.File) error { return fill(Output{Writer: file, Width: s.maxWidth}) })
	case s.output != nil:
		return fill(Output{Writer: s.output, Width: s.maxWidth})
	}
	height := s.height()
	to := Output{Writer: s.options.Out, Width: s.shape().width, paint: s.paint(), screen: height > 0}
	if !s.pager || s.options.Pager == "" || height <= 0 {
		return fill(to)
	}
	pager := &pager{command: s.options.Pager, height: height, out: s.options.Out, err: s.options.Err}
	to.Writer = pager
	err := fill(to)
	return errors.Join(ignoreLeft(err), pager.Close())
}

// ignoreLeft: who leaves the pager has seen enough.
func ignoreLeft(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// setOnce checks the folder now, not after a long statement.
func (s *Session) setOnce(_ context.Context, argument string) error {
	path := unquote(argument)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return &os.PathError{Op: "write", Path: path, Err: syscall.EISDIR}
	}
	if err := durable.Replaceable(path); err != nil {
		return err
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".once.*")
	if err != nil {
		return durable.Named(err, path)
	}
	s.once = path
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// setOutput closes the file before. What is in the new one is replaced, unless it is a database.
func (s *Session) setOutput(_ context.Context, argument string) error {
	var next *os.File
	if path := unquote(argument); path != "" && path != "stdout" {
		if err := durable.Replaceable(path); err != nil {
			return err
		}
		file, err := os.Create(path)
		if err != nil {
			return err
		}
		next = file
	}
	before := s.output
	s.output = next
	if before != nil {
		return before.Close()
	}
	return nil
}
