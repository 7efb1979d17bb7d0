package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/reeflective/readline"
)

// Interact reads lines from the process's terminal until Ctrl-D, .quit or the end of ctx. Errors of statements are written
// and the session goes on. Ctrl-C clears what is typed; while a statement runs it comes through Options.Interrupts.
//
// The line editor works on os.Stdin and os.Stdout: both must be a terminal.
func (s *Session) Interact(ctx context.Context) error {
	editor := readline.NewShell()
	editor.Prompt.Primary(func() string { return "nightrunner> " })
	if err := configureEditor(editor); err != nil {
		return fmt.Errorf("set up the line editor: %w", err)
	}
	editor.AcceptMultiline = accepts
	editor.Completer = func(line []rune, cursor int) readline.Completions { return s.completions(ctx, string(line[:cursor])) }
	if err := s.openHistory(editor); err != nil {
		fmt.Fprintf(s.options.Err, "no history of lines: %v\n", err)
	}
	for ctx.Err() == nil {
		line, err := editor.Readline()
		switch {
		case errors.Is(err, readline.ErrInterrupt):
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(s.options.Err)
			return nil
		case err != nil:
			return fmt.Errorf("read a line: %w", err)
		}
		err = s.run(ctx, strings.NewReader(spoken(line)), "")
		if errors.Is(err, errQuit) {
			return nil
		}
		if errors.Is(err, ErrInterrupted) {
			// The terminal has written ^C where the cursor was.
			fmt.Fprintln(s.options.Err)
		}
		if err != nil {
			fmt.Fprintln(s.options.Err, Wrap("error: "+err.Error(), s.shape().width))
		}
	}
	return ctx.Err()
}

// configureEditor marks lines after the first, and has é typed as é: the editor takes letters of Latin-1 for Alt and a key
// otherwise.
func configureEditor(editor *readline.Shell) error {
	return errors.Join(
		editor.Config.Set("multiline-column", true),
		// Asking the terminal where the cursor stands loses keys that are typed meanwhile.
		editor.Config.Set("cursor-position-probe", false),
		editor.Config.Set("convert-meta", false),
		editor.Config.Set("input-meta", true),
		editor.Config.Set("output-meta", true),
	)
}

// accepts says that a line can run: a dot command, nothing, or statements up to their last semicolon. A dot command where
// none can be runs too: into its error.
func accepts(line []rune) bool {
	var splitter Splitter
	splitter.Feed(spoken(string(line)))
	pending := splitter.Pending()
	rest, _ := splitter.Rest()
	return !pending || strings.HasPrefix(rest.Text, ".")
}

// spoken understands the words that people type to get out or to get help.
func spoken(line string) string {
	switch word := strings.TrimRight(strings.TrimSpace(line), ";"); strings.ToLower(word) {
	case "quit", "exit", "help":
		return "." + strings.ToLower(word)
	}
	return line
}

// openHistory makes the file before the editor does, with its folder.
func (s *Session) openHistory(editor *readline.Shell) error {
	path := s.options.History
	if path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	editor.History.AddFromFile("history", path)
	return nil
}
