package modeltest

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/ccdexplorer/nightrunner/engine"
)

// An input is a table that a model reads, with the rows that a sketch may give.
type input struct {
	relation string
	columns  []engine.Column
	dated    bool
	// decides: without its rows the model makes others. needed: a day waits for it, the model need not read it.
	decides, needed bool
	// all are the rows as texts, and keep the places of those that are given; has says which columns the source has.
	all  [][]sql.NullString
	keep []int
	has  []engine.Column
}

// mostRows is how many rows of a table are looked at.
const mostRows = 50_000

// place of the date among the columns that the source has, -1 without days.
func (one *input) place() int {
	return slices.IndexFunc(one.has, func(c engine.Column) bool { return c.Name == "date" })
}

// candidates are pairs of days to take rows of, the last ones first: a day and the one before it.
func (k *sketcher) candidates(ctx context.Context, day string) ([][]string, error) {
	required := map[string]bool{}
	for _, r := range k.suite.project.Requirements(k.m) {
		required[r.Relation] = true
	}
	var list, queries []string
	for _, one := range k.inputs {
		if one.dated {
			list = append(list, one.relation)
		}
	}
	if len(list) == 0 {
		return [][]string{{}}, nil
	}
	if some := slices.DeleteFunc(slices.Clone(list), func(name string) bool { return !required[name] }); len(some) > 0 {
		list = some
	}
	for _, name := range list {
		switch err := k.knows(ctx, name); {
		case err == nil:
			queries = append(queries, "select distinct date from "+name+" where date is not null")
		case !strings.HasPrefix(name, "raw."):
			return nil, err
		}
	}
	if len(queries) == 0 {
		return nil, nil
	}
	complete := "true"
	for _, name := range k.waitsFor() {
		if k.knows(ctx, name) == nil {
			complete += " and date in (select date from " + name + ")"
		}
	}
	rows, err := k.source.QueryContext(ctx, "select date::varchar from (select distinct date from ("+strings.Join(queries, " union all ")+")) where "+complete+" order by date desc")
	if err != nil {
		return nil, fmt.Errorf("list days: %w", err)
	}
	defer rows.Close()
	var days []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		days = append(days, one)
	}
	return pairs(days, day), rows.Err()
}

// pairs are the last days with the day before each, some of the middle of all, or those of one day.
func pairs(days []string, day string) [][]string {
	var list [][]string
	pair := func(i int) {
		if i < 0 || i >= len(days) {
			return
		}
		one := []string{days[i]}
		if i+1 < len(days) {
			one = []string{days[i+1], days[i]}
		}
		list = append(list, one)
	}
	if day != "" {
		pair(slices.Index(days, day))
		return list
	}
	for _, i := range []int{0, 1, 2, len(days) / 2, len(days) - 1} {
		pair(i)
	}
	return list
}

// knows: the source has a relation.
func (k *sketcher) knows(ctx context.Context, relation string) error {
	var count int64
	if err := k.source.QueryRowContext(ctx, "select count(*) from (from "+relation+" limit 0)").Scan(&count); err != nil {
		return engine.WithHint(fmt.Errorf("%s is not in the warehouse: %w", relation, ErrNoRows), "nightrunner build makes it")
	}
	return nil
}

// load reads the rows of days, or of a table without days all, into memory and into the sketch's warehouse.
func (k *sketcher) load(ctx context.Context, one *input, days []string) error {
	if err := k.knows(ctx, one.relation); err != nil && !strings.HasPrefix(one.relation, "raw.") {
		return err
	} else if err != nil {
		// The warehouse is older than the table.
		one.all, one.has, one.keep = nil, one.columns, nil
		return k.stage(ctx, one)
	}
	if one.all != nil && !one.dated {
		return nil
	}
	if err := k.readColumns(ctx, one); err != nil {
		return err
	}
	query := fmt.Sprintf("select %s from %s", texted(one.has), one.relation)
	if one.dated {
		quoted := make([]string, len(days))
		for i, day := range days {
			quoted[i] = quoteText(day)
		}
		// The last day first: it is what a case is about.
		query += fmt.Sprintf(" where date in (%s) order by date desc", strings.Join(quoted, ", "))
	}
	rows, err := k.source.QueryContext(ctx, fmt.Sprintf("%s limit %d", query, mostRows))
	if err != nil {
		return fmt.Errorf("read %s: %w", one.relation, err)
	}
	defer rows.Close()
	one.all, one.keep = nil, nil
	for rows.Next() {
		cells := make([]sql.NullString, len(one.has))
		into := make([]any, len(cells))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read %s: %w", one.relation, err)
		}
		one.keep = append(one.keep, len(one.all))
		one.all = append(one.all, cells)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", one.relation, err)
	}
	return k.stage(ctx, one)
}

// readColumns finds the columns that both the SQL files and the source know: either may be older.
func (k *sketcher) readColumns(ctx context.Context, one *input) error {
	rows, err := k.source.QueryContext(ctx, "describe select * from "+one.relation)
	if err != nil {
		return fmt.Errorf("describe %s: %w", one.relation, err)
	}
	defer rows.Close()
	there := map[string]bool{}
	for rows.Next() {
		var name string
		var rest [5]any
		if err := rows.Scan(&name, &rest[0], &rest[1], &rest[2], &rest[3], &rest[4]); err != nil {
			return err
		}
		there[name] = true
	}
	one.has = slices.DeleteFunc(slices.Clone(one.columns), func(c engine.Column) bool { return !there[c.Name] })
	return rows.Err()
}

func texted(columns []engine.Column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = quoteName(c.Name) + "::varchar"
	}
	return strings.Join(list, ", ")
}

// staged is where all rows of an input lie, with their places.
func staged(relation string) string { return "temp." + quoteName("all "+relation) }

// stage puts all rows into a table of their own, as the types that the SQL files know.
func (k *sketcher) stage(ctx context.Context, one *input) error {
	kinds := []string{"place integer"}
	for _, c := range one.has {
		kinds = append(kinds, quoteName(c.Name)+" "+c.Type)
	}
	if err := k.in.Exec(ctx, "create or replace temp table "+quoteName("all "+one.relation)+" ("+strings.Join(kinds, ", ")+")"); err != nil {
		return fmt.Errorf("stage %s: %w", one.relation, err)
	}
	for start := 0; start < len(one.all); start += 1000 {
		var values []string
		for place := start; place < min(start+1000, len(one.all)); place++ {
			cells := []string{fmt.Sprint(place)}
			for i, cell := range one.all[place] {
				if !cell.Valid {
					cells = append(cells, "null")
					continue
				}
				cells = append(cells, "cast("+quoteText(cell.String)+" as "+one.has[i].Type+")")
			}
			values = append(values, "("+strings.Join(cells, ", ")+")")
		}
		if err := k.in.Exec(ctx, "insert into "+staged(one.relation)+" values "+strings.Join(values, ", ")); err != nil {
			return fmt.Errorf("%s: rows that cannot be written as text: %w", one.relation, err)
		}
	}
	return k.put(ctx, one)
}

// put makes the table that the model reads of the rows that are kept.
func (k *sketcher) put(ctx context.Context, one *input) error {
	return k.fillTable(ctx, one, one.keep)
}

func (k *sketcher) fillTable(ctx context.Context, one *input, keep []int) error {
	columns := make([]string, len(one.columns))
	for i, c := range one.columns {
		columns[i] = "null::" + c.Type + " as " + quoteName(c.Name)
		if slices.ContainsFunc(one.has, func(has engine.Column) bool { return has.Name == c.Name }) {
			columns[i] = quoteName(c.Name)
		}
	}
	where := "false"
	if len(keep) == len(one.all) {
		where = "true"
	} else if len(keep) > 0 {
		where = fmt.Sprintf("place in (select unnest(%s))", strings.ReplaceAll(fmt.Sprint(keep), " ", ", "))
	}
	schema, _, _ := strings.Cut(one.relation, ".")
	return k.in.Exec(ctx, fmt.Sprintf("create schema if not exists "+schema+"; create or replace table %s as select %s from %s where %s", one.relation, strings.Join(columns, ", "), staged(one.relation), where))
}

// An outcome is what a model makes: how many rows, which, and how many of them break a check of its header.
type outcome struct {
	rows, broken int64
	sum          string
}

// outcome runs the model over the rows that are kept, of one input without any.
func (k *sketcher) outcome(ctx context.Context, without *input) (o outcome, err error) {
	if without != nil {
		if err := k.fillTable(ctx, without, nil); err != nil {
			return o, err
		}
	}
	broken := "false"
	for _, check := range k.m.Checks {
		if check.Severity == engine.SeverityError && check.Condition != "" {
			broken += " or not (" + check.Condition + ")"
		}
	}
	err = k.in.Query(ctx, func(rows *sql.Rows) error { return rows.Scan(&o.rows, &o.broken, &o.sum) },
		fmt.Sprintf("select count(*), count(*) filter (where %s), coalesce(sum(hash(t)::hugeint), 0)::varchar from (%s\n) as t", broken, k.m.SQL))
	if without != nil {
		if putErr := k.put(ctx, without); putErr != nil {
			return o, putErr
		}
	}
	return o, err
}

// fine: a model makes rows and breaks no check. A check finds something if it did so in all rows, else nothing.
func (k *sketcher) fine(o outcome) bool {
	if k.m.Materialize == "" {
		return o.rows > 0 == k.finds
	}
	return o.rows > 0 && o.broken == 0
}

// keepDays adds a row of each day that has none.
func (k *sketcher) keepDays(ctx context.Context, one *input) error {
	at := one.place()
	if at < 0 {
		return nil
	}
	there := map[string]bool{}
	for _, row := range one.keep {
		there[one.all[row][at].String] = true
	}
	for row, cells := range one.all {
		if day := cells[at].String; !there[day] {
			there[day] = true
			one.keep = append(one.keep, row)
		}
	}
	slices.Sort(one.keep)
	return k.put(ctx, one)
}

// table writes the rows that are kept as CSV: columns that the SQL names, unless that makes another outcome, and those that
// may not be left out.
func (k *sketcher) table(ctx context.Context, one *input, named map[string]bool) (string, error) {
	chosen := func(c engine.Column) bool {
		if one.needed {
			return c.Name == "date" || (&section{}).lacks(c)
		}
		return named[strings.ToLower(c.Name)] || (&section{}).lacks(c)
	}
	if !one.needed {
		same, err := k.sameWithout(ctx, one, chosen)
		if err != nil {
			return "", err
		}
		if !same {
			chosen = func(engine.Column) bool { return true }
		}
	}
	var columns []string
	var rows [][]string
	for _, c := range one.has {
		if chosen(c) {
			columns = append(columns, c.Name)
		}
	}
	for _, place := range one.keep {
		var cells []sql.NullString
		for i, c := range one.has {
			if chosen(c) {
				cells = append(cells, one.all[place][i])
			}
		}
		rows = append(rows, texts(cells))
	}
	slices.SortStableFunc(rows, slices.Compare)
	return writeTable(columns, rows)
}

// sameWithout: the model makes the same of rows whose other columns are null.
func (k *sketcher) sameWithout(ctx context.Context, one *input, chosen func(engine.Column) bool) (bool, error) {
	whole, err := k.outcome(ctx, nil)
	if err != nil {
		return false, err
	}
	before := one.has
	one.has = slices.DeleteFunc(slices.Clone(before), func(c engine.Column) bool { return !chosen(c) })
	if len(one.has) == 0 {
		one.has = before
		return false, nil
	}
	err = k.put(ctx, one)
	less, outcomeErr := k.outcome(ctx, nil)
	one.has = before
	if putErr := k.put(ctx, one); putErr != nil {
		return false, putErr
	}
	return err == nil && outcomeErr == nil && less == whole, nil
}
