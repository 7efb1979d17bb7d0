package engine

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that callers branch on.
var (
	// ErrUsage marks wrong flags or configuration: nothing was done.
	ErrUsage = errors.New("wrong usage")
	// ErrInUse marks a warehouse that another process holds.
	ErrInUse = errors.New("the warehouse is in use")
	// ErrUnreachable marks a destination that does not answer.
	ErrUnreachable = errors.New("not reached")
	// ErrNoWarehouse marks a warehouse that is not there.
	ErrNoWarehouse = errors.New("no warehouse")
	// ErrDamaged marks a DuckDB file, or a write-ahead log, that DuckDB cannot read.
	ErrDamaged = errors.New("the file is damaged")
	// ErrDiskFull marks a file that does not fit on its disk; it was not begun.
	ErrDiskFull = errors.New("not enough disk")
	// ErrNetworkDisk marks a warehouse on a network file system.
	ErrNetworkDisk = errors.New("a network file system")
	// ErrDestinationLost marks what goes wrong with a destination as a whole: other statistics need not be tried there.
	ErrDestinationLost = errors.New("the destination was given up")
	// ErrNotWarehouse marks a file that is no DuckDB file; it is left untouched.
	ErrNotWarehouse = errors.New("not a DuckDB file")
	// ErrSessionView marks a view that reads variables of the session.
	ErrSessionView = errors.New("a view reads a variable of the session, as from_date() and to_date() do")
)

// Hinted is an error with a line on what to do about it.
type Hinted struct {
	Err  error
	Hint string
}

func (h *Hinted) Error() string { return h.Err.Error() }
func (h *Hinted) Unwrap() error { return h.Err }

// WithHint adds what to do to an error.
func WithHint(err error, format string, args ...any) error {
	return &Hinted{Err: err, Hint: fmt.Sprintf(format, args...)}
}

// HintOf is the hint of the outermost error that has one, or "".
func HintOf(err error) string {
	var hinted *Hinted
	if errors.As(err, &hinted) {
		return hinted.Hint
	}
	return ""
}

// Unreachable marks an error as one of a destination that does not answer. Nothing was done there.
func Unreachable(err error) error { return LostDestination(unreachable{err}) }

type unreachable struct{ error }

func (u unreachable) Unwrap() error        { return u.error }
func (u unreachable) Is(target error) bool { return target == ErrUnreachable }

// LostDestination marks an error as one of the destination as a whole.
func LostDestination(err error) error { return lostDestination{err} }

type lostDestination struct{ error }

func (l lostDestination) Unwrap() error        { return l.error }
func (l lostDestination) Is(target error) bool { return target == ErrDestinationLost }

// A ModelError is something wrong in a SQL file.
type ModelError struct {
	// File is the path below the SQL folder; Line counts from 1, 0 for the file as a whole.
	File string
	Line int
	Err  error
	Hint string
}

func (e *ModelError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Text is the error and its hint.
func (e *ModelError) Text() string {
	if e.Hint == "" {
		return e.Error()
	}
	return e.Error() + " (" + e.Hint + ")"
}

func (e *ModelError) Unwrap() error { return e.Err }

// ModelErrors are all errors of all SQL files, in the files' order.
type ModelErrors []*ModelError

func (e ModelErrors) Error() string {
	lines := make([]string, 0, len(e))
	for _, one := range e {
		lines = append(lines, one.Text())
	}
	return strings.Join(lines, "\n")
}

func (e ModelErrors) errOrNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}
