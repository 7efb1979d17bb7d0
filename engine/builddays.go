package engine

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// buildDays builds the stale days of an incremental or state model.
func (b *builder) buildDays(ctx context.Context, m *Model, step *Step) error {
	wanted, err := b.wantedDays(ctx, m)
	if err != nil {
		return err
	}
	was, there := b.ledger.models[m.Name]
	// A table that is made with its first days needs no empty one before.
	if b.kinds[m.Name] == "table" || m.Materialize == State || len(b.stale(m, wanted)) != 1 {
		if err := b.makeTable(ctx, m); err != nil {
			return err
		}
	}
	vanished, err := b.dropVanished(ctx, m, wanted)
	if err != nil {
		return err
	}
	ranges := b.stale(m, wanted)
	for i, r := range ranges {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.observer.Progress(int64(i), int64(len(ranges)))
		if err := b.buildRange(ctx, m, r, step); err != nil {
			return err
		}
	}
	if len(ranges) > 0 || vanished > 0 {
		step.Status = StatusDone
	}
	if len(ranges) > 0 || there && was.fingerprint == m.Fingerprint {
		return nil
	}
	now := builtModel{fingerprint: m.Fingerprint, version: b.ledger.version(m.Name, nil, nil)}
	if err := b.remember(ctx, m, now, 0); err != nil {
		return err
	}
	b.ledger.models[m.Name] = now
	return nil
}

// dayRange are stale days that no other wanted day separates, each with a hash of what it is built from.
type dayRange struct {
	days   []day
	inputs map[day]uint64
}

// stale groups the wanted days whose inputs are not those they were built from into runs of neighbours.
func (b *builder) stale(m *Model, wanted []day) []dayRange {
	from, to := b.options.From, b.options.To
	if m.Materialize == State {
		from = time.Time{}
	}
	inputs := b.ledger.inputs(m, wanted)
	var ranges []dayRange
	last := -2
	for i, d := range wanted {
		built, there := b.ledger.modelDays[m.Name][d]
		within := (from.IsZero() || !d.time().Before(from)) && (to.IsZero() || !d.time().After(to))
		if !within || there && built.inputs == inputs[d] && !b.options.Full {
			continue
		}
		if i != last+1 {
			ranges = append(ranges, dayRange{inputs: inputs})
		}
		last = i
		current := &ranges[len(ranges)-1]
		current.days = append(current.days, d)
	}
	return ranges
}

// makeTable makes the empty table of a model, again when its columns are other ones now.
func (b *builder) makeTable(ctx context.Context, m *Model) error {
	if b.ledger.models[m.Name].fingerprint == m.Fingerprint && b.kinds[m.Name] == "table" {
		return nil
	}
	b.remade = true
	shape := " as select * from (" + m.SQL + "\n) limit 0"
	if m.Materialize == State {
		shape = " (" + m.StateColumns + ")"
	}
	if b.kinds[m.Name] != "table" {
		err := b.w.transact(ctx, func() error {
			if err := b.dropOther(ctx, m); err != nil {
				return err
			}
			return b.w.exec(ctx, "create table "+m.Name+shape)
		})
		return err
	}
	if err := b.w.exec(ctx, "create or replace temp table shape"+shape); err != nil {
		return err
	}
	schema, name, _ := strings.Cut(m.Name, ".")
	var same bool
	// Without days that were recorded, its rows are of another kind of model, or of one that is forgotten.
	if len(b.ledger.modelDays[m.Name]) == 0 {
		return b.remakeTable(ctx, m)
	}
	err := b.w.scalar(ctx, &same, `select coalesce(
		(select list((column_name, data_type) order by column_index) from duckdb_columns() where database_name = 'temp' and table_name = 'shape')
		= (select list((column_name, data_type) order by column_index) from duckdb_columns() where database_name = current_database() and schema_name = ? and table_name = ?), false)`, schema, name)
	if err != nil || same {
		return err
	}
	return b.remakeTable(ctx, m)
}

// remakeTable makes the table empty, in the shape of temp.shape.
func (b *builder) remakeTable(ctx context.Context, m *Model) error {
	err := b.w.transact(ctx, func() error {
		return b.w.exec(ctx, fmt.Sprintf("create or replace table %s as from temp.shape; delete from ops.model_days where model = %s", m.Name, quote(m.Name)))
	})
	if err == nil {
		delete(b.ledger.modelDays, m.Name)
	}
	return err
}

// dropVanished removes days that are not complete any more.
func (b *builder) dropVanished(ctx context.Context, m *Model, wanted []day) (int, error) {
	var gone []day
	for d := range b.ledger.modelDays[m.Name] {
		if _, found := slices.BinarySearch(wanted, d); !found {
			gone = append(gone, d)
		}
	}
	if len(gone) == 0 {
		return 0, nil
	}
	now := builtModel{fingerprint: m.Fingerprint, version: b.ledger.version(m.Name, nil, gone)}
	err := b.w.transact(ctx, func() error {
		days := "(" + listed(gone) + ")"
		err := b.w.exec(ctx, fmt.Sprintf("delete from %s where date in %s; delete from ops.model_days where model = %s and date in %s", m.Name, days, quote(m.Name), days))
		if err != nil {
			return err
		}
		return b.remember(ctx, m, now, 0)
	})
	if err == nil {
		b.ledger.built(m.Name, nil, gone, now)
	}
	return len(gone), err
}

// buildRange builds a range in one transaction; one that does not fit into memory is built with less, then in halves.
func (b *builder) buildRange(ctx context.Context, m *Model, r dayRange, step *Step) error {
	var rows int64
	err := b.thrifty(ctx, func() (err error) {
		rows, err = b.replaceRange(ctx, m, r)
		return err
	})
	if outOfMemory(err) && len(r.days) > 1 {
		// The halves take its place.
		b.thrift.batches = max(b.thrift.batches-1, 0) + 2
		if err := b.makeTable(ctx, m); err != nil {
			return err
		}
		half := len(r.days) / 2
		// The second half of a state model needs the first.
		if err := b.buildRange(ctx, m, dayRange{r.days[:half], r.inputs}, step); err != nil {
			return err
		}
		return b.buildRange(ctx, m, dayRange{r.days[half:], r.inputs}, step)
	}
	if err != nil {
		return err
	}
	step.Rows += rows
	step.Days += int64(len(r.days))
	return nil
}

func (b *builder) replaceRange(ctx context.Context, m *Model, r dayRange) (rows int64, err error) {
	first, last := r.days[0], r.days[len(r.days)-1]
	within := fmt.Sprintf("date between date '%s' and date '%s'", first, last)
	if err := b.w.exec(ctx, fmt.Sprintf("set variable from_date = date '%s'; set variable to_date = date '%s'", first, last)); err != nil {
		return 0, err
	}
	defer func() {
		// The variables mean "all days" to whoever uses the connection next.
		_ = b.w.exec(context.WithoutCancel(ctx), "reset variable from_date; reset variable to_date")
	}()
	verb, kind := "insert into "+m.Name+" by name", b.kinds[m.Name]
	if kind != "table" {
		verb = "create table " + m.Name + " as"
	}
	var fresh map[day]builtDay
	var now builtModel
	err = b.w.transact(ctx, func() error {
		if kind != "table" {
			if err := b.dropOther(ctx, m); err != nil {
				return err
			}
		} else if b.builtWithin(m, first, last) {
			if err := b.w.exec(ctx, fmt.Sprintf("delete from %s where %s", m.Name, within)); err != nil {
				return err
			}
		}
		if err := b.w.exec(ctx, fmt.Sprintf("%s select * from (%s\n) where %s%s", verb, m.SQL, within, without(r.days))); err != nil {
			return err
		}
		var err error
		if fresh, err = b.recordDays(ctx, m, &r, within); err != nil {
			return err
		}
		for _, one := range fresh {
			rows += one.rows
		}
		now = builtModel{fingerprint: m.Fingerprint, version: b.ledger.version(m.Name, fresh, nil)}
		return b.remember(ctx, m, now, rows)
	})
	if err != nil {
		b.kinds[m.Name] = kind
		return 0, err
	}
	b.remade = b.remade || kind != "table"
	b.ledger.built(m.Name, fresh, nil, now)
	return rows, nil
}

func (b *builder) builtWithin(m *Model, first, last day) bool {
	for d := range b.ledger.modelDays[m.Name] {
		if d >= first && d <= last {
			return true
		}
	}
	return false
}

// among is the condition that a date is one of the days, which are sorted.
func among(days []day) string {
	if len(days) == 0 {
		return "false"
	}
	return fmt.Sprintf("date between date '%s' and date '%s'%s", days[0], days[len(days)-1], without(days))
}

// without leaves out what lies between sorted days and is none of them.
func without(days []day) string {
	var gaps []day
	for i, d := range days[:len(days)-1] {
		for gap := d + 1; gap < days[i+1]; gap++ {
			gaps = append(gaps, gap)
		}
	}
	if len(gaps) == 0 {
		return ""
	}
	return " and date not in (" + listed(gaps) + ")"
}

// listed is a query for the days.
func listed(days []day) string { return "select unnest([" + dayTexts(days) + "]::date[])" }

// recordDays records what days were built from and what they hold: those of a range, days without rows included, or of a
// whole table those with rows.
func (b *builder) recordDays(ctx context.Context, m *Model, r *dayRange, within string) (map[day]builtDay, error) {
	made, where := "select distinct date, 0::ubigint as inputs from "+m.Name+" where date is not null", ""
	if r != nil {
		inputs := make([]string, len(r.days))
		for i, d := range r.days {
			inputs[i] = fmt.Sprint(r.inputs[d])
		}
		made = fmt.Sprintf("select unnest([%s]::date[]) as date, unnest([%s]::ubigint[]) as inputs", dayTexts(r.days), strings.Join(inputs, ", "))
		where = " where " + within
	}
	if len(b.ledger.modelDays[m.Name]) > 0 {
		forget := "delete from ops.model_days where model = " + quote(m.Name)
		if r != nil {
			forget += " and " + within
		}
		if err := b.w.exec(ctx, forget); err != nil {
			return nil, err
		}
	}
	fresh := map[day]builtDay{}
	return fresh, b.w.each(ctx, func(rows *sql.Rows) error {
		var date time.Time
		var one builtDay
		err := rows.Scan(&date, &one.inputs, &one.version, &one.rows)
		fresh[day(date.Unix()/86400)] = one
		return err
	}, fmt.Sprintf(`insert into ops.model_days
		select %[1]s, made.date, made.inputs, coalesce(content.version, 0), coalesce(content.row_count, 0), %[2]d
		from (%[3]s) as made
		left join (select date, hash(sum(hash(t)), count(*)) as version, count(*) as row_count from %[4]s as t%[5]s group by date) as content
			on content.date = made.date
		returning date, inputs, version, row_count`, quote(m.Name), b.run, made, m.Name, where))
}

// dayTexts is a list of days in SQL, without brackets.
func dayTexts(days []day) string {
	list := make([]string, len(days))
	for i, d := range slices.Sorted(slices.Values(days)) {
		list[i] = "'" + d.String() + "'"
	}
	return strings.Join(list, ", ")
}
