// Command nightrunner turns a blockchain explorer's data into time series: flags in, one call into a package, text out.
// One file per command. Results go to stdout, everything else to stderr; only main exits.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
)

// version is set by the Makefile.
var version = "dev"

func main() {
	os.Exit(run(os.Args))
}

// exitError ends the program with a code and no further words: everything has been said.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

func run(args []string) (code int) {
	dropEmptyEnvironment()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	app := newApp(watchSignals(cancel))
	defer func() {
		if value := recover(); value != nil {
			config := configurationOf(app)
			tell(os.Stderr, config, panicked(os.Stderr, config, value))
			code = engine.ExitFailed
		}
	}()
	err := app.RunContext(ctx, shieldStatement(args))
	if err != nil && !errors.As(err, new(exitError)) {
		config := configurationOf(app)
		config.json = config.json || asksJSON(args)
		tell(os.Stderr, config, err)
	}
	return exitCode(err)
}

// exitCode of a command that returned err.
func exitCode(err error) int {
	var exit exitError
	switch {
	case err == nil:
		return engine.ExitDone
	case errors.As(err, &exit):
		return exit.code
	}
	return codeOf(err)
}

// dropEmptyEnvironment: a variable that is set to nothing sets no flag.
func dropEmptyEnvironment() {
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "NIGHTRUNNER_") && value == "" {
			// Unsetenv fails for names that Environ cannot hold.
			_ = os.Unsetenv(name)
		}
	}
}

func codeOf(err error) int {
	switch {
	case errors.Is(err, engine.ErrUsage), errors.Is(err, engine.ErrNoWarehouse), errors.As(err, new(engine.ModelErrors)):
		return engine.ExitUsage
	case errors.Is(err, engine.ErrInUse):
		return engine.ExitInUse
	case errors.Is(err, engine.ErrUnreachable):
		return engine.ExitUnreadable
	}
	return engine.ExitFailed
}

// watchSignals: the first Ctrl-C asks the run to stop after the current step (it says so itself), the second ends the
// program at once. A run can be killed at any moment, so that is safe.
func watchSignals(cancel context.CancelFunc) <-chan struct{} {
	stop := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		close(stop)
		<-signals
		cancel()
		os.Exit(130)
	}()
	return stop
}

func newApp(stop <-chan struct{}) *cli.App {
	return &cli.App{
		Name:            "nightrunner",
		Usage:           "turn a blockchain explorer's data into time series, every night",
		Version:         version,
		HideHelpCommand: true,
		Description: "load → build → check → export → publish: sources go into one DuckDB file, SQL files make views and tables of it,\n" +
			"statistics leave as documents. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a check failed,\n" +
			"4 the warehouse is in use, 5 done but a source could not be read, 6 what was compared differs.",
		Flags: []cli.Flag{&cli.StringFlag{Name: "config", Usage: "read flags of the command from this TOML `FILE`",
			EnvVars: []string{"NIGHTRUNNER_CONFIG"}, DefaultText: "nightrunner.toml if there is one"}},
		Commands: []*cli.Command{
			demoCommand(stop),
			runCommand(stop),
			watchCommand(stop),
			loadCommand(stop),
			buildCommand(stop),
			checkCommand(stop),
			exportCommand(stop),
			publishCommand(stop), snapshotsCommand(),
			parityCommand(),
			statusCommand(),
			modelsCommand(),
			diffCommand(stop),
			whyCommand(),
			queryCommand(),
			shellCommand(),
			testCommand(),
			lintCommand(),
			initCommand(),
			doctorCommand(),
			versionCommand(),
		},
		OnUsageError:           usageError,
		CommandNotFound:        nil,
		ExitErrHandler:         func(*cli.Context, error) {},
		UseShortOptionHandling: true,
		// Values of lists are taken apart by list: URIs have commas of their own.
		DisableSliceFlagSeparator: true,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return engine.WithHint(fmt.Errorf("%w: no command %q", engine.ErrUsage, c.Args().First()), "nightrunner --help lists the commands")
			}
			return cli.ShowAppHelp(c)
		},
	}
}

func usageError(c *cli.Context, err error, _ bool) error {
	return engine.WithHint(fmt.Errorf("%w: %w", engine.ErrUsage, err), "nightrunner %s --help lists the flags", c.Command.Name)
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the versions of nightrunner and DuckDB",
		Action: func(c *cli.Context) error {
			duck, err := engine.DuckDBVersion(c.Context)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "nightrunner %s, DuckDB %s\n", version, duck)
			return nil
		},
	}
}
