package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/exporters/files"
	"github.com/ccdexplorer/nightrunner/internal/progress"
	"github.com/ccdexplorer/nightrunner/loaders/balances"
	"github.com/ccdexplorer/nightrunner/loaders/ccdscan"
	"github.com/ccdexplorer/nightrunner/loaders/mongo"
	"github.com/ccdexplorer/nightrunner/loaders/node"
	sqlfiles "github.com/ccdexplorer/nightrunner/sql"
)

// env is the environment variable of a flag.
func env(flag string) []string {
	return []string{"NIGHTRUNNER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))}
}

func stringFlag(name, usage, value string) *cli.StringFlag {
	return &cli.StringFlag{Name: name, Usage: usage, Value: value, EnvVars: env(name)}
}

func boolFlag(name, usage string) *cli.BoolFlag {
	return &cli.BoolFlag{Name: name, Usage: usage, EnvVars: env(name)}
}

func listFlag(name, usage string) *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: name, Usage: usage, EnvVars: env(name)}
}

func warehouseFlags() []cli.Flag {
	return []cli.Flag{
		stringFlag("warehouse", "the DuckDB `FILE`", "nightrunner.duckdb"),
		stringFlag("memory-limit", "what DuckDB may use, as `1GB`; default 70 % of the machine or its cgroup", ""),
		&cli.IntFlag{Name: "threads", Usage: "`N` threads for DuckDB; default all the machine or its cgroup has", EnvVars: env("threads")},
		stringFlag("temp-directory", "`DIR` to spill to; default beside the warehouse", ""),
		stringFlag("max-temp-size", "how much may be spilled, as `10GB`; default 80 % of the free disk", ""),
	}
}

func talkFlags() []cli.Flag {
	return []cli.Flag{
		boolFlag("json", "print the report as JSON on stdout"),
		stringFlag("log-format", "`text` or json: lines on stderr when it is not a terminal", "text"),
	}
}

func sourceFlags() []cli.Flag {
	return []cli.Flag{
		stringFlag("balances", "`DIR` of daily balance snapshots: YYYY-MM-DD.csv, also .csv.gz and .csv.zst", ""),
		stringFlag("mongo", "a server as `mongodb://…`, a folder that mongodump wrote, or a file that mongodump --archive wrote", ""),
		stringFlag("mongo-database", "`NAME` of the chain's database", "concordium_mainnet"),
		stringFlag("mongo-utilities", "`NAME` of the database with labels and rates", "concordium_utilities"),
		&cli.Int64Flag{Name: "mongo-reread", Usage: "read the last `N` heights of a server again, for documents that came late", Value: 50_000, EnvVars: env("mongo-reread")},
		stringFlag("node", "`DIR` of node facts: tokenomics.jsonl, chain_parameters.jsonl, token_info.jsonl", ""),
		stringFlag("ccdscan", "`DIR` of CCDScan's answers: ccdscan_release_amounts.jsonl", ""),
		&cli.Float64Flag{Name: "max-rejects", Usage: "refuse a file when more than this `SHARE` of its rows cannot be read; 1 accepts all", Value: 0.001, EnvVars: env("max-rejects")},
	}
}

func modelFlags() []cli.Flag {
	return []cli.Flag{
		stringFlag("sql", "`DIR` of SQL files; default the ones built in", ""),
		listFlag("select", "only these models: `NAME`, globs, +NAME with what it needs, NAME+ with what needs it; repeatable"),
	}
}

func dayFlags() []cli.Flag {
	return []cli.Flag{
		stringFlag("from", "first `DATE` to load and build", ""),
		stringFlag("to", "last `DATE` to load and build", ""),
		boolFlag("full", "load and build again, whatever is known"),
	}
}

func exportFlags() []cli.Flag {
	return []cli.Flag{
		listFlag("export", "write statistics to this `DIR`; repeatable"),
		listFlag("format", "`jsonl` (default) or bson; repeatable"),
		boolFlag("prune", "drop what is gone at the sources, and documents that nothing produces any more"),
	}
}

// configure fills flags that neither the command line nor the environment sets from the configuration file.
func configure(c *cli.Context) error {
	path := c.String("config")
	explicit := path != ""
	if !explicit {
		path = "nightrunner.toml"
	}
	var values map[string]any
	_, err := toml.DecodeFile(path, &values)
	if errors.Is(err, fs.ErrNotExist) && !explicit {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: read %s: %w", engine.ErrUsage, path, err)
	}
	for key, value := range values {
		if err := configureFlag(c, path, key, value); err != nil {
			return err
		}
	}
	return nil
}

func configureFlag(c *cli.Context, path, key string, value any) error {
	if !known(c, key) {
		return engine.WithHint(fmt.Errorf("%w: %s: unknown key %q", engine.ErrUsage, path, key), "keys are the flags of nightrunner run")
	}
	if c.IsSet(key) || !has(c.Command.Flags, key) {
		return nil
	}
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	for _, one := range list {
		if err := c.Set(key, fmt.Sprint(one)); err != nil {
			return fmt.Errorf("%w: %s: %s: %w", engine.ErrUsage, path, key, err)
		}
	}
	return nil
}

// known: a key is a flag of any command, so that one file serves all of them.
func known(c *cli.Context, key string) bool {
	for _, command := range c.App.Commands {
		if has(command.Flags, key) {
			return true
		}
	}
	return false
}

func has(flags []cli.Flag, name string) bool {
	for _, flag := range flags {
		for _, one := range flag.Names() {
			if one == name {
				return true
			}
		}
	}
	return false
}

func dayOf(c *cli.Context, flag string) (time.Time, error) {
	text := c.String(flag)
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return day, fmt.Errorf("%w: --%s %s is no date like 2021-06-09", engine.ErrUsage, flag, text)
	}
	return day, nil
}

func sqlFolder(c *cli.Context) (fs.FS, error) {
	dir := c.String("sql")
	if dir == "" {
		return sqlfiles.Files, nil
	}
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%w: --sql %s is no folder", engine.ErrUsage, dir)
	}
	folder := os.DirFS(dir)
	for _, layer := range []string{"stg", "mid", "stat"} {
		if files, err := fs.Glob(folder, layer+"/*.sql"); err == nil && len(files) > 0 {
			return folder, nil
		}
	}
	return nil, fmt.Errorf("%w: --sql %s has no SQL file in stg, mid or stat", engine.ErrUsage, dir)
}

// noArguments refuses words behind a command that takes none: flags behind them would not be read.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return engine.WithHint(fmt.Errorf("%w: unexpected %q", engine.ErrUsage, c.Args().First()), "nightrunner %s --help lists the flags", c.Command.Name)
	}
	return nil
}

// collections are where fields of MongoDB collections land: the folder of SQL files says it, or the built-in files do.
func collections(folder fs.FS) ([]mongo.Collection, error) {
	own, err := mongo.ReadMappings(folder)
	if err != nil || len(own) > 0 {
		return own, err
	}
	return mongo.ReadMappings(sqlfiles.Files)
}

func loaders(c *cli.Context, collections []mongo.Collection) []engine.Loader {
	var list []engine.Loader
	if uri := c.String("mongo"); uri != "" {
		list = append(list, mongo.New(mongo.Options{URI: uri, Database: c.String("mongo-database"), Utilities: c.String("mongo-utilities"),
			Collections: collections, Reread: c.Int64("mongo-reread"), TempDirectory: c.String("temp-directory")}))
	}
	if dir := c.String("node"); dir != "" {
		list = append(list, node.New(dir))
	}
	if dir := c.String("ccdscan"); dir != "" {
		list = append(list, ccdscan.New(dir))
	}
	if dir := c.String("balances"); dir != "" {
		list = append(list, balances.New(dir))
	}
	return list
}

func exporters(c *cli.Context) ([]engine.Exporter, error) {
	formats := c.StringSlice("format")
	if len(formats) == 0 {
		formats = []string{"jsonl"}
	}
	var list []engine.Exporter
	for _, dir := range c.StringSlice("export") {
		if strings.Contains(dir, "://") {
			return nil, fmt.Errorf("%w: --export %s: only folders so far", engine.ErrUsage, dir)
		}
		exporter, err := files.New(dir, formats)
		if err != nil {
			return nil, fmt.Errorf("%w: --export %s: %w", engine.ErrUsage, dir, err)
		}
		list = append(list, exporter)
	}
	return list, nil
}

func logger(c *cli.Context) (*slog.Logger, error) {
	switch c.String("log-format") {
	case "text":
		return slog.New(slog.NewTextHandler(c.App.ErrWriter, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(c.App.ErrWriter, nil)), nil
	}
	return nil, fmt.Errorf("%w: --log-format %s is neither text nor json", engine.ErrUsage, c.String("log-format"))
}

func isTerminal(file any) bool {
	f, ok := file.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// observer draws bars on a terminal and logs lines elsewhere.
func observer(c *cli.Context) (progress.Observer, error) {
	log, err := logger(c)
	if err != nil {
		return nil, err
	}
	if isTerminal(c.App.ErrWriter) {
		return progress.NewBars(c.App.ErrWriter), nil
	}
	return progress.NewLines(log), nil
}
