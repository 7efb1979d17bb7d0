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
