package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// ReplaceTable makes a raw table equal to a staged one (same columns, any order), touching only rows that differ, and
// records what changed: the versions of its days where it has a date column, of the whole table, and the changed keys.
// It returns how many rows came, went or changed. key is the column that identifies a row to the models that match on it;
// call it in a transaction.
func (in *Intake) ReplaceTable(ctx context.Context, table, key, staged string) (int64, error) {
	changed, err := in.w.replaceTable(ctx, table, key, staged, in.Run)
	if err != nil {
		return 0, fmt.Errorf("replace %s: %w", table, err)
	}
	in.report.Changed += changed
	return changed, nil
}

func (w *Warehouse) replaceTable(ctx context.Context, table, key, staged string, run int64) (int64, error) {
	columns, err := w.columns(ctx, table)
	if err != nil {
		return 0, err
	}
	list := identifiers(columns)
	var before, came, went int64
	if err := w.scalar(ctx, &before, "select count(*) from "+table); err != nil {
		return 0, err
	}
	if before == 0 {
		return w.fillTable(ctx, table, list, staged, columns, run)
	}
	for _, diff := range [][3]string{{"came", staged, table}, {"went", table, staged}} {
		statement := fmt.Sprintf("create or replace temp table %s as select %s from %s except all select %s from %s", diff[0], list, diff[1], list, diff[2])
		if err := w.exec(ctx, statement); err != nil {
			return 0, err
		}
	}
	if err := w.conn.QueryRowContext(ctx, "select (select count(*) from temp.came), (select count(*) from temp.went)").Scan(&came, &went); err != nil {
		return 0, err
	}
	if came+went > 0 {
		// Rows without a difference stay where they are; equal rows that stand more than once are rewritten together.
		for _, statement := range []string{
			fmt.Sprintf("create or replace temp table again as select %s from %s where hash(%s) in (select hash(%s) from temp.went union all select hash(%s) from temp.came)", list, staged, list, list, list),
			fmt.Sprintf("delete from %s where hash(%s) in (select hash(%s) from temp.went union all select hash(%s) from temp.came)", table, list, list, list),
			fmt.Sprintf("insert into %s (%s) select %s from temp.again", table, list, list),
			"drop table temp.again",
		} {
			if err := w.exec(ctx, statement); err != nil {
				return 0, err
			}
		}
		if err := w.recordKeys(ctx, table, key, run); err != nil {
			return 0, err
		}
		if err := w.markAllDays(ctx, table, columns); err != nil {
			return 0, err
		}
	}
	return max(came, went), w.exec(ctx, "drop table temp.came; drop table temp.went")
}

// fillTable fills an empty table.
func (w *Warehouse) fillTable(ctx context.Context, table, list, staged string, columns []string, run int64) (int64, error) {
	result, err := w.conn.ExecContext(ctx, fmt.Sprintf("insert into %s (%s) select %s from %s", table, list, list, staged))
	if err != nil {
		return 0, err
	}
	rows, err := result.RowsAffected()
	if err != nil || rows == 0 {
		return 0, err
	}
	if err := w.recordKeys(ctx, table, "", run); err != nil {
		return 0, err
	}
	return rows, w.markAllDays(ctx, table, columns)
}

// recordKeys leaves the changed keys for the models that match on them; without a key, the table changed as a whole.
func (w *Warehouse) recordKeys(ctx context.Context, table, key string, run int64) error {
	if key == "" {
		return w.exec(ctx, "insert into ops.changed_keys values (?, null, ?)", table, run)
	}
	statement := fmt.Sprintf("insert into ops.changed_keys select distinct %s, key, %d from (select %s::varchar as key from temp.came union all select %[3]s::varchar from temp.went)", quote(table), run, identifier(key))
	return w.exec(ctx, statement)
}

// markAllDays records the versions of a small table: of each day where it has a date column, and of the whole.
func (w *Warehouse) markAllDays(ctx context.Context, table string, columns []string) error {
	daily := false
	for _, column := range columns {
		daily = daily || column == "date"
	}
	if daily {
		statement := fmt.Sprintf(`delete from ops.source_days where table_name = %[2]s;
			insert into ops.source_days select %[2]s, coalesce(date, %[3]s), hash(sum(hash(t)), count(*)) from %[1]s as t group by all`, table, quote(table), noDay)
		if err := w.exec(ctx, statement); err != nil {
			return err
		}
	}
	return w.markTable(ctx, table, daily)
}

// markTable records the version of a raw table as a whole; of a daily one, from its days.
func (w *Warehouse) markTable(ctx context.Context, table string, daily bool) error {
	version := fmt.Sprintf("select hash(sum(hash(t)), count(*)) from %s as t", table)
	if daily {
		version = "select hash(sum(hash(date, version)), count(*)) from ops.source_days where table_name = " + quote(table)
	}
	return w.exec(ctx, fmt.Sprintf("delete from ops.source_tables where table_name = %[1]s; insert into ops.source_tables values (%[1]s, (%[2]s))", quote(table), version))
}

// identifiers is a list of columns, quoted.
func identifiers(columns []string) string {
	list := make([]string, len(columns))
	for i, column := range columns {
		list[i] = identifier(column)
	}
	return strings.Join(list, ", ")
}

// columns are the names of a table's columns, in their order.
var errNoTable = errors.New("no table")

func (w *Warehouse) columns(ctx context.Context, table string) ([]string, error) {
	schema, name, _ := strings.Cut(table, ".")
	var list []string
	err := w.each(ctx, func(rows *sql.Rows) error {
		var column string
		err := rows.Scan(&column)
		list = append(list, column)
		return err
	}, "select column_name from duckdb_columns() where schema_name = ? and table_name = ? and database_name = current_database() order by column_index", schema, name)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w %s", errNoTable, table)
	}
	return list, err
}

// NewIntake gives a loader access to the warehouse outside a run: for tests and tools.
func (w *Warehouse) NewIntake(source string, run int64) *Intake {
	return &Intake{Run: run, MaxRejects: 0.001, w: w, source: source, report: &LoadReport{Source: source}}
}
