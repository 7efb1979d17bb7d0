package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// prepare finds out, destination by destination, what is new, changed, the same and stale of a statistic. Nothing is written.
func (x *publisher) prepare(ctx context.Context, m *Model) []*work {
	works := make([]*work, len(x.targets))
	var compared []*work
	for i, to := range x.targets {
		one := &work{to: to, step: Step{Phase: PhaseExport, Name: m.Export, Status: StatusFresh}}
		works[i] = one
		if to.lost != "" {
			to.held[m.Name] = fmt.Sprintf("%s was given up at %s", to.Destination(), to.lost)
		}
		if why := to.held[m.Name]; why != "" {
			one.step.Status, one.step.Message = StatusBlocked, why
			continue
		}
		known, err := x.look(ctx, m, one)
		switch {
		case err != nil:
			one.fail(m, err)
		case !known:
			compared = append(compared, one)
		}
	}
	if len(compared) == 0 {
		return works
	}
	scope, err := x.current(ctx, m, compared)
	for _, one := range compared {
		// What goes wrong at one destination is none of the others' business.
		failed := err
		if failed == nil {
			failed = x.provePending(ctx, m, one)
		}
		if failed == nil {
			one.publication, failed = x.compare(ctx, m, one, scope)
		}
		if failed != nil {
			one.fail(m, failed)
		}
	}
	return works
}

// look reads what is known of a destination, and reports whether it has the model's version already.
func (x *publisher) look(ctx context.Context, m *Model, k *work) (known bool, err error) {
	if _, built := x.versions[m.Name]; !built {
		return false, WithHint(errors.New("it is not built yet"), "nightrunner build --select %s", m.Export)
	}
	if k.last, err = x.last(ctx, k.to, m); err != nil {
		return false, err
	}
	if k.shape, err = x.shape(m); err != nil {
		return false, err
	}
	if k.state, err = k.to.State(ctx, x.statistic(m)); err != nil {
		return false, err
	}
	k.version = x.versions.of(x.p, m)
	k.here = k.state != "" && k.state == k.last.state
	prune := k.last.stale > 0 && x.options.Prune
	return k.here && k.last.shape == k.shape && k.last.version == k.version && k.last.refused == 0 && !prune && !x.everything(m, k), nil
}

// everything: all documents count as altered. Of a collection that others write to as well, what it holds is read every time.
func (x *publisher) everything(m *Model, k *work) bool {
	return !k.here || k.last.shape != k.shape || x.options.Verify || m.Collection+m.Protect != "" && k.to.Compares()
}

// scope is a query for the days that can differ at a destination, "" for all.
func (x *publisher) scope(m *Model, k *work) string {
	// Stale documents can be of any day, refused ones too: while there are some, all days are compared.
	if x.everything(m, k) || k.last.stale > 0 || k.last.refused > 0 {
		return ""
	}
	return x.p.builtDays(m, k.last.run)
}

// current makes temp.current_documents: keys and hashes of the documents that the model has now. It returns the days that
// are compared, for all destinations the same.
func (x *publisher) current(ctx context.Context, m *Model, works []*work) (scope string, err error) {
	scope = x.scope(m, works[0])
	for _, one := range works[1:] {
		if x.scope(m, one) != scope {
			scope = ""
		}
	}
	date := "null::date"
	if m.Daily() {
		date = "date"
	}
	err = x.w.exec(ctx, fmt.Sprintf("create or replace temp table current_documents as select _id as id, %s as date, hash(t) as hash from %s as t%s", date, m.Name, within(scope)))
	if err != nil {
		return "", err
	}
	return scope, x.checkKeys(ctx)
}

// checkKeys refuses documents without a key, or with the key of another one. Hashes of keys tell fast that all differ.
func (x *publisher) checkKeys(ctx context.Context) error {
	var total, distinct, nulls int64
	err := x.w.conn.QueryRowContext(ctx, "select count(*), count(distinct hash(id)), count(*) filter (id is null) from temp.current_documents").Scan(&total, &distinct, &nulls)
	if err != nil || nulls == 0 && distinct == total {
		return err
	}
	if err := x.w.scalar(ctx, &distinct, "select count(distinct id) from temp.current_documents"); err != nil || nulls == 0 && distinct == total {
		return err
	}
	return WithHint(fmt.Errorf("%d rows have the _id of another row, %d have none", total-nulls-distinct, nulls), "add `-- check: unique _id` to see them")
}

func within(scope string) string {
	if scope == "" {
		return ""
	}
	return " where date in (" + scope + ")"
}

// altered is the temporary table with the documents that are new or changed at a destination.
func (k *work) altered() string { return fmt.Sprintf("temp.altered_documents_%d", k.to.index) }

// stale is the temporary table with the documents of a destination that nothing produces any more.
func (k *work) stale() string { return fmt.Sprintf("temp.stale_documents_%d", k.to.index) }

// mine is the condition for the rows of ops.* that are about a statistic at a destination.
func (k *work) mine(statistic string) string {
	return fmt.Sprintf("destination = %s and statistic = %s", quote(k.to.Destination()), quote(statistic))
}

// compare finds what is new, changed, the same and stale at a destination.
func (x *publisher) compare(ctx context.Context, m *Model, k *work, scope string) (*Publication, error) {
	everything := x.everything(m, k)
	had := k.mine(m.Export) + " and " + k.ours()
	if scope != "" {
		had += fmt.Sprintf(" and (date in (%s) or date not in (select date from %s))", scope, m.Name)
	}
	err := x.w.exec(ctx, fmt.Sprintf(`
		create or replace temp table compared_documents as
			select coalesce(now.id, was.id) as id, coalesce(now.date, was.date) as date, now.hash,
				was.id is null as is_new, was.hash is not distinct from now.hash as is_same, now.id is null as is_stale
			from temp.current_documents as now
			full join (from ops.documents where %[3]s) as was on was.id = now.id
			where %[4]t or was.hash is distinct from now.hash;
		create or replace temp table %[1]s as select id, date, hash, is_new, is_same from temp.compared_documents where not is_stale;
		create or replace temp table %[2]s as
			select id, %[5]t or coalesce(date in (%[6]s), false) as is_gone from temp.compared_documents where is_stale;
		drop table temp.compared_documents`,
		k.altered(), k.stale(), had, everything, x.options.Prune, x.producedDays(m)))
	if err != nil {
		return nil, err
	}
	p := &Publication{Statistic: x.statistic(m), Origin: x.origin, Everything: everything}
	var total int64
	var first sql.NullString
	err = x.w.conn.QueryRowContext(ctx, fmt.Sprintf(`select (select count(*) from temp.current_documents), (select count(*) from %[1]s where is_new),
		(select count(*) from %[1]s where not is_new and not is_same), (select min(id) from (select id from %[1]s union all select id from %[2]s))`,
		k.altered(), k.stale())).Scan(&total, &p.New, &p.Changed, &first)
	if err != nil {
		return nil, err
	}
	p.Same = total - p.New - p.Changed
	if k.here {
		p.First = first.String
	}
	p.StaleIDs, p.GoneIDs, err = x.staleIDs(ctx, k)
	return p, err
}

// producedDays is a query for the days that a model has now: a document of such a day that it does not produce is wrong. One
// of another day (its snapshot was removed, say) may be all that is left, and stays until it is pruned.
func (x *publisher) producedDays(m *Model) string {
	if !m.Daily() {
		return "select null::date"
	}
	if days := x.p.builtDays(m, -1); days != "" {
		return days
	}
	// Days of a view: those of its models, also without a row.
	if in := x.p.inputs(m); len(in.models) > 0 && len(in.days) == 0 {
		return "select date from ops.model_days where model in (" + literals(in.models) + ")"
	}
	return "select date from " + m.Name
}

// staleIDs are the documents that nothing produces any more: those that are kept, and those that are deleted.
func (x *publisher) staleIDs(ctx context.Context, k *work) (kept, gone []string, err error) {
	return kept, gone, x.w.each(ctx, func(rows *sql.Rows) error {
		var id string
		var isGone bool
		err := rows.Scan(&id, &isGone)
		if isGone {
			gone = append(gone, id)
		} else {
			kept = append(kept, id)
		}
		return err
	}, "select id, is_gone from "+k.stale()+" order by id")
}
