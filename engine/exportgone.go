package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// headerColumns are those of ops.exports that hold a keptHeader.
const headerColumns = "collection, database, protect, guards"

// A keptHeader is what a model's header said of its statistic when it was exported last: the SQL file may be gone when its
// documents are to go. Not Valid: an earlier version of the program exported it.
type keptHeader struct {
	collection, database, protect, guards sql.NullString
}

func headerOf(m *Model) keptHeader {
	var guards []string
	for _, one := range m.Guards {
		guards = append(guards, one.Name())
	}
	text := func(value string) sql.NullString { return sql.NullString{String: value, Valid: true} }
	return keptHeader{text(m.Collection), text(m.Database), text(m.Protect), text(strings.Join(guards, "\n"))}
}

func (h *keptHeader) into() []any { return []any{&h.collection, &h.database, &h.protect, &h.guards} }

func (h *keptHeader) known() bool { return h.protect.Valid }

// literals of what a header says, in the order of headerColumns.
func (h *keptHeader) literals() string {
	return strings.Join([]string{quote(h.collection.String), quote(h.database.String), quote(h.protect.String), quote(h.guards.String)}, ", ")
}

func (h *keptHeader) assignments() string {
	return fmt.Sprintf("collection = %s, database = %s, protect = %s, guards = %s", quote(h.collection.String), quote(h.database.String), quote(h.protect.String), quote(h.guards.String))
}

// model is a stand-in for the model that is gone. Guards of columns have nothing to look at any more.
func (h *keptHeader) model(statistic string) (*Model, error) {
	m := &Model{Name: statistic, Export: statistic, Collection: h.collection.String, Database: h.database.String, Protect: h.protect.String}
	for line := range strings.Lines(h.guards.String) {
		if err := m.addGuard(strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("remembered guard: %w", err)
		}
	}
	m.Guards = slices.DeleteFunc(m.Guards, func(g Guard) bool { return g.Kind == neverDecreases })
	return m, nil
}

// A goneStatistic is one that a destination has from us and that no model exports any more.
type goneStatistic struct {
	name   string
	header keptHeader
}

func (x *publisher) goneStatistics(ctx context.Context, to *target) ([]goneStatistic, error) {
	exported := map[string]bool{}
	for _, m := range x.p.Models {
		exported[m.Export] = true
	}
	var list []goneStatistic
	err := x.w.each(ctx, func(rows *sql.Rows) error {
		var one goneStatistic
		err := rows.Scan(append([]any{&one.name}, one.header.into()...)...)
		if !exported[one.name] {
			list = append(list, one)
		}
		return err
	}, "select statistic, "+headerColumns+" from ops.exports where destination = ? order by statistic", to.Destination())
	return list, err
}

// removeGone tells such statistics, or lets remove delete their documents where that is asked for and no guard stops it.
func (x *publisher) removeGone(ctx context.Context, remove func(context.Context, *Model, *work) error) (reports []ExportReport, steps []Step, err error) {
	if x.options.Select != nil {
		return nil, nil, nil
	}
	for _, to := range x.targets {
		if to.lost != "" {
			continue
		}
		list, err := x.goneStatistics(ctx, to)
		if err != nil {
			return reports, steps, err
		}
		for _, one := range list {
			k := &work{to: to, step: Step{Phase: PhaseExport, Name: one.name, Status: StatusFresh}}
			if err := x.removeStatistic(ctx, k, one, remove); err != nil {
				return reports, steps, fmt.Errorf("remove %s: %w", one.name, err)
			}
			reports = append(reports, k.reports()...)
			if k.step.Status != StatusFresh {
				steps = append(steps, k.step)
			}
		}
	}
	return reports, steps, nil
}

func (x *publisher) removeStatistic(ctx context.Context, k *work, gone goneStatistic, remove func(context.Context, *Model, *work) error) error {
	m, err := gone.header.model(gone.name)
	if err != nil {
		return err
	}
	prune := x.options.Prune && gone.header.known()
	if err := x.compareGone(ctx, m, k, prune); err != nil {
		return err
	}
	if x.options.Prune && !prune {
		k.notes = append(k.notes, "an earlier version exported it, and what is protected of it is not known: its documents stay. Export it once more from its SQL file, then prune")
	}
	if !prune {
		return nil
	}
	k.preview = &Preview{}
	if err := x.watch(ctx, m, k); err != nil {
		return err
	}
	if why := k.stopped(); why != "" {
		k.step.Status, k.step.Message = StatusBlocked, fmt.Sprintf("%s: %s", k.to.Destination(), why)
		return nil
	}
	return remove(ctx, m, k)
}

// compareGone is compare where nothing is produced any more.
func (x *publisher) compareGone(ctx context.Context, m *Model, k *work, prune bool) error {
	if err := x.w.exec(ctx, "create or replace temp table current_documents (id varchar, date date, hash ubigint)"); err != nil {
		return err
	}
	if err := x.provePending(ctx, m, k); err != nil {
		return err
	}
	err := x.w.exec(ctx, fmt.Sprintf("create or replace temp table %s as select id, %t as is_gone from ops.documents where %s and %s",
		k.stale(), prune, k.mine(m.Export), k.ours()))
	if err != nil {
		return err
	}
	k.publication = &Publication{Statistic: x.statistic(m), Origin: x.origin}
	k.publication.StaleIDs, k.publication.GoneIDs, err = x.staleIDs(ctx, k)
	return err
}

// remove deletes the documents of a statistic and forgets them.
func (x *publisher) remove(ctx context.Context, m *Model, k *work) (err error) {
	if k.outcome, err = k.to.Remove(ctx, k.publication); err != nil {
		return err
	}
	k.step.Status, k.step.Rows = StatusDone, k.outcome.Deleted
	return x.w.transact(ctx, func() error {
		return x.w.exec(ctx, fmt.Sprintf("delete from ops.documents where %[1]s; delete from ops.exports where %[1]s", k.mine(m.Export)))
	})
}

// foreseeRemove is remove of a dry run.
func (x *publisher) foreseeRemove(ctx context.Context, m *Model, k *work) error {
	if to, is := k.to.Exporter.(Previewer); is && m.Protect != "" {
		writer, err := to.Preview(ctx, k.publication, PreviewOptions{})
		if err != nil {
			return err
		}
		k.outcome, err = writer.Finish(ctx)
		if err = errors.Join(err, writer.Abort()); err != nil {
			return err
		}
	}
	k.outcome.Deleted = int64(len(k.publication.GoneIDs) - len(k.outcome.Kept))
	return nil
}

// known names of statistics, also of those that are gone.
func (w *Warehouse) exportedNames(ctx context.Context, p *Project) (map[string]bool, error) {
	names := map[string]bool{}
	for _, m := range p.Models {
		if m.Export != "" {
			names[m.Export] = true
		}
	}
	return names, w.each(ctx, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names[name] = true
		return err
	}, "select distinct statistic from ops.exports")
}

// checkAccepted refuses names to accept that are no statistic's.
func (w *Warehouse) checkAccepted(ctx context.Context, p *Project, names []string) error {
	if len(names) == 0 {
		return nil
	}
	exported, err := w.exportedNames(ctx, p)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		one := ExportOptions{Accept: []string{name}}
		if !exported[name] && !slices.ContainsFunc(p.Models, func(m *Model) bool { return m.Export != "" && one.accepts(m) }) {
			errs = append(errs, WithHint(fmt.Errorf("%w: --accept %s: no such statistic", ErrUsage, name), "%s", Suggest("nearest: %s", name, exported)))
		}
	}
	return errors.Join(errs...)
}
