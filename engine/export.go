package engine

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Layouts of destinations.
const (
	// LayoutCollections has a collection per statistic.
	LayoutCollections = "collections"
	// LayoutSingle has one collection for all, and what only its readers need.
	LayoutSingle = "single"
)

// DatabaseUtilities is the database beside the chain's that statistics can go to.
const DatabaseUtilities = "utilities"

// ExportOptions of an export.
type ExportOptions struct {
	Select map[string]bool
	// Layout decides which models are exported; "" is LayoutCollections.
	Layout string
	// Prune deletes documents that no model produces any more.
	Prune bool
	// Verify compares everything with what the destinations hold, whatever is known.
	Verify bool
	// Blocked models are not exported, each for a reason.
	Blocked map[string]string
	// Accept are statistics (names, globs) whose guards stop nothing.
	Accept []string
	Stop   <-chan struct{}
}

// publisher brings destinations up to date.
type publisher struct {
	w        *Warehouse
	p        *Project
	origin   Origin
	targets  []*target
	options  ExportOptions
	versions versions
	observer Observer
	// columns are names and types of each statistic's columns.
	columns map[string][]statisticColumn
	cut     Summary
}

// A target is a destination of an export.
type target struct {
	Exporter
	index int
	// held models are not exported there, each for a reason.
	held map[string]string
	// lost is the statistic at which the destination was given up as a whole, "" while it was not.
	lost string
}

// Export brings destinations to the state of the statistics, each in the order in which models are built, so that a
// marker comes after the data it stands for. A statistic that fails at a destination, or is blocked, also holds back there
// what reads it.
func (w *Warehouse) Export(ctx context.Context, p *Project, run int64, to []Exporter, o ExportOptions, observer Observer) ([]ExportReport, []Step, error) {
	x, err := w.newPublisher(ctx, p, run, to, o, observer)
	if err != nil {
		return nil, nil, err
	}
	if x.origin.Warehouse, err = w.identity(ctx); err != nil {
		return nil, nil, err
	}
	var reports []ExportReport
	var steps []Step
	for i, m := range p.Models {
		if err := stopped(ctx, o.Stop); err != nil {
			return reports, steps, err
		}
		x.inherit(m)
		if !x.exports(m) {
			continue
		}
		observer.Begin(PhaseExport, m.Export, i+1, len(p.Models))
		start := w.now()
		works := x.prepare(ctx, m)
		x.guard(ctx, m, works)
		x.write(ctx, m, works)
		took := w.now().Sub(start).Seconds() / float64(len(works))
		for _, one := range works {
			one.step.Seconds = took
			reports = append(reports, one.reports()...)
			steps = append(steps, one.step)
			// That a destination was given up is told once, at the statistic that failed.
			if one.to.lost == "" || one.to.lost == m.Export {
				observer.End(one.step)
			}
		}
		if ctx.Err() != nil {
			return reports, steps, ctx.Err()
		}
	}
	gone, more, err := x.removeGone(ctx, x.remove)
	for _, one := range more {
		observer.End(one)
	}
	return append(reports, gone...), append(steps, more...), err
}

func (w *Warehouse) newPublisher(ctx context.Context, p *Project, run int64, to []Exporter, o ExportOptions, observer Observer) (*publisher, error) {
	if o.Layout == "" {
		o.Layout = LayoutCollections
	}
	x := &publisher{w: w, p: p, origin: Origin{Run: run}, options: o, observer: observer}
	for i, one := range to {
		held := map[string]string{}
		for name, why := range o.Blocked {
			held[name] = why
		}
		x.targets = append(x.targets, &target{Exporter: one, index: i, held: held})
	}
	var err error
	if x.versions, err = w.versions(ctx); err != nil {
		return nil, err
	}
	if err := x.readColumns(ctx); err != nil {
		return nil, fmt.Errorf("read columns: %w", err)
	}
	if err := x.readCut(ctx); err != nil {
		return nil, fmt.Errorf("read the cut: %w", err)
	}
	return x, nil
}

// identity is a word that no other warehouse has.
func (w *Warehouse) identity(ctx context.Context) (string, error) {
	name, err := w.setting(ctx, "warehouse")
	if err != nil || name != "" {
		return name, err
	}
	name = strings.ToLower(rand.Text()[:12])
	return name, w.set(ctx, "warehouse", name)
}

// inherit holds a model back where something that it needs is held back.
func (x *publisher) inherit(m *Model) {
	for _, to := range x.targets {
		for _, need := range x.p.needs(m) {
			if why := to.held[need]; why != "" && to.held[m.Name] == "" {
				to.held[m.Name] = "needs " + need + ": " + why
			}
		}
	}
}

// exports reports whether a model is a statistic of this export.
func (x *publisher) exports(m *Model) bool {
	return m.Export != "" && (m.Layout == "" || m.Layout == x.options.Layout) && (x.options.Select == nil || x.options.Select[m.Name])
}

// A work is one statistic on its way to one destination.
type work struct {
	to   *target
	step Step
	last lastExport
	// state of the destination, shape of the documents and version of the model before anything is written.
	state, shape string
	version      uint64
	// here: the destination holds what was written last.
	here bool
	// publication is nil when there is nothing to compare: the destination has the model's version.
	publication *Publication
	outcome     Outcome
	// preview is what a write would change, with the outcome it would have; nil when that was not asked.
	preview  *Preview
	foreseen Outcome
	// guards say that more would change than they allow.
	guards []GuardResult
	// pending: a write was cut off, and it is not known what of it is there.
	pending bool
	notes   []string
}

func (k *work) fail(m *Model, err error) {
	k.step.Status, k.step.Message = StatusFailed, fmt.Sprintf("export %s to %s: %v", m.Export, k.to.Destination(), err)
	if hint := HintOf(err); hint != "" {
		k.step.Message += " (" + hint + ")"
	}
	k.to.held[m.Name] = "its export failed"
	if errors.Is(err, ErrDestinationLost) {
		k.to.lost = m.Export
	}
}

func (k *work) failed() bool { return k.step.Status == StatusFailed || k.step.Status == StatusBlocked }

// reports what was done, nothing when nothing was compared.
func (k *work) reports() []ExportReport {
	p, o := k.publication, k.outcome
	if p == nil || k.step.Status == StatusFailed && len(o.Refused) == 0 {
		return nil
	}
	report := ExportReport{Destination: k.to.Destination(), Statistic: p.Name, New: o.New, Changed: o.Changed, Deleted: o.Deleted, Refused: o.Refused}
	report.Notes = slices.Concat(k.notes, o.Notes)
	report.protect(p.Protect, o)
	report.Same = p.New + p.Changed + p.Same - o.New - o.Changed - int64(len(o.Refused)+len(o.Protected))
	report.Stale = int64(len(p.StaleIDs) - len(o.Missing))
	if report.Guards = k.guards; k.stopped() != "" {
		report.Same = p.Same
	}
	report.StaleIDs = p.StaleIDs[:min(len(p.StaleIDs), shownIDs)]
	return []ExportReport{report}
}

// shownIDs is how many documents a report names.
const shownIDs = 20

type lastExport struct {
	there   bool
	shape   string
	state   string
	version uint64
	run     int64
	stale   int64
	refused int64
	// header is what is remembered of the model's header.
	header keptHeader
	// published is the summary that the destination's readers were told.
	published string
}

func (x *publisher) last(ctx context.Context, to *target, m *Model) (lastExport, error) {
	var last lastExport
	err := x.w.conn.QueryRowContext(ctx, `select shape, state, version, run_id, stale_count, coalesce(refused_count, 0), coalesce(published, ''), `+headerColumns+`
		from ops.exports where destination = ? and statistic = ?`, to.Destination(), m.Export).Scan(append([]any{
		&last.shape, &last.state, &last.version, &last.run, &last.stale, &last.refused, &last.published}, last.header.into()...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return last, nil
	}
	last.there = err == nil
	return last, err
}

// shape is what decides how rows become documents: when it changes, all are written again.
func (x *publisher) shape(m *Model) (string, error) {
	columns := x.columns[m.Name]
	if len(columns) == 0 || columns[0].Name != "_id" {
		return "", WithHint(errors.New("its first column is not _id"), "select the document's key first: concat(date, '-', '%s') as _id", m.Export)
	}
	var all []string
	for _, column := range columns {
		all = append(all, column.Name+" "+column.Type)
	}
	return strings.Join(all, ", ") + m.exportShape(), nil
}

// exportShape is the end of a shape: what the header says of documents and where they go.
func (m *Model) exportShape() string {
	shape := "; spread " + m.Spread
	if m.Collection+m.Database != "" {
		shape += fmt.Sprintf("; in %s %s", m.Database, m.Collection)
	}
	return shape
}

// statistic is what destinations know of a model.
func (x *publisher) statistic(m *Model) Statistic {
	s := Statistic{Name: m.Export, Spread: m.Spread, Collection: m.Collection, Database: m.Database, Protect: m.Protect}
	for _, column := range x.columns[m.Name] {
		s.Columns = append(s.Columns, column.Name)
	}
	return s
}

type statisticColumn struct{ Name, Type string }

// readColumns reads names and types of the columns of all statistics.
func (x *publisher) readColumns(ctx context.Context) error {
	x.columns = map[string][]statisticColumn{}
	return x.w.each(ctx, func(rows *sql.Rows) error {
		var model string
		var column statisticColumn
		err := rows.Scan(&model, &column.Name, &column.Type)
		x.columns[model] = append(x.columns[model], column)
		return err
	}, `select schema_name || '.' || table_name, column_name, data_type from duckdb_columns()
		where database_name = current_database() and schema_name = 'stat' order by table_name, column_index`)
}

// readCut reads the last block of the last day there is.
func (x *publisher) readCut(ctx context.Context) error {
	if _, there := x.p.daily["raw.blocks_per_day"]; !there {
		return nil
	}
	err := x.w.conn.QueryRowContext(ctx, `select date::varchar, coalesce(height_for_last_block, 0), coalesce(hash_for_last_block, '')
		from raw.blocks_per_day order by date desc limit 1`).Scan(&x.cut.CutDay, &x.cut.CutHeight, &x.cut.CutHash)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}
