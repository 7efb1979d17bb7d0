package engine

import (
	"context"
	"fmt"
	"strings"
)

// compareMultisets counts rows that one side has more often than the other.
func (c *comparison) compareMultisets(ctx context.Context) error {
	var before, after []string
	for _, column := range c.columns {
		cast := ""
		if column.before != column.after && (!numeric(column.before) || !numeric(column.after)) {
			cast = "::varchar"
		}
		before = append(before, identifier(column.name)+cast+" as "+identifier(column.name))
		after = append(after, identifier(column.name)+cast+" as "+identifier(column.name))
	}
	if len(c.columns) == 0 {
		c.out.Rows.Added, c.out.Rows.Removed = c.out.Rows.After, c.out.Rows.Before
		return nil
	}
	sides := [2]string{fmt.Sprintf("select %s from %s where %s", strings.Join(before, ", "), published(c.m.Name), c.scope),
		fmt.Sprintf("select %s from %s where %s", strings.Join(after, ", "), c.m.Name, c.scope)}
	for i, into := range []*int64{&c.out.Rows.Removed, &c.out.Rows.Added} {
		table := []string{"temp.removed_rows", "temp.added_rows"}[i]
		if err := c.w.exec(ctx, fmt.Sprintf("create or replace temp table %s as %s except all %s", strings.TrimPrefix(table, "temp."), sides[i], sides[1-i])); err != nil {
			return err
		}
		if err := c.w.scalar(ctx, into, "select count(*) from "+table); err != nil {
			return err
		}
		examples, err := c.w.texts(ctx, fmt.Sprintf("select to_json(t)::varchar from %s as t order by 1 limit %d", table, diffExamples))
		if err != nil {
			return err
		}
		*[]*[]string{&c.out.RemovedKeys, &c.out.AddedKeys}[i] = examples
	}
	if c.out.Rows.Added+c.out.Rows.Removed == 0 {
		return nil
	}
	c.out.Status = DiffChanged
	if !c.has("date") {
		return nil
	}
	return c.differingDays(ctx, "(select date from temp.removed_rows union all select date from temp.added_rows)", "date")
}
