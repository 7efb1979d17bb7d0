package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ccdexplorer/nightrunner/internal/durable"
)

// A RollbackReport says what a rollback did.
type RollbackReport struct {
	// Run is the rollback's own id, To the run whose snapshot the warehouse is again.
	Run int64 `json:"run"`
	To  int64 `json:"to"`
	// Aside is what the warehouse was, "" when there was none.
	Aside string   `json:"aside,omitempty"`
	Notes []string `json:"notes,omitempty"`
}

// Rollback makes the warehouse at path be the snapshot of a run again, and that snapshot the current one. What the warehouse
// was is set aside. Run ids go on counting.
//
// The snapshot does not know what destinations were given after it. So what the present warehouse says of them is taken over,
// and marked as uncertain: the next export compares every document with what is there, replaces what differs, and sees those
// that are produced no longer.
func Rollback(ctx context.Context, path string, run int64, o Options) (*RollbackReport, error) {
	w, err := newWarehouse(path, o)
	if err != nil {
		return nil, err
	}
	target, err := w.snapshots.Of(run)
	if err != nil {
		return nil, err
	}
	if err := w.takeLease(o.Command); err != nil {
		return nil, err
	}
	report := &RollbackReport{To: run}
	if err = w.settleAsides(); err == nil {
		err = w.rollback(ctx, target, report)
	}
	report.Notes = w.notes
	return report, errors.Join(err, w.Close())
}

func (w *Warehouse) rollback(ctx context.Context, target Snapshot, report *RollbackReport) error {
	present := w.Path
	switch err := w.flush(ctx); {
	case errors.Is(err, ErrNoWarehouse):
		present = ""
	case errors.Is(err, ErrDamaged):
		w.note("the present warehouse is damaged (%v): what it knew of destinations is lost; the next export compares them with what the snapshot knows", rootOf(err))
		present = ""
		report.Aside = w.asidePath("damaged")
	case err != nil:
		return err
	default:
		report.Aside = w.asidePath("before-rollback")
	}
	w.options.published = present
	err := w.replaceByCopy(ctx, target.Path, report.Aside, func(copied *Warehouse, ctx context.Context) (err error) {
		report.Run, err = copied.goBack(ctx, present, target.Run, report.Aside)
		return err
	})
	if err != nil {
		return err
	}
	return durable.Link(snapshotName(target.Run), w.snapshots.CurrentPath())
}

// flush brings everything of the present warehouse into its file. It returns ErrNoWarehouse when there is none.
func (w *Warehouse) flush(ctx context.Context) error {
	if _, err := os.Stat(w.Path); err != nil {
		return errors.Join(ErrNoWarehouse, ignoreGone(err))
	}
	if err := refuseForeign(w.Path); err != nil {
		return err
	}
	if err := checkLog(w.Path); err != nil {
		return err
	}
	if err := w.connect(ctx); err != nil {
		return errors.Join(err, w.disconnect())
	}
	return errors.Join(w.exec(ctx, "checkpoint"), w.disconnect())
}

// goBack makes this copy of a snapshot the warehouse that comes after the present one: it knows what destinations hold, as
// far as that is known, and the rollback. It returns the rollback's own run.
func (w *Warehouse) goBack(ctx context.Context, present string, to int64, aside string) (run int64, err error) {
	if present != "" {
		if err := w.scalar(ctx, &run, "select coalesce(max(run_id), 0) from "+published("ops.runs")); err != nil {
			return 0, fmt.Errorf("read the present warehouse: %w", err)
		}
		w.highestRun = max(w.highestRun, run)
	}
	if run, err = w.nextRun(ctx); err != nil {
		return 0, err
	}
	return run, w.transact(ctx, func() error { return w.takeBack(ctx, present, run, to, aside) })
}

func (w *Warehouse) takeBack(ctx context.Context, present string, run, to int64, aside string) error {
	if present != "" {
		for _, table := range []string{"ops.documents", "ops.exports"} {
			if err := w.exec(ctx, fmt.Sprintf("delete from %[1]s; insert into %[1]s by name from %[2]s", table, published(table))); err != nil {
				return fmt.Errorf("take over %s: %w", table, err)
			}
		}
	}
	if err := w.distrustDestinations(ctx); err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	message := fmt.Sprintf("to run %d", to)
	if aside != "" {
		message += ", set aside: " + filepath.Base(aside)
	}
	return w.exec(ctx, `insert into ops.runs (run_id, command, started_at, finished_at, status, exit_code, host, pid, message)
		values (?, 'rollback', ?, ?, 'done', 0, ?, ?, ?)`, run, w.now().UTC(), w.now().UTC(), host, os.Getpid(), message)
}
