package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// deepest is how many files .read may nest; a file that reads itself ends there.
const deepest = 16

// run reads lines: dot commands stand alone on one between statements, all else is SQL. file is "" for input without name.
func (s *Session) run(ctx context.Context, r io.Reader, file string) error {
	lines, splitter := bufio.NewReader(r), new(Splitter)
	for number := 1; ; number++ {
		line, readErr := lines.ReadString('\n')
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return fmt.Errorf("read: %w", readErr)
		}
		if command := strings.TrimSpace(line); !splitter.Pending() && strings.HasPrefix(command, ".") {
			if err := s.dot(ctx, command); err != nil {
				return located(file, number, err)
			}
		} else if err := s.execAll(ctx, splitter.Feed(line), file); err != nil {
			return err
		}
		if readErr != nil {
			break
		}
	}
	if last, ok := splitter.Rest(); ok {
		return s.execAll(ctx, []Statement{last}, file)
	}
	return nil
}

func (s *Session) execAll(ctx context.Context, statements []Statement, file string) error {
	for _, one := range statements {
		if err := s.Exec(ctx, one.Text); err != nil {
			return located(file, one.Line, err)
		}
	}
	return nil
}

// located says where the statement starts; for a first line without a file that goes without saying.
func located(file string, line int, err error) error {
	switch {
	case errors.Is(err, errQuit):
		return err
	case file != "":
		return fmt.Errorf("%s:%d: %w", file, line, err)
	case line > 1:
		return fmt.Errorf("line %d: %w", line, err)
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
