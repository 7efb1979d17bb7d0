package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
)

// A shellReader opens what the shell works on, and knows what is open.
type shellReader struct {
	c    *cli.Context
	path string
	// current is the run of the current snapshot that is open, or that people were told of; 0 when they asked for another.
	current int64
}

// open opens a run's snapshot or a file, or, without a name, what the flags say, and describes it.
func (r *shellReader) open(ctx context.Context, name string) (console.Database, string, error) {
	if r.c.Bool("write") {
		return r.openForWriting(ctx, name)
	}
	var from *reading
	var err error
	if name == "" {
		from, err = openReading(r.c)
	} else {
		from, err = r.openNamed(ctx, name)
	}
	if err != nil {
		return nil, "", err
	}
	r.path, r.current = from.Path, 0
	if from.Snapshot && name == "" && r.c.String("snapshot") == "" {
		r.current = from.Run
	}
	return from, from.what(time.Now()) + ", read-only", nil
}

func (r *shellReader) openNamed(ctx context.Context, name string) (*reading, error) {
	if _, err := os.Stat(name); err == nil {
		return openReadOnly(ctx, name)
	}
	snapshots, err := engine.FindSnapshots(r.c.String("warehouse"), r.c.String("snapshots"))
	if err != nil {
		return nil, err
	}
	return openSnapshot(ctx, snapshots, name)
}

func (r *shellReader) openForWriting(ctx context.Context, name string) (console.Database, string, error) {
	if name == "" {
		name = r.c.String("warehouse")
	}
	if r.c.String("snapshot") != "" {
		return nil, "", fmt.Errorf("%w: a snapshot stays as it was published: --write is for the warehouse", engine.ErrUsage)
	}
	db, err := engine.OpenByHand(ctx, name, time.Now())
	if err != nil {
		return nil, "", err
	}
	r.path = name
	return db, name + ", open for writing: no run can start until you leave, and none knows of what you change", nil
}

// notice tells once of each snapshot that is newer than what is open.
func (r *shellReader) notice() string {
	if r.current == 0 {
		return ""
	}
	snapshots, err := engine.FindSnapshots(r.c.String("warehouse"), r.c.String("snapshots"))
	if err != nil {
		return ""
	}
	newest, err := snapshots.Current()
	if err != nil || newest.Run <= r.current {
		return ""
	}
	r.current = newest.Run
	return fmt.Sprintf("run %d has published a newer snapshot: .open reads it", newest.Run)
}

// fewRuns is how many .runs lists when it is not told.
const fewRuns = 20

// commands are the dot commands that are commands of nightrunner, on what the shell has open.
func (r *shellReader) commands() []console.Command {
	return []console.Command{
		{Name: ".models", Argument: "[NAME]", Help: "all models and checks; or one: its columns, what it reads, its SQL", Tables: true,
			Run: func(ctx context.Context, words []string, to console.Output) error {
				if len(words) == 0 {
					return r.command(ctx, to, nil, "models", "list")
				}
				return r.reading(ctx, to, words, "models", "show")
			}},
		{Name: ".lineage", Argument: "NAME[.COLUMN]", Help: "what it comes from and what follows from it", Tables: true,
			Run: func(ctx context.Context, words []string, to console.Output) error {
				return r.command(ctx, to, words, "models", "lineage")
			}},
		{Name: ".why", Argument: "STATISTIC DAY|ID [FIELD]", Help: "where a number comes from, down to files and heights", Tables: true,
			Run: func(ctx context.Context, words []string, to console.Output) error {
				return r.reading(ctx, to, words, "why")
			}},
		{Name: ".diff", Argument: "[NAME ...]", Help: "what a change of SQL files would do to rows", Tables: true,
			Run: func(ctx context.Context, words []string, to console.Output) error {
				var selected []string
				for _, one := range words {
					// Flags as --from=DATE stay what they are.
					if !strings.HasPrefix(one, "-") {
						one = "--select=" + one
					}
					selected = append(selected, one)
				}
				return r.reading(ctx, to, selected, "diff")
			}},
		{Name: ".runs", Argument: "[N]", Help: fmt.Sprintf("the last N runs, %d if not told", fewRuns), Run: r.runs},
	}
}

// reading runs a command that reads, on what is open. Not while it is open for writing: DuckDB opens it once then.
func (r *shellReader) reading(ctx context.Context, to console.Output, words []string, command ...string) error {
	if r.c.Bool("write") {
		return fmt.Errorf(".%s reads, and the warehouse is open for writing: leave the shell, or do without --write", command[0])
	}
	return r.command(ctx, to, append([]string{"--snapshot", r.path}, words...), command...)
}

// command runs a command of nightrunner with the shell's configuration. What it says by its exit code it has said in words.
func (r *shellReader) command(ctx context.Context, to console.Output, words []string, command ...string) error {
	app := newApp(nil)
	app.Writer, app.ErrWriter = to, r.c.App.ErrWriter
	arguments := []string{"nightrunner"}
	if config := r.c.String("config"); config != "" {
		arguments = append(arguments, "--config", config)
	}
	arguments = append(arguments, command...)
	if sql := r.c.String("sql"); sql != "" {
		arguments = append(arguments, "--sql", sql)
	}
	err := app.RunContext(ctx, append(arguments, words...))
	if errors.As(err, new(exitError)) {
		return nil
	}
	return err
}

func (r *shellReader) runs(ctx context.Context, words []string, to console.Output) error {
	most := fewRuns
	if len(words) > 0 {
		n, err := strconv.Atoi(words[0])
		if err != nil || n < 1 || len(words) > 1 {
			return fmt.Errorf("%w: .runs takes a number of runs", engine.ErrUsage)
		}
		most = n
	}
	return r.onceRead(ctx, func(from *reading) error {
		runs, err := engine.Runs(ctx, from.DB, most)
		if err != nil {
			return err
		}
		columns, rows := runTable(runs)
		return console.WriteTable(to, to.Width, columns, rows)
	})
}

// onceRead opens what the shell has open once more, for a function of the engine.
func (r *shellReader) onceRead(ctx context.Context, fn func(*reading) error) error {
	if r.c.Bool("write") {
		return errors.New("not while the warehouse is open for writing: from ops.runs lists them too")
	}
	from, err := openReadOnly(ctx, r.path)
	if err != nil {
		return err
	}
	return errors.Join(fn(from), from.Close())
}
