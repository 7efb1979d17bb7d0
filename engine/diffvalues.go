package engine

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// diffFields is how many fields of a model a diff shows the largest change of.
const diffFields = 50

// values finds each field's largest change among the rows that both sides have.
func (c *comparison) values(ctx context.Context) error {
	if c.out.Rows.Changed == 0 {
		return nil
	}
	counts := make([]int64, len(c.columns))
	var into []any
	var list []string
	for i, column := range c.columns {
		list = append(list, fmt.Sprintf("count(*) filter (where %s)", column.differs(fmt.Sprintf("o%d", i), fmt.Sprintf("n%d", i))))
		into = append(into, &counts[i])
	}
	query := "select " + strings.Join(list, ", ") + " from temp.differing_rows where not is_added and not is_removed"
	if err := c.w.conn.QueryRowContext(ctx, query).Scan(into...); err != nil {
		return err
	}
	for i, column := range c.columns {
		if counts[i] == 0 {
			continue
		}
		if err := c.columnValues(ctx, i, column); err != nil {
			return fmt.Errorf("%s: %w", column.name, err)
		}
	}
	slices.SortStableFunc(c.out.Changes, func(a, b ValueDiff) int { return compareFloats(b.weight(), a.weight()) })
	if len(c.out.Changes) > diffFields {
		c.out.Changes = c.out.Changes[:diffFields]
	}
	return nil
}

// weight puts numbers that come from nothing first, then those that change most of themselves; what is no number is last.
func (v ValueDiff) weight() float64 {
	switch {
	case v.Relative != nil:
		return math.Abs(*v.Relative)
	case v.Change != "":
		return math.Inf(1)
	}
	return -1
}

func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// columnValues finds the largest change of a column or, where it holds values by name, of each of them.
func (c *comparison) columnValues(ctx context.Context, i int, column sharedColumn) error {
	before, after := fmt.Sprintf("o%d", i), fmt.Sprintf("n%d", i)
	rows := fmt.Sprintf("select %s as key, ''::varchar as path, %s as before, %s as after from temp.differing_rows where not is_added and not is_removed and %s",
		c.keyText(), before, after, column.differs(before, after))
	change := changeOf(column)
	if nested(column.before) || nested(column.after) {
		rows, change = nestedValues(c.keyText(), before, after), changeOf(sharedColumn{before: "VARCHAR", after: "VARCHAR"})
	}
	return c.w.each(ctx, func(rows *sql.Rows) error {
		var v ValueDiff
		var path string
		var before, after, change sql.NullString
		if err := rows.Scan(&path, &v.Rows, &v.Key, &before, &after, &change); err != nil {
			return err
		}
		v.Field, v.Before, v.After, v.Change = c.field(column.name, path), pointer(before), pointer(after), change.String
		v.Relative = relative(before.String, change.String)
		c.out.Changes = append(c.out.Changes, v)
		return nil
	}, fmt.Sprintf(`select path, count(*), arg_max(key, rank), arg_max(struct_pack(v := before::varchar), rank).v, arg_max(struct_pack(v := after::varchar), rank).v, arg_max(struct_pack(v := change), rank).v
		from (select *, row(coalesce(abs(try_cast(change as double)), -1), key) as rank from (select *, %s as change from (%s)))
		group by path order by max(rank) desc limit %d`, change, rows, diffFields))
}

// changeOf is after less before as text, exact where both are whole numbers or decimals; null where they are no numbers.
func changeOf(column sharedColumn) string {
	floating := func(kind string) bool { return kind == "DOUBLE" || kind == "FLOAT" }
	switch {
	case numeric(column.before) && numeric(column.after) && (floating(column.before) || floating(column.after)):
		return "(after::double - before::double)::varchar"
	case numeric(column.before) && numeric(column.after) && (strings.HasPrefix(column.before, "DECIMAL") || strings.HasPrefix(column.after, "DECIMAL")):
		return "coalesce(try(after - before)::varchar, (after::double - before::double)::varchar)"
	case numeric(column.before) && numeric(column.after):
		return "coalesce(try(after::hugeint - before::hugeint)::varchar, (after::double - before::double)::varchar)"
	case column.before == "VARCHAR" && column.after == "VARCHAR":
		whole := "regexp_full_match(before, '-?[0-9]{1,37}') and regexp_full_match(after, '-?[0-9]{1,37}')"
		return "case when " + whole + " then (try_cast(after as hugeint) - try_cast(before as hugeint))::varchar else (try_cast(after as double) - try_cast(before as double))::varchar end"
	}
	return "null::varchar"
}

// nested: a MAP, STRUCT or list, or a JSON object.
func nested(kind string) bool {
	return strings.HasPrefix(kind, "MAP(") || strings.HasPrefix(kind, "STRUCT(") || strings.HasSuffix(kind, "[]") || kind == "JSON"
}

// nestedValues are the values within nested ones that differ, by their path.
func nestedValues(key, before, after string) string {
	leaves := func(column string) string {
		return fmt.Sprintf(`select differing_rows.rowid as place, %s as key, leaves.fullkey as path, leaves.atom::varchar as value
			from temp.differing_rows, json_tree(to_json(%s)) as leaves
			where not is_added and not is_removed and leaves.type not in ('OBJECT', 'ARRAY')`, key, column)
	}
	return fmt.Sprintf(`select coalesce(after.key, before.key) as key, coalesce(after.path, before.path) as path, before.value as before, after.value as after
		from (%s) as before full join (%s) as after on before.place = after.place and before.path = after.path
		where before.value is distinct from after.value`, leaves(before), leaves(after))
}

// field is what readers of documents call a value: an entry of a spread column has no column before it.
func (c *comparison) field(column, path string) string {
	inner := strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(path, "$"), "."), `"`, "")
	switch {
	case inner == "":
		return column
	case column == c.m.Spread:
		return inner
	case strings.HasPrefix(inner, "["):
		return column + inner
	}
	return column + "." + inner
}

func pointer(text sql.NullString) *string {
	if !text.Valid {
		return nil
	}
	return &text.String
}

// relative is a change as a share of what was before.
func relative(before, change string) *float64 {
	was, errBefore := strconv.ParseFloat(before, 64)
	by, errChange := strconv.ParseFloat(change, 64)
	if errBefore != nil || errChange != nil || was == 0 {
		return nil
	}
	share := by / math.Abs(was)
	if math.IsNaN(share) || math.IsInf(share, 0) {
		return nil
	}
	return &share
}
