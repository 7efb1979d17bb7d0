package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/progress"
	"github.com/ccdexplorer/nightrunner/loaders/balances"
	"github.com/ccdexplorer/nightrunner/loaders/mongo"
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

// fileFlag is the flag for a file that holds what another flag would say: for secrets, which a command line shows to every
// user of the machine.
func fileFlag(of string) *cli.StringFlag {
	return stringFlag(of+"-file", "read what --"+of+" would say from this `FILE`: for secrets", "")
}

func listFlag(name, usage string) *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: name, Usage: usage, EnvVars: env(name)}
}

func warehouseFlags() []cli.Flag {
	return slices.Concat([]cli.Flag{stringFlag("warehouse", "the DuckDB `FILE`", "nightrunner.duckdb")}, limitFlags(), []cli.Flag{
		snapshotsFlag(),
		boolFlag("allow-network-disk", "go ahead with a warehouse on NFS, SMB and the like, where locks between machines may not hold"),
		stringFlag("umask", "`MODE` that the warehouse, its folder for spilling and snapshots deny; exports go by the process's own", "0077"),
	})
}

// limitFlags say what DuckDB may use of the machine.
func limitFlags() []cli.Flag {
	return []cli.Flag{
		stringFlag("memory-limit", "what DuckDB may use, as `1GB`; default 70 % of the machine or its cgroup", ""),
		&cli.IntFlag{Name: "threads", Usage: "`N` threads for DuckDB; default all the machine or its cgroup has", EnvVars: env("threads")},
		stringFlag("temp-directory", "`DIR` to spill to; default beside the warehouse", ""),
		stringFlag("max-temp-size", "how much may be spilled, as `10GB`; default 80 % of the free disk", ""),
	}
}

// snapshotFlags say which snapshots stay.
func snapshotFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "keep-snapshots", Usage: "keep the last `N` snapshots; 0 publishes none and removes those there are", Value: 7, EnvVars: env("keep-snapshots")},
		stringFlag("snapshot-budget", "keep fewer where they take more than this, as `20GB`; the newest stays in any case", "20GB"),
	}
}

func snapshotsFlag() cli.Flag {
	return stringFlag("snapshots", "`DIR` of published snapshots; default snapshots beside the warehouse", "")
}

// publishing reads where snapshots are and, of a command that publishes, the snapshotFlags.
func publishing(c *cli.Context) (engine.Publishing, error) {
	p := engine.Publishing{Dir: c.String("snapshots"), Keep: c.Int("keep-snapshots")}
	if !has(c.Command.Flags, "keep-snapshots") {
		return p, nil
	}
	budget, err := humanize.ParseBytes(c.String("snapshot-budget"))
	if err != nil || budget > math.MaxInt64 {
		return p, fmt.Errorf("%w: --snapshot-budget %s is no size like 20GB", engine.ErrUsage, c.String("snapshot-budget"))
	}
	if p.Budget = int64(budget); p.Keep < 0 {
		return p, fmt.Errorf("%w: --keep-snapshots %d is less than none", engine.ErrUsage, p.Keep)
	}
	return p, nil
}

func talkFlags() []cli.Flag {
	return []cli.Flag{
		boolFlag("json", "print the report as JSON on stdout"),
		stringFlag("log-format", "`text` or json: lines on stderr when it is not a terminal", "text"),
	}
}

func databaseFlags() []cli.Flag {
	return []cli.Flag{
		stringFlag("network", "`mainnet` or testnet: which chain; a warehouse holds one", "mainnet"),
		stringFlag("mongo-database", "`NAME` of the chain's database; default concordium_ and the network", ""),
		stringFlag("mongo-utilities", "`NAME` of the database with labels and rates", "concordium_utilities"),
	}
}

// chainDatabase is the database of the chain's collections.
func chainDatabase(c *cli.Context) string {
	return cmp.Or(c.String("mongo-database"), "concordium_"+c.String("network"))
}

func sourceFlags() []cli.Flag {
	return slices.Concat(databaseFlags(), []cli.Flag{
		stringFlag("balances", "`DIR` of daily balance snapshots: YYYY-MM-DD.csv, also .csv.gz and .csv.zst; or git:PATH, a repository with a commit for each day", ""),
		boolFlag("pull", "with --balances git:PATH, fetch from the repository's remote first"),
		&cli.DurationFlag{Name: "pull-timeout", Usage: "give a remote up after this `TIME`; what is here is read", Value: 20 * time.Minute, EnvVars: env("pull-timeout")},
		stringFlag("mongo", "a server as `mongodb://…`, a folder that mongodump wrote, or a file that mongodump --archive wrote", ""),
		fileFlag("mongo"),
		&cli.Int64Flag{Name: "mongo-reread", Usage: "read the last `N` heights of a server again, for documents that came late", Value: 50_000, EnvVars: env("mongo-reread")},
		&cli.Float64Flag{Name: "max-rejects", Usage: "refuse a file when more than this `SHARE` of its rows cannot be read; 1 accepts all", Value: 0.001, EnvVars: env("max-rejects")},
	}, outsideFlags())
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
		listFlag("export", "write statistics to this `DIR` or server as mongodb://HOST/DATABASE; repeatable"),
		fileFlag("export"),
		listFlag("format", "of files: `jsonl` (default) or bson; repeatable"),
		stringFlag("layout", "`collections`: one per statistic; single: one for all, and the helpers that its readers need", engine.LayoutCollections),
		stringFlag("export-database", "`NAME` of the database to write to; default that of the URI, else --mongo-database", ""),
		&cli.IntFlag{Name: "keep-undo", Usage: "keep on a server what the last `N` exports wrote over; 0 keeps nothing", Value: 7, EnvVars: env("keep-undo")},
		boolFlag("prune", "drop what is gone at the sources, and documents that nothing produces any more"),
		listFlag("accept", "write this `STATISTIC` also when its guards would stop it; repeatable"),
	}
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

// loaders are those of the sources that are given: MongoDB first, as it tells the days.
func loaders(c *cli.Context, collections []mongo.Collection) ([]engine.Loader, error) {
	var list []engine.Loader
	if uri := c.String("mongo"); uri != "" {
		list = append(list, mongo.New(mongo.Options{URI: uri, Database: chainDatabase(c), Utilities: c.String("mongo-utilities"),
			Collections: collections, Reread: c.Int64("mongo-reread"), TempDirectory: c.String("temp-directory")}))
	}
	snapshots, err := balancesLoader(c)
	if err != nil {
		return nil, err
	}
	if snapshots != nil {
		list = append(list, snapshots)
	}
	outside, err := outsideLoaders(c)
	return append(list, outside...), err
}

// balancesLoader reads a folder or a repository; nil where neither is given.
func balancesLoader(c *cli.Context) (*balances.Loader, error) {
	place := c.String("balances")
	path, isGit := strings.CutPrefix(place, "git:")
	switch {
	case isGit && path == "":
		return nil, fmt.Errorf("%w: --balances git: names no repository", engine.ErrUsage)
	case isGit && strings.Contains(path, "://"):
		return nil, engine.WithHint(fmt.Errorf("%w: --balances %s is no path", engine.ErrUsage, place), "clone it, give the clone's path, and --pull to fetch before each run")
	case isGit:
		if c.Duration("pull-timeout") <= 0 {
			return nil, fmt.Errorf("%w: --pull-timeout %s is no time to wait", engine.ErrUsage, c.Duration("pull-timeout"))
		}
		return balances.NewGit(path, c.Bool("pull"), c.Duration("pull-timeout")), nil
	case c.Bool("pull"):
		return nil, fmt.Errorf("%w: --pull needs --balances git:PATH", engine.ErrUsage)
	case place == "":
		return nil, nil
	}
	return balances.New(place), nil
}

// logger logs on stderr, without secrets.
func logger(c *cli.Context) (*slog.Logger, error) {
	out := configurationOf(c.App).secrets.Writer(c.App.ErrWriter)
	switch c.String("log-format") {
	case "text":
		return slog.New(slog.NewTextHandler(out, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(out, nil)), nil
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
	if isTerminal(c.App.ErrWriter) && c.String("log-format") == "text" {
		return progress.NewBars(c.App.ErrWriter), nil
	}
	return progress.NewLines(log), nil
}
