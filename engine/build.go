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

	"github.com/duckdb/duckdb-go/v2"
	"github.com/zeebo/xxh3"

	"github.com/ccdexplorer/nightrunner/internal/machine"
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
	bad    map[string]string
	ledger *ledger
	// kinds are the tables and views that exist.
	kinds map[string]string
	// remade: a table or view was made anew.
	remade bool
	// thrift is of the model at work.
	thrift thrift
	steps  []Step
	notes  []string
}

// Build brings models up to date, in order. A model that fails blocks what reads it; the others go on. The error is for
// troubles of the warehouse itself or a cancelled context.
func (w *Warehouse) Build(ctx context.Context, p *Project, run int64, o BuildOptions, observer Observer) (steps []Step, notes []string, err error) {
	b := &builder{w: w, p: p, run: run, options: o, observer: observer, now: w.now, bad: map[string]string{}}
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
	var err error
	if b.ledger, err = readLedger(ctx, b.w, b.p); err != nil {
		return err
	}
	// A build that is cut off leaves models of this state of things: the next one looks at all.
	if err := b.w.set(ctx, "built", ""); err != nil {
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
	var err error
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
	resettable := machine.ResetPeak()
	err := b.build(ctx, m, &step)
	saved, spendErr := b.spend(context.WithoutCancel(ctx))
	if saved != "" {
		step.Message = saved
		b.notes = append(b.notes, m.Name+": "+saved)
	}
	step.Seconds = b.now().Sub(start).Seconds()
	if resettable {
		step.PeakMemory = machine.Peak()
	}
	if err = errors.Join(err, spendErr); err != nil {
		step.Status, step.Message = StatusFailed, b.w.modelProblem(ctx, b.p, m, err).Error()
		if duck := (*duckdb.Error)(nil); errors.As(err, &duck) && mayBeDamage(duck.Type) {
			step.Message += " (the disk is full, or the warehouse is damaged: nightrunner snapshots rollback RUN goes back to a snapshot)"
		}
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
	if b.ledger.models[m.Name].fingerprint != m.Fingerprint || b.options.Full {
		err := b.w.transact(ctx, func() error {
			if err := b.dropOther(ctx, m); err != nil {
				return err
			}
			if err := b.w.exec(ctx, "create or replace view "+m.Name+" as "+m.SQL); err != nil {
				return err
			}
			return b.remember(ctx, m, builtModel{fingerprint: m.Fingerprint}, 0)
		})
		if err != nil {
			return err
		}
		b.ledger.models[m.Name] = builtModel{fingerprint: m.Fingerprint}
		b.remade, step.Status = true, StatusDone
	}
	if m.Export == "" || !m.Daily() {
		return nil
	}
	// An exported view says what it waits for as a table does.
	_, err := b.wantedDays(ctx, m)
	return err
}

func (b *builder) buildTable(ctx context.Context, m *Model, step *Step) error {
	var wanted []day
	filter := ""
	if m.Daily() {
		var err error
		if wanted, err = b.wantedDays(ctx, m); err != nil {
			return err
		}
		filter = " where " + among(wanted)
	}
	now := builtModel{fingerprint: m.Fingerprint, inputs: b.ledger.everything(m, wanted)}
	was, there := b.ledger.models[m.Name]
	if there && was.fingerprint == now.fingerprint && was.inputs == now.inputs && !b.options.Full {
		return nil
	}
	step.Status = StatusDone
	var fresh map[day]builtDay
	kind := b.kinds[m.Name]
	err := b.thrifty(ctx, func() error {
		b.kinds[m.Name] = kind
		return b.w.transact(ctx, func() (err error) {
			fresh, err = b.fillTable(ctx, m, step, &now, filter)
			return err
		})
	})
	if err != nil {
		b.kinds[m.Name] = kind
		return err
	}
	b.ledger.built(m.Name, nil, slices.Collect(maps.Keys(b.ledger.modelDays[m.Name])), now)
	b.ledger.built(m.Name, fresh, nil, now)
	b.remade = true
	return nil
}

// fillTable makes the table with all its rows, and records what it holds.
func (b *builder) fillTable(ctx context.Context, m *Model, step *Step, now *builtModel, filter string) (fresh map[day]builtDay, err error) {
	if err := b.dropOther(ctx, m); err != nil {
		return nil, err
	}
	if err := b.w.exec(ctx, "create or replace table "+m.Name+" as select * from ("+m.SQL+"\n)"+filter); err != nil {
		return nil, err
	}
	step.Rows = 0
	if m.Daily() {
		if fresh, err = b.recordDays(ctx, m, nil, ""); err != nil {
			return nil, err
		}
		for _, one := range fresh {
			step.Rows += one.rows
		}
		now.version = b.ledger.version(m.Name, fresh, slices.Collect(maps.Keys(b.ledger.modelDays[m.Name])))
	} else if err := b.w.conn.QueryRowContext(ctx, "select hash(sum(hash(t)), count(*)), count(*) from "+m.Name+" as t").Scan(&now.version, &step.Rows); err != nil {
		return nil, err
	}
	return fresh, b.remember(ctx, m, *now, step.Rows)
}

// remember records what was made, within the transaction that made it.
func (b *builder) remember(ctx context.Context, m *Model, now builtModel, rows int64) error {
	forget := ""
	if _, there := b.ledger.models[m.Name]; there {
		forget = "delete from ops.models where model = " + quote(m.Name) + "; "
	}
	return b.w.exec(ctx, fmt.Sprintf("%sinsert into ops.models values (%s, %s, %s, %d::ubigint, %d::ubigint, %d, %d)",
		forget, quote(m.Name), quote(m.Materialize), quote(now.fingerprint), now.version, now.inputs, rows, b.run))
}

// wantedDays are the days of a model that have all they require; what the others wait for is recorded.
func (b *builder) wantedDays(ctx context.Context, m *Model) ([]day, error) {
	wanted, missing, err := b.ledger.wanted(ctx, m)
	if err != nil {
		return nil, err
	}
	return wanted, b.ledger.wait(ctx, m, missing)
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
