package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/progress"
)

// readingFlags are those of every command that reads: what openReading goes by.
func readingFlags() []cli.Flag {
	return []cli.Flag{
		stringFlag("warehouse", "the DuckDB `FILE`; given here it is what is read, else its current snapshot if there is one", "nightrunner.duckdb"),
		&cli.StringFlag{Name: "snapshot", Usage: "read this snapshot: the `RUN` that published it, a file, or current"},
		snapshotsFlag(),
	}
}

// A reading is what a reading command has open, read-only.
type reading struct {
	*sql.DB
	Path string
	// Snapshot says that the file is a published copy, which no run writes.
	Snapshot bool
	// Run is the last one in the file and At when it ended, or began if it did not end. 0 when there is none.
	Run int64
	At  time.Time
}

// openReading opens what a command reads: the snapshot that --snapshot names; the file that --warehouse names on the
// command line; else the current snapshot of the configured warehouse, and the warehouse itself when there is none.
func openReading(c *cli.Context) (*reading, error) {
	warehouse := c.String("warehouse")
	snapshots, err := engine.FindSnapshots(warehouse, c.String("snapshots"))
	if err != nil {
		return nil, err
	}
	switch name := c.String("snapshot"); {
	case name != "":
		return openSnapshot(c.Context, snapshots, name)
	case !typed(c, "warehouse"):
		r, err := openSnapshot(c.Context, snapshots, "current")
		if !errors.Is(err, engine.ErrNoSnapshot) {
			return r, err
		}
	}
	r, err := openReadOnly(c.Context, warehouse)
	if current, noCurrent := snapshots.Current(); errors.Is(err, engine.ErrInUse) && noCurrent == nil {
		err = engine.WithHint(err, "--snapshot %d reads what that run published", current.Run)
	}
	return r, err
}

// openStatus opens the warehouse itself when nobody writes it: runs that failed, or changed nothing, published no snapshot.
// While a run is at work it opens the snapshot, also of a warehouse that is named.
func openStatus(c *cli.Context) (*reading, *engine.Holder, error) {
	warehouse := c.String("warehouse")
	running, err := engine.WhoHolds(warehouse)
	if err != nil {
		return nil, nil, err
	}
	if c.String("snapshot") == "" && running == nil {
		from, err := openReadOnly(c.Context, warehouse)
		if !errors.Is(err, engine.ErrInUse) && (typed(c, "warehouse") || !errors.Is(err, engine.ErrNoWarehouse)) {
			return from, nil, err
		}
		// A run began meanwhile, or only snapshots are here.
		if running, err = engine.WhoHolds(warehouse); err != nil {
			return nil, nil, err
		}
	}
	if running != nil && c.String("snapshot") == "" {
		snapshots, err := engine.FindSnapshots(warehouse, c.String("snapshots"))
		if err != nil {
			return nil, nil, err
		}
		from, err := openSnapshot(c.Context, snapshots, "current")
		if !errors.Is(err, engine.ErrNoSnapshot) {
			return from, running, err
		}
	}
	from, err := openReading(c)
	return from, running, err
}

// openSnapshot opens the snapshot of a run, the current one, or a file. A run may remove the one that was current between a
// look and the opening: then the next look finds the next one.
func openSnapshot(ctx context.Context, snapshots engine.Snapshots, name string) (*reading, error) {
	path := name
	for try := 1; ; try++ {
		var one engine.Snapshot
		var err error
		if run, isRun := strconv.ParseInt(name, 10, 64); isRun == nil {
			one, err = snapshots.Of(run)
		} else if name == "current" {
			one, err = snapshots.Current()
		}
		if err != nil {
			return nil, err
		}
		if one.Run > 0 {
			path = one.Path
		}
		r, err := openReadOnly(ctx, path)
		if err == nil {
			r.Snapshot = true
			return r, nil
		}
		missing := errors.Is(err, engine.ErrNoWarehouse)
		if missing && one.Run == 0 {
			return nil, engine.WithHint(fmt.Errorf("%w: no snapshot %s, neither the run of one nor a file", engine.ErrUsage, name), "nightrunner snapshots list shows them")
		}
		if !missing || try == 3 {
			return nil, err
		}
	}
}

func openReadOnly(ctx context.Context, path string) (*reading, error) {
	db, err := engine.OpenReadOnly(ctx, path)
	if err != nil {
		return nil, err
	}
	r := &reading{DB: db, Path: path}
	if r.Run, r.At, err = engine.LastRun(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return r, nil
}

// what is read, in a few words for people.
func (r *reading) what(now time.Time) string {
	if !r.Snapshot || r.Run == 0 {
		return r.Path
	}
	return fmt.Sprintf("%s, snapshot of run %d, %s old", r.Path, r.Run, progress.Age(now.Sub(r.At)))
}
