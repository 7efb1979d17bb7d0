package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
	documents "github.com/ccdexplorer/nightrunner/exporters"
	"github.com/ccdexplorer/nightrunner/internal/docdiff"
	"github.com/ccdexplorer/nightrunner/internal/parity"
)

// theirDatabase is that of the URI, unless that only says where the user is known, else the chain's.
func theirDatabase(c *cli.Context) string {
	if named := databaseOf(c.String("against")); named != "" && !isServers(named) {
		return named
	}
	return chainDatabase(c)
}

func parityCommand() *cli.Command {
	return &cli.Command{
		Name: "parity", Usage: "compare what another system wrote with ours, field by field",
		Description: "Nothing is written to either side. Exit code 0: the same within tolerances; 6: something is different or missing.",
		Flags: slices.Concat([]cli.Flag{
			stringFlag("against", "what the other system wrote: a server as `mongodb://…`, a folder that mongodump wrote, or a folder of NAME.jsonl or NAME.bson", ""),
			stringFlag("against-layout", "`single`: all in one collection statistics; collections: one each; auto: where there are some", parity.Auto),
			fileFlag("against"),
			databaseFlags()[0], databaseFlags()[1], // of the chain alone
			stringFlag("from", "first `DATE` to compare", ""),
			stringFlag("to", "last `DATE` to compare", ""),
			listFlag("ignore", "leave out a `FIELD`: its name or path, * for any characters; repeatable"),
			listFlag("tolerance", "numbers of a field may differ by that much: `FIELD=N` or FIELD=N%; repeatable"),
			&cli.Float64Flag{Name: "relative", Usage: "other doubles may differ by this `SHARE` of the larger one", Value: 1e-9, EnvVars: env("relative")},
			&cli.Float64Flag{Name: "absolute", Usage: "or by this much (`N`); whole numbers may not", Value: 1e-12, EnvVars: env("absolute")},
			&cli.IntFlag{Name: "examples", Usage: "`N` examples of each field that differs", Value: 3, EnvVars: env("examples")},
		}, modelFlags(), readingFlags(), limitFlags(), []cli.Flag{boolFlag("json", "print the report as JSON")}),
		Before: configure, OnUsageError: usageError,
		Action: compareParity,
	}
}

func compareParity(c *cli.Context) error {
	options, models, err := parityOptions(c)
	if err != nil {
		return err
	}
	report, err := runParity(c, options, models)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = writeJSON(c.App.Writer, report)
	} else {
		printParity(wrapWriter{c.App.Writer}, terminalWidth(c.App.Writer), report)
	}
	if err == nil && !report.Same {
		err = exitError{engine.ExitDifferent}
	}
	return err
}

// parityOptions reads the flags. Models are those of the statistics that are compared.
func parityOptions(c *cli.Context) (parity.Options, map[string]*engine.Model, error) {
	o := parity.Options{Against: c.String("against"), Database: theirDatabase(c), Layout: c.String("against-layout"),
		From: c.String("from"), To: c.String("to"), Selected: len(list(c, "select")) > 0, Examples: max(c.Int("examples"), 0),
		Rules: docdiff.Rules{Relative: c.Float64("relative"), Absolute: c.Float64("absolute")}}
	models := map[string]*engine.Model{}
	if err := noArguments(c); err != nil {
		return o, nil, err
	}
	_, _, daysErr := parityDays(c)
	if err := errors.Join(checkParity(o), daysErr, parityRules(c, &o.Rules)); err != nil {
		return o, nil, err
	}
	chosen, err := exportedModels(c)
	for _, m := range chosen {
		models[m.Export] = m
		o.Statistics = append(o.Statistics, m.Export)
	}
	slices.Sort(o.Statistics)
	return o, models, err
}

func checkParity(o parity.Options) error {
	switch {
	case o.Against == "":
		return engine.WithHint(fmt.Errorf("%w: nothing to compare with", engine.ErrUsage), "give --against mongodb://… or --against DIR")
	case !slices.Contains([]string{parity.Auto, parity.Single, parity.Collections}, o.Layout):
		return fmt.Errorf("%w: --against-layout %s is not single, collections or auto", engine.ErrUsage, o.Layout)
	case !(o.Rules.Relative >= 0) || !(o.Rules.Absolute >= 0):
		return fmt.Errorf("%w: --relative and --absolute are no smaller than 0", engine.ErrUsage)
	}
	return nil
}

func parityDays(c *cli.Context) (from, to time.Time, err error) {
	from, fromErr := dayOf(c, "from")
	to, toErr := dayOf(c, "to")
	if err = errors.Join(fromErr, toErr); err == nil && !to.IsZero() && to.Before(from) {
		err = fmt.Errorf("%w: --to is before --from", engine.ErrUsage)
	}
	return from, to, err
}

func parityRules(c *cli.Context, rules *docdiff.Rules) error {
	for _, text := range list(c, "ignore") {
		pattern, err := docdiff.ParsePattern(text)
		if err != nil {
			return fmt.Errorf("%w: --ignore: %w", engine.ErrUsage, err)
		}
		rules.Ignore = append(rules.Ignore, pattern)
	}
	for _, text := range list(c, "tolerance") {
		tolerance, err := docdiff.ParseTolerance(text)
		if err != nil {
			return fmt.Errorf("%w: --tolerance: %w", engine.ErrUsage, err)
		}
		rules.Tolerances = append(rules.Tolerances, tolerance)
	}
	return nil
}

// exportedModels are the models of statistics that --select names, or all.
func exportedModels(c *cli.Context) ([]*engine.Model, error) {
	folder, err := sqlFolder(c)
	if err != nil {
		return nil, err
	}
	project, err := engine.ReadProject(folder)
	if err != nil {
		return nil, err
	}
	patterns := list(c, "select")
	if i := slices.IndexFunc(patterns, func(p string) bool { return strings.Trim(p, "+") != p }); i >= 0 {
		return nil, fmt.Errorf("%w: --select %s: + means nothing here: statistics are compared, not what they read", engine.ErrUsage, patterns[i])
	}
	chosen, err := project.Select(patterns)
	if err != nil {
		return nil, err
	}
	var list []*engine.Model
	for _, m := range project.Models {
		// What goes to one layout or another database is told apart from statistics there.
		if m.Export != "" && m.Layout+m.Database == "" && chosen[m.Name] {
			list = append(list, m)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: --select %s: no statistic", engine.ErrUsage, strings.Join(patterns, " "))
	}
	return list, nil
}

func runParity(c *cli.Context, o parity.Options, models map[string]*engine.Model) (_ *parity.Report, err error) {
	db, err := openReading(c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	o.Warehouse = db.what(time.Now())
	// A folder of its own: two processes that spill into one would be in each other's way.
	temp, err := os.MkdirTemp(c.String("temp-directory"), "nightrunner-parity-")
	if err != nil {
		return nil, fmt.Errorf("%w: --temp-directory: %w", engine.ErrUsage, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	conn, err := db.Conn(c.Context)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ignoreClosed(conn.Close())) }()
	reader, err := engine.NewReader(c.Context, conn, engine.Options{MemoryLimit: c.String("memory-limit"), Threads: c.Int("threads"), TempDirectory: temp, MaxTempSize: c.String("max-temp-size")})
	if err != nil {
		return nil, err
	}
	if err := engine.LockDown(c.Context, db.DB); err != nil {
		return nil, err
	}
	from, to, err := parityDays(c)
	if err != nil {
		return nil, err
	}
	o.Staging, o.Ours, o.Observer = conn, &ourDocuments{reader, models, from, to}, engine.NoObserver{}
	return parity.Run(c.Context, o)
}

func ignoreClosed(err error) error {
	if errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}

// ourDocuments are the statistics of a warehouse as exporters write them.
type ourDocuments struct {
	reader   *engine.Reader
	models   map[string]*engine.Model
	from, to time.Time
}

func (o *ourDocuments) Documents(ctx context.Context, statistic string, fn func(bsoncore.Document) error) error {
	m := o.models[statistic]
	rows, err := o.reader.Statistic(ctx, m, o.from, o.to)
	if err != nil {
		return err
	}
	defer rows.Release()
	return documents.Each(ctx, rows, m.Spread, fn)
}

func (o *ourDocuments) Waiting(ctx context.Context, statistic string) (map[string]string, error) {
	reasons, err := o.reader.Waiting(ctx, o.models[statistic])
	days := map[string]string{}
	for day, reason := range reasons {
		days[day.Format(time.DateOnly)] = reason
	}
	return days, err
}
