package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// RunOptions of a run, or of some of its phases.
type RunOptions struct {
	// Command is recorded in ops.runs; Version is the program's.
	Command, Version string
	// Network is the chain ("mainnet"); a warehouse holds one. "" is whichever it holds.
	Network string
	// Phases to do, in their order; empty is all.
	Phases  []string
	Loaders []Loader
	// Tables are raw tables beside those of the migrations.
	Tables    []RawTable
	SQL       fs.FS
	Exporters []Exporter
	// Layout of the destinations, "" for LayoutCollections.
	Layout string
	// Verify compares all documents with what the destinations hold.
	Verify bool
	// Undo is a run whose documents, and those of later runs, are taken back from the destinations instead of an export.
	Undo int64
	// Accept are statistics (names, globs) whose guards stop nothing.
	Accept []string
	// Select holds patterns of models for build, check and export.
	Select []string
	// From and To bound the days that are loaded and built (UTC days, inclusive); zero is open.
	From, To time.Time
	// MaxRejects is the share (0 to 1) of a file's rows that may be rejects.
	MaxRejects float64
	// Prune removes what is gone at the sources and from the destinations.
	Prune, Full bool
	// Late says what was waited for in vain before the run: it ends with exit code 5 then.
	Late []string
	// Stop, when closed, ends the run cleanly after the current step.
	Stop     <-chan struct{}
	Observer Observer
}

// runner is one run.
type runner struct {
	w       *Warehouse
	o       RunOptions
	report  *Report
	project *Project
	chosen  map[string]bool
	// bad are models whose build failed or was blocked in this run.
	bad map[string]string
}

// Run does load → build → check → export and records it in ops.runs; Publish comes after it. The report says what was done, also when the error
// is not nil. Report.ExitCode is the command's exit code.
func (w *Warehouse) Run(ctx context.Context, o RunOptions) (*Report, error) {
	if o.Observer == nil {
		o.Observer = NoObserver{}
	}
	expecting, _ := o.Observer.(expecter)
	o.Observer = redacted{o.Observer, w.redact}
	r := &runner{w: w, o: o, bad: map[string]string{}, report: &Report{Command: o.Command, Started: w.now().UTC(), Late: o.Late}}
	if err := r.refuse(ctx); err != nil {
		return r.report, err
	}
	if err := r.begin(ctx); err != nil {
		return r.report, err
	}
	if facts, err := w.Facts(ctx, o.Command, r.report.Run); err == nil && expecting != nil {
		expecting.Expect(r.report.Run, facts.ExpectedSeconds)
	}
	err := r.phases(ctx)
	if endErr := r.end(context.WithoutCancel(ctx), err); endErr != nil {
		err = errors.Join(err, endErr)
	}
	return r.report, err
}

// Wants says whether a phase is to be done.
func (o RunOptions) Wants(phase string) bool {
	return len(o.Phases) == 0 || slices.Contains(o.Phases, phase)
}

// refuse looks at the options before there is a run: wrong usage leaves nothing. What is wrong in SQL files, the run tells.
func (r *runner) refuse(ctx context.Context) error {
	if err := r.bindNetwork(ctx); err != nil {
		return err
	}
	p, err := ReadProject(r.o.SQL)
	if err != nil {
		return nil //nolint:nilerr // as said
	}
	_, err = p.Select(r.o.Select)
	return errors.Join(err, r.w.checkAccepted(ctx, p, r.o.Accept))
}

func (r *runner) begin(ctx context.Context) error {
	var err error
	if r.report.Run, err = r.w.nextRun(ctx); err != nil {
		return fmt.Errorf("begin run: %w", err)
	}
	r.o.Observer = leaseObserver{r.o.Observer, r.w.lease, r.report.Run}
	r.w.lease.at(r.report.Run, "", "", 0, 0)
	r.report.Notes, r.w.notes = append(r.report.Notes, r.w.notes...), nil
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	// A run that is still "running" was killed: the lease says that no other run is at work.
	err = r.w.exec(ctx, "update ops.runs set status = 'killed' where status = 'running'")
	if err == nil {
		err = r.w.exec(ctx, "insert into ops.runs (run_id, command, started_at, status, host, pid, version) values (?, ?, ?, 'running', ?, ?, ?)",
			r.report.Run, r.o.Command, r.report.Started, host, os.Getpid(), r.o.Version)
	}
	if err != nil {
		return fmt.Errorf("begin run: %w", err)
	}
	return nil
}

// bindNetwork keeps two chains from being mixed in one warehouse: the first load decides.
func (r *runner) bindNetwork(ctx context.Context) error {
	const name = "network"
	known, err := r.w.setting(ctx, name)
	switch {
	case err != nil || r.o.Network == "" || known == r.o.Network:
		return err
	case known != "":
		return WithHint(fmt.Errorf("%w: %s holds %s, not %s", ErrUsage, r.w.Path, known, r.o.Network), "use another file for it with --warehouse")
	case r.o.Wants(PhaseLoad):
		return r.w.set(ctx, name, r.o.Network)
	}
	return nil
}

// nextRun is an id that no run had, also in a warehouse that was made anew or put back.
func (w *Warehouse) nextRun(ctx context.Context) (run int64, err error) {
	published, err := w.snapshots.newest()
	if err != nil {
		return 0, err
	}
	return run, w.scalar(ctx, &run, "select greatest(coalesce(max(run_id), 0), ?::bigint) + 1 from ops.runs", max(published, w.highestRun))
}

// phases reads the SQL files before anything is loaded: a wrong file is told at once.
func (r *runner) phases(ctx context.Context) error {
	if err := r.w.EnsureTables(ctx, r.o.Tables); err != nil {
		return err
	}
	var err error
	if r.project, err = r.w.ReadProject(ctx, r.o.SQL); err != nil {
		return err
	}
	if len(r.o.Select) > 0 {
		if r.chosen, err = r.project.Select(r.o.Select); err != nil {
			return err
		}
	}
	for _, phase := range []struct {
		name string
		do   func(context.Context) error
	}{{PhaseLoad, r.load}, {PhaseBuild, r.build}, {PhaseCheck, r.check}, {PhaseExport, r.export}} {
		if !r.o.Wants(phase.name) {
			continue
		}
		if err := stopped(ctx, r.o.Stop); err != nil {
			return err
		}
		if err := phase.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", phase.name, err)
		}
	}
	return nil
}

func (r *runner) load(ctx context.Context) error {
	for i, loader := range r.o.Loaders {
		if err := stopped(ctx, r.o.Stop); err != nil {
			return err
		}
		if err := r.loadOne(ctx, loader, i); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) loadOne(ctx context.Context, loader Loader, position int) error {
	source := loader.Source()
	in := &Intake{Run: r.report.Run, MaxRejects: r.o.MaxRejects, Prune: r.o.Prune, Full: r.o.Full, From: r.o.From, To: r.o.To, Stop: r.o.Stop,
		w: r.w, source: source, report: &LoadReport{Source: source}, progress: r.o.Observer.Progress}
	r.report.Loads = append(r.report.Loads, in.report)
	r.o.Observer.Begin(PhaseLoad, source, position+1, len(r.o.Loaders))
	start := r.w.now()
	err := loader.Load(ctx, in)
	step := Step{Phase: PhaseLoad, Name: source, Status: StatusDone, Rows: in.report.Rows, Seconds: r.w.now().Sub(start).Seconds()}
	if err != nil && ctx.Err() == nil {
		in.report.take(err)
	}
	switch {
	case len(in.report.Unreadable)+len(in.report.TooManyRejects) > 0 || in.report.Failure != "":
		step.Status = StatusFailed
	case in.report.Read == 0 && in.report.Changed == 0:
		step.Status = StatusFresh
	}
	step.Message = in.report.summary()
	r.step(step)
	return ctx.Err()
}

// take records why a loader gave up: the source could not be read, or the warehouse failed.
func (l *LoadReport) take(err error) {
	if errors.As(err, new(*duckdb.Error)) {
		l.Failure = err.Error()
		return
	}
	text := err.Error()
	if hint := HintOf(err); hint != "" {
		text += " (" + hint + ")"
	}
	l.Unreadable = append(l.Unreadable, FileError{File: l.Source, Error: text})
}

// summary is a load in a few words, with the first of what went wrong.
func (l *LoadReport) summary() string {
	var parts []string
	add := func(n int64, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(int64(l.Read), "read")
	add(int64(l.Unchanged), "unchanged")
	add(int64(l.Missing), "missing")
	add(int64(l.Failed), "failed")
	add(l.Rejects, "rejects")
	add(l.Changed, "rows changed")
	text := strings.Join(parts, ", ")
	for _, one := range slices.Concat(l.Unreadable, l.TooManyRejects, []FileError{{Error: l.Failure}}) {
		if one.Error == "" {
			continue
		}
		if one.File != "" && one.File != l.Source {
			one.Error = one.File + ": " + one.Error
		}
		return strings.TrimPrefix(text+"; ", "; ") + one.Error
	}
	return text
}

func (r *runner) step(step Step) {
	r.report.Steps = append(r.report.Steps, step)
	r.o.Observer.End(step)
}

func (r *runner) build(ctx context.Context) error {
	steps, notes, err := r.w.Build(ctx, r.project, r.report.Run,
		BuildOptions{Select: r.chosen, From: r.o.From, To: r.o.To, Full: r.o.Full, Prune: r.o.Prune, Stop: r.o.Stop}, r.o.Observer)
	r.report.Steps = append(r.report.Steps, steps...)
	r.report.Notes = append(r.report.Notes, notes...)
	for _, step := range steps {
		if step.Status == StatusFailed || step.Status == StatusBlocked {
			r.bad[step.Name] = "its build " + map[string]string{StatusFailed: "failed", StatusBlocked: "is blocked"}[step.Status]
		}
	}
	if err != nil {
		return err
	}
	r.report.Waiting, err = r.w.Waiting(ctx)
	return err
}

func (r *runner) check(ctx context.Context) error {
	bad := func(model string) bool { return r.bad[model] != "" }
	results, steps, err := r.w.Check(ctx, r.project, r.report.Run, bad, r.o.Observer)
	r.report.Steps = append(r.report.Steps, steps...)
	r.report.Checks = results
	return err
}

// exportOptions of a run: statistics whose checks or builds failed are blocked.
func (r *runner) exportOptions(ctx context.Context) (ExportOptions, error) {
	results, err := failedChecks(ctx, r.w.conn)
	if err != nil {
		return ExportOptions{}, err
	}
	r.report.Checks = results
	blocked := r.project.blockedStatistics(results)
	for model, why := range r.bad {
		blocked[model] = why
	}
	return ExportOptions{Select: r.chosen, Layout: r.o.Layout, Prune: r.o.Prune, Verify: r.o.Verify, Blocked: blocked, Accept: r.o.Accept, Stop: r.o.Stop}, nil
}

func (r *runner) export(ctx context.Context) error {
	switch {
	case len(r.o.Exporters) == 0:
		return nil
	case r.o.Undo > 0:
		return r.undo(ctx)
	}
	options, err := r.exportOptions(ctx)
	if err != nil {
		return err
	}
	reports, steps, err := r.w.Export(ctx, r.project, r.report.Run, r.o.Exporters, options, r.o.Observer)
	r.report.Exports = append(r.report.Exports, reports...)
	r.report.Steps = append(r.report.Steps, steps...)
	return err
}

// end records the run and makes everything durable.
func (r *runner) end(ctx context.Context, runErr error) error {
	r.report.redact(r.w.redact)
	r.report.Seconds = r.w.now().Sub(r.report.Started).Seconds()
	r.report.ExitCode = r.report.exitCode()
	status, message := "done", ""
	switch {
	case errors.Is(runErr, ErrStopped):
		status, message, r.report.ExitCode, r.report.Stopped = "stopped", ErrStopped.Error(), ExitFailed, true
	case runErr != nil:
		status, message, r.report.ExitCode = "failed", r.w.redact(runErr.Error()), ExitFailed
		if errors.Is(runErr, ErrUsage) || errors.As(runErr, new(ModelErrors)) {
			r.report.ExitCode = ExitUsage
		}
		if errors.Is(runErr, ErrUnreachable) {
			r.report.ExitCode = ExitUnreadable
		}
	case r.report.ExitCode != ExitDone:
		status = "incomplete"
	}
	err := r.w.transact(ctx, func() error {
		if err := r.saveSteps(ctx); err != nil {
			return err
		}
		return r.w.exec(ctx, "update ops.runs set finished_at = ?, status = ?, exit_code = ?, message = ? where run_id = ?",
			r.w.now().UTC(), status, r.report.ExitCode, message, r.report.Run)
	})
	if err != nil {
		return fmt.Errorf("record the run: %w", err)
	}
	return nil
}

func (r *runner) saveSteps(ctx context.Context) error {
	in := &Intake{w: r.w}
	return in.insertRows(ctx, "ops.run_steps", len(r.report.Steps), func(i int) []any {
		return r.report.Steps[i].row(r.report.Run, i+1)
	})
}

// row is the step in ops.run_steps.
func (s Step) row(run int64, position int) []any {
	var peak any
	if s.PeakMemory > 0 {
		peak = int64(s.PeakMemory)
	}
	return []any{run, position, s.Phase, s.Name, s.Status, s.Rows, s.Days, s.Seconds, s.Message, peak}
}

// Waiting lists what days wait for, per model and reason.
func (w *Warehouse) Waiting(ctx context.Context) ([]Waiting, error) { return waiting(ctx, w.conn) }

func waiting(ctx context.Context, db queryer) ([]Waiting, error) {
	var list []Waiting
	var days []time.Time
	flush := func() {
		if len(list) > 0 {
			last := &list[len(list)-1]
			last.Count, last.Days = len(days), Ranges(days)
		}
		days = nil
	}
	err := eachRow(ctx, db, func(rows *sql.Rows) error {
		var model, reason string
		var date time.Time
		if err := rows.Scan(&model, &reason, &date); err != nil {
			return err
		}
		if len(list) == 0 || list[len(list)-1].Model != model || list[len(list)-1].Reason != reason {
			flush()
			list = append(list, Waiting{Model: model, Reason: reason})
		}
		days = append(days, date)
		return nil
	}, "select model, reason, date from ops.waiting order by model, reason, date")
	if err != nil {
		return nil, fmt.Errorf("read ops.waiting: %w", err)
	}
	flush()
	return list, nil
}
