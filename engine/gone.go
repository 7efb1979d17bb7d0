package engine

import (
	"context"
	"database/sql"
	"fmt"
)

// gone are relations that were built from a SQL file that is no longer there.
func (b *builder) gone(ctx context.Context) ([]string, error) {
	var list []string
	return list, b.w.each(ctx, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		if b.p.byName[name] == nil {
			list = append(list, name)
		}
		return err
	}, "select model from ops.models order by model")
}

// forgetGone tells relations without a SQL file, or drops them. What they wait for is told no more.
func (b *builder) forgetGone(ctx context.Context) error {
	names, err := b.gone(ctx)
	if err != nil || len(names) == 0 {
		return err
	}
	if err := b.w.exec(ctx, "delete from ops.waiting where model in ("+literals(names)+")"); err != nil {
		return err
	}
	for _, name := range names {
		if !b.options.Prune {
			b.notes = append(b.notes, name+" has no SQL file any more: it stays until --prune")
			continue
		}
		err := b.w.transact(ctx, func() error {
			if kind := b.kinds[name]; kind != "" {
				if err := b.w.exec(ctx, "drop "+kind+" "+name); err != nil {
					return err
				}
			}
			return b.w.exec(ctx, fmt.Sprintf("delete from ops.models where model = %[1]s; delete from ops.model_days where model = %[1]s; delete from ops.check_results where model = %[1]s", quote(name)))
		})
		if err != nil {
			return fmt.Errorf("drop %s: %w", name, err)
		}
		delete(b.kinds, name)
		b.notes = append(b.notes, name+" has no SQL file any more: it is dropped")
	}
	return nil
}

// goneStatistics are statistics that a destination has from us and that no model exports any more.
func (x *publisher) goneStatistics(ctx context.Context, to *target) ([]string, error) {
	exported := map[string]bool{}
	for _, m := range x.p.Models {
		exported[m.Export] = true
	}
	var list []string
	err := x.w.each(ctx, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		if !exported[name] {
			list = append(list, name)
		}
		return err
	}, "select statistic from ops.exports where destination = ? order by statistic", to.Destination())
	return list, err
}

// removeGone tells such statistics, or removes their documents.
func (x *publisher) removeGone(ctx context.Context, to *target) (reports []ExportReport, err error) {
	names, err := x.goneStatistics(ctx, to)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		report, err := x.removeStatistic(ctx, to, name)
		if err != nil {
			return reports, fmt.Errorf("remove %s: %w", name, err)
		}
		reports = append(reports, report)
	}
	return reports, nil
}

func (x *publisher) removeStatistic(ctx context.Context, to *target, name string) (ExportReport, error) {
	report := ExportReport{Destination: to.Destination(), Statistic: name}
	mine := (&work{to: to}).mine(name)
	var ids []string
	err := x.w.each(ctx, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, "select id from ops.documents where "+mine+" order by id")
	if err != nil {
		return report, err
	}
	report.Stale, report.StaleIDs = int64(len(ids)), ids[:min(len(ids), shownIDs)]
	if !x.options.Prune {
		return report, nil
	}
	if err := to.Remove(ctx, &Publication{Statistic: Statistic{Name: name}, Origin: x.origin, GoneIDs: ids}); err != nil {
		return report, err
	}
	report.Deleted, report.Stale, report.StaleIDs = report.Stale, 0, nil
	return report, x.w.transact(ctx, func() error {
		return x.w.exec(ctx, "delete from ops.documents where "+mine+"; delete from ops.exports where "+mine)
	})
}
