package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/dustin/go-humanize"

	"github.com/ccdexplorer/nightrunner/internal/durable"
	"github.com/ccdexplorer/nightrunner/internal/machine"
)

// Publishing of a warehouse.
type Publishing struct {
	// Dir is the folder of snapshots; "" is `snapshots` beside the warehouse.
	Dir string
	// Keep is how many snapshots stay; 0 publishes none and removes those there are.
	Keep int
	// Budget is how many bytes they may have; the newest stays also above it. 0 is no limit.
	Budget int64
}

// compactShare is the share of free blocks in the warehouse from which on it is copied table by table, which leaves them
// out, and not block by block, which is ten times as fast.
const compactShare = 0.25

// Publish makes a snapshot of what a run left when the run was good and something changed since the last snapshot:
// written beside, synced, renamed; then the stable name is switched and what is too much is removed. It adds its step to
// the report and to ops.run_steps. The file is copied while no DuckDB has it open; the lease is held all the time.
//
// A run is good with exit codes 0, 3 (what fails its checks is in the snapshot, with the results) and 5. A failed one
// can have models of two states of things, and publishes nothing.
func (w *Warehouse) Publish(ctx context.Context, report *Report, observer Observer) error {
	if observer == nil {
		observer = NoObserver{}
	}
	if report.ExitCode != ExitDone && report.ExitCode != ExitCheck && report.ExitCode != ExitUnreadable {
		return nil
	}
	changed, err := w.lastChange(ctx)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if needed, err := w.toPublish(changed); err != nil || !needed {
		return err
	}
	p := &publication{w: w, report: report, observer: leaseObserver{observer, w.lease, report.Run}}
	return p.step(ctx)
}

// toPublish: something changed since the current snapshot, or there are some and none is to be kept.
func (w *Warehouse) toPublish(changed int64) (bool, error) {
	if w.options.Publishing.Keep == 0 {
		newest, err := w.snapshots.newest()
		return newest > 0, err
	}
	current, err := w.snapshots.Current()
	if errors.Is(err, ErrNoSnapshot) {
		return true, nil
	}
	return current.Run < changed, err
}

// lastChange is the last run that left something else than it found, as far as is known. A rollback counts: one that is killed before
// it switches the stable name leaves readers what was gone back from.
func (w *Warehouse) lastChange(ctx context.Context) (run int64, err error) {
	return run, w.scalar(ctx, &run, `select coalesce(max(run_id), 0) from ops.runs where status not in ('done', 'incomplete') or command = 'rollback'
		or run_id in (select run_id from ops.run_steps where status <> 'fresh' and phase <> 'publish')`)
}

// publication is one snapshot in the making.
type publication struct {
	w        *Warehouse
	report   *Report
	observer Observer
	// compact: table by table, without the free blocks.
	compact bool
}

func (p *publication) step(ctx context.Context) error {
	step := Step{Phase: PhasePublish, Name: "snapshot", Status: StatusDone}
	p.observer.Begin(PhasePublish, step.Name, 1, 1)
	start := p.w.now()
	err := p.publish(ctx, &step)
	if err != nil {
		step.Status, step.Message = StatusFailed, err.Error()
		if hint := HintOf(err); hint != "" {
			step.Message += " (" + hint + ")"
		}
	}
	step.Seconds = p.w.now().Sub(start).Seconds()
	p.report.Steps = append(p.report.Steps, step)
	p.observer.End(step)
	if p.w.conn == nil {
		return fmt.Errorf("publish: %w", err)
	}
	if err := p.record(context.WithoutCancel(ctx), step); err != nil {
		return fmt.Errorf("record the snapshot: %w", err)
	}
	return ctx.Err()
}

// publish closes the warehouse's database, copies the file and opens it again.
func (p *publication) publish(ctx context.Context, step *Step) error {
	w := p.w
	if w.options.Publishing.Keep == 0 {
		step.Message = "none is kept"
		return w.snapshots.removeAll()
	}
	if err := w.snapshots.own(); err != nil {
		return err
	}
	if err := durable.RemoveUnfinished(w.snapshots.Dir); err != nil {
		return err
	}
	if err := p.settle(ctx); err != nil {
		return err
	}
	err := w.disconnect()
	if err == nil {
		err = p.put(ctx, step)
	}
	return errors.Join(err, w.connect(context.WithoutCancel(ctx)))
}

// settle brings everything into the file and decides how it is copied.
func (p *publication) settle(ctx context.Context) error {
	if err := p.w.exec(ctx, "checkpoint"); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	var free, total int64
	if err := p.w.conn.QueryRowContext(ctx, "select free_blocks, total_blocks from pragma_database_size()").Scan(&free, &total); err != nil {
		return fmt.Errorf("read the size: %w", err)
	}
	p.compact = float64(free) > compactShare*float64(total)
	return nil
}

func (p *publication) put(ctx context.Context, step *Step) error {
	s, run := p.w.snapshots, p.report.Run
	file, err := os.Stat(p.w.Path)
	if err != nil {
		return err
	}
	if err := p.makeRoom(file.Size(), step); err != nil {
		return err
	}
	path := s.Path(run)
	err = durable.Write(path, file.Mode().Perm()&^0o222, func(beside string) error {
		if err := p.copy(ctx, beside); err != nil {
			return err
		}
		return verify(ctx, beside, run)
	})
	if err != nil {
		return err
	}
	if err := durable.Link(snapshotName(run), s.CurrentPath()); err != nil {
		return err
	}
	made, err := s.Of(run)
	if err != nil {
		return err
	}
	p.report.Snapshot = &made
	how := ""
	if p.compact {
		how = ", compacted"
	}
	p.say(step, fmt.Sprintf("%s, %s%s", made.Path, humanize.Bytes(uint64(made.Bytes)), how))
	gone, err := s.prune(p.w.options.Publishing.Keep, p.w.options.Publishing.Budget)
	p.tellRemoved(step, gone)
	return err
}

func (p *publication) say(step *Step, text string) {
	if step.Message != "" {
		text = step.Message + "; " + text
	}
	step.Message = text
}

func (p *publication) tellRemoved(step *Step, gone []Snapshot) {
	for _, one := range gone {
		p.say(step, fmt.Sprintf("removed that of run %d", one.Run))
	}
}

// makeRoom removes snapshots that go anyway when the disk has no room for one more.
func (p *publication) makeRoom(bytes int64, step *Step) error {
	err := needRoom(p.w.snapshots.CurrentPath(), bytes)
	if !errors.Is(err, ErrDiskFull) {
		return err
	}
	budget := p.w.options.Publishing.Budget
	if budget > 0 {
		budget = max(budget-bytes, 1)
	}
	gone, pruneErr := p.w.snapshots.prune(p.w.options.Publishing.Keep-1, budget)
	p.tellRemoved(step, gone)
	if pruneErr != nil {
		return pruneErr
	}
	if err = needRoom(p.w.snapshots.CurrentPath(), bytes); errors.Is(err, ErrDiskFull) {
		err = WithHint(err, "--keep-snapshots and --snapshot-budget keep fewer, --snapshots names a folder elsewhere")
	}
	return err
}

// needRoom returns ErrDiskFull when a file of that many bytes does not fit beside path.
func needRoom(path string, bytes int64) error {
	limits, err := machine.Read(filepath.Dir(path))
	if err != nil || limits.FreeDisk > uint64(bytes) {
		return err
	}
	return fmt.Errorf("%w: a copy needs %s, the disk of %s has %s free", ErrDiskFull, humanize.Bytes(uint64(bytes)), filepath.Dir(path), humanize.Bytes(limits.FreeDisk))
}

func (p *publication) copy(ctx context.Context, to string) error {
	if p.compact {
		return p.copyTables(ctx, to)
	}
	return copyBlocks(ctx, p.w.Path, to, func(done, total int64) { p.observer.Progress(done>>20, total>>20) })
}

// copyPart is how much of a file is copied between two looks at the context.
const copyPart = 64 << 20

// copyBlocks copies a file in the kernel, which shares the blocks where the file system can.
func copyBlocks(ctx context.Context, from, to string, progress func(done, total int64)) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	for done := int64(0); done < info.Size(); {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(out, in, min(copyPart, info.Size()-done))
		if err != nil {
			return fmt.Errorf("copy %s: %w", from, err)
		}
		done += n
		progress(done, info.Size())
	}
	return nil
}

// openMemory is a DuckDB of its own, without a file.
func openMemory() (*sql.DB, error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return db, nil
}

// copyTables makes a new file of everything in the warehouse, in an instance of its own.
func (p *publication) copyTables(ctx context.Context, to string) (err error) {
	db, err := openMemory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := p.w.options.apply(ctx, db, p.w.Path); err != nil {
		return err
	}
	for _, statement := range []string{"attach " + quote(p.w.Path) + " as warehouse (read_only)", "attach " + quote(to) + " as snapshot",
		"copy from database warehouse to snapshot", "detach snapshot"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// verify looks whether a copy can be opened and is that of the run.
func verify(ctx context.Context, path string, run int64) (err error) {
	db, err := OpenReadOnly(ctx, path)
	if err != nil {
		return fmt.Errorf("look at the copy: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var last int64
	if err := db.QueryRowContext(ctx, "select max(run_id) from ops.runs").Scan(&last); err != nil {
		return fmt.Errorf("look at the copy: %w", err)
	}
	if last != run {
		return fmt.Errorf("look at the copy: its last run is %d, not %d", last, run)
	}
	return nil
}

// record adds the step to what the run has left in ops, in the warehouse alone: the snapshot is made by then.
func (p *publication) record(ctx context.Context, step Step) error {
	r, status := p.report, "done"
	r.Seconds = p.w.now().Sub(r.Started).Seconds()
	if code := r.exitCode(); code != ExitDone {
		r.ExitCode, status = code, "incomplete"
	}
	return p.w.transact(ctx, func() error {
		in := &Intake{w: p.w}
		err := in.insertRows(ctx, "ops.run_steps", 1, func(int) []any {
			return step.row(r.Run, len(r.Steps))
		})
		if err != nil {
			return err
		}
		return p.w.exec(ctx, "update ops.runs set finished_at = ?, status = ?, exit_code = ? where run_id = ?", p.w.now().UTC(), status, r.ExitCode, r.Run)
	})
}
