// Package console runs SQL for people: it splits text into statements, runs them, writes rows as tables, CSV, JSON or
// Markdown, and edits lines on a terminal. It works on any connection of DuckDB's driver; read-only or not is decided by
// who opened it.
//
// Rows are written while DuckDB makes them. A table holds the rows it shows, the other formats hold one. Statements that
// cannot stand inside a query (EXPLAIN, PRAGMA, CALL) are finished by DuckDB first.
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

	"github.com/ccdexplorer/nightrunner/internal/duckstream"
	"github.com/ccdexplorer/nightrunner/internal/wording"
)

var (
	// ErrInterrupted ends a statement that a signal on Options.Interrupts stopped.
	ErrInterrupted = errors.New("interrupted")
	// ErrReported ends a Run that went on after errors and has written them to Options.Err.
	ErrReported = errors.New("some statements failed")
)

// A Quit ends a session, by .quit or .exit CODE.
type Quit struct{ Code int }

// Error names the code.
func (q Quit) Error() string { return fmt.Sprintf("exit code %d", q.Code) }

// A Database is what a session takes its connection from: a *sql.DB is one.
type Database interface {
	Conn(context.Context) (*sql.Conn, error)
	Close() error
}

// Options of a Session. The zero value writes tables without limits or colours to nowhere: Out and Err are required.
type Options struct {
	// Out gets rows, Err row counts, progress and, where a session goes on after them, errors.
	Out, Err io.Writer
	Format   Format
	// Width of a table in columns, asked for each one; nil or 0 is no limit.
	Width func() int
	// Height of the screen in lines: what is longer goes to Pager; nil or 0 sends nothing there.
	Height func() int
	// Pager is a command line for sh that shows its input; "" is none.
	Pager string
	// MaxRows of a Duckbox before its middle is left out; 0 is no limit.
	MaxRows int
	// Colors of NULL, types, notes, errors and what is typed.
	Colors bool
	// Timer writes a line with the count of rows and the time after each statement.
	Timer bool
	// Progress shows on Err, a terminal, how far a long statement has come.
	Progress bool
	// GoOn writes an error to Err and runs the next statement, until .bail on.
	GoOn bool
	// Interrupts ends the statement at work; nil never does.
	Interrupts <-chan os.Signal
	// History is the file of entered lines, made with mode 0600; "" keeps none.
	History string
	// Open serves .open: a database, and a line about it for people. name is "" for what is open now, opened anew. nil: there
	// is no .open.
	Open func(ctx context.Context, name string) (Database, string, error)
	// Notice is asked before each prompt for a line that people should see; nil has none.
	Notice func() string
	// Explain puts what DuckDB says of a statement into other words; nil leaves it.
	Explain func(error) error
	// Hint of an error, "" for none; nil has none.
	Hint func(error) string
	// Commands are dot commands beside the shell's own.
	Commands []Command
}

// A Session runs statements on one connection: SET, temporary tables and transactions last as long as it does.
type Session struct {
	conn    *sql.Conn
	stream  *duckstream.Conn
	options Options
	settings
	// own is the database that is open.
	own Database
	// once and output are files that results go to: the next one, all.
	once   string
	output *os.File
	// reading is how many files deep .read is.
	reading int
	// failed: an error was written and the session went on; failedBefore: in a run before.
	failed, failedBefore bool
	names                names
}

// New takes a connection of db, which is the session's from now on: Close closes it.
func New(ctx context.Context, db Database, options Options) (*Session, error) {
	s := &Session{options: options}
	s.settings = settings{format: options.Format, maxRows: options.MaxRows, timer: options.Timer, bail: !options.GoOn,
		headers: true, pager: options.Pager != ""}
	if s.format == "" {
		s.format = Table
	}
	if err := s.connect(ctx, db); err != nil {
		return nil, err
	}
	return s, nil
}

// connect makes db the one that statements run on.
func (s *Session) connect(ctx context.Context, db Database) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	stream, err := duckstream.Of(conn)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	if s.options.Progress {
		// Without them there is no percentage, which is all that is lost.
		for _, setting := range []string{"enable_progress_bar = true", "enable_progress_bar_print = false"} {
			_, _ = conn.ExecContext(ctx, "set "+setting)
		}
	}
	s.own, s.conn, s.stream, s.names = db, conn, stream, names{}
	return nil
}

// Close closes the connection, its database, and the file of .output.
func (s *Session) Close() error {
	errs := []error{s.conn.Close(), s.own.Close()}
	if s.output != nil {
		errs = append(errs, s.output.Close())
	}
	return errors.Join(errs...)
}

// Run runs all statements and dot commands of r. What no semicolon ends at the end of r runs too. The first error ends it,
// and says after the first line which statement and line; with .bail off errors are written and the rest runs, and
// ErrReported comes at the end. It returns a Quit when there was one.
func (s *Session) Run(ctx context.Context, r io.Reader) error {
	return s.reported(func() error { return s.run(ctx, r, "") })
}

// RunFile is Run for a file: errors name it and the line.
func (s *Session) RunFile(ctx context.Context, path string) error {
	return s.reported(func() error { return s.readFile(ctx, path) })
}

func (s *Session) reported(run func() error) error {
	s.failed, s.failedBefore = false, s.failed || s.failedBefore
	if err := run(); err != nil {
		return err
	}
	if s.failed {
		return ErrReported
	}
	return nil
}

// Exec runs one statement. Dot commands are none.
func (s *Session) Exec(ctx context.Context, statement string) error {
	if strings.HasPrefix(statement, ".") {
		return fmt.Errorf("a dot command stands on a line of its own, in the shell: %s", statement)
	}
	return s.interruptibly(ctx, func(ctx context.Context) error {
		start := time.Now()
		count, err := s.exec(ctx, statement)
		if err == nil && s.timer {
			s.report(count, time.Since(start))
		}
		if err != nil && s.options.Explain != nil {
			err = s.options.Explain(err)
		}
		return err
	})
}

// report writes "(12 rows, 3 ms)".
func (s *Session) report(count int, took time.Duration) {
	fmt.Fprintln(s.options.Err, s.paint().dim(fmt.Sprintf("(%s, %s)", wording.Count(int64(count), "row"), duration(took))))
}

func duration(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// interruptibly runs fn and cancels it with ErrInterrupted at a signal, also one that came since the statement before.
func (s *Session) interruptibly(ctx context.Context, fn func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-s.options.Interrupts:
			cancel(ErrInterrupted)
		case <-ctx.Done():
		}
	}()
	err := fn(ctx)
	if err != nil && errors.Is(context.Cause(ctx), ErrInterrupted) {
		return ErrInterrupted
	}
	return err
}

// say writes an error as main would, and goes on.
func (s *Session) say(err error) {
	width := s.shape().width
	fmt.Fprintln(s.options.Err, s.paint().wrong("error:"), strings.TrimPrefix(Wrap("error: "+err.Error(), width), "error: "))
	if s.options.Hint == nil {
		return
	}
	if hint := s.options.Hint(err); hint != "" {
		fmt.Fprintln(s.options.Err, Wrap("hint: "+hint, width))
	}
}
