package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
)

func queryCommand() *cli.Command {
	return &cli.Command{
		Name: "query", Usage: "run one SQL statement on the warehouse, read-only", ArgsUsage: "SQL|-",
		Description: "The statement is read from stdin when it is -.",
		Flags: append(readingFlags(),
			&cli.StringFlag{Name: "format", Usage: "`table`, csv, json, jsonl, markdown or line", Value: string(console.Table)}),
		Before: configureQuery, OnUsageError: usageError,
		Action: query,
	}
}

// configureQuery leaves format to the command line: in the configuration file it is the exporters'.
func configureQuery(c *cli.Context) error {
	given := c.IsSet("format")
	if err := configure(c); err != nil || given {
		return err
	}
	return c.Set("format", string(console.Table))
}

func query(c *cli.Context) error {
	statement, err := oneStatement(c)
	if err != nil {
		return err
	}
	format, err := console.ParseFormat(c.String("format"))
	if err != nil {
		return fmt.Errorf("%w: --format: %w", engine.ErrUsage, err)
	}
	options := consoleOptions(c)
	options.Format = format
	return withConsole(c, options, func(session *console.Session, _ *reading) error { return session.Exec(c.Context, statement) })
}

func oneStatement(c *cli.Context) (string, error) {
	text := c.Args().First()
	if err := flagsAfter(c); err != nil {
		return "", err
	}
	if text == "-" {
		all, err := io.ReadAll(c.App.Reader)
		if err != nil {
			return "", fmt.Errorf("read stdin: %w", err)
		}
		text = string(all)
	}
	statements := console.Split(text)
	if len(statements) != 1 {
		return "", engine.WithHint(fmt.Errorf("%w: query takes one statement, not %d", engine.ErrUsage, len(statements)),
			"nightrunner shell runs several")
	}
	return statements[0].Text, nil
}

// flagsAfter reads flags behind the statement, where people put them and the command line parser does not look.
func flagsAfter(c *cli.Context) error {
	rest := c.Args().Tail()
	for len(rest) > 0 {
		name, value, joined := strings.Cut(strings.TrimLeft(rest[0], "-"), "=")
		if !strings.HasPrefix(rest[0], "-") || name == "help" || !has(c.Command.Flags, name) || !joined && len(rest) == 1 {
			return engine.WithHint(fmt.Errorf("%w: query takes one statement: %q is too much", engine.ErrUsage, rest[0]),
				"quote the statement: nightrunner query \"select 1\"")
		}
		rest = rest[1:]
		if !joined {
			value, rest = rest[0], rest[1:]
		}
		if err := c.Set(name, value); err != nil {
			return fmt.Errorf("%w: --%s: %w", engine.ErrUsage, name, err)
		}
	}
	return nil
}

// consoleOptions are those of a command that writes to where its own output goes.
func consoleOptions(c *cli.Context) console.Options {
	return console.Options{Out: c.App.Writer, Err: c.App.ErrWriter, Interrupts: interrupts(),
		Colors: isTerminal(c.App.Writer), Width: func() int { return terminalWidth(c.App.Writer) }}
}

// terminalWidth is asked for each table: windows change. 0, no limit, for what is no terminal.
func terminalWidth(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// wrapWriter breaks lines between words where the terminal would break them anywhere. It is written to in whole lines.
type wrapWriter struct{ io.Writer }

func (w wrapWriter) Write(lines []byte) (int, error) {
	_, err := io.WriteString(w.Writer, console.Wrap(string(lines), terminalWidth(w.Writer)))
	return len(lines), err
}

// interrupts takes Ctrl-C away from the handler that stops a run after its step, and leaves SIGTERM to the system: a query
// has nothing to finish.
func interrupts() <-chan os.Signal {
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	return signals
}

// withConsole opens what is to be read for as long as fn takes.
func withConsole(c *cli.Context, options console.Options, fn func(*console.Session, *reading) error) error {
	from, err := openReading(c)
	if err != nil {
		return err
	}
	defer from.Close()
	session, err := console.New(c.Context, from.DB, options)
	if err != nil {
		return err
	}
	return errors.Join(fn(session, from), session.Close())
}
