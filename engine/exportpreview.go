package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Previewer is an exporter that can say what a write would change. All of this project's can.
type Previewer interface {
	// Preview is Begin of a writer that compares rows with what the destination holds and writes nothing. Its Outcome
	// counts what would be written, and has a Preview.
	Preview(ctx context.Context, p *Publication, o PreviewOptions) (Writer, error)
}

// PreviewOptions say what is kept of a preview.
type PreviewOptions struct {
	// Examples is how many changed documents are kept.
	Examples int
	// Columns are fields whose decrease is told.
	Columns []string
}

// A Preview is what a write would change of what a destination holds.
type Preview struct {
	// Changed counts documents that would be replaced; Days are theirs (YYYY-MM-DD, "" for none).
	Changed int64
	Days    map[string]bool
	// Changes are the first of them, Fields counts documents per field that differs.
	Changes []DocumentChange
	Fields  map[string]int64
	// Decreases are of the fields that were asked for, MoreDecreases counts those beyond the first thousand.
	Decreases     []FieldChange
	MoreDecreases int64
}

// A DocumentChange is what would change in one document.
type DocumentChange struct {
	ID     string        `json:"_id"`
	Date   string        `json:"date,omitempty"`
	Fields []FieldChange `json:"fields"`
	// More fields differ.
	More int `json:"more,omitempty"`
}

// A FieldChange is one field before and after, as Extended JSON; nothing where the document has no such field, and both for
// another order of fields.
type FieldChange struct {
	ID     string          `json:"-"`
	Field  string          `json:"field"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// preview reads what destinations hold of a statistic, where there can be something to write.
func (x *publisher) preview(ctx context.Context, m *Model, works []*work, o PreviewOptions) {
	var feeds []*feed
	for _, one := range works {
		if one.failed() || !one.publication.differs() {
			continue
		}
		to, is := one.to.Exporter.(Previewer)
		if !is {
			one.fail(m, errors.New("the destination cannot say what would change"))
			continue
		}
		writer, err := to.Preview(ctx, one.publication, o)
		if err != nil {
			one.fail(m, err)
			continue
		}
		feeds = append(feeds, newFeed(one, writer))
	}
	for _, together := range x.passes(ctx, m, feeds) {
		x.pass(ctx, m, together)
	}
	for _, f := range feeds {
		err := f.err
		if err == nil {
			f.work.foreseen, err = f.writer.Finish(ctx)
		}
		if err = errors.Join(err, f.writer.Abort()); err != nil {
			f.work.fail(m, err)
			continue
		}
		f.work.preview = f.work.foreseen.Preview
	}
}

// DryRun says what an export would do to destinations, on a connection to a warehouse that is open for reading. Nothing is
// written anywhere. The report's exit code is ExitDifferent when something would be.
func DryRun(ctx context.Context, conn *sql.Conn, o RunOptions, limits Options, examples int) (*Report, error) {
	r := &runner{w: &Warehouse{conn: conn, now: time.Now}, o: o, bad: map[string]string{}, report: &Report{Command: o.Command, Started: time.Now().UTC(), DryRun: true}}
	err := errors.Join(limits.apply(ctx, conn, ""), r.w.useArrow())
	if err != nil {
		return nil, err
	}
	if err := r.w.checkSchema(ctx); err != nil {
		return nil, err
	}
	if r.project, err = r.w.ReadProject(ctx, o.SQL); err != nil {
		return nil, WithHint(err, "nightrunner build first when SQL files changed: an export writes what is built")
	}
	if len(o.Select) > 0 {
		if r.chosen, err = r.project.Select(o.Select); err != nil {
			return nil, err
		}
	}
	if err := r.w.checkAccepted(ctx, r.project, o.Accept); err != nil {
		return nil, err
	}
	options, err := r.exportOptions(ctx)
	if err != nil {
		return nil, err
	}
	if r.report.Exports, r.report.Steps, err = r.w.foresee(ctx, r.project, o.Exporters, options, examples); err != nil {
		return nil, err
	}
	r.report.Seconds = time.Since(r.report.Started).Seconds()
	if r.report.ExitCode = r.report.exitCode(); r.report.ExitCode == ExitDone && slices.ContainsFunc(r.report.Exports, ExportReport.writes) {
		r.report.ExitCode = ExitDifferent
	}
	return r.report, nil
}

// checkSchema refuses a warehouse that an earlier version of the program wrote last: who only reads cannot migrate it.
func (w *Warehouse) checkSchema(ctx context.Context) error {
	current := false
	err := w.scalar(ctx, &current, `select count(*) = 2 from duckdb_columns() where schema_name = 'ops'
		and (table_name, column_name) in (('documents', 'is_pending'), ('exports', 'guards'))`)
	if err == nil && !current {
		err = WithHint(errors.New("an earlier version wrote the warehouse"), "nightrunner build brings it up to date")
	}
	return err
}

// writes reports whether anything was written, or would be.
func (e ExportReport) writes() bool { return e.New+e.Changed+e.Deleted > 0 }

// foresee is Export without a write.
func (w *Warehouse) foresee(ctx context.Context, p *Project, to []Exporter, o ExportOptions, examples int) ([]ExportReport, []Step, error) {
	x, err := w.newPublisher(ctx, p, 0, to, o, NoObserver{})
	if err != nil {
		return nil, nil, err
	}
	var reports []ExportReport
	var steps []Step
	if x.origin.Warehouse, err = w.setting(ctx, "warehouse"); err != nil {
		return nil, nil, err
	}
	for _, m := range p.Models {
		if err := stopped(ctx, o.Stop); err != nil {
			return reports, steps, err
		}
		x.inherit(m)
		if !x.exports(m) {
			continue
		}
		works := x.prepare(ctx, m)
		x.preview(ctx, m, works, PreviewOptions{Examples: examples, Columns: m.guardedColumns()})
		x.judge(ctx, m, works)
		for _, one := range works {
			reports = append(reports, x.foreseen(ctx, m, one)...)
			steps = append(steps, one.step)
		}
		if ctx.Err() != nil {
			return reports, steps, ctx.Err()
		}
	}
	gone, more, err := x.removeGone(ctx, x.foreseeRemove)
	return append(reports, gone...), append(steps, more...), err
}

// foreseen is the report of a work that was previewed.
func (x *publisher) foreseen(ctx context.Context, m *Model, k *work) []ExportReport {
	if k.publication == nil || k.step.Status == StatusFailed {
		return nil
	}
	k.outcome = k.foreseen
	k.outcome.Deleted = int64(len(k.publication.GoneIDs) - len(k.foreseen.Kept))
	reports := k.reports()
	if len(reports) == 0 || k.preview == nil {
		return reports
	}
	one := &reports[0]
	one.Changes = k.preview.Changes
	days, err := x.goneDays(ctx, m, k)
	if err != nil {
		k.fail(m, fmt.Errorf("read days: %w", err))
		return nil
	}
	for day := range k.preview.Days {
		days[day] = true
	}
	one.ChangedDays = dayRanges(days)
	for field, count := range k.preview.Fields {
		one.Fields = append(one.Fields, FieldCount{field, count})
	}
	slices.SortFunc(one.Fields, func(a, b FieldCount) int { return int(b.Documents - a.Documents) })
	return reports
}

// A FieldCount is how many documents differ in a field.
type FieldCount struct {
	Field     string `json:"field"`
	Documents int64  `json:"documents"`
}

// dayRanges writes a set of days (YYYY-MM-DD) as ranges; what has no day is left out.
func dayRanges(days map[string]bool) string {
	var list []time.Time
	for text := range days {
		if day, err := time.Parse(time.DateOnly, text); err == nil {
			list = append(list, day)
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return Ranges(list)
}
