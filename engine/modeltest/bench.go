package modeltest

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/ccdexplorer/nightrunner/engine"
)

func firstFailure(steps []engine.Step) error {
	for _, step := range steps {
		if step.Status == engine.StatusFailed {
			return fmt.Errorf("build %s: %s", step.Name, step.Message)
		}
	}
	return nil
}

// givable: a table of raw or a model.
func (s *Suite) givable(relation string) bool {
	return strings.HasPrefix(relation, "raw.") || s.project.Model(relation) != nil
}

// wantable: a model, a check, or the days that wait.
func (s *Suite) wantable(relation string) bool {
	return relation == "ops.waiting" || strings.HasPrefix(relation, "checks.") || s.project.Model(relation) != nil
}

// A bench is the warehouse of one case.
type bench struct {
	w     *engine.Warehouse
	in    *engine.Intake
	suite *Suite
	// part is what has to be built for the case.
	part *engine.Project
}

// makeTables makes the raw tables that are read, and tables in the place of models that are given.
func (b *bench) makeTables(ctx context.Context, given []*section) error {
	used := map[string]bool{}
	for _, one := range given {
		used[one.relation] = true
	}
	for _, m := range slices.Concat(b.part.Models, b.part.Checks) {
		for _, name := range m.Reads {
			used[name] = true
		}
		for _, requirement := range m.Requires {
			used[requirement.Relation] = true
		}
	}
	unused := func(table engine.RawTable) bool { return !used[table.Name] }
	if err := b.w.EnsureTables(ctx, slices.DeleteFunc(slices.Clone(b.suite.tables), unused)); err != nil {
		return err
	}
	for _, one := range given {
		if b.suite.project.Model(one.relation) == nil {
			continue
		}
		var columns []string
		for _, c := range b.suite.relations[one.relation] {
			columns = append(columns, quoteName(c.Name)+" "+c.Type)
		}
		schema, _, _ := strings.Cut(one.relation, ".")
		statement := fmt.Sprintf("create schema if not exists %s; create table %s (%s)", schema, one.relation, strings.Join(columns, ", "))
		if err := b.in.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", one.relation, err)
		}
	}
	return nil
}

// give puts rows into a table as a loader does, and tells which of them does not fit.
func (b *bench) give(ctx context.Context, given *section, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	err := b.in.Transact(ctx, func() error {
		if _, dated := find(b.suite.relations[given.relation], "date"); dated {
			if err := b.insert(ctx, given.relation, given, rows); err != nil {
				return err
			}
			return b.in.MarkAllDays(ctx, given.relation)
		}
		if err := b.in.Exec(ctx, "create or replace temp table staged as from "+given.relation+" limit 0"); err != nil {
			return err
		}
		if err := b.insert(ctx, "temp.staged", given, rows); err != nil {
			return err
		}
		_, err := b.in.ReplaceTable(ctx, given.relation, "", "temp.staged")
		return err
	})
	if err == nil {
		return nil
	}
	for _, one := range rows {
		if err := b.insert(ctx, given.relation, given, []row{one}); err != nil {
			return &rowError{given, one.line, err}
		}
	}
	return err
}

// A rowError is a given row that does not fit its table.
type rowError struct {
	section *section
	line    int
	err     error
}

// Error is DuckDB's message without the statement that it quotes.
func (e *rowError) Error() string {
	message, _, _ := strings.Cut(e.err.Error(), "\n")
	return message
}

func (b *bench) insert(ctx context.Context, into string, given *section, rows []row) error {
	columns := b.suite.relations[given.relation]
	var values []string
	for _, row := range rows {
		var cells []string
		for _, c := range columns {
			cells = append(cells, given.value(c, row))
		}
		values = append(values, "("+strings.Join(cells, ", ")+")")
	}
	return b.in.Exec(ctx, "insert into "+into+" values "+strings.Join(values, ", "))
}

// value of a column in a row, as SQL. What is not given is null or, where that is not allowed, the type's zero.
// Dates have none: they must be given.
func (s *section) value(c engine.Column, r row) string {
	at := s.place(c.Name)
	switch {
	case at >= 0 && r.cells[at] == "''":
		return "''"
	case at >= 0 && r.cells[at] != "":
		return fmt.Sprintf("cast(%s as %s)", quoteText(r.cells[at]), c.Type)
	case !c.NotNull || at >= 0:
		return "null"
	case strings.HasSuffix(c.Type, "[]"):
		return "[]"
	case c.Type == "VARCHAR":
		return "''"
	}
	return "0"
}

// rows are those of a wanted relation, sorted.
func (b *bench) rows(ctx context.Context, want *section) ([][]string, error) {
	from := want.relation
	if i := slices.IndexFunc(b.part.Checks, func(m *engine.Model) bool { return m.Name == from }); i >= 0 {
		from = "(" + b.part.Checks[i].SQL + "\n)"
	}
	by := want.order
	if len(by) == 0 {
		by = want.columns
	}
	known := b.suite.relations[want.relation]
	var columns, order []string
	for _, name := range want.columns {
		columns = append(columns, expression(known, name)+"::varchar")
	}
	for _, name := range by {
		order = append(order, expression(known, name))
	}
	var got [][]string
	err := b.in.Query(ctx, func(rows *sql.Rows) error {
		cells := make([]sql.NullString, len(columns))
		into := make([]any, len(cells))
		for i := range cells {
			into[i] = &cells[i]
		}
		err := rows.Scan(into...)
		got = append(got, texts(cells))
		return err
	}, fmt.Sprintf("select %s from %s as t order by %s", strings.Join(columns, ", "), from, strings.Join(order, ", ")))
	return got, err
}

// texts are cells as files hold them.
func texts(cells []sql.NullString) []string {
	list := make([]string, len(cells))
	for i, cell := range cells {
		list[i] = cell.String
		if cell.Valid && cell.String == "" {
			list[i] = "''"
		}
	}
	return list
}

// expression reads a column, or an entry of a MAP column.
func expression(columns []engine.Column, name string) string {
	c, _ := find(columns, name)
	if c.Name == name {
		return quoteName(name)
	}
	return quoteName(c.Name) + "[" + quoteText(entry.FindStringSubmatch(name)[2]) + "]"
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quoteText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
