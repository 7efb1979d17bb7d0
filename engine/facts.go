package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ccdexplorer/nightrunner/internal/machine"
)

// Facts say how well a warehouse is kept up to date: what metrics, notifications and status tell of it.
type Facts struct {
	// LastSuccess is when the last run with exit code 0 ended (UTC), zero when there was none; LastGoodBegan when it began.
	LastSuccess   time.Time `json:"last_success,omitzero"`
	LastGoodBegan time.Time `json:"-"`
	// Previous is the last run of the same command before this one, runs that were stopped on request aside; nil when there
	// was none.
	Previous *RunStatus `json:"-"`
	// Behind is how many UTC days the sources of whole days are behind yesterday, per raw table that has some.
	Behind map[string]int `json:"behind"`
	// DaysBehind is the largest of them: 0 when yesterday is there.
	DaysBehind int `json:"days_behind"`
	// ExpectedSeconds is the median of earlier runs of the same command, 0 when there was none.
	ExpectedSeconds float64 `json:"expected_seconds"`
}

// Facts reads the facts as the run before sees them; run 0 stands for the next one.
func (w *Warehouse) Facts(ctx context.Context, command string, run int64) (*Facts, error) {
	return ReadFacts(ctx, w.conn, command, run, w.now())
}

// ReadFacts reads the facts of an open warehouse or snapshot.
func ReadFacts(ctx context.Context, db queryer, command string, run int64, now time.Time) (*Facts, error) {
	f := &Facts{Behind: map[string]int{}}
	if run == 0 {
		run = 1 << 62
	}
	for _, read := range []func(context.Context, queryer, string, int64, time.Time) error{f.readSuccess, f.readPrevious, f.readBehind, f.readExpected} {
		if err := read(ctx, db, command, run, now); err != nil {
			return nil, fmt.Errorf("read facts: %w", err)
		}
	}
	return f, nil
}

func (f *Facts) readSuccess(ctx context.Context, db queryer, command string, _ int64, _ time.Time) error {
	return eachRow(ctx, db, func(rows *sql.Rows) error {
		var began, ended sql.NullTime
		err := rows.Scan(&began, &ended)
		f.LastGoodBegan, f.LastSuccess = began.Time, ended.Time
		return err
	}, "select max(started_at), max(finished_at) from ops.runs where exit_code = 0 and command = ?", command)
}

func (f *Facts) readPrevious(ctx context.Context, db queryer, command string, run int64, _ time.Time) error {
	return eachRow(ctx, db, func(rows *sql.Rows) error {
		f.Previous = &RunStatus{}
		var message sql.NullString
		err := rows.Scan(&f.Previous.Run, &f.Previous.Command, &f.Previous.Started, &f.Previous.Seconds, &f.Previous.Status, &f.Previous.ExitCode, &message)
		f.Previous.Message = message.String
		return err
	}, `select run_id, command, started_at, coalesce(epoch(finished_at - started_at), 0), status, coalesce(exit_code, -1), message
		from ops.runs where command = ? and run_id < ? and status not in ('stopped', 'running') order by run_id desc limit 1`, command, run)
}

func (f *Facts) readBehind(ctx context.Context, db queryer, _ string, _ int64, now time.Time) error {
	yesterday := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)
	return eachRow(ctx, db, func(rows *sql.Rows) error {
		var table string
		var last time.Time
		err := rows.Scan(&table, &last)
		f.Behind[table] = max(0, int(yesterday.Sub(last).Hours()/24))
		f.DaysBehind = max(f.DaysBehind, f.Behind[table])
		return err
	}, "select table_name, max(date) from ops.source_days where table_name in ('raw.blocks_per_day', 'raw.snapshots') group by all having max(date) is not null")
}

// expectedRuns is how many earlier runs say how long one takes.
const expectedRuns = 10

func (f *Facts) readExpected(ctx context.Context, db queryer, command string, run int64, _ time.Time) error {
	return eachRow(ctx, db, func(rows *sql.Rows) error {
		var seconds sql.NullFloat64
		err := rows.Scan(&seconds)
		f.ExpectedSeconds = seconds.Float64
		return err
	}, `select median(seconds) from (
			select epoch(finished_at - started_at) as seconds from ops.runs
			where command = ? and run_id < ? and status in ('done', 'incomplete') and finished_at is not null order by run_id desc limit ?
		)`, command, run, expectedRuns)
}

// Sizes in bytes.
type Sizes struct {
	// Warehouse is the file with its write-ahead log, Snapshots the published copies, each once; FreeDisk what the file
	// system of the warehouse has left for this user.
	Warehouse int64 `json:"warehouse_bytes"`
	Snapshots int64 `json:"snapshots_bytes"`
	FreeDisk  int64 `json:"free_disk_bytes"`
}

// ReadSizes looks at files alone: a run may be at work.
func ReadSizes(warehouse, snapshots string) (*Sizes, error) {
	s := &Sizes{}
	for _, path := range []string{warehouse, warehouse + ".wal"} {
		info, err := os.Stat(path)
		if err == nil {
			s.Warehouse += info.Size()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	files, err := filepath.Glob(filepath.Join(snapshots, "*.duckdb"))
	if err != nil {
		return nil, err
	}
	var seen []os.FileInfo
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil || anySame(seen, info) {
			continue
		}
		seen = append(seen, info)
		s.Snapshots += info.Size()
	}
	limits, err := machine.Read(filepath.Dir(warehouse))
	if err != nil {
		return nil, err
	}
	s.FreeDisk = int64(limits.FreeDisk)
	return s, nil
}

// anySame: the stable name of a snapshot is another name of one of them.
func anySame(list []os.FileInfo, one os.FileInfo) bool {
	for _, other := range list {
		if os.SameFile(other, one) {
			return true
		}
	}
	return false
}
