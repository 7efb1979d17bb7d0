// Package console runs SQL for people: it splits text into statements, runs them, writes rows as tables, CSV, JSON or
// Markdown, and edits lines on a terminal. It works on any *sql.DB of DuckDB's driver; read-only or not is decided by who
// opened it.
//
// The driver has DuckDB finish a result before the first row is read: csv, json, jsonl and line hold one row at a time
// here, but DuckDB holds them all within its memory limit. For results beyond that use COPY ... TO in SQL.
package console

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// ErrInterrupted ends a statement that a signal on Options.Interrupts stopped.
var ErrInterrupted = errors.New("interrupted")

// errQuit ends a session.
var errQuit = errors.New("quit")

// Options of a Session. The zero value writes tables without limits or colours to nowhere: Out and Err are required.
type Options struct {
	// Out gets rows, Err row counts, prompts of a plain reader and, in Interact, errors.
	Out, Err io.Writer
	Format   Format
	// Width of a table in columns, asked for each one; nil or 0 is no limit.
	Width func() int
	// MaxRows of a table before its middle is left out; 0 is no limit.
	MaxRows int
	// Colors dims NULL, types and notes.
	Colors bool
	// Timer writes a line with the count of rows and the time after each statement.
	Timer bool
	// Interrupts ends the statement at work; nil never does.
	Interrupts <-chan os.Signal
	// History is the file of entered lines, made with mode 0600; "" keeps none.
	History string
}

// A Session runs statements on one connection: SET, temporary tables and transactions last as long as it does.
type Session struct {
	conn    *sql.Conn
	options Options
	// reading is how many files deep .read is.
	reading int
	words   words
}

// New takes a connection of db. Close gives it back.
func New(ctx context.Context, db *sql.DB, options Options) (*Session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if options.Format == "" {
		options.Format = Table
	}
	return &Session{conn: conn, options: options}, nil
}

// Close gives the connection back. The database stays open.
func (s *Session) Close() error { return s.conn.Close() }

// Run runs all statements and dot commands of r and stops at the first error. What no semicolon ends at the end of r
// runs too. Errors after the first line name the line.
func (s *Session) Run(ctx context.Context, r io.Reader) error {
	err := s.run(ctx, r, "")
	if errors.Is(err, errQuit) {
		return nil
	}
	return err
}

// Exec runs one statement. Dot commands are none.
func (s *Session) Exec(ctx context.Context, statement string) error {
	if strings.HasPrefix(statement, ".") {
		return fmt.Errorf("a dot command stands on a line of its own, in the shell: %s", statement)
	}
	ctx, done := s.interruptible(ctx)
	defer done()
	start := time.Now()
	count, err := s.exec(ctx, statement)
	if err != nil {
		if errors.Is(context.Cause(ctx), ErrInterrupted) {
			return ErrInterrupted
		}
		return err
	}
	if s.options.Timer {
		s.report(count, time.Since(start))
	}
	return nil
}

// report writes "(12 rows, 3 ms)".
func (s *Session) report(count int, took time.Duration) {
	plural := "s"
	if count == 1 {
		plural = ""
	}
	fmt.Fprintln(s.options.Err, paint(s.options.Colors).dim(fmt.Sprintf("(%d row%s, %s)", count, plural, duration(took))))
}

func duration(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// interruptible is cancelled with ErrInterrupted by the first signal from now on; older ones are dropped.
func (s *Session) interruptible(ctx context.Context) (context.Context, func()) {
	select {
	case <-s.options.Interrupts:
	default:
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.options.Interrupts:
			cancel(ErrInterrupted)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}
