package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/zeebo/xxh3"
)

// BuildOptions of a build.
type BuildOptions struct {
	// Select limits what is built; nil is everything.
	Select map[string]bool
	// From and To bound the days that are built; zero is open. State models are built from their first stale day on.
	From, To time.Time
	// Full rebuilds what is selected whatever is known of it. Prune drops relations whose SQL file is gone.
	Full, Prune bool
	// Stop, when closed, ends the build after the current model.
	Stop <-chan struct{}
}

// ErrStopped is returned by what was asked to stop and did so between two steps.
var ErrStopped = errors.New("stopped on request")

func stopped(ctx context.Context, stop <-chan struct{}) error {
	select {
	case <-stop:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	default:
		return nil
	}
}

// builder builds the models of a project for one run.
type builder struct {
	w        *Warehouse
	p        *Project
	run      int64
	options  BuildOptions
	observer Observer
	now      func() time.Time
	// bad are the models that failed or were blocked.
	bad map[string]string
	// made are the models that were built and from which fingerprint; kinds are the tables and views that exist.
	made  map[string]string
	kinds map[string]string
	// wanted is the key of the requirements that temp.wanted_days holds now.
	wanted string
	// remade: a table or view was made anew.
	remade bool
	steps  []Step
	notes  []string
}

// Build brings models up to date, in order. A model that fails blocks what reads it; the others go on. The error is for
// troubles of the warehouse itself or a cancelled context.
func (w *Warehouse) Build(ctx context.Context, p *Project, run int64, o BuildOptions, observer Observer) (steps []Step, notes []string, err error) {
	b := &builder{w: w, p: p, run: run, options: o, observer: observer, now: w.now, bad: map[string]string{}, made: map[string]string{}}
	err = b.models(ctx)
	return b.steps, b.notes, err
}

func (b *builder) models(ctx context.Context) error {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if err := b.forgetGone(ctx); err != nil {
		return err
	}
	if fresh, err := b.nothingToDo(ctx); err != nil || fresh {
		return err
	}
	if err := b.w.markMatched(ctx, b.p); err != nil {
		return err
	}
	for i, m := range b.p.Models {
		if err := stopped(ctx, b.options.Stop); err != nil {
			return err
		}
		if b.options.Select != nil && !b.options.Select[m.Name] {
			continue
		}
		b.step(ctx, m, i+1)
	}
	if err := b.finish(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

func (b *builder) prepare(ctx context.Context) error {
	for _, schema := range []string{"stg", "mid", "stat"} {
		if err := b.w.exec(ctx, "create schema if not exists "+schema); err != nil {
			return fmt.Errorf("create schema %s: %w", schema, err)
		}
	}
	err := b.w.each(ctx, func(rows *sql.Rows) error {
		var name, fingerprint string
		err := rows.Scan(&name, &fingerprint)
		b.made[name] = fingerprint
		return err
	}, "select model, fingerprint from ops.models")
	if err != nil {
		return fmt.Errorf("read ops.models: %w", err)
	}
	b.kinds = map[string]string{}
	err = b.w.each(ctx, func(rows *sql.Rows) error {
		var name, kind string
		err := rows.Scan(&name, &kind)
		b.kinds[name] = kind
		return err
	}, `select schema_name || '.' || table_name, 'table' from duckdb_tables() where database_name = current_database()
		union all select schema_name || '.' || view_name, 'view' from duckdb_views() where not internal and database_name = current_database()`)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	return nil
}

// nothingToDo compares all that could make anything stale with what it was after the last complete build.
func (b *builder) nothingToDo(ctx context.Context) (bool, error) {
	if b.options.Full {
		return false, nil
	}
	state, err := b.state(ctx)
	if err != nil {
		return false, err
	}
	known, err := b.w.setting(ctx, "built")
	return known == state, err
}

func (b *builder) state(ctx context.Context) (string, error) {
	var sources uint64
	err := b.w.scalar(ctx, &sources, `select hash(sum(hash(table_name, version)::hugeint), (select count(*) from ops.changed_keys),
		(select sum(hash(table_name, height)::hugeint) from raw.loaded_heights)) from ops.source_tables`)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%x", sources)
	fmt.Fprintf(&text, " %x", b.p.descriptions())
	for _, m := range b.p.Models {
		fmt.Fprintf(&text, " %s %s", m.Name, m.Fingerprint)
	}
	return fmt.Sprintf("%x", xxh3.HashString128(text.String()).Bytes()), nil
}

// finish puts comments on what was made and, when everything is built, remembers from what.
func (b *builder) finish(ctx context.Context) error {
	if err := b.comment(ctx); err != nil {
		return fmt.Errorf("comment on models: %w", err)
	}
	complete := b.options.Select == nil && b.options.From.IsZero() && b.options.To.IsZero() && len(b.bad) == 0
	state := ""
	if complete {
		var err error
		if state, err = b.state(ctx); err != nil {
			return err
		}
	}
	return b.w.set(ctx, "built", state)
}

// step builds one model and reports it.
func (b *builder) step(ctx context.Context, m *Model, position int) {
	step := Step{Phase: PhaseBuild, Name: m.Name, Status: StatusFresh}
	if blocker := b.blockedBy(m); blocker != "" {
		step.Status, step.Message = StatusBlocked, blocker+" "+b.bad[blocker]
		b.bad[m.Name] = "is blocked"
		b.report(step)
		return
	}
	b.observer.Begin(PhaseBuild, m.Name, position, len(b.p.Models))
	start := b.now()
	err := b.build(ctx, m, &step)
	step.Seconds = b.now().Sub(start).Seconds()
	if err != nil {
		step.Status, step.Message = StatusFailed, modelProblem(m, err).Error()
		b.bad[m.Name] = "failed"
	}
	b.report(step)
}

func (b *builder) report(step Step) {
	b.steps = append(b.steps, step)
	b.observer.End(step)
}

func (b *builder) blockedBy(m *Model) string {
	for _, name := range b.p.needs(m) {
		if b.bad[name] != "" {
			return name
		}
	}
	return ""
}

// modelProblem names file and line of what DuckDB says.
func modelProblem(m *Model, err error) error {
	return &ModelError{File: m.File, Line: errorLine(err), Err: err}
}

func (b *builder) build(ctx context.Context, m *Model, step *Step) error {
	switch m.Materialize {
	case View:
		return b.buildView(ctx, m, step)
	case Table:
		return b.buildTable(ctx, m, step)
	default:
		return b.buildDays(ctx, m, step)
	}
}

func (b *builder) buildView(ctx context.Context, m *Model, step *Step) error {
	if b.made[m.Name] != m.Fingerprint || b.options.Full {
		err := b.w.transact(ctx, func() error {
			if err := b.dropOther(ctx, m); err != nil {
				return err
			}
			if err := b.w.exec(ctx, "create or replace view "+m.Name+" as "+m.SQL); err != nil {
				return err
			}
			return b.remember(ctx, m, 0, 0)
		})
		if err != nil {
			return err
		}
		b.describe()
		step.Status = StatusDone
	}
	if m.Export == "" || !m.Daily() {
		return nil
	}
	// An exported view says what it waits for as a table does.
	return b.wantedDays(ctx, m)
}

func (b *builder) buildTable(ctx context.Context, m *Model, step *Step) error {
	in := b.p.inputs(m)
	version, err := b.w.everythingVersion(ctx, in)
	if err != nil {
		return err
	}
	filter := ""
	if m.Daily() {
		if err := b.wantedDays(ctx, m); err != nil {
			return err
		}
		var days uint64
		if err := b.w.scalar(ctx, &days, "select hash(sum(hash(date)::hugeint)) from temp.wanted_days"); err != nil {
			return err
		}
		version ^= days
		filter = " where date in (select date from temp.wanted_days)"
	}
	var fresh bool
	err = b.w.scalar(ctx, &fresh, "select count(*) > 0 from ops.models where model = ? and fingerprint = ? and inputs = ?::ubigint", m.Name, m.Fingerprint, fmt.Sprint(version))
	if err != nil || fresh && !b.options.Full {
		return err
	}
	step.Status = StatusDone
	err = b.w.transact(ctx, func() error {
		if err := b.dropOther(ctx, m); err != nil {
			return err
		}
		statement := "create or replace table " + m.Name + " as select * from (" + m.SQL + "\n)" + filter
		if err := b.w.exec(ctx, statement); err != nil {
			return err
		}
		if m.Daily() {
			if err := b.recordTableDays(ctx, m); err != nil {
				return err
			}
		}
		if err := b.w.scalar(ctx, &step.Rows, "select count(*) from "+m.Name); err != nil {
			return err
		}
		return b.remember(ctx, m, version, step.Rows)
	})
	if err == nil {
		b.describe()
	}
	return err
}

// recordTableDays records the content of a table's days, so that what reads it by day rebuilds only days that differ.
func (b *builder) recordTableDays(ctx context.Context, m *Model) error {
	return b.w.exec(ctx, fmt.Sprintf(`delete from ops.model_days where model = %[2]s;
		insert into ops.model_days
		select %[2]s, date, 0, hash(sum(hash(t)), count(*)), count(*), %[3]d from %[1]s as t group by date`, m.Name, quote(m.Name), b.run))
}

// remember records what was made: the version of a whole table, or of the days of a daily one.
func (b *builder) remember(ctx context.Context, m *Model, inputs uint64, rows int64) error {
	version := "0::ubigint"
	switch {
	case m.Stored() && m.Daily():
		version = "select hash(sum(hash(date, version)), count(*)) from ops.model_days where model = " + quote(m.Name)
	case m.Stored():
		version = "select hash(sum(hash(t)), count(*)) from " + m.Name + " as t"
	}
	b.made[m.Name] = m.Fingerprint
	return b.w.exec(ctx, fmt.Sprintf(`delete from ops.models where model = %[1]s;
		insert into ops.models values (%[1]s, %[2]s, %[3]s, (%[4]s), %[5]d::ubigint, %[6]d, %[7]d)`,
		quote(m.Name), quote(m.Materialize), quote(m.Fingerprint), version, inputs, rows, b.run))
}

// dropOther makes room when a model was a view and becomes a table, or the other way round.
func (b *builder) dropOther(ctx context.Context, m *Model) error {
	kind, now := b.kinds[m.Name], "view"
	if m.Stored() {
		now = "table"
	}
	b.kinds[m.Name] = now
	if kind == "" || kind == now {
		return nil
	}
	return b.w.exec(ctx, "drop "+kind+" "+m.Name+"; delete from ops.model_days where model = "+quote(m.Name))
}

// buildDays builds the stale days of an incremental or state model.
func (b *builder) buildDays(ctx context.Context, m *Model, step *Step) error {
	before := b.made[m.Name]
	if before != m.Fingerprint {
		if err := b.makeTable(ctx, m); err != nil {
			return err
		}
	}
	if err := b.wantedDays(ctx, m); err != nil {
		return err
	}
	if b.options.Full {
		if err := b.w.exec(ctx, "update ops.model_days set inputs = 0 where model = "+quote(m.Name)+" and "+between("date", b.options.From, b.options.To)); err != nil {
			return err
		}
	}
	if err := b.w.staleDays(ctx, b.p, m, b.options.From, b.options.To); err != nil {
		return err
	}
	vanished, err := b.dropVanished(ctx, m)
	if err != nil {
		return err
	}
	ranges, err := b.staleRanges(ctx)
	if err != nil {
		return err
	}
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
	if len(ranges) == 0 && before != m.Fingerprint {
		return b.remember(ctx, m, 0, 0)
	}
	return nil
}

// wantedDays fills temp.wanted_days for a model, unless they are those of the model before, and records what waits.
func (b *builder) wantedDays(ctx context.Context, m *Model) error {
	key := fmt.Sprint(b.p.Requirements(m))
	if len(b.p.Requirements(m)) == 0 {
		key = m.Name
	}
	if key != b.wanted {
		if err := b.w.wantedDays(ctx, b.p, m); err != nil {
			return err
		}
		b.wanted = key
	}
	return b.w.waitingFor(ctx, b.p, m)
}

// makeTable makes the empty table of a model, again when its columns are other ones now.
func (b *builder) makeTable(ctx context.Context, m *Model) (err error) {
	defer func() {
		if err == nil {
			b.describe()
		}
	}()
	existed := b.kinds[m.Name] == "table"
	shape := " as select * from (" + m.SQL + "\n) limit 0"
	if m.Materialize == State {
		shape = " (" + m.StateColumns + ")"
	}
	if !existed {
		return b.w.transact(ctx, func() error {
			if err := b.dropOther(ctx, m); err != nil {
				return err
			}
			return b.w.exec(ctx, "create table "+m.Name+shape)
		})
	}
	if err := b.w.exec(ctx, "create or replace temp table shape"+shape); err != nil {
		return err
	}
	schema, name, _ := strings.Cut(m.Name, ".")
	var same bool
	err = b.w.scalar(ctx, &same, `select coalesce(
		(select list((column_name, data_type) order by column_index) from duckdb_columns() where database_name = 'temp' and table_name = 'shape')
		= (select list((column_name, data_type) order by column_index) from duckdb_columns() where database_name = current_database() and schema_name = ? and table_name = ?), false)`, schema, name)
	if err != nil || same {
		return err
	}
	return b.w.transact(ctx, func() error {
		return b.w.exec(ctx, fmt.Sprintf("create or replace table %s as from temp.shape; delete from ops.model_days where model = %s", m.Name, quote(m.Name)))
	})
}

// dropVanished removes days that are not complete any more.
func (b *builder) dropVanished(ctx context.Context, m *Model) (int64, error) {
	var days int64
	gone := fmt.Sprintf("select date from ops.model_days where model = %s and date not in (select date from temp.wanted_days)", quote(m.Name))
	if err := b.w.scalar(ctx, &days, "select count(*) from ("+gone+")"); err != nil || days == 0 {
		return 0, err
	}
	return days, b.w.transact(ctx, func() error {
		err := b.w.exec(ctx, fmt.Sprintf("delete from %s where date in (%s); delete from ops.model_days where model = %s and date in (%s)", m.Name, gone, quote(m.Name), gone))
		if err != nil {
			return err
		}
		return b.remember(ctx, m, 0, 0)
	})
}

type dayRange struct{ days []time.Time }

// staleRanges groups temp.stale_days into runs of neighbours among the wanted days.
func (b *builder) staleRanges(ctx context.Context) ([]dayRange, error) {
	var ranges []dayRange
	last := int64(-2)
	err := b.w.each(ctx, func(rows *sql.Rows) error {
		var date time.Time
		var position int64
		if err := rows.Scan(&date, &position); err != nil {
			return err
		}
		if position != last+1 {
			ranges = append(ranges, dayRange{})
		}
		last = position
		current := &ranges[len(ranges)-1]
		current.days = append(current.days, date)
		return nil
	}, `select stale.date, wanted.position
		from temp.stale_days as stale
		join (select date, row_number() over (order by date) as position from temp.wanted_days) as wanted on wanted.date = stale.date
		order by stale.date`)
	return ranges, err
}

// buildRange builds a range in one transaction; one that does not fit into memory is built in halves.
func (b *builder) buildRange(ctx context.Context, m *Model, r dayRange, step *Step) error {
	rows, err := b.replaceRange(ctx, m, r)
	var duck *duckdb.Error
	if errors.As(err, &duck) && duck.Type == duckdb.ErrorTypeOutOfMemory && len(r.days) > 1 {
		half := len(r.days) / 2
		return errors.Join(b.buildRange(ctx, m, dayRange{r.days[:half]}, step), b.buildRange(ctx, m, dayRange{r.days[half:]}, step))
	}
	if err != nil {
		return err
	}
	step.Rows += rows
	step.Days += int64(len(r.days))
	return nil
}

func (b *builder) replaceRange(ctx context.Context, m *Model, r dayRange) (int64, error) {
	from, to := r.days[0].Format(time.DateOnly), r.days[len(r.days)-1].Format(time.DateOnly)
	within := fmt.Sprintf("date between date '%s' and date '%s'", from, to)
	if err := b.w.exec(ctx, fmt.Sprintf("set variable from_date = date '%s'; set variable to_date = date '%s'", from, to)); err != nil {
		return 0, err
	}
	defer func() {
		// The variables mean "all days" to whoever uses the connection next.
		_ = b.w.exec(context.WithoutCancel(ctx), "reset variable from_date; reset variable to_date")
	}()
	var rows int64
	err := b.w.transact(ctx, func() error {
		if err := b.w.exec(ctx, fmt.Sprintf("delete from %s where %s", m.Name, within)); err != nil {
			return err
		}
		result, err := b.w.conn.ExecContext(ctx, fmt.Sprintf("insert into %s by name select * from (%s\n) where %s and date in (select date from temp.stale_days)", m.Name, m.SQL, within))
		if err != nil {
			return err
		}
		if rows, err = result.RowsAffected(); err != nil {
			return err
		}
		if err := b.recordDays(ctx, m, within); err != nil {
			return err
		}
		return b.remember(ctx, m, 0, rows)
	})
	return rows, err
}

// recordDays records what the days were built from and what they hold, days without rows included.
func (b *builder) recordDays(ctx context.Context, m *Model, within string) error {
	return b.w.exec(ctx, fmt.Sprintf(`
		delete from ops.model_days where model = %[2]s and %[3]s and date in (select date from temp.stale_days);
		insert into ops.model_days
		select %[2]s, stale.date, stale.inputs, coalesce(content.version, 0), coalesce(content.row_count, 0), %[4]d
		from (from temp.stale_days where %[3]s) as stale
		left join (
			select date, hash(sum(hash(t)), count(*)) as version, count(*) as row_count from %[1]s as t where %[3]s group by date
		) as content on content.date = stale.date`, m.Name, quote(m.Name), within, b.run))
}
