package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
)

// shellRows is how many rows of a table a terminal gets to see.
const shellRows = 40

func shellCommand() *cli.Command {
	return &cli.Command{
		Name: "shell", Usage: "run SQL statements on the warehouse, read-only: typed, with -c, or from a pipe",
		Description: "Statements end with a semicolon; .help lists the shell's own commands. With -c or a pipe the first error ends it.",
		Flags: append(readingFlags(),
			&cli.StringFlag{Name: "command", Aliases: []string{"c"}, Usage: "run these `STATEMENTS` and exit"}),
		Before: configure, OnUsageError: usageError,
		Action: shell,
	}
}

func shell(c *cli.Context) error {
	if c.Args().Present() {
		return engine.WithHint(fmt.Errorf("%w: shell takes no argument %q", engine.ErrUsage, c.Args().First()),
			"-c runs statements, --warehouse or --snapshot names a file")
	}
	options := consoleOptions(c)
	typed := isTerminal(c.App.Reader) && isTerminal(c.App.Writer) && !c.IsSet("command")
	if isTerminal(c.App.Writer) {
		options.MaxRows = shellRows
	}
	if typed {
		options.Timer, options.History = true, historyFile()
	}
	return withConsole(c, options, func(session *console.Session, from *reading) error {
		switch {
		case c.IsSet("command"):
			return session.Run(c.Context, strings.NewReader(c.String("command")))
		case typed:
			fmt.Fprintf(c.App.ErrWriter, "%s, read-only\nStatements end with a semicolon; .help lists commands.\n", from.what(time.Now()))
			return session.Interact(c.Context)
		}
		return session.Run(c.Context, c.App.Reader)
	})
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
