package engine

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/ccdexplorer/nightrunner/internal/wording"
)

// A document that is to be written to a destination is pending in ops.documents until the write has ended. After one that
// was cut off nobody knows whether it is there, or whether somebody else's is in its place. What the model still produces is
// compared with the destination and written again. Of the rest only what the destination proves to be ours counts as ours.

// proven is the temporary table with the pending documents of a destination that are ours.
func (k *work) proven() string { return fmt.Sprintf("temp.proven_documents_%d", k.to.index) }

// ours is the condition for documents of ops.documents that are certain to be ours.
func (k *work) ours() string {
	if !k.pending {
		return "is_pending is not true"
	}
	return "(is_pending is not true or id in (select id from " + k.proven() + "))"
}

// provePending asks the destination about pending documents that are not in temp.current_documents. What it cannot prove
// stays, and is told.
func (x *publisher) provePending(ctx context.Context, m *Model, k *work) error {
	mine := k.mine(m.Export)
	if err := x.w.scalar(ctx, &k.pending, "select count(*) > 0 from ops.documents where is_pending is true and "+mine); err != nil || !k.pending {
		return err
	}
	var ids []string
	since := Origin{Warehouse: x.origin.Warehouse}
	err := x.w.each(ctx, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id, &since.Run)
		ids = append(ids, id)
		return err
	}, fmt.Sprintf("select id, min(run_id) over () from ops.documents where is_pending is true and %s and id not in (select id from temp.current_documents) order by id", mine))
	if err != nil {
		return err
	}
	var ours, others []string
	if prover, is := k.to.Exporter.(Prover); is && len(ids) > 0 {
		if ours, others, err = prover.Prove(ctx, x.statistic(m), since, ids); err != nil {
			return err
		}
	}
	if len(others) > 0 {
		k.notes = append(k.notes, fmt.Sprintf("a run that was cut off may have written %s that nothing produces now; nothing proves that, so they stay: %s", wording.Count(int64(len(others)), "document"), firstFew(others)))
	}
	return x.listIDs(ctx, k.proven(), ours)
}

// settlePending makes proven documents ours and forgets the other ones that are not produced: the destination was asked, and
// asking again would tell nothing new.
func (x *publisher) settlePending(ctx context.Context, m *Model, k *work) error {
	if !k.pending {
		return nil
	}
	return x.w.transact(ctx, func() error {
		return x.w.exec(ctx, fmt.Sprintf(`update ops.documents set is_pending = false where is_pending is true and %[1]s and id in (select id from %[2]s);
			delete from ops.documents where is_pending is true and %[1]s and id not in (select id from temp.current_documents)`, k.mine(m.Export), k.proven()))
	})
}

// listIDs makes a temporary table of documents' keys.
func (x *publisher) listIDs(ctx context.Context, table string, ids []string) error {
	if err := x.w.exec(ctx, "create or replace temp table "+table+" (id varchar)"); err != nil {
		return err
	}
	in := &Intake{w: x.w}
	return in.insertRows(ctx, table, len(ids), func(i int) []any { return []any{ids[i]} })
}
