package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// CompareSnapshots compares the statistics of two files, by key where rows have one: what is added, removed and changed from
// before to after. Both stay as they are. Models are those of schema stat that either has.
func CompareSnapshots(ctx context.Context, before, after string, o Options) (report *DiffReport, err error) {
	db, err := OpenReadOnly(ctx, after)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := checkExisting(before); err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err := o.apply(ctx, db, after); err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, "attach "+quote(before)+" as "+publishedName+" (read_only)"); err != nil {
		return nil, openError(before, err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	w := &Warehouse{conn: conn, now: time.Now}
	report = &DiffReport{Base: before}
	return report, w.compareSnapshots(ctx, report)
}

func (w *Warehouse) compareSnapshots(ctx context.Context, report *DiffReport) error {
	start := w.now()
	was, err := w.statisticsOf(ctx, publishedName)
	if err != nil {
		return err
	}
	is, err := w.statisticsOf(ctx, "current_database()")
	if err != nil {
		return err
	}
	all := maps.Clone(was)
	maps.Copy(all, is)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		one, err := w.compareStatistic(ctx, all[name], was[name], is[name])
		if err != nil {
			return fmt.Errorf("compare %s: %w", name, err)
		}
		if one.Status != DiffSame {
			report.ExitCode = ExitDifferent
		}
		report.Models = append(report.Models, one)
	}
	report.Seconds = w.now().Sub(start).Seconds()
	return nil
}

// statisticsOf are the relations of stat in a database, as models: tables and views that other files know nothing of.
func (w *Warehouse) statisticsOf(ctx context.Context, database string) (map[string]*Model, error) {
	if database != "current_database()" {
		database = quote(database)
	}
	all := map[string]*Model{}
	return all, w.each(ctx, func(rows *sql.Rows) error {
		m := &Model{}
		var daily bool
		err := rows.Scan(&m.Name, &m.Materialize, &daily)
		if daily {
			m.Grain = "day"
		}
		_, m.Export, _ = strings.Cut(m.Name, ".")
		all[m.Name] = m
		return err
	}, fmt.Sprintf(`select schema_name || '.' || table_name, if(bool_or(is_view), 'view', 'table'), bool_or(column_name = 'date')
		from (select schema_name, table_name, column_name, table_name in
				(select view_name from duckdb_views() where database_name = %[1]s and schema_name = 'stat') as is_view
			from duckdb_columns() where database_name = %[1]s and schema_name = 'stat') group by all`, database))
}

func (w *Warehouse) compareStatistic(ctx context.Context, m, was, is *Model) (ModelDiff, error) {
	out := ModelDiff{Model: m.Name, Materialize: m.Materialize, Export: m.Export, Rows: &RowDiff{}}
	c := &comparison{w: w, m: m, out: &out, scope: "true"}
	switch {
	case was == nil:
		out.Status = DiffNew
		columns, err := w.describe(ctx, m.Name)
		if err != nil {
			return out, err
		}
		return out, c.describeNew(ctx, columns)
	case is == nil:
		out.Status = DiffGone
		err := w.scalar(ctx, &out.Rows.Before, "select count(*) from "+published(m.Name))
		out.Rows.Removed = out.Rows.Before
		return out, err
	}
	after, err := w.describe(ctx, m.Name)
	if err != nil {
		return out, err
	}
	before, err := w.describe(ctx, published(m.Name))
	if err != nil {
		return out, err
	}
	c.compareColumns(before, after)
	return out, c.rows(ctx, false)
}
