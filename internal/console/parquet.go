package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Parquet writes a statement's rows to a file as Parquet. DuckDB writes them, without holding them all, so the file must
// have a name; what has none, or is a pipe, gets a copy of a temporary one.
func (s *Session) Parquet(ctx context.Context, statement string, to *os.File) error {
	if info, err := to.Stat(); err != nil || info.Mode().IsRegular() && to != os.Stdout {
		return errors.Join(err, s.copyTo(ctx, statement, to.Name()))
	}
	temporary, err := os.CreateTemp("", "nightrunner-*.parquet")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary.Name())
	defer temporary.Close()
	if err := s.copyTo(ctx, statement, temporary.Name()); err != nil {
		return err
	}
	_, err = io.Copy(to, temporary)
	return err
}

// copyTo prepares the statement as it was typed first, so that errors tell places in it.
func (s *Session) copyTo(ctx context.Context, statement, path string) error {
	if err := s.check(ctx, statement); err != nil {
		return err
	}
	if len(s.describe(ctx, statement)) == 0 {
		return errors.New("only a query can be written as parquet")
	}
	if s.options.Progress {
		meter := watch(s.options.Err, s.stream.Progress)
		defer meter.stop()
	}
	return s.interruptibly(ctx, func(ctx context.Context) error {
		_, err := s.conn.ExecContext(ctx, fmt.Sprintf("copy (%s\n) to '%s' (format parquet, use_tmp_file false)",
			statement, strings.ReplaceAll(path, "'", "''")))
		return err
	})
}

// check prepares a statement, no more.
func (s *Session) check(ctx context.Context, statement string) (err error) {
	stmt, err := s.conn.PrepareContext(ctx, statement)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	return nil
}
