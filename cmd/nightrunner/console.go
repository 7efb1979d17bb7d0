package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
)

// consoleOptions are those of a command that writes to where its own output goes.
func consoleOptions(c *cli.Context) console.Options {
	return console.Options{Out: c.App.Writer, Err: c.App.ErrWriter, Interrupts: interrupts(),
		Colors: colored(c.App.Writer), Width: func() int { return terminalWidth(c.App.Writer) },
		Height: func() int { return terminalHeight(c.App.Writer) }, Progress: isTerminal(c.App.ErrWriter), Explain: readOnly, Hint: engine.HintOf}
}

// refusedType is the kind of a statement that DuckDB does not run on a file that is open read-only. It says so in its text only:
// the type of the error is that of much else.
var refusedType = regexp.MustCompile(`Cannot execute statement of type "([A-Z_ ]+)" on database .* read-only mode`)

// readOnly tells people who change something where it is read how they get to write.
func readOnly(err error) error {
	found := refusedType.FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	return engine.WithHint(fmt.Errorf("%s changes what is open, and that is only read", found[1]),
		"nightrunner shell --write opens the warehouse itself for writing; create temp table works without")
}

// colored: a terminal that knows colours, of somebody who wants them (no-color.org).
func colored(file any) bool {
	return isTerminal(file) && os.Getenv("NO_COLOR") == "" && console.SmartTerminal()
}

// terminalWidth is asked for each table: windows change. 0, no limit, for what is no terminal.
func terminalWidth(w io.Writer) int {
	width, _ := terminalSize(w)
	return width
}

func terminalHeight(w io.Writer) int {
	_, height := terminalSize(w)
	return height
}

func terminalSize(w io.Writer) (width, height int) {
	if to, ok := w.(console.Output); ok {
		return to.Width, 0
	}
	file, ok := w.(*os.File)
	if !ok {
		return 0, 0
	}
	width, height, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0, 0
	}
	return width, height
}

// wrapWriter breaks lines between words where the terminal would break them anywhere. It is written to in whole lines.
type wrapWriter struct{ io.Writer }

func (w wrapWriter) Write(lines []byte) (int, error) {
	_, err := io.WriteString(w.Writer, console.Wrap(string(lines), terminalWidth(w.Writer)))
	return len(lines), err
}

// interrupts takes Ctrl-C away from the handler that stops a run after its step, and leaves SIGTERM to the system: a query
// has nothing to finish. Others that are named count as Ctrl-C.
func interrupts(others ...os.Signal) <-chan os.Signal {
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, append(others, os.Interrupt)...)
	return signals
}

// pagerOf is the command that shows what is longer than the screen: that of the flag, $PAGER, or less where it is there.
func pagerOf(c *cli.Context) string {
	for _, one := range []string{c.String("pager"), os.Getenv("PAGER"), "less"} {
		name, _, _ := strings.Cut(strings.TrimSpace(one), " ")
		if name == "" {
			continue
		}
		if _, err := exec.LookPath(name); err == nil {
			return one
		}
	}
	return ""
}

// historyFile is where the XDG specification wants it, "" when there is no home.
func historyFile() string {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "nightrunner", "history")
}

// consoleError is the exit code of a session: people know already what went wrong when it was interrupted or went on.
func consoleError(err error) error {
	var quit console.Quit
	switch {
	case errors.As(err, &quit):
		if quit.Code == 0 {
			return nil
		}
		return exitError{quit.Code}
	case errors.Is(err, console.ErrInterrupted):
		return exitError{130}
	case errors.Is(err, console.ErrReported):
		return exitError{engine.ExitFailed}
	}
	return err
}

// sqlText reads what --file names, or standard input for "-".
func sqlText(c *cli.Context, path string) (string, error) {
	read := func() ([]byte, error) { return os.ReadFile(path) }
	if path == "-" {
		read = func() ([]byte, error) { return io.ReadAll(c.App.Reader) }
	}
	text, err := read()
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%w: --file: %w", engine.ErrUsage, err)
	}
	return string(text), err
}
