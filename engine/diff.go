package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// DiffOptions of a diff.
type DiffOptions struct {
	// Base is the file that is compared with: a snapshot or a warehouse. It is only read.
	Base string
	SQL  fs.FS
	// Tables are raw tables beside those of the migrations, as the SQL folder wants them.
	Tables []RawTable
	// Select holds patterns of the models that are compared; empty is all that are affected.
	Select []string
	// From and To bound the days that are compared (UTC days, inclusive); zero is open. What must be built for that is built.
	From, To time.Time
	// Aside are limits of the file that models are built in. It stands in a folder of its own in TempDirectory or, when that
	// is "", beside Base, and is removed in the end.
	Aside    Options
	Observer Observer
}

// Diff builds the models that a change of SQL files affects aside, on the data of Base, and compares them with what Base has:
// the rows are those that a build would make. Errors of SQL files are ModelErrors. Nothing that exists is touched.
// The shell's .diff NAME calls it with the file it has open.
func Diff(ctx context.Context, o DiffOptions) (report *DiffReport, err error) {
	if o.Observer == nil {
		o.Observer = NoObserver{}
	}
	start := time.Now()
	aside, err := openAside(ctx, o.Base, o.Aside)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, aside.remove()) }()
	d := &diffing{w: aside.w, o: o, report: &DiffReport{Base: o.Base, Models: []ModelDiff{}, From: dateOrNone(o.From), To: dateOrNone(o.To)}}
	if err := d.run(ctx); err != nil {
		return nil, err
	}
	d.report.Seconds = time.Since(start).Seconds()
	return d.report, nil
}

func dateOrNone(date time.Time) string {
	if date.IsZero() {
		return ""
	}
	return date.Format(time.DateOnly)
}

// diffing is one diff.
type diffing struct {
	w      *Warehouse
	o      DiffOptions
	p      *Project
	b      *builder
	plan   *diffPlan
	report *DiffReport
}

func (d *diffing) run(ctx context.Context) error {
	if err := d.w.takeRaw(ctx, d.o.Tables, &d.report.Notes); err != nil {
		return err
	}
	var err error
	if d.p, err = d.w.ReadProject(ctx, d.o.SQL); err != nil {
		return err
	}
	if d.plan, err = planDiff(ctx, d.w, d.p, d.o); err != nil {
		return err
	}
	if err := d.prepare(ctx); err != nil {
		return err
	}
	for i, m := range d.p.Models {
		if err := ctx.Err(); err != nil {
			return err
		}
		if d.plan.relevant[m.Name] {
			if err := d.model(ctx, m, i+1); err != nil {
				return err
			}
		}
	}
	d.gone()
	if err := d.exports(ctx); err != nil {
		return err
	}
	if err := d.checks(ctx); err != nil {
		return err
	}
	d.report.Needed, d.report.Others = d.plan.others()
	d.report.ExitCode = d.exitCode()
	return ctx.Err()
}

// prepare makes the aside file look as Base does, less the models that are built anew.
func (d *diffing) prepare(ctx context.Context) error {
	if err := d.w.takeModels(ctx, d.p, d.plan); err != nil {
		return err
	}
	err := d.w.conn.QueryRowContext(ctx, "select coalesce(max(run_id), 0), coalesce(max_by(coalesce(finished_at, started_at), run_id), timestamp '1970-01-01') from ops.runs").
		Scan(&d.report.Run, &d.report.Finished)
	if err != nil {
		return err
	}
	d.b = &builder{w: d.w, p: d.p, run: d.report.Run + 1, observer: d.o.Observer, now: d.w.now, bad: map[string]string{}}
	if err := d.b.prepare(ctx); err != nil {
		return err
	}
	if err := d.w.markMatched(ctx, d.p); err != nil {
		return err
	}
	if err := d.forget(ctx); err != nil {
		return err
	}
	d.b.ledger, err = readLedger(ctx, d.w, d.p)
	return err
}

// forget drops what is built anew.
func (d *diffing) forget(ctx context.Context) error {
	var names []string
	statement := ""
	for _, m := range d.p.Models {
		if !d.plan.relevant[m.Name] || len(d.plan.why[m.Name]) == 0 {
			continue
		}
		names = append(names, m.Name)
		if d.b.kinds[m.Name] != "" {
			statement += "drop view " + m.Name + ";"
			delete(d.b.kinds, m.Name)
		}
	}
	list := literals(names)
	return d.w.exec(ctx, statement+fmt.Sprintf("delete from ops.models where model in (%[1]s); delete from ops.model_days where model in (%[1]s)", list))
}

// model builds one model if it is affected, and compares it.
func (d *diffing) model(ctx context.Context, m *Model, position int) error {
	if len(d.plan.why[m.Name]) == 0 {
		stale, err := d.takeStale(ctx, m)
		if err != nil || !stale {
			return err
		}
		d.plan.why[m.Name] = []string{"its inputs changed since it was built"}
	}
	one := ModelDiff{Model: m.Name, File: m.File, Materialize: m.Materialize, Export: m.Export, Why: d.plan.why[m.Name]}
	if reason := d.plan.leaveOut(m); reason != "" {
		one.Status, one.Message = DiffOmitted, reason
		d.add(m, one)
		return nil
	}
	d.b.options.From, d.b.options.To = d.plan.from[m.Name], d.o.To
	d.build(ctx, m, position, &one)
	if err := ctx.Err(); err != nil {
		return err
	}
	if one.Status != DiffFailed && d.plan.compared[m.Name] {
		if err := d.compareOrFail(ctx, m, &one); err != nil {
			return fmt.Errorf("compare %s: %w", m.Name, err)
		}
	}
	var err error
	if one.Before, err = d.costBefore(ctx, m); err != nil {
		return err
	}
	d.add(m, one)
	return nil
}

// compareOrFail compares a model. A view is read for the first time here: what it cannot make is its failure, and those of
// others are told too.
func (d *diffing) compareOrFail(ctx context.Context, m *Model, one *ModelDiff) error {
	err := d.compare(ctx, m, one)
	if err == nil || ctx.Err() != nil || m.Materialize != View {
		return err
	}
	one.Status, one.Rows, one.Now = DiffFailed, nil, nil
	one.Message = d.w.modelProblem(ctx, d.p, m, err).Error()
	return nil
}

// add reports a model that is compared, or that could not be built.
func (d *diffing) add(m *Model, one ModelDiff) {
	if d.plan.compared[m.Name] || one.Status == DiffFailed {
		d.report.Models = append(d.report.Models, one)
	}
}

func (d *diffing) build(ctx context.Context, m *Model, position int, one *ModelDiff) {
	d.b.step(ctx, m, position)
	step := d.b.steps[len(d.b.steps)-1]
	one.Now = &Cost{Days: step.Days, Seconds: step.Seconds, PeakMemory: step.PeakMemory}
	if step.Status == StatusFailed || step.Status == StatusBlocked {
		one.Status, one.Message, one.Now = DiffFailed, step.Message, nil
	}
}

// takeStale reports whether the next build would build a model whose SQL is the same. Its rows are taken over then: only
// some of its days are built.
func (d *diffing) takeStale(ctx context.Context, m *Model) (bool, error) {
	stale, err := d.b.isStale(ctx, m)
	if err != nil || !stale || d.b.kinds[m.Name] != "view" {
		return stale, err
	}
	d.b.kinds[m.Name] = "table"
	return true, d.w.exec(ctx, fmt.Sprintf("drop view %[1]s; create table %[1]s as from %[2]s", m.Name, published(m.Name)))
}

// isStale reports whether something that a model was built from has changed.
func (b *builder) isStale(ctx context.Context, m *Model) (bool, error) {
	if !m.Stored() {
		return false, nil
	}
	var wanted []day
	if m.Daily() {
		var err error
		if wanted, _, err = b.ledger.wanted(ctx, m); err != nil {
			return false, err
		}
	}
	if !m.ByDay() {
		return b.ledger.models[m.Name].inputs != b.ledger.everything(m, wanted), nil
	}
	gone := false
	for d := range b.ledger.modelDays[m.Name] {
		_, found := slices.BinarySearch(wanted, d)
		gone = gone || !found
	}
	return gone || len(b.stale(m, wanted)) > 0, nil
}

// gone tells of models without a SQL file.
func (d *diffing) gone() {
	for _, name := range d.plan.gone {
		one := ModelDiff{Model: name, Materialize: d.plan.known[name].materialize, Status: DiffGone, Why: []string{"its SQL file is gone"},
			Message: "build keeps it until --prune"}
		d.report.Models = append(d.report.Models, one)
	}
}

// costBefore is the build of most days that is recorded, the last of those.
func (d *diffing) costBefore(ctx context.Context, m *Model) (*Cost, error) {
	var c Cost
	err := d.w.conn.QueryRowContext(ctx, `select count(*), coalesce(max_by(day_count, (day_count, run_id)), 0), coalesce(max_by(seconds, (day_count, run_id)), 0),
		coalesce(max_by(run_id, (day_count, run_id)), 0), coalesce(max_by(peak_memory_bytes, (day_count, run_id)), 0)
		from ops.run_steps where phase = 'build' and status = 'done' and name = ?`, m.Name).Scan(new(int64), &c.Days, &c.Seconds, &c.Run, &c.PeakMemory)
	if err != nil || c.Run == 0 {
		return nil, err
	}
	return &c, nil
}

// exports tells what changes about which statistics there are.
func (d *diffing) exports(ctx context.Context) error {
	known := map[string]string{}
	err := d.w.pairs(ctx, known, "select statistic, arg_max(shape, run_id) from ops.exports group by statistic")
	if err != nil || len(known) == 0 {
		return err
	}
	wanted := map[string]*Model{}
	for _, m := range d.p.Models {
		if m.Export != "" {
			wanted[m.Export] = m
		}
	}
	for _, name := range sortedKeys(known) {
		if wanted[name] == nil {
			d.report.Notes = append(d.report.Notes, fmt.Sprintf("statistic %s: no SQL file exports it any more; its documents stay until --prune", name))
			d.plan.different = true
		}
	}
	for _, name := range sortedKeys(wanted) {
		shape, there := known[name]
		switch {
		case !there && wanted[name].Layout != "":
			// Whether a destination has that layout is not known here.
		case !there:
			d.report.Notes = append(d.report.Notes, fmt.Sprintf("statistic %s would be exported for the first time", name))
			d.plan.different = true
		case !strings.HasSuffix(shape, wanted[name].exportShape()):
			d.report.Notes = append(d.report.Notes, fmt.Sprintf("statistic %s: its header has another spread, collection or database; all its documents would be written again", name))
			d.plan.different = true
		}
	}
	return nil
}

// checks runs the checks of what was built. With bounds, checks that look at several models or days would see half of them.
func (d *diffing) checks(ctx context.Context) error {
	if !d.o.From.IsZero() || !d.o.To.IsZero() {
		d.report.Notes = append(d.report.Notes, "checks are not run with --from or --to")
		return nil
	}
	before := map[string]string{}
	if err := d.w.pairs(ctx, before, "select model || ' ' || check_name, failure_count::varchar from ops.check_results"); err != nil {
		return err
	}
	bad := func(model string) bool {
		return d.b.bad[model] != "" || len(d.plan.why[model]) > 0 && !d.plan.relevant[model]
	}
	results, _, err := d.w.Check(ctx, d.p, d.b.run, bad, d.o.Observer)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	for _, one := range results {
		if before[one.Model+" "+one.Check] != fmt.Sprint(one.Rows) {
			d.report.Checks = append(d.report.Checks, one)
		}
	}
	return nil
}

// exitCode: a model that could not be built weighs more than one that differs.
func (d *diffing) exitCode() int {
	code := ExitDone
	if d.plan.different {
		code = ExitDifferent
	}
	for _, one := range d.report.Models {
		switch one.Status {
		case DiffFailed:
			return ExitFailed
		case DiffChanged, DiffNew, DiffGone:
			code = ExitDifferent
		}
	}
	return code
}
