package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
	"github.com/ccdexplorer/nightrunner/internal/durable"
	"github.com/ccdexplorer/nightrunner/internal/sqltext"
)

// parquet is a format of query alone: it is no text.
const parquet = "parquet"

func queryCommand() *cli.Command {
	return &cli.Command{
		Name: "query", Usage: "run one SQL statement, read-only", ArgsUsage: "SQL|-",
		Description: "The statement is read from stdin when it is -, or from --file.",
		Flags: append(readingFlags(),
			&cli.StringFlag{Name: "format", Usage: "`table`, duckbox, csv, tabs, json, jsonl, parquet, markdown or line", Value: string(console.Table)},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to a `FILE`, whole or not at all"},
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "read the statement from a `FILE`"}),
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
	write, err := writerOf(c, statement)
	if err != nil {
		return err
	}
	if path := outputOf(c); path != "" {
		return consoleError(durable.Replace(path, 0o644, write))
	}
	out, ok := c.App.Writer.(*os.File)
	if !ok {
		return errors.New("standard output is no file")
	}
	return consoleError(write(out))
}

// writerOf is what writes the statement's rows to a file, once it is known that the format can go there.
func writerOf(c *cli.Context, statement string) (func(*os.File) error, error) {
	options := consoleOptions(c)
	if outputOf(c) != "" {
		// The file that is not finished goes with it.
		options.Interrupts = interrupts(syscall.SIGTERM)
	}
	if c.String("format") == parquet {
		if outputOf(c) == "" && isTerminal(c.App.Writer) {
			return nil, engine.WithHint(fmt.Errorf("%w: parquet is not for a terminal", engine.ErrUsage), "-o FILE writes it to a file")
		}
		return func(file *os.File) error {
			return withConsole(c, options, func(session *console.Session) error { return session.Parquet(c.Context, statement, file) })
		}, nil
	}
	format, err := console.ParseFormat(c.String("format"))
	if err != nil {
		return nil, fmt.Errorf("%w: --format: %w; and %s", engine.ErrUsage, err, parquet)
	}
	options.Format, options.MaxRows = format, shellRows
	return func(file *os.File) error {
		if outputOf(c) != "" {
			options.Out, options.Colors, options.Width, options.Height = file, false, nil, nil
		}
		return withConsole(c, options, func(session *console.Session) error { return session.Exec(c.Context, statement) })
	}, nil
}

// outputOf is the file to write, "" for standard output.
func outputOf(c *cli.Context) string {
	if path := c.String("output"); path != "-" {
		return path
	}
	return ""
}

func oneStatement(c *cli.Context) (string, error) {
	words, err := wordsAndFlags(c)
	if err != nil {
		return "", err
	}
	text, path := strings.Join(words, ""), c.String("file")
	switch {
	case len(words) > 1:
		return "", engine.WithHint(fmt.Errorf("%w: query takes one statement: %q is too much", engine.ErrUsage, words[1]),
			"quote the statement: nightrunner query \"select 1\"")
	case path != "" && text != "":
		return "", fmt.Errorf("%w: a statement and --file are two", engine.ErrUsage)
	case text == "-":
		path = "-"
	}
	if path != "" {
		if text, err = sqlText(c, path); err != nil {
			return "", err
		}
	}
	statements := sqltext.Split(text)
	if len(statements) == 0 {
		return "", engine.WithHint(fmt.Errorf("%w: there is no statement", engine.ErrUsage), "nightrunner query \"select 1\"; nightrunner shell takes them as you type")
	}
	if len(statements) > 1 {
		return "", engine.WithHint(fmt.Errorf("%w: query takes one statement, not %d", engine.ErrUsage, len(statements)),
			"nightrunner shell runs several")
	}
	return statements[0].Text, nil
}

// shieldStatement puts a blank before a statement of query that starts with a comment: the command line parser takes words
// that start with -- for flags. A flag has no line break, such a statement has one.
func shieldStatement(args []string) []string {
	command := slices.Index(args, "query")
	if command < 0 {
		return args
	}
	shielded := slices.Clone(args)
	for i, one := range args[command+1:] {
		if strings.HasPrefix(one, "--") && strings.Contains(one, "\n") {
			shielded[command+1+i] = " " + one
		}
	}
	return shielded
}

// withConsole opens what is to be read for as long as fn takes.
func withConsole(c *cli.Context, options console.Options, fn func(*console.Session) error) error {
	from, err := openReading(c)
	if err != nil {
		return err
	}
	session, err := console.New(c.Context, from, options)
	if err != nil {
		return errors.Join(err, from.Close())
	}
	return errors.Join(fn(session), session.Close())
}
