package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/ccdexplorer/nightrunner/engine/sqltree"
)

// A Catalog is what a folder of SQL files makes, as far as it can be known without data: the resolved project, and the
// columns of tables, views and checks.
type Catalog struct {
	Project *Project
	// Relations are the columns of raw tables, models and checks, by name. A model that DuckDB refuses has none.
	Relations map[string][]Column
	// Trees are the statements of models and checks, by name.
	Trees map[string]sqltree.Node
	// Calls are the functions that each macro calls.
	Calls map[string][]string
	// Refused is what DuckDB says of models and checks whose columns or functions it does not find.
	Refused ModelErrors
}

// A Column of a table, view or check. Type is in DuckDB's words.
type Column struct {
	Name, Type string
	NotNull    bool
	// Comment is what it is, "" where no file says it.
	Comment string
}

// ReadCatalog reads SQL files and builds them without a row, in memory; tables are raw tables beside those of the
// migrations. The error is ModelErrors when headers or tables that models name are wrong.
func ReadCatalog(ctx context.Context, fsys fs.FS, tables []RawTable) (*Catalog, error) {
	w, err := OpenMemory(ctx)
	if err != nil {
		return nil, err
	}
	c := &Catalog{Relations: map[string][]Column{}, Trees: map[string]sqltree.Node{}, Calls: map[string][]string{}}
	return c, errors.Join(c.read(ctx, w, fsys, tables), w.Close())
}

func (c *Catalog) read(ctx context.Context, w *Warehouse, fsys fs.FS, tables []RawTable) error {
	if err := w.EnsureTables(ctx, tables); err != nil {
		return err
	}
	var err error
	if c.Project, err = w.ReadProject(ctx, fsys); err != nil {
		return err
	}
	for name, one := range c.Project.defined {
		c.Calls[name] = one.Calls
	}
	for _, m := range slices.Concat(c.Project.Models, c.Project.Checks) {
		if c.Trees[m.Name], err = sqltree.Parse(ctx, w.conn, m.SQL); err != nil {
			return fmt.Errorf("parse %s: %w", m.File, err)
		}
	}
	steps, _, err := w.Build(ctx, c.Project, 1, BuildOptions{}, NoObserver{})
	if err != nil {
		return err
	}
	if err := c.refuse(ctx, w, steps); err != nil {
		return err
	}
	if err := c.describe(ctx, w); err != nil {
		return err
	}
	return c.bindChecks(ctx, w)
}

// refuse asks DuckDB again why it did not build a model: steps hold its words only.
func (c *Catalog) refuse(ctx context.Context, w *Warehouse, steps []Step) error {
	for _, step := range steps {
		if step.Status != StatusFailed {
			continue
		}
		m := c.Project.Model(step.Name)
		problem := &ModelError{File: m.File, Err: errors.New(strings.TrimPrefix(step.Message, m.File+": "))}
		if err := w.exec(ctx, "explain "+m.SQL); err != nil {
			problem = &ModelError{File: m.File, Line: errorLine(err), Err: err}
		}
		c.Refused = append(c.Refused, problem)
	}
	return ctx.Err()
}

// describe lists the columns of what was built, and of checks.
func (c *Catalog) describe(ctx context.Context, w *Warehouse) error {
	add := func(rows *sql.Rows) error {
		var relation string
		var one Column
		err := rows.Scan(&relation, &one.Name, &one.Type, &one.NotNull, &one.Comment)
		c.Relations[relation] = append(c.Relations[relation], one)
		return err
	}
	err := w.each(ctx, add, `select schema_name || '.' || table_name, column_name, data_type, not is_nullable, coalesce(comment, '')
		from duckdb_columns() where not internal and database_name = current_database() order by schema_name, table_name, column_index`)
	if err != nil {
		return fmt.Errorf("list columns: %w", err)
	}
	for _, check := range c.Project.Checks {
		if slices.ContainsFunc(check.Reads, func(name string) bool { return c.Relations[name] == nil }) {
			continue
		}
		err := w.each(ctx, add, fmt.Sprintf("select %s, column_name, column_type, false, '' from (describe %s\n)", quote(check.Name), check.SQL))
		if err != nil {
			c.Refused = append(c.Refused, &ModelError{File: check.File, Line: errorLine(err), Err: err})
		}
	}
	return ctx.Err()
}

// bindChecks finds out whether DuckDB knows what the conditions in headers name.
func (c *Catalog) bindChecks(ctx context.Context, w *Warehouse) error {
	for _, m := range c.Project.Models {
		for _, check := range m.Checks {
			if check.Kind != "expect" && check.Kind != "range" || c.Relations[m.Name] == nil {
				continue
			}
			if err := w.exec(ctx, fmt.Sprintf("explain select count(*) filter (where not (%s)) from %s", check.Condition, m.Name)); err != nil {
				c.Refused = append(c.Refused, &ModelError{File: m.File, Line: check.Line, Err: fmt.Errorf("check %s: %w", check.Name(), err)})
			}
		}
	}
	return ctx.Err()
}

// Column finds a column of a table, view or check.
func (c *Catalog) Column(relation, name string) (Column, bool) {
	for _, one := range c.Relations[relation] {
		if strings.EqualFold(one.Name, name) {
			return one, true
		}
	}
	return Column{}, false
}
