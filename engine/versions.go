package engine

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/zeebo/xxh3"
)

// versions are the content versions of raw tables and of models that are tables, as of now.
type versions map[string]uint64

func (w *Warehouse) versions(ctx context.Context) (versions, error) {
	known := versions{}
	err := w.each(ctx, func(rows *sql.Rows) error {
		var name string
		var version uint64
		err := rows.Scan(&name, &version)
		known[name] = version
		return err
	}, "select table_name, version from ops.source_tables union all select model, version from ops.models")
	if err != nil {
		return nil, fmt.Errorf("read versions: %w", err)
	}
	return known, nil
}

// of is the version of what a model shows: of a view or a check, that of its text and of all it reads.
func (v versions) of(p *Project, m *Model) uint64 {
	if m.Stored() && p.byName[m.Name] != nil {
		return v[m.Name]
	}
	hasher := xxh3.New()
	fmt.Fprint(hasher, m.Fingerprint)
	for _, leaf := range p.leaves(m) {
		fmt.Fprintf(hasher, "%s %d ", leaf, v[leaf])
	}
	return hasher.Sum64()
}

// builtDays is a query for the days of a model that were built after a run, "" when the model cannot tell: one without days,
// or a view, unless it says that its rows of a day come from the rows of that day alone (`lookback: 0`).
func (p *Project) builtDays(m *Model, after int64) string {
	if !m.Daily() {
		return ""
	}
	models := []string{m.Name}
	if !m.Stored() {
		in := p.inputs(m)
		if _, stated := m.keyLines["lookback"]; !stated || len(in.days)+len(in.tables)+len(in.wholes) > 0 || len(in.models) == 0 {
			return ""
		}
		models = in.models
	}
	return fmt.Sprintf("select date from ops.model_days where model in (%s) and run_id > %d", literals(models), after)
}
