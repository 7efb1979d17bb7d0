package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
)

// shellRows is how many rows of a duckbox the shell shows, as DuckDB's own does.
const shellRows = 40

func shellCommand() *cli.Command {
	inputs := new(inputs)
	return &cli.Command{
		Name: "shell", Usage: "run SQL statements: typed, with -c, from files or a pipe; read-only unless --write",
		Description: "Statements end with a semicolon; .help lists the shell's own commands. With -c, --file or a pipe the first\n" +
			"error ends it with exit code 1; --bail=false goes on and ends with 1.",
		Flags: append(readingFlags(),
			// Not aliases: the parser hands a flag's values over to its other names, and they would come twice.
			&cli.GenericFlag{Name: "c", Usage: "(or --command) run these `STATEMENTS` and exit; repeatable", Value: inputFlag{inputs, false}},
			&cli.GenericFlag{Name: "command", Hidden: true, Value: inputFlag{inputs, false}},
			&cli.GenericFlag{Name: "f", Usage: "(or --file) run the statements of a `FILE`, - is stdin, and exit; repeatable", Value: inputFlag{inputs, true}},
			&cli.GenericFlag{Name: "file", Hidden: true, Value: inputFlag{inputs, true}},
			&cli.BoolFlag{Name: "bail", Usage: "stop at the first error, where nobody types", Value: true},
			&cli.BoolFlag{Name: "write", Usage: "open the warehouse itself for writing: no run can start meanwhile"},
			&cli.BoolFlag{Name: "duckdb", Usage: "start the duckdb command line on the same file, read-only; arguments after -- are its own"},
			stringFlag("pager", "`COMMAND` that shows what is longer than the screen; default $PAGER, less", ""),
			modelFlags()[0]),
		Before: configure, OnUsageError: usageError,
		Action: func(c *cli.Context) error { return shell(c, *inputs) },
	}
}

// inputs are what -c and -f give, in their order.
type inputs []input

// An input is statements, or the file that holds them.
type input struct{ text, file string }

// An inputFlag adds to inputs. Commas part nothing: they are SQL's.
type inputFlag struct {
	to   *inputs
	file bool
}

func (f inputFlag) Set(value string) error {
	one := input{text: value}
	if f.file {
		one = input{file: value}
	}
	*f.to = append(*f.to, one)
	return nil
}

func (inputFlag) String() string { return "" }

// Get makes it a flag.Getter.
func (inputFlag) Get() any { return "" }

func shell(c *cli.Context, given inputs) error {
	if c.Bool("duckdb") {
		return duckdbShell(c, given)
	}
	if c.Args().Present() {
		return engine.WithHint(fmt.Errorf("%w: shell takes no argument %q", engine.ErrUsage, c.Args().First()),
			"-c runs statements, -f a file, --warehouse or --snapshot names what is read")
	}
	options := consoleOptions(c)
	typed := isTerminal(c.App.Reader) && isTerminal(c.App.Writer) && len(given) == 0
	options.Format, options.MaxRows, options.GoOn = console.Duckbox, shellRows, !c.Bool("bail") && !typed
	reader := &shellReader{c: c}
	options.Open, options.Notice, options.Commands = reader.open, reader.notice, reader.commands()
	if typed {
		options.Timer, options.History, options.Pager = true, historyFile(), pagerOf(c)
	}
	db, title, err := reader.open(c.Context, "")
	if err != nil {
		return err
	}
	session, err := console.New(c.Context, db, options)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	if typed {
		fmt.Fprintf(c.App.ErrWriter, "%s\nStatements end with a semicolon; .help lists commands.\n", console.Wrap(title, terminalWidth(c.App.Writer)))
		err = interact(c, session)
	} else {
		err = runGiven(c, session, given)
	}
	return errors.Join(consoleError(err), session.Close())
}

func interact(c *cli.Context, session *console.Session) error {
	if console.SmartTerminal() {
		return session.Interact(c.Context)
	}
	return session.InteractPlainly(c.Context, c.App.Reader)
}

// runGiven runs what -c and -f give, else what comes from standard input. An error names its place among several.
func runGiven(c *cli.Context, session *console.Session, given inputs) error {
	if len(given) == 0 {
		return session.Run(c.Context, c.App.Reader)
	}
	var failed error
	for i, one := range given {
		err := runInput(c, session, one)
		switch {
		case errors.Is(err, console.ErrReported):
			failed = err
		case err != nil && one.file == "" && len(given) > 1:
			return fmt.Errorf("-c %d: %w", i+1, err)
		case err != nil:
			return err
		}
	}
	return failed
}

func runInput(c *cli.Context, session *console.Session, one input) error {
	switch one.file {
	case "":
		return session.Run(c.Context, strings.NewReader(one.text))
	case "-":
		return session.Run(c.Context, c.App.Reader)
	}
	return session.RunFile(c.Context, one.file)
}

// duckdbShell becomes the duckdb command line.
func duckdbShell(c *cli.Context, given inputs) error {
	if c.Bool("write") {
		return fmt.Errorf("%w: --duckdb is read-only, --write is not for it", engine.ErrUsage)
	}
	program, err := exec.LookPath("duckdb")
	if err != nil {
		return engine.WithHint(fmt.Errorf("%w: --duckdb: there is no duckdb command in PATH", engine.ErrUsage),
			"nightrunner shell needs none; duckdb.org has the command line")
	}
	from, err := openReading(c)
	if err != nil {
		return err
	}
	if err := from.Close(); err != nil {
		return err
	}
	arguments := []string{"duckdb", "-readonly", "-cmd", "set TimeZone = 'UTC'"}
	for _, one := range given {
		if one.file != "" {
			arguments = append(arguments, "-f", one.file)
		} else {
			arguments = append(arguments, "-c", one.text)
		}
	}
	arguments = append(append(arguments, c.Args().Slice()...), from.Path)
	return fmt.Errorf("start %s: %w", program, syscall.Exec(program, arguments, os.Environ()))
}
