package engine

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// unversioned raw tables never make anything stale: the dictionaries only grow and an id never changes its meaning;
// raw.loaded_heights is for days to wait for, raw.rejects for people.
func unversioned(table string) bool {
	switch table {
	case "raw.accounts", "raw.addresses", "raw.loaded_heights", "raw.rejects":
		return true
	}
	return false
}

// inputs are the tables that decide whether a model is stale: those with days, and those read as a whole.
type inputs struct{ days, models, tables, wholes []string }

func (p *Project) inputs(m *Model) inputs {
	var in inputs
	for _, leaf := range p.leaves(m) {
		read := p.byName[leaf]
		switch {
		case unversioned(leaf) || slices.ContainsFunc(m.Matches, func(match Match) bool { return match.Table == leaf }):
		case read != nil && read.Daily():
			in.models = append(in.models, leaf)
		case read != nil:
			in.wholes = append(in.wholes, leaf)
		case p.daily[leaf]:
			in.days = append(in.days, leaf)
		default:
			in.tables = append(in.tables, leaf)
		}
	}
	return in
}

// wantedDays fills temp.wanted_days with the days that have everything the model requires, and temp.known_days with the
// days that have any of it.
func (w *Warehouse) wantedDays(ctx context.Context, p *Project, m *Model) error {
	requirements := p.Requirements(m)
	var all []string
	for _, r := range requirements {
		all = append(all, "select date from "+r.Relation)
	}
	if len(all) == 0 {
		in := p.inputs(m)
		all = []string{fmt.Sprintf("select date from ops.source_days where table_name in (%s) and date > "+noDay+" union select date from ops.model_days where model in (%s)", literals(in.days), literals(in.models))}
	}
	return w.exec(ctx, fmt.Sprintf(`create or replace temp table wanted_days as %s;
		create or replace temp table known_days as %s`, strings.Join(all, " intersect "), strings.Join(all, " union ")))
}

// staleDays fills temp.stale_days (date, inputs) with the wanted days whose inputs are not those they were built from.
func (w *Warehouse) staleDays(ctx context.Context, p *Project, m *Model, from, to time.Time) error {
	in := p.inputs(m)
	whole, err := w.wholeVersion(ctx, in)
	if err != nil {
		return err
	}
	window := fmt.Sprintf("range between interval %d days preceding and current row", m.Lookback)
	if m.Lookback == AllDays || m.Materialize == State {
		window = "rows between unbounded preceding and current row"
	}
	if m.Materialize == State {
		from = time.Time{}
	}
	return w.exec(ctx, fmt.Sprintf(`
		create or replace temp table stale_days as
		with versions as (
			select date, hash(table_name, version)::hugeint as version from ops.source_days where table_name in (%s)
			union all select date, hash(model, version)::hugeint from ops.model_days where model in (%s)
			union all select date, 0::hugeint from temp.wanted_days
		),
		days as (select date, sum(version) as version from versions group by date),
		looked_back as (select date, sum(version) over (order by date %s) as version from days),
		now as (
			select date, hash(%s, %d::ubigint, looked_back.version) as inputs
			from looked_back semi join temp.wanted_days using (date)
		)
		select now.date, now.inputs
		from now left join ops.model_days as built on built.model = %s and built.date = now.date
		where now.inputs is distinct from built.inputs and %s`,
		literals(in.days), literals(in.models), window, quote(m.Fingerprint), whole, quote(m.Name), between("now.date", from, to)))
}

// wholeVersion is the version of what a model reads as a whole.
func (w *Warehouse) wholeVersion(ctx context.Context, in inputs) (uint64, error) {
	if len(in.tables)+len(in.wholes) == 0 {
		return 0, nil
	}
	var version uint64
	err := w.scalar(ctx, &version, fmt.Sprintf(`select hash(sum(version::hugeint)) from (
		select hash(table_name, version) as version from ops.source_tables where table_name in (%s)
		union all select hash(model, version) from ops.models where model in (%s))`, literals(in.tables), literals(in.wholes)))
	return version, err
}

// everythingVersion is the version of all that a model rebuilt as a whole reads.
func (w *Warehouse) everythingVersion(ctx context.Context, in inputs) (uint64, error) {
	var version uint64
	err := w.scalar(ctx, &version, fmt.Sprintf(`select hash(sum(version::hugeint)) from (
		select hash(table_name, version) as version from ops.source_tables where table_name in (%s)
		union all select hash(model, version) from ops.models where model in (%s))`,
		literals(slices.Concat(in.tables, in.days)), literals(slices.Concat(in.wholes, in.models))))
	return version, err
}

// markMatched makes the days stale whose rows match keys that changed, and forgets the keys.
func (w *Warehouse) markMatched(ctx context.Context, p *Project) error {
	changed := map[string]bool{}
	err := w.each(ctx, func(rows *sql.Rows) error {
		var table string
		var whole bool
		err := rows.Scan(&table, &whole)
		changed[table] = whole
		return err
	}, "select table_name, bool_or(key is null) from ops.changed_keys group by table_name")
	if err != nil || len(changed) == 0 {
		return err
	}
	return w.transact(ctx, func() error {
		for _, m := range p.Models {
			for _, match := range m.Matches {
				whole, there := changed[match.Table]
				if !there {
					continue
				}
				if err := w.markMatchedModel(ctx, m, match, whole); err != nil {
					return fmt.Errorf("%s: match %s: %w", m.File, match.Table, err)
				}
			}
		}
		return w.exec(ctx, "delete from ops.changed_keys")
	})
}

func (w *Warehouse) markMatchedModel(ctx context.Context, m *Model, match Match, whole bool) error {
	var built bool
	if err := w.scalar(ctx, &built, "select count(*) > 0 from ops.model_days where model = ?", m.Name); err != nil || !built {
		return err
	}
	days := ""
	if !whole {
		days = fmt.Sprintf(" and date in (select date from %s where %s::varchar in (select key from ops.changed_keys where table_name = %s))",
			match.Relation, identifier(match.Column), quote(match.Table))
	}
	// The day stays known, with inputs that nothing has, so that its rows are replaced and not orphaned.
	return w.exec(ctx, "update ops.model_days set inputs = 0 where model = "+quote(m.Name)+days)
}

// waitingFor records what days of a model wait for, from temp.known_days and temp.wanted_days.
func (w *Warehouse) waitingFor(ctx context.Context, p *Project, m *Model) error {
	requirements := p.Requirements(m)
	if len(requirements) < 2 {
		return w.exec(ctx, "delete from ops.waiting where model = ?", m.Name)
	}
	var differs bool
	err := w.scalar(ctx, &differs, `select (select count(*) from temp.known_days) <> (select count(*) from temp.wanted_days)
		or exists (from ops.waiting where model = ?)`, m.Name)
	if err != nil || !differs {
		return err
	}
	var reasons []string
	for _, r := range requirements {
		reasons = append(reasons, fmt.Sprintf("select date, %s as reason from (select date from temp.known_days except select date from %s)", quote(r.Reason), r.Relation))
	}
	return w.exec(ctx, fmt.Sprintf(`delete from ops.waiting where model = %[1]s;
		insert into ops.waiting select %[1]s, date, string_agg(reason, ', ' order by reason) from (%[2]s) group by date`, quote(m.Name), strings.Join(reasons, " union all ")))
}

// literals is a list for `in (…)`; an empty one matches nothing.
func literals(names []string) string {
	if len(names) == 0 {
		return "''"
	}
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = quote(name)
	}
	return strings.Join(list, ", ")
}

func between(column string, from, to time.Time) string {
	condition := "true"
	if !from.IsZero() {
		condition += fmt.Sprintf(" and %s >= date '%s'", column, from.Format(time.DateOnly))
	}
	if !to.IsZero() {
		condition += fmt.Sprintf(" and %s <= date '%s'", column, to.Format(time.DateOnly))
	}
	return condition
}

// Ranges writes sorted days as compact ranges: "2021-06-09 … 2021-06-11, 2021-07-01".
func Ranges(days []time.Time) string {
	var parts []string
	for start := 0; start < len(days); {
		end := start
		for end+1 < len(days) && days[end+1].Sub(days[end]) <= 24*time.Hour {
			end++
		}
		part := days[start].Format(time.DateOnly)
		if end > start {
			part += " … " + days[end].Format(time.DateOnly)
		}
		parts = append(parts, part)
		start = end + 1
	}
	return strings.Join(parts, ", ")
}
