package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/loaders/mongo"
)

func runCommand(stop <-chan struct{}) *cli.Command {
	return phaseCommand(stop, &cli.Command{
		Name: "run", Usage: "load → build → check → export → publish: what the nightly timer calls",
		Description: "Only what is new or changed is loaded, only what follows from it is built, only what differs is written. A good run\n" +
			"publishes a snapshot of the warehouse for readers when something changed.\n" +
			"nightrunner.toml holds flags by their names.",
		Flags: runFlags(),
	})
}

func loadCommand(stop <-chan struct{}) *cli.Command {
	return phaseCommand(stop, &cli.Command{
		Name: "load", Usage: "bring sources into raw.*",
		Flags: slices.Concat(sourceFlags(), dayFlags(), []cli.Flag{boolFlag("prune", "drop days whose file is gone")}, sqlFlagOnly(), warehouseFlags(), talkFlags()),
	}, engine.PhaseLoad)
}

// sqlFlagOnly: loading reads the SQL files too, to say early what is wrong in them.
func sqlFlagOnly() []cli.Flag { return modelFlags()[:1] }

func buildCommand(stop <-chan struct{}) *cli.Command {
	return phaseCommand(stop, &cli.Command{
		Name: "build", Usage: "bring models up to date",
		Flags: slices.Concat(modelFlags(), dayFlags(), warehouseFlags(), talkFlags()),
	}, engine.PhaseBuild)
}

func checkCommand(stop <-chan struct{}) *cli.Command {
	return phaseCommand(stop, &cli.Command{
		Name: "check", Usage: "run the checks that are due",
		Flags: slices.Concat(sqlFlagOnly(), warehouseFlags(), talkFlags()),
	}, engine.PhaseCheck)
}

func exportCommand(stop <-chan struct{}) *cli.Command {
	return phaseCommand(stop, &cli.Command{
		Name: "export", Usage: "write statistics that differ",
		Flags: slices.Concat(exportFlags(), dryRunFlags(), []cli.Flag{boolFlag("verify", "read what the destinations hold and write what differs"),
			&cli.Int64Flag{Name: "undo", Usage: "take back from a server what run `N` and later ones wrote"}},
			databaseFlags(), modelFlags(), warehouseFlags(), talkFlags()),
	}, engine.PhaseExport)
}

// phaseCommand makes a command of a run or of some of its phases.
func phaseCommand(stop <-chan struct{}, command *cli.Command, phases ...string) *cli.Command {
	command.Before = configure
	command.OnUsageError = usageError
	command.Action = func(c *cli.Context) error {
		if err := noArguments(c); err != nil {
			return err
		}
		options, err := runOptions(c, phases)
		if err != nil {
			return err
		}
		if err := somethingToDo(c, options); err != nil {
			return err
		}
		options.Stop = stop
		if c.Bool("dry-run") {
			return dryRun(c, options)
		}
		return execute(c, options)
	}
	return command
}

func runOptions(c *cli.Context, phases []string) (engine.RunOptions, error) {
	o := engine.RunOptions{Command: c.Command.Name, Version: version, Network: c.String("network"), Phases: phases, Select: list(c, "select"),
		MaxRejects: c.Float64("max-rejects"), Prune: c.Bool("prune"), Full: c.Bool("full"),
		Layout: c.String("layout"), Accept: list(c, "accept"), Verify: c.Bool("verify"), Undo: c.Int64("undo")}
	if !(o.MaxRejects >= 0 && o.MaxRejects <= 1) {
		return o, fmt.Errorf("%w: --max-rejects %g is no share from 0 to 1", engine.ErrUsage, o.MaxRejects)
	}
	if !slices.Contains([]string{"", "mainnet", "testnet"}, o.Network) {
		return o, fmt.Errorf("%w: --network %s is neither mainnet nor testnet", engine.ErrUsage, o.Network)
	}
	var errs [4]error
	o.SQL, errs[0] = sqlFolder(c)
	o.Exporters, errs[1] = exporters(c)
	o.From, errs[2] = dayOf(c, "from")
	o.To, errs[3] = dayOf(c, "to")
	if err := errors.Join(errs[:]...); err != nil {
		return o, err
	}
	if !o.From.IsZero() && !o.To.IsZero() && o.To.Before(o.From) {
		return o, fmt.Errorf("%w: --to is before --from", engine.ErrUsage)
	}
	where, err := collections(o.SQL)
	if err != nil {
		return o, err
	}
	o.Tables = mongo.Tables(where)
	o.Loaders, err = loaders(c, where)
	return o, err
}

// somethingToDo refuses a command that would only make an empty warehouse: flags that were not read, most likely.
func somethingToDo(c *cli.Context, o engine.RunOptions) error {
	_, err := os.Stat(c.String("warehouse"))
	isNew := errors.Is(err, fs.ErrNotExist)
	loads := len(o.Phases) == 0 || o.Phases[0] == engine.PhaseLoad
	switch {
	case c.Command.Name == "load" && len(o.Loaders) == 0, loads && isNew && len(o.Loaders) == 0:
		return engine.WithHint(fmt.Errorf("%w: no source", engine.ErrUsage), "give --mongo, --balances, --node, --ccdscan, --coingecko or --currency-rates, or name them in nightrunner.toml of the current folder")
	case !loads && isNew:
		return engine.WithHint(fmt.Errorf("%w: no warehouse at %s", engine.ErrUsage, c.String("warehouse")), "nightrunner run makes one; --warehouse names another")
	case c.Command.Name == "export" && len(o.Exporters) == 0:
		return engine.WithHint(fmt.Errorf("%w: no destination", engine.ErrUsage), "give --export DIR or --export mongodb://HOST/DATABASE")
	}
	return nil
}

// openWarehouse opens the warehouse of the flags for a run.
func openWarehouse(c *cli.Context, loads bool) (*engine.Warehouse, error) {
	options, err := warehouseOptions(c, loads)
	if err != nil {
		return nil, err
	}
	return engine.Open(c.Context, c.String("warehouse"), options)
}

// warehouseOptions are those of the flags, for a command that writes. A damaged warehouse is made anew only by who loads.
func warehouseOptions(c *cli.Context, loads bool) (engine.Options, error) {
	o := engine.Options{MemoryLimit: c.String("memory-limit"), Threads: c.Int("threads"), TempDirectory: c.String("temp-directory"),
		MaxTempSize: c.String("max-temp-size"), AllowNetworkDisk: c.Bool("allow-network-disk"), Command: c.Command.Name, Recovery: engine.RecoverSnapshot,
		Redact: configurationOf(c.App).secrets.Text}
	if loads {
		o.Recovery = engine.RecoverAll
	}
	var err error
	o.Publishing, err = publishing(c)
	return o, err
}
