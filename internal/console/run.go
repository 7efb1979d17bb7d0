package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ccdexplorer/nightrunner/internal/sqltext"
)

// deepest is how many files .read may nest; a file that reads itself ends there.
const deepest = 16

// A place is where a statement stands, for errors. file is "" for input without name; number counts statements.
type place struct {
	file         string
	number, line int
}

// run reads lines: dot commands stand alone on one between statements, all else is SQL. file is "" for input without name.
func (s *Session) run(ctx context.Context, r io.Reader, file string) error {
	lines, splitter, number := bufio.NewReader(r), new(sqltext.Splitter), 0
	one := func(run runner, text string, line int) error {
		number++
		return s.one(ctx, run, text, place{file, number, line})
	}
	for at := 1; ; at++ {
		line, readErr := lines.ReadString('\n')
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return fmt.Errorf("read: %w", readErr)
		}
		if command := strings.TrimSpace(line); !splitter.Pending() && strings.HasPrefix(command, ".") {
			if err := one(s.dot, command, at); err != nil {
				return err
			}
		} else {
			for _, statement := range splitter.Feed(line) {
				if err := one(s.Exec, statement.Text, statement.Line); err != nil {
					return err
				}
			}
		}
		if readErr != nil {
			break
		}
	}
	if last, ok := splitter.Rest(); ok {
		return one(s.Exec, last.Text, last.Line)
	}
	return nil
}

// A runner runs a statement or a dot command.
type runner func(context.Context, string) error

// one runs a statement. With .bail off its error is written.
func (s *Session) one(ctx context.Context, run runner, text string, at place) error {
	if s.echo {
		fmt.Fprintln(s.options.Out, text)
	}
	err := run(ctx, text)
	if err == nil || errors.As(err, new(Quit)) {
		return err
	}
	err = at.locate(err)
	if s.bail || errors.Is(err, ErrInterrupted) || ctx.Err() != nil {
		return err
	}
	s.failed = true
	s.say(err)
	return nil
}

// locate says where the statement starts; for a first one without a file that goes without saying.
func (p place) locate(err error) error {
	switch {
	case p.file != "":
		return fmt.Errorf("%s:%d: %w", p.file, p.line, err)
	case p.number > 1 || p.line > 1:
		return fmt.Errorf("statement %d, line %d: %w", p.number, p.line, err)
	}
	return err
}

func (s *Session) readFile(ctx context.Context, path string) error {
	if s.reading == deepest {
		return fmt.Errorf(".read is %d files deep", deepest)
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	s.reading++
	defer func() { s.reading-- }()
	return s.run(ctx, file, path)
}
