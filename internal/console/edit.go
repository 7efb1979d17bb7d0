package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/reeflective/readline"

	"github.com/ccdexplorer/nightrunner/internal/sqltext"
)

const (
	prompt = "nightrunner> "
	// wayOut is what people are told who press Ctrl-C where there is nothing to stop.
	wayOut = ".quit or Ctrl-D leaves"
)

// Interact reads lines from the process's terminal until Ctrl-D, .quit or the end of ctx. Errors of statements are written
// and the session goes on. Ctrl-C clears what is typed; while a statement runs it comes through Options.Interrupts.
//
// The line editor works on os.Stdin and os.Stdout: both must be a terminal.
func (s *Session) Interact(ctx context.Context) error {
	editor, err := s.newEditor(ctx)
	if err != nil {
		return fmt.Errorf("set up the line editor: %w", err)
	}
	for ctx.Err() == nil {
		s.notice()
		line, err := editor.Readline()
		switch {
		case errors.Is(err, readline.ErrInterrupt):
			if strings.TrimSpace(line) == "" {
				fmt.Fprintln(s.options.Err, s.paint().dim(wayOut))
			}
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(s.options.Err)
			return nil
		case err != nil:
			return fmt.Errorf("read a line: %w", err)
		}
		if err := s.typed(ctx, line); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// InteractPlainly is Interact for a terminal that knows no more than lines: without editor, completion and history.
func (s *Session) InteractPlainly(ctx context.Context, in io.Reader) error {
	lines, typed := bufio.NewReader(in), ""
	s.notice()
	fmt.Fprint(s.options.Err, prompt)
	for ctx.Err() == nil {
		line, err := lines.ReadString('\n')
		typed += line
		if err != nil {
			fmt.Fprintln(s.options.Err)
			return s.typed(ctx, typed)
		}
		if !accepts([]rune(typed)) {
			fmt.Fprint(s.options.Err, strings.Repeat(" ", len(prompt)-5)+"...> ")
			continue
		}
		if err := s.typed(ctx, typed); err != nil {
			return err
		}
		typed = ""
		s.notice()
		fmt.Fprint(s.options.Err, prompt)
	}
	return ctx.Err()
}

func (s *Session) notice() {
	if s.options.Notice == nil {
		return
	}
	if line := s.options.Notice(); line != "" {
		fmt.Fprintln(s.options.Err, s.paint().dim(Wrap(line, s.shape().width)))
	}
}

// typed runs what was entered. Only a Quit is returned.
func (s *Session) typed(ctx context.Context, line string) error {
	select {
	case <-s.options.Interrupts:
		// It was for what ran before.
	default:
	}
	s.failed, s.failedBefore = false, false
	err := s.Run(ctx, strings.NewReader(spoken(line)))
	switch {
	case errors.As(err, new(Quit)):
		return err
	case errors.Is(err, ErrInterrupted):
		// The terminal has written ^C where the cursor was.
		fmt.Fprintln(s.options.Err)
		s.say(err)
	case err != nil && !errors.Is(err, ErrReported):
		s.say(err)
	}
	return nil
}

func (s *Session) newEditor(ctx context.Context) (*readline.Shell, error) {
	editor := readline.NewShell()
	editor.Prompt.Primary(func() string { return prompt })
	if err := configureEditor(editor); err != nil {
		return nil, err
	}
	editor.AcceptMultiline = accepts
	editor.Completer = func(line []rune, cursor int) readline.Completions {
		return s.completions(ctx, string(line[:cursor]), string(line[cursor:]))
	}
	editor.SyntaxHighlighter = func(line []rune) string {
		makeRoom(os.Stdout, string(line), s.shape().width)
		if !s.options.Colors {
			return string(line)
		}
		s.loadNames(ctx)
		return highlight(string(line), s.names.keywords)
	}
	past := &history{now: time.Now}
	if s.options.History != "" {
		kept, err := openHistory(s.options.History, time.Now)
		if err != nil {
			fmt.Fprintf(s.options.Err, "no history of lines: %v\n", err)
		}
		if kept != nil {
			past = kept
		}
	}
	editor.History.Add("history", past)
	return editor, nil
}

// configureEditor has é typed as é: the editor takes letters of Latin-1 for Alt and a key otherwise.
func configureEditor(editor *readline.Shell) error {
	return errors.Join(
		editor.Config.Set("multiline-column", false),
		// Asking the terminal where the cursor stands loses keys that are typed meanwhile.
		editor.Config.Set("cursor-position-probe", false),
		editor.Config.Set("convert-meta", false),
		editor.Config.Set("input-meta", true),
		editor.Config.Set("output-meta", true),
		editor.Config.Set("comment-begin", "--"),
		// Tab completes what is certain and lists the rest, as shells do; the next one takes the first.
		editor.Config.Set("menu-complete-display-prefix", true),
	)
}

// makeRoom scrolls until all of the line and one row more fit below the cursor, and leaves the cursor in its place. The
// editor, about to draw the line, moves down and up again by as many rows: at the bottom of the screen, where down goes
// nowhere, it would overwrite what stands above.
func makeRoom(screen io.Writer, line string, width int) {
	rows := 1
	for one := range strings.SplitSeq(line, "\n") {
		rows++
		if width > 0 {
			rows += (len(prompt) + text.StringWidthWithoutEscSequences(one)) / width
		}
	}
	// Index moves down and scrolls at the bottom.
	fmt.Fprintf(screen, "%s\x1b[%dA", strings.Repeat("\x1bD", rows), rows)
}

// accepts says that a line can run: a dot command, nothing, or statements up to their last semicolon. A dot command where
// none can be runs too: into its error.
func accepts(line []rune) bool {
	var splitter sqltext.Splitter
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

// SmartTerminal says whether the line editor can work on the process's terminal.
func SmartTerminal() bool { return os.Getenv("TERM") != "dumb" && os.Getenv("TERM") != "" }
