package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// write brings destinations to the state of a statistic that was compared with them.
func (x *publisher) write(ctx context.Context, m *Model, works []*work) {
	var feeds []*feed
	for _, one := range works {
		if one.failed() {
			continue
		}
		if err := x.settlePending(ctx, m, one); err != nil {
			one.fail(m, err)
			continue
		}
		if !one.publication.differs() {
			continue
		}
		f, err := x.begin(ctx, m, one)
		if err != nil {
			one.fail(m, err)
			continue
		}
		feeds = append(feeds, f)
	}
	for _, together := range x.passes(ctx, m, feeds) {
		x.pass(ctx, m, together)
	}
	for _, f := range feeds {
		x.finish(ctx, m, f)
	}
	for _, one := range works {
		if one.failed() {
			continue
		}
		if err := x.settle(ctx, m, one); err != nil {
			one.fail(m, err)
		}
	}
}

// differs reports whether there can be something to write.
func (p *Publication) differs() bool {
	return p != nil && (p.New+p.Changed > 0 || len(p.GoneIDs) > 0 || p.Everything && p.Same+int64(len(p.StaleIDs)) > 0)
}

// begin makes a destination ready. One that is written to document by document is marked first: where the write is cut off,
// the next run compares everything with what is there.
func (x *publisher) begin(ctx context.Context, m *Model, k *work) (*feed, error) {
	if k.to.Compares() {
		if err := x.remember(ctx, m, k); err != nil {
			return nil, err
		}
	}
	writer, err := k.to.Begin(ctx, k.publication)
	if err != nil {
		return nil, err
	}
	return newFeed(k, writer), nil
}

// finish makes durable what a destination was given.
func (x *publisher) finish(ctx context.Context, m *Model, f *feed) {
	k, err := f.work, f.err
	if err == nil {
		k.outcome, err = f.writer.Finish(ctx)
	}
	if err == nil && !k.to.Compares() {
		err = x.remember(ctx, m, k)
	}
	if err = errors.Join(err, f.writer.Abort()); err != nil {
		k.fail(m, err)
		return
	}
	if k.outcome.Wrote() {
		k.step.Status = StatusDone
	}
	k.step.Rows = k.outcome.Written
}

// remember brings ops.documents to what the destination is to have, documents that are deleted there aside, and says that
// its state is not certain yet. Where documents are written one by one, new ones are pending until they are.
func (x *publisher) remember(ctx context.Context, m *Model, k *work) error {
	replaced := ""
	if k.publication.Changed > 0 {
		replaced = fmt.Sprintf("delete from ops.documents where %s and id in (select id from %s where not is_new and not is_same);", k.mine(m.Export), k.altered())
	}
	since := fmt.Sprint(x.origin.Run)
	if k.pending {
		// A document that was pending may have been written by the run before, and no more.
		replaced += fmt.Sprintf(`create or replace temp table were_pending as select id, run_id from ops.documents where is_pending is true and %[1]s;
			delete from ops.documents where is_pending is true and %[1]s;`, k.mine(m.Export))
		since = fmt.Sprintf("coalesce((select min(run_id) from temp.were_pending as pending where pending.id = altered.id), %d)", x.origin.Run)
	}
	statement := fmt.Sprintf(`%s insert into ops.documents by name
		select %s as destination, %s as statistic, date, id, hash, %s as run_id, is_new and %t as is_pending from %s as altered where not is_same;`,
		replaced, quote(k.to.Destination()), quote(m.Export), since, k.to.Compares(), k.altered())
	if k.last.there {
		statement += "update ops.exports set state = '' where " + k.mine(m.Export)
	} else {
		header := headerOf(m)
		statement += fmt.Sprintf("insert into ops.exports (%s) values (%s, %s, '', '', 0, 0, 0, 0, 0, '', %s)", exportColumns, quote(k.to.Destination()), quote(m.Export), header.literals())
	}
	if err := x.w.transact(ctx, func() error { return x.w.exec(ctx, statement) }); err != nil {
		return fmt.Errorf("remember what is written: %w", err)
	}
	k.last.there = true
	return nil
}

// exportColumns are those of ops.exports in the order in which they are inserted.
const exportColumns = "destination, statistic, shape, state, version, document_count, stale_count, run_id, refused_count, published, " + headerColumns

// settle records what the destination has now, after its readers were told.
func (x *publisher) settle(ctx context.Context, m *Model, k *work) error {
	if err := x.forget(ctx, m, k); err != nil {
		return err
	}
	published, told, err := x.publish(ctx, m, k)
	if err != nil {
		return err
	}
	state := k.state
	if told || k.outcome.Wrote() {
		if state, err = k.to.State(ctx, x.statistic(m)); err != nil {
			return err
		}
	}
	header := headerOf(m)
	switch {
	case k.publication != nil:
		err = x.record(ctx, m, k, state, published)
	case told || header != k.last.header:
		err = x.w.exec(ctx, fmt.Sprintf("update ops.exports set published = %s, state = %s, %s where %s", quote(published), quote(state), header.assignments(), k.mine(m.Export)))
	}
	if err == nil && len(k.outcome.Refused) > 0 {
		return refusedError(k.outcome.Refused, "were refused, the others are there")
	}
	return err
}

// forget takes documents out of ops.documents that the destination does not have from us: deleted, missing, protected and
// refused ones. A refused one that replaces another of ours is remembered with a hash that nothing has. What is left is there.
func (x *publisher) forget(ctx context.Context, m *Model, k *work) error {
	if k.publication == nil {
		return nil
	}
	var refused []string
	for _, one := range k.outcome.Refused {
		refused = append(refused, one.ID)
	}
	err := errors.Join(x.listIDs(ctx, "temp.lost_documents", slices.Concat(k.outcome.Missing, k.outcome.Protected)), x.listIDs(ctx, "temp.refused_documents", refused))
	if err != nil {
		return err
	}
	return x.w.transact(ctx, func() error {
		return x.w.exec(ctx, fmt.Sprintf(`
			delete from ops.documents where %[1]s and id in (select id from %[2]s where is_gone union all select id from temp.lost_documents);
			delete from ops.documents where %[1]s and is_pending is true and id in (select id from temp.refused_documents);
			update ops.documents set hash = 0 where %[1]s and id in (select id from temp.refused_documents);
			update ops.documents set is_pending = false, run_id = %[3]d where %[1]s and is_pending is true`, k.mine(m.Export), k.stale(), x.origin.Run))
	})
}

// publish tells readers of the destination what they are reading, where that is something else than before.
func (x *publisher) publish(ctx context.Context, m *Model, k *work) (published string, told bool, err error) {
	to, is := k.to.Exporter.(Publisher)
	if !is {
		return "", false, nil
	}
	summary, err := x.summary(ctx, m, k)
	if err != nil {
		return "", false, err
	}
	encoded, err := json.Marshal(summary)
	if err != nil {
		return "", false, err
	}
	published = string(encoded)
	if !k.outcome.Wrote() && k.state != "" && published == k.last.published {
		return published, false, nil
	}
	return published, true, to.Publish(ctx, x.statistic(m), summary)
}

// summary is what readers are told: where nothing was compared, what they were told last, and the cut of now.
func (x *publisher) summary(ctx context.Context, m *Model, k *work) (Summary, error) {
	summary := Summary{}
	if k.publication == nil {
		if err := json.Unmarshal([]byte(k.last.published), &summary); err != nil {
			return summary, fmt.Errorf("read what was published: %w", err)
		}
	} else {
		err := x.w.conn.QueryRowContext(ctx, `select coalesce(min(date)::varchar, ''), coalesce(max(date)::varchar, ''), count(distinct date), count(*)
			from ops.documents where `+k.mine(m.Export)).Scan(&summary.FirstDay, &summary.LastDay, &summary.Days, &summary.Documents)
		if err != nil {
			return summary, err
		}
		summary.Stale = int64(len(k.publication.StaleIDs) - len(k.outcome.Missing))
		summary.Refused = int64(len(k.outcome.Refused))
	}
	summary.Origin, summary.Model, summary.Version = x.origin, m.Name, m.Fingerprint
	summary.CutDay, summary.CutHeight, summary.CutHash = x.cut.CutDay, x.cut.CutHeight, x.cut.CutHash
	return summary, nil
}

// record records that the destination has the model's version.
func (x *publisher) record(ctx context.Context, m *Model, k *work, state, published string) error {
	p, header := k.publication, headerOf(m)
	return x.w.transact(ctx, func() error {
		return x.w.exec(ctx, fmt.Sprintf(`delete from ops.exports where %[1]s;
			insert into ops.exports (%[13]s) values (%[2]s, %[3]s, %[4]s, %[5]s, %[6]d::ubigint, %[7]d, %[8]d, %[9]d, %[10]d, %[11]s, %[12]s)`,
			k.mine(m.Export), quote(k.to.Destination()), quote(m.Export), quote(k.shape), quote(state), k.version, p.New+p.Changed+p.Same,
			len(p.StaleIDs)-len(k.outcome.Missing), x.origin.Run, len(k.outcome.Refused), quote(published), header.literals(), exportColumns))
	})
}

// refusedError names the first documents that a destination did not take.
func refusedError(refused []Refusal, what string) error {
	const shown = 5
	var parts []string
	for _, one := range refused[:min(len(refused), shown)] {
		parts = append(parts, fmt.Sprintf("%s (%s)", one.ID, one.Reason))
	}
	text := strings.Join(parts, ", ")
	if len(refused) > shown {
		text += fmt.Sprintf(" and %d more", len(refused)-shown)
	}
	return fmt.Errorf("%d documents %s: %s", len(refused), what, text)
}
