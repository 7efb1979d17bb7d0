package engine

import (
	"context"
	"fmt"
	"strings"
)

// undo takes back from each destination what a run and later ones wrote.
func (r *runner) undo(ctx context.Context) error {
	warehouse, err := r.w.identity(ctx)
	if err != nil {
		return err
	}
	some := false
	for _, to := range r.o.Exporters {
		undoer, is := to.(Undoer)
		if !is {
			r.report.Notes = append(r.report.Notes, to.Destination()+" keeps nothing that was written over: it stays as it is")
			continue
		}
		some = true
		u := &undoing{r: r, to: to, reports: map[string]*ExportReport{}, conflicts: map[string]bool{}}
		back, err := undoer.Undo(ctx, Origin{Warehouse: warehouse, Run: r.o.Undo}, u.leave, func(done Undone) error { return u.take(ctx, done) })
		u.finish()
		u.note(back)
		if err != nil {
			return fmt.Errorf("%s: %w", to.Destination(), err)
		}
	}
	if !some {
		return WithHint(fmt.Errorf("%w: no destination keeps what was written over", ErrUsage), "--undo is for MongoDB servers")
	}
	return nil
}

// undoing is one destination on its way back.
type undoing struct {
	r       *runner
	to      Exporter
	order   []string
	reports map[string]*ExportReport
	// conflicts that were told.
	conflicts map[string]bool
}

// leave reports whether documents of a statistic that somebody else changed may stay.
func (u *undoing) leave(statistic string) bool {
	return ExportOptions{Accept: u.r.o.Accept}.accepts(&Model{Name: "stat." + statistic, Export: statistic})
}

// note tells which runs are taken back, and how to go on where one is not.
func (u *undoing) note(back TakenBack) {
	tell := func(format string, args ...any) {
		u.r.report.Notes = append(u.r.report.Notes, u.to.Destination()+": "+fmt.Sprintf(format, args...))
	}
	if len(back.Runs) > 0 {
		tell("taken back what these runs wrote: %s. The next export writes it again, unless the models say otherwise by then", runs(back.Runs))
	}
	if back.Stopped == 0 {
		return
	}
	var names []string
	for _, name := range u.order {
		if len(u.reports[name].Refused) > 0 && !u.leave(name) {
			names = append(names, name)
		}
	}
	text := fmt.Sprintf("run %d is taken back but for documents that somebody else changed", back.Stopped)
	if len(back.Left) > 0 {
		text += ", earlier ones were not begun: " + runs(back.Left)
	}
	tell("%s. --undo again with --accept %s leaves those documents and goes on", text, strings.Join(names, " --accept "))
}

func runs(list []int64) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(list)), ", "), "[]")
}

// take records what the destination has again, so that the next export compares with that.
func (u *undoing) take(ctx context.Context, done Undone) error {
	report := u.reports[done.Statistic]
	if report == nil {
		report = &ExportReport{Destination: u.to.Destination(), Statistic: done.Statistic}
		u.reports[done.Statistic], u.order = report, append(u.order, done.Statistic)
	}
	report.Restored += done.Restored
	report.Removed += done.Removed
	for _, one := range done.Conflicts {
		// Several runs may have written it.
		if key := done.Statistic + "/" + one.ID; !u.conflicts[key] {
			u.conflicts[key] = true
			report.Refused = append(report.Refused, one)
		}
	}
	if len(done.Back) == 0 {
		return nil
	}
	var all, known, dates []string
	for _, one := range done.Back {
		all = append(all, one.ID)
		if one.There && one.Known {
			known, dates = append(known, one.ID), append(dates, one.Date)
		}
	}
	mine := (&work{to: &target{Exporter: u.to}}).mine(done.Statistic)
	statement := fmt.Sprintf("update ops.exports set state = '' where %[1]s; delete from ops.documents where %[1]s and id in (%[2]s);", mine, literals(all))
	if len(known) > 0 {
		// No document has this hash: the next export compares it.
		statement += fmt.Sprintf("insert into ops.documents (destination, statistic, date, id, hash, run_id) select %s, %s, try_cast(unnest([%s]) as date), unnest([%s]), 0, %d", quote(u.to.Destination()), quote(done.Statistic), literals(dates), literals(known), u.r.report.Run)
	}
	return u.r.w.transact(ctx, func() error { return u.r.w.exec(ctx, statement) })
}

// finish reports each statistic as a step.
func (u *undoing) finish() {
	for _, name := range u.order {
		report := *u.reports[name]
		step := Step{Phase: PhaseExport, Name: name, Status: StatusDone, Rows: report.Restored + report.Removed}
		if len(report.Refused) > 0 {
			step.Status, step.Message = StatusFailed, refusedError(report.Refused, "stay as they are").Error()
			if u.leave(name) {
				step.Status = StatusWarned
				report.Notes = append(report.Notes, step.Message)
			}
		} else if step.Rows == 0 {
			step.Status = StatusFresh
		}
		u.r.report.Exports = append(u.r.report.Exports, report)
		u.r.step(step)
	}
}
