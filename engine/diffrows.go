package engine

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// diffExamples is how many added and removed rows a diff names.
const diffExamples = 3

// A comparison is of one model, before and after.
type comparison struct {
	w   *Warehouse
	m   *Model
	out *ModelDiff
	// scope is a condition on the rows that are compared.
	scope string
	// columns both sides have.
	columns []sharedColumn
}

// A sharedColumn is one that both sides have, with its types.
type sharedColumn struct{ name, before, after string }

// compare finds what differs between a model as it is and as it was built aside.
func (d *diffing) compare(ctx context.Context, m *Model, out *ModelDiff) error {
	c := &comparison{w: d.w, m: m, out: out, scope: "true"}
	if m.Daily() {
		c.scope = daysWithin(d.o.From, d.o.To)
	}
	after, err := d.w.describe(ctx, m.Name)
	if err != nil {
		return err
	}
	out.Rows = &RowDiff{}
	if _, known := d.plan.known[m.Name]; !known {
		out.Status = DiffNew
		return c.describeNew(ctx, after)
	}
	before, err := d.w.describe(ctx, published(m.Name))
	if err != nil {
		return err
	}
	c.compareColumns(before, after)
	if m.Materialize == View {
		reason, err := d.leaveViewOut(ctx, m, c)
		if err != nil {
			return err
		}
		if reason != "" {
			out.Status, out.Rows, out.Message = DiffOmitted, nil, reason
			return nil
		}
	}
	return c.rows(ctx, d.w.bothStored(m, d.plan.known[m.Name]))
}

// diffViewRows is how many rows of a view that is no statistic are compared without being asked for.
const diffViewRows = 1_000_000

// leaveViewOut says why a view's rows are not compared, "" when they are.
func (d *diffing) leaveViewOut(ctx context.Context, m *Model, c *comparison) (string, error) {
	if m.Export == "" && !changedItself(c.out.Why) {
		return "a view: see what reads it", nil
	}
	if d.plan.cutOff(m) {
		return "a view on more days than are built: leave out --from and --to", nil
	}
	if m.Export != "" || len(d.o.Select) > 0 {
		return "", nil
	}
	var rows int64
	err := d.w.scalar(ctx, &rows, fmt.Sprintf("select count(*) from (select 1 from %s where %s limit %d)", m.Name, c.scope, diffViewRows+1))
	if rows <= diffViewRows {
		return "", err
	}
	return "a view of more than a million rows: --select " + m.Name + " compares them", err
}

// changedItself: the model's own text or a macro it calls.
func changedItself(why []string) bool {
	return slices.ContainsFunc(why, func(one string) bool { return !strings.HasPrefix(one, "reads ") })
}

// cutOff: with bounds, a view sees only the days that are built of what it reads. One that says `lookback: 0` needs no others.
func (d *diffPlan) cutOff(m *Model) bool {
	if _, stated := m.keyLines["lookback"]; stated {
		return false
	}
	return (!d.start.IsZero() || !d.to.IsZero()) && slices.ContainsFunc(m.Reads, d.builtPart)
}

// bothStored: ops.* tells which days of the model differ.
func (w *Warehouse) bothStored(m *Model, was knownModel) bool {
	return m.Stored() && was.materialize != View
}

// describe are the columns of a relation.
func (w *Warehouse) describe(ctx context.Context, relation string) ([]shapeColumn, error) {
	var columns []shapeColumn
	return columns, w.each(ctx, func(rows *sql.Rows) error {
		var c shapeColumn
		err := rows.Scan(&c.name, &c.kind)
		columns = append(columns, c)
		return err
	}, "select column_name, column_type from (describe from "+relation+")")
}

// describeNew counts the rows of a model that was not there.
func (c *comparison) describeNew(ctx context.Context, after []shapeColumn) error {
	for _, one := range after {
		c.out.Columns = append(c.out.Columns, ColumnDiff{Column: one.name, Status: "added", After: one.kind})
	}
	if c.m.Materialize == View && c.m.Export == "" {
		c.out.Rows, c.out.Message = nil, "a view"
		return nil
	}
	err := c.w.scalar(ctx, &c.out.Rows.After, fmt.Sprintf("select count(*) from %s where %s", c.m.Name, c.scope))
	c.out.Rows.Added = c.out.Rows.After
	return err
}

func (c *comparison) compareColumns(before, after []shapeColumn) {
	find := func(list []shapeColumn, name string) int {
		return slices.IndexFunc(list, func(one shapeColumn) bool { return one.name == name })
	}
	var orderBefore, orderAfter []string
	for _, one := range before {
		if find(after, one.name) < 0 {
			c.out.Columns = append(c.out.Columns, ColumnDiff{Column: one.name, Status: "removed", Before: one.kind})
			continue
		}
		orderBefore = append(orderBefore, one.name)
	}
	for _, one := range after {
		at := find(before, one.name)
		if at < 0 {
			c.out.Columns = append(c.out.Columns, ColumnDiff{Column: one.name, Status: "added", After: one.kind})
			continue
		}
		orderAfter = append(orderAfter, one.name)
		c.columns = append(c.columns, sharedColumn{one.name, before[at].kind, one.kind})
		if before[at].kind != one.kind {
			c.out.Columns = append(c.out.Columns, ColumnDiff{Column: one.name, Status: "retyped", Before: before[at].kind, After: one.kind})
		}
	}
	for i, name := range orderAfter {
		if orderBefore[i] != name {
			c.out.Columns = append(c.out.Columns, ColumnDiff{Column: name, Status: "moved"})
		}
	}
}

// rows compares rows. Where ops.* has hashes of both sides' days, only days that differ are looked at.
func (c *comparison) rows(ctx context.Context, hashed bool) error {
	c.out.Status = DiffSame
	if len(c.out.Columns) > 0 {
		c.out.Status = DiffChanged
	}
	hashed = hashed && len(c.out.Columns) == 0
	if err := c.countRows(ctx, hashed); err != nil {
		return err
	}
	if hashed {
		same, err := c.narrow(ctx)
		if err != nil || same {
			return err
		}
	}
	if err := c.findKey(ctx); err != nil {
		return err
	}
	if len(c.out.Key) == 0 {
		return c.compareMultisets(ctx)
	}
	return c.compareByKey(ctx)
}

func (c *comparison) countRows(ctx context.Context, hashed bool) error {
	query := fmt.Sprintf("select (select count(*) from %s where %s), (select count(*) from %s where %[2]s)", published(c.m.Name), c.scope, c.m.Name)
	if hashed && c.m.Daily() {
		days := "(select coalesce(sum(row_count), 0)::bigint from %sops.model_days where model = %s and " + c.scope + ")"
		query = "select " + fmt.Sprintf(days, publishedName+".", quote(c.m.Name)) + ", " + fmt.Sprintf(days, "", quote(c.m.Name))
	}
	return c.w.conn.QueryRowContext(ctx, query).Scan(&c.out.Rows.Before, &c.out.Rows.After)
}

// narrow reports whether the hashes of both sides are the same, and if not cuts the scope down to the days that differ.
func (c *comparison) narrow(ctx context.Context) (same bool, err error) {
	name := quote(c.m.Name)
	if !c.m.Daily() {
		err := c.w.scalar(ctx, &same, fmt.Sprintf("select (select version from ops.models where model = %[1]s) = (select version from %[2]s.ops.models where model = %[1]s)", name, publishedName))
		return same, err
	}
	err = c.w.exec(ctx, fmt.Sprintf(`create or replace temp table differing_days as
		select date from (select date, version from ops.model_days where model = %[1]s and %[3]s) as after
		full join (select date, version from %[2]s.ops.model_days where model = %[1]s and %[3]s) as before using (date)
		where after.version is distinct from before.version`, name, publishedName, c.scope))
	if err != nil {
		return false, err
	}
	c.scope += " and date in (from temp.differing_days)"
	return same, c.w.scalar(ctx, &same, "select count(*) = 0 from temp.differing_days")
}

// findKey looks for columns that tell rows apart on both sides: a document's _id, what a check says is unique, the grain.
func (c *comparison) findKey(ctx context.Context) error {
	const whole = ": a row that changed is one removed and one added"
	c.out.KeyFrom = "no key is known" + whole
	for i, candidate := range c.candidates() {
		unique := true
		for _, side := range []string{published(c.m.Name), c.m.Name} {
			var one bool
			err := c.w.scalar(ctx, &one, fmt.Sprintf("select count(*) = count(distinct (%[1]s)) and count(*) = count(*) filter (where %[2]s) from %[3]s where %[4]s",
				identifiers(candidate.columns), notNull(candidate.columns), side, c.scope))
			if err != nil {
				return err
			}
			unique = unique && one
		}
		if unique {
			c.out.Key, c.out.KeyFrom = candidate.columns, candidate.from
			return nil
		}
		if i == 0 {
			c.out.KeyFrom = strings.Join(candidate.columns, ", ") + " is not unique" + whole
		}
	}
	return nil
}

func notNull(columns []string) string {
	list := make([]string, len(columns))
	for i, column := range columns {
		list[i] = identifier(column) + " is not null"
	}
	return strings.Join(list, " and ")
}

type keyCandidate struct {
	columns []string
	from    string
}

// candidates for a key, the surest first. Their columns are on both sides.
func (c *comparison) candidates() []keyCandidate {
	list := []keyCandidate{{[]string{"_id"}, "_id"}}
	for _, check := range c.m.Checks {
		if check.Kind == "unique" {
			var columns []string
			for _, column := range check.Columns {
				columns = append(columns, strings.Trim(column, `"`))
			}
			list = append(list, keyCandidate{columns, "check: " + check.Name()})
		}
	}
	list = append(list, keyCandidate{c.grainColumns(), "grain: " + c.m.Grain}, keyCandidate{[]string{"date"}, "date is unique"})
	return slices.DeleteFunc(list, func(one keyCandidate) bool {
		return len(one.columns) == 0 || slices.ContainsFunc(one.columns, func(name string) bool { return !c.keyable(name) })
	})
}

// keyable: values of the column can be told to be equal before and after.
func (c *comparison) keyable(name string) bool {
	return slices.ContainsFunc(c.columns, func(one sharedColumn) bool {
		return one.name == name && (one.before == one.after || numeric(one.before) && numeric(one.after))
	})
}

func (c *comparison) has(name string) bool {
	return slices.ContainsFunc(c.columns, func(one sharedColumn) bool { return one.name == name })
}

// grainColumns are the columns that the words of a grain mean: `day` is date, `account` may be account_id.
func (c *comparison) grainColumns() []string {
	if c.m.Grain == "" {
		return nil
	}
	var list []string
	for i, word := range splitList(c.m.Grain) {
		switch {
		case i == 0 && c.m.Daily():
			list = append(list, "date")
		case !c.has(word) && c.has(word+"_id"):
			list = append(list, word+"_id")
		default:
			list = append(list, word)
		}
	}
	return list
}

// compareByKey joins both sides. Only rows that differ are kept: keys as k0…, values as o0… before and n0… after.
func (c *comparison) compareByKey(ctx context.Context) error {
	var columns, on, differs []string
	for i, key := range c.out.Key {
		columns = append(columns, fmt.Sprintf("coalesce(before.%[1]s, after.%[1]s) as k%[2]d", identifier(key), i))
		on = append(on, fmt.Sprintf("before.%[1]s = after.%[1]s", identifier(key)))
	}
	for i, column := range c.columns {
		columns = append(columns, fmt.Sprintf("before.%[1]s as o%[2]d, after.%[1]s as n%[2]d", identifier(column.name), i))
		differs = append(differs, column.differs("before."+identifier(column.name), "after."+identifier(column.name)))
	}
	err := c.w.exec(ctx, fmt.Sprintf(`create or replace temp table differing_rows as
		select %s, before."is there" is null as is_added, after."is there" is null as is_removed
		from (select *, true as "is there" from %s where %s) as before
		full join (select *, true as "is there" from %s where %[3]s) as after on %[5]s
		where before."is there" is null or after."is there" is null or %[6]s`,
		strings.Join(columns, ", "), published(c.m.Name), c.scope, c.m.Name, strings.Join(on, " and "), strings.Join(differs, " or ")))
	if err != nil {
		return err
	}
	rows := c.out.Rows
	err = c.w.conn.QueryRowContext(ctx, `select count(*) filter (where is_added), count(*) filter (where is_removed),
		count(*) filter (where not is_added and not is_removed) from temp.differing_rows`).Scan(&rows.Added, &rows.Removed, &rows.Changed)
	if err != nil || rows.Added+rows.Removed+rows.Changed == 0 {
		return err
	}
	c.out.Status = DiffChanged
	if err := c.differingDays(ctx, "temp.differing_rows", c.columnAt("date", "coalesce(o%[1]d, n%[1]d)")); err != nil {
		return err
	}
	for side, into := range map[string]*[]string{"is_added": &c.out.AddedKeys, "is_removed": &c.out.RemovedKeys} {
		query := fmt.Sprintf("select %s from temp.differing_rows where %s order by all limit %d", c.keyText(), side, diffExamples)
		if *into, err = c.w.texts(ctx, query); err != nil {
			return err
		}
	}
	return c.values(ctx)
}

// differs is a condition that a value changed. Values of other types are compared as texts, numbers as numbers.
func (s sharedColumn) differs(before, after string) string {
	if s.before != s.after && (!numeric(s.before) || !numeric(s.after)) {
		before, after = before+"::varchar", after+"::varchar"
	}
	return before + " is distinct from " + after
}

func numeric(kind string) bool {
	kind, _, _ = strings.Cut(kind, "(")
	switch kind {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL":
		return true
	}
	return false
}

// keyText is a row's key in words.
func (c *comparison) keyText() string {
	list := make([]string, len(c.out.Key))
	for i := range c.out.Key {
		list[i] = fmt.Sprintf("k%d::varchar", i)
	}
	return "concat_ws(', ', " + strings.Join(list, ", ") + ")"
}

// columnAt is an expression on a column's place, "" when there is no such column.
func (c *comparison) columnAt(name, format string) string {
	at := slices.IndexFunc(c.columns, func(one sharedColumn) bool { return one.name == name })
	if at < 0 {
		return ""
	}
	return fmt.Sprintf(format, at)
}

func (c *comparison) differingDays(ctx context.Context, from, date string) error {
	if !c.m.Daily() || date == "" {
		return nil
	}
	var days []time.Time
	err := c.w.each(ctx, func(rows *sql.Rows) error {
		var date time.Time
		err := rows.Scan(&date)
		days = append(days, date)
		return err
	}, fmt.Sprintf("select distinct (%s)::date as date from %s where date is not null order by date", date, from))
	c.out.Days = Ranges(days)
	return err
}

// texts reads one column.
func (w *Warehouse) texts(ctx context.Context, query string) ([]string, error) {
	var list []string
	return list, w.each(ctx, func(rows *sql.Rows) error {
		var one string
		err := rows.Scan(&one)
		list = append(list, one)
		return err
	}, query)
}
