package engine

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// noDay stands in ops.source_days for the rows of a table that belong to no day, or to none yet.
const noDay = "date '0001-01-01'"

// RecordCut records the last block of the last complete day with the run: what the run's sources are read up to.
func (in *Intake) RecordCut(ctx context.Context) error {
	err := in.w.exec(ctx, `update ops.runs set cut_date = last.date, cut_height = last.height_for_last_block, cut_hash = last.hash_for_last_block
		from (from raw.blocks_per_day order by date desc limit 1) as last where run_id = ?`, in.Run)
	if err != nil {
		return fmt.Errorf("record the cut: %w", err)
	}
	return nil
}

// Redate moves rows to the day that raw.blocks_per_day gives to their height now; tables holds the column with the height
// by table. Days whose rows change are marked. It is cheap when no day has other heights than at the last call.
func (in *Intake) Redate(ctx context.Context, tables map[string]string) error {
	w := in.w
	var low, high sql.NullInt64
	err := w.conn.QueryRowContext(ctx, `select min(least(was.first_height, now.height_for_first_block)), max(greatest(was.last_height, now.height_for_last_block))
		from ops.calendar as was full join raw.blocks_per_day as now on was.date = now.date
		where (was.first_height, was.last_height) is distinct from (now.height_for_first_block, now.height_for_last_block)`).Scan(&low, &high)
	if err != nil || !low.Valid {
		return wrapRedate(err)
	}
	return wrapRedate(w.transact(ctx, func() error {
		for table, height := range tables {
			if err := in.redateTable(ctx, table, height, low.Int64, high.Int64); err != nil {
				return fmt.Errorf("%s: %w", table, err)
			}
		}
		return w.exec(ctx, "delete from ops.calendar; insert into ops.calendar select date, height_for_first_block, height_for_last_block from raw.blocks_per_day")
	}))
}

func wrapRedate(err error) error {
	if err != nil {
		return fmt.Errorf("give rows the days of their heights: %w", err)
	}
	return nil
}

func (in *Intake) redateTable(ctx context.Context, table, height string, low, high int64) error {
	w := in.w
	err := w.exec(ctx, fmt.Sprintf(`create or replace temp table redated as
		select id, was, now from (
			select t.rowid as id, t.date as was, case when t.%[2]s <= days.height_for_last_block then days.date end as now
			from %[1]s as t
			asof left join raw.blocks_per_day as days on t.%[2]s >= days.height_for_first_block
			where t.%[2]s between %[3]d and %[4]d
		) where was is distinct from now`, table, identifier(height), low, high))
	if err != nil {
		return err
	}
	days, err := w.days(ctx, "select distinct coalesce(day, "+noDay+") from (select was as day from temp.redated union all select now from temp.redated)")
	if err != nil || len(days) == 0 {
		return err
	}
	if err := w.exec(ctx, fmt.Sprintf("update %[1]s set date = redated.now from temp.redated as redated where %[1]s.rowid = redated.id", table)); err != nil {
		return err
	}
	return in.MarkDays(ctx, table, days, func(time.Time) bool { return true })
}

// ReplaceDays makes a raw table whose rows have days (or none) equal to a staged one, touching only days that differ. It
// returns how many rows were written. Call it in a transaction.
func (in *Intake) ReplaceDays(ctx context.Context, table, staged string) (int64, error) {
	w := in.w
	content := func(of string) string {
		return fmt.Sprintf("select coalesce(date, %s) as day, hash(sum(hash(t)), count(*)) as version from (select * from %s) as t group by all", noDay, of)
	}
	columns, err := w.columns(ctx, table)
	if err != nil {
		return 0, err
	}
	list := identifiers(columns)
	days, err := w.days(ctx, fmt.Sprintf(`select coalesce(now.day, was.day) from (%s) as now full join (%s) as was on was.day = now.day
		where now.version is distinct from was.version order by 1`, content("(select "+list+" from "+staged+")"), content("(select "+list+" from "+table+")")))
	if err != nil || len(days) == 0 {
		return 0, err
	}
	within := fmt.Sprintf("coalesce(date, %s) in (select unnest([%s]::date[]))", noDay, dayLiterals(days))
	if err := w.exec(ctx, fmt.Sprintf("delete from %s where %s", table, within)); err != nil {
		return 0, err
	}
	result, err := w.conn.ExecContext(ctx, fmt.Sprintf("insert into %s by name select * from %s where %s", table, staged, within))
	if err != nil {
		return 0, err
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return 0, err
	}
	in.report.Changed += max(rows, 1)
	return rows, in.MarkDays(ctx, table, days, func(time.Time) bool { return true })
}

// MarkAllDays records the versions of all days of a raw table with a date column.
func (in *Intake) MarkAllDays(ctx context.Context, table string) error {
	return in.w.markAllDays(ctx, table, []string{"date"})
}

// MarkWhole records the version of a raw table without days.
func (in *Intake) MarkWhole(ctx context.Context, table string) error {
	return in.w.markTable(ctx, table, false)
}

// MarkHeights records the versions of the days of a raw table from a height on, and of its rows without a day.
func (in *Intake) MarkHeights(ctx context.Context, table, height string, from int64) error {
	days, err := in.w.days(ctx, fmt.Sprintf(`select %[1]s union select date from ops.source_days where table_name = %[2]s
			and date >= (select coalesce(min(date), date '9999-12-31') from raw.blocks_per_day where height_for_last_block >= %[3]d)
		union select date from %[4]s where %[5]s >= %[3]d and date is not null`, noDay, quote(table), from, table, identifier(height)))
	if err != nil {
		return fmt.Errorf("mark heights of %s: %w", table, err)
	}
	return in.MarkDays(ctx, table, days, func(time.Time) bool { return true })
}

// days reads a column of dates.
func (w *Warehouse) days(ctx context.Context, query string) ([]time.Time, error) {
	var list []time.Time
	return list, w.each(ctx, func(rows *sql.Rows) error {
		var day time.Time
		err := rows.Scan(&day)
		list = append(list, day.UTC())
		return err
	}, query)
}
