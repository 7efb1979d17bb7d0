package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// ExportOptions of an export.
type ExportOptions struct {
	Select map[string]bool
	// Prune deletes documents that no model produces any more.
	Prune bool
	// Blocked models are not exported, each for a reason.
	Blocked map[string]string
	Stop    <-chan struct{}
}

// publisher brings one destination up to date.
type publisher struct {
	w        *Warehouse
	p        *Project
	run      int64
	to       Exporter
	options  ExportOptions
	versions versions
	observer Observer
	// columns are names and types of each statistic's columns.
	columns map[string]string
}

// Export brings a destination to the state of the statistics, each in the order in which models are built, so that a
// marker comes after the data it stands for. A statistic that fails, or is blocked, also holds back what reads it.
func (w *Warehouse) Export(ctx context.Context, p *Project, run int64, to Exporter, o ExportOptions, observer Observer) ([]ExportReport, []Step, error) {
	known, err := w.versions(ctx)
	if err != nil {
		return nil, nil, err
	}
	x := &publisher{w: w, p: p, run: run, to: to, options: o, versions: known, observer: observer}
	if err := x.readColumns(ctx); err != nil {
		return nil, nil, fmt.Errorf("read columns: %w", err)
	}
	var reports []ExportReport
	var steps []Step
	held := map[string]string{}
	for name, why := range o.Blocked {
		held[name] = why
	}
	for i, m := range p.Models {
		if err := stopped(ctx, o.Stop); err != nil {
			return reports, steps, err
		}
		for _, need := range p.needs(m) {
			if why := held[need]; why != "" && held[m.Name] == "" {
				held[m.Name] = "needs " + need + ": " + why
			}
		}
		if m.Export == "" || o.Select != nil && !o.Select[m.Name] {
			continue
		}
		step := Step{Phase: PhaseExport, Name: m.Export, Status: StatusFresh}
		observer.Begin(PhaseExport, m.Export, i+1, len(p.Models))
		start := w.now()
		report, err := x.export(ctx, m, held[m.Name], &step)
		step.Seconds = w.now().Sub(start).Seconds()
		if err != nil {
			step.Status, step.Message = StatusFailed, fmt.Sprintf("export %s to %s: %v", m.Export, to.Destination(), err)
			held[m.Name] = "its export failed"
		}
		if report != nil {
			reports = append(reports, *report)
		}
		steps = append(steps, step)
		observer.End(step)
	}
	if o.Select == nil {
		gone, err := x.removeGone(ctx)
		reports = append(reports, gone...)
		if err != nil {
			return reports, steps, err
		}
	}
	return reports, steps, nil
}

func (x *publisher) export(ctx context.Context, m *Model, held string, step *Step) (*ExportReport, error) {
	if held != "" {
		step.Status, step.Message = StatusBlocked, held
		return nil, nil
	}
	if _, built := x.versions[m.Name]; !built {
		return nil, WithHint(errors.New("it is not built yet"), "nightrunner build --select %s", m.Export)
	}
	last, err := x.last(ctx, m)
	if err != nil {
		return nil, err
	}
	state, err := x.to.State(ctx, m.Export)
	if err != nil {
		return nil, err
	}
	here := state != "" && state == last.state
	shape, err := x.shape(m)
	if err != nil {
		return nil, err
	}
	version := x.versions.of(x.p, m)
	prune := last.stale > 0 && x.options.Prune
	if here && last.there && last.shape == shape && last.version == version && !prune {
		return nil, nil
	}
	// Stale documents can be of any day: while there are some, all days are compared.
	scope := ""
	if here && last.there && last.shape == shape && last.stale == 0 {
		scope = x.p.builtDays(m, last.run)
	}
	publication, err := x.compare(ctx, m, scope, !here || last.shape != shape)
	if err != nil {
		return nil, err
	}
	if !here {
		publication.First = ""
	}
	p := publication
	report := &ExportReport{Destination: x.to.Destination(), Statistic: m.Export, New: p.New, Changed: p.Changed, Same: p.Same,
		Stale: int64(len(p.StaleIDs)), Deleted: int64(len(p.GoneIDs))}
	if p.New+p.Changed+report.Deleted > 0 || !here && p.Same > 0 {
		step.Status = StatusDone
		step.Rows = p.New + p.Changed
		if !here {
			step.Rows += p.Same
		}
		if err := x.to.Write(ctx, p); err != nil {
			return nil, err
		}
		if state, err = x.to.State(ctx, m.Export); err != nil {
			return nil, err
		}
	}
	return report, x.remember(ctx, m, p, shape, state, version)
}

type lastExport struct {
	there   bool
	shape   string
	state   string
	version uint64
	run     int64
	stale   int64
}

func (x *publisher) last(ctx context.Context, m *Model) (lastExport, error) {
	var last lastExport
	err := x.w.conn.QueryRowContext(ctx, "select shape, state, version, run_id, stale_count from ops.exports where destination = ? and statistic = ?",
		x.to.Destination(), m.Export).Scan(&last.shape, &last.state, &last.version, &last.run, &last.stale)
	if errors.Is(err, sql.ErrNoRows) {
		return last, nil
	}
	last.there = err == nil
	return last, err
}

// shape is what decides how rows become documents: when it changes, all are written again.
func (x *publisher) shape(m *Model) (string, error) {
	columns := x.columns[m.Name]
	if !strings.HasPrefix(columns, "_id ") {
		return "", WithHint(errors.New("its first column is not _id"), "select the document's key first: concat(date, '-', '%s') as _id", m.Export)
	}
	return columns + "; spread " + m.Spread, nil
}

// readColumns reads names and types of the columns of all statistics.
func (x *publisher) readColumns(ctx context.Context) error {
	x.columns = map[string]string{}
	return x.w.each(ctx, func(rows *sql.Rows) error {
		var name, columns string
		err := rows.Scan(&name, &columns)
		x.columns[name] = columns
		return err
	}, `select schema_name || '.' || table_name, string_agg(column_name || ' ' || data_type, ', ' order by column_index) from duckdb_columns()
		where database_name = current_database() and schema_name = 'stat' group by all`)
}

// compare finds what is new, changed, the same and stale at the destination. scope is a query for the days that can
// differ, "" for all; with everything all documents count as altered.
func (x *publisher) compare(ctx context.Context, m *Model, scope string, everything bool) (*Publication, error) {
	date, within, known := "null::date", "", fmt.Sprintf("destination = %s and statistic = %s", quote(x.to.Destination()), quote(m.Export))
	if m.Daily() {
		date = "date"
	}
	if scope != "" {
		within = " where date in (" + scope + ")"
	}
	gone := known
	if scope != "" {
		gone += fmt.Sprintf(" and (date in (%s) or date not in (select date from %s))", scope, m.Name)
		known += " and date in (" + scope + ")"
	}
	err := x.w.exec(ctx, fmt.Sprintf(`
		create or replace temp table current_documents as select _id as id, %[1]s as date, hash(t) as hash from %[2]s as t%[3]s;
		create or replace temp table altered_documents as
			select now.id, now.date, now.hash, was.id is null as is_new, was.hash is not distinct from now.hash as is_same
			from temp.current_documents as now
			left join (from ops.documents where %[4]s) as was on was.id = now.id
			where %[6]t or was.hash is distinct from now.hash;
		create or replace temp table stale_documents as
			select id, %[7]t or coalesce(date in (%[8]s), false) as is_gone from ops.documents
			where %[5]s and id not in (select id from temp.current_documents)`,
		date, m.Name, within, known, gone, everything, x.options.Prune, x.producedDays(m)))
	if err != nil {
		return nil, err
	}
	p := &Publication{Statistic: m.Export, Spread: m.Spread}
	var total, distinct, nulls int64
	var first sql.NullString
	err = x.w.conn.QueryRowContext(ctx, `select
		(select count(*) from temp.current_documents), (select count(distinct id) from temp.current_documents),
		(select count(*) from temp.current_documents where id is null),
		(select count(*) from temp.altered_documents where is_new), (select count(*) from temp.altered_documents where not is_new and not is_same),
		(select min(id) from (select id from temp.altered_documents union all select id from temp.stale_documents))`).Scan(
		&total, &distinct, &nulls, &p.New, &p.Changed, &first)
	if err != nil {
		return nil, err
	}
	p.First = first.String
	if nulls > 0 || distinct < total {
		return nil, WithHint(fmt.Errorf("%d rows have the _id of another row, %d have none", total-nulls-distinct, nulls), "add `-- check: unique _id` to see them")
	}
	p.Same = total - p.New - p.Changed
	p.StaleIDs, p.GoneIDs, err = x.staleIDs(ctx)
	p.From = func(ctx context.Context, first string) (array.RecordReader, error) {
		query := "select * from " + m.Name
		if first != "" {
			query += " where _id >= " + quote(first)
		}
		if query += " order by _id"; total > partRows {
			return x.w.arrowParts(ctx, query)
		}
		return x.w.arrowQuery(ctx, query)
	}
	p.Altered = func(ctx context.Context) (array.RecordReader, error) {
		return x.w.arrowQuery(ctx, "select * from "+m.Name+within+and(within)+" _id in (select id from temp.altered_documents) order by _id")
	}
	return p, err
}

// producedDays is a query for the days that a model has now: a document of such a day that it does not produce is wrong. One
// of another day (its snapshot was removed, say) may be all that is left, and stays until it is pruned.
func (x *publisher) producedDays(m *Model) string {
	if !m.Daily() {
		return "select null::date"
	}
	if days := x.p.builtDays(m, -1); days != "" {
		return days
	}
	// Days of a view: those of its models, also without a row.
	if in := x.p.inputs(m); len(in.models) > 0 && len(in.days) == 0 {
		return "select date from ops.model_days where model in (" + literals(in.models) + ")"
	}
	return "select date from " + m.Name
}

func and(within string) string {
	if within == "" {
		return " where"
	}
	return " and"
}

// staleIDs are the documents that nothing produces any more: those that are kept, and those that are deleted.
func (x *publisher) staleIDs(ctx context.Context) (kept, gone []string, err error) {
	return kept, gone, x.w.each(ctx, func(rows *sql.Rows) error {
		var id string
		var isGone bool
		err := rows.Scan(&id, &isGone)
		if isGone {
			gone = append(gone, id)
		} else {
			kept = append(kept, id)
		}
		return err
	}, "select id, is_gone from temp.stale_documents order by id")
}

// remember records what the destination has now.
func (x *publisher) remember(ctx context.Context, m *Model, p *Publication, shape, state string, version uint64) error {
	mine := fmt.Sprintf("destination = %s and statistic = %s", quote(x.to.Destination()), quote(m.Export))
	pruned := ""
	if len(p.GoneIDs) > 0 {
		pruned = fmt.Sprintf("delete from ops.documents where %s and id in (select id from temp.stale_documents where is_gone);", mine)
	}
	replaced := ""
	if p.Changed > 0 || p.Same > 0 {
		replaced = fmt.Sprintf("delete from ops.documents where %s and id in (select id from temp.altered_documents where not is_new);", mine)
	}
	return x.w.transact(ctx, func() error {
		return x.w.exec(ctx, fmt.Sprintf(`%[1]s %[2]s
			insert into ops.documents select %[3]s, %[4]s, date, id, hash, %[5]d from temp.altered_documents;
			delete from ops.exports where %[6]s;
			insert into ops.exports values (%[3]s, %[4]s, %[7]s, %[11]s, %[8]d::ubigint, %[9]d, %[10]d, %[5]d)`,
			pruned, replaced, quote(x.to.Destination()), quote(m.Export), x.run, mine, quote(shape), version, p.New+p.Changed+p.Same, len(p.StaleIDs), quote(state)))
	})
}
