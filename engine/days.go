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
