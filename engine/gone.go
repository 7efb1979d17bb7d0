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
func (x *publisher) goneStatistics(ctx context.Context) ([]string, error) {
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
	}, "select statistic from ops.exports where destination = ? order by statistic", x.to.Destination())
	return list, err
}

// removeGone tells such statistics, or removes their documents.
func (x *publisher) removeGone(ctx context.Context) (reports []ExportReport, err error) {
	names, err := x.goneStatistics(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		report := ExportReport{Destination: x.to.Destination(), Statistic: name}
		mine := fmt.Sprintf("destination = %s and statistic = %s", quote(x.to.Destination()), quote(name))
		if err := x.w.scalar(ctx, &report.Stale, "select count(*) from ops.documents where "+mine); err != nil {
			return reports, err
		}
		if x.options.Prune {
			if err := x.to.Remove(ctx, name); err != nil {
				return reports, fmt.Errorf("remove %s: %w", name, err)
			}
			err := x.w.transact(ctx, func() error {
				return x.w.exec(ctx, "delete from ops.documents where "+mine+"; delete from ops.exports where "+mine)
			})
			if err != nil {
				return reports, err
			}
			report.Deleted, report.Stale = report.Stale, 0
		}
		reports = append(reports, report)
	}
	return reports, nil
}
