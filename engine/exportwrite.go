package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// write brings destinations to the state of a statistic that was compared with them.
func (x *publisher) write(ctx context.Context, m *Model, works []*work) {
	var feeds []*feed
	for _, one := range works {
		if one.failed() || !one.publication.differs() {
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
// its state is not certain yet.
func (x *publisher) remember(ctx context.Context, m *Model, k *work) error {
	replaced := ""
	if k.publication.Changed > 0 {
		replaced = fmt.Sprintf("delete from ops.documents where %s and id in (select id from %s where not is_new and not is_same);", k.mine(m.Export), k.altered())
	}
	statement := fmt.Sprintf("%s insert into ops.documents select %s, %s, date, id, hash, %d from %s where not is_same;",
		replaced, quote(k.to.Destination()), quote(m.Export), x.origin.Run, k.altered())
	if k.last.there {
		statement += "update ops.exports set state = '' where " + k.mine(m.Export)
	} else {
		statement += fmt.Sprintf("insert into ops.exports values (%s, %s, '', '', 0, 0, 0, 0, 0, '')", quote(k.to.Destination()), quote(m.Export))
	}
	if err := x.w.transact(ctx, func() error { return x.w.exec(ctx, statement) }); err != nil {
		return fmt.Errorf("remember what is written: %w", err)
	}
	k.last.there = true
	return nil
}

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
	if k.publication != nil {
		err = x.record(ctx, m, k, state, published)
	} else if told {
		err = x.w.exec(ctx, "update ops.exports set published = ?, state = ? where "+k.mine(m.Export), published, state)
	}
	if err == nil && len(k.outcome.Refused) > 0 {
		return refusedError(k.outcome.Refused, "were refused, the others are there")
	}
	return err
}

// forget takes documents out of ops.documents that the destination does not have: deleted, missing and refused ones. A
// refused one that replaces another of ours is remembered with a hash that nothing has.
func (x *publisher) forget(ctx context.Context, m *Model, k *work) error {
	if k.publication == nil || len(k.publication.GoneIDs)+len(k.outcome.Missing)+len(k.outcome.Refused) == 0 {
		return nil
	}
	var refused []string
	for _, one := range k.outcome.Refused {
		refused = append(refused, one.ID)
	}
	mine := k.mine(m.Export)
	statement := fmt.Sprintf("delete from ops.documents where %s and id in (select id from %s where is_gone);", mine, k.stale())
	if len(k.outcome.Missing) > 0 {
		statement += fmt.Sprintf("delete from ops.documents where %s and id in (%s);", mine, literals(k.outcome.Missing))
	}
	if len(refused) > 0 {
		statement += fmt.Sprintf(`delete from ops.documents where %[1]s and id in (select id from %[3]s where is_new and id in (%[2]s));
			update ops.documents set hash = 0 where %[1]s and id in (%[2]s);`, mine, literals(refused), k.altered())
	}
	return x.w.transact(ctx, func() error { return x.w.exec(ctx, statement) })
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
	p := k.publication
	return x.w.transact(ctx, func() error {
		return x.w.exec(ctx, fmt.Sprintf(`delete from ops.exports where %[1]s;
			insert into ops.exports values (%[2]s, %[3]s, %[4]s, %[5]s, %[6]d::ubigint, %[7]d, %[8]d, %[9]d, %[10]d, %[11]s)`,
			k.mine(m.Export), quote(k.to.Destination()), quote(m.Export), quote(k.shape), quote(state), k.version, p.New+p.Changed+p.Same,
			len(p.StaleIDs)-len(k.outcome.Missing), x.origin.Run, len(k.outcome.Refused), quote(published)))
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
