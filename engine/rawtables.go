package engine

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/zeebo/xxh3"
)

// A RawTable is a table of raw.* whose columns a loader's configuration decides; the others are made by migrations.
type RawTable struct {
	// Name is schema.name.
	Name, About string
	// Source and File are what fills it, as in ops.source_files: it is read again when the table gets another shape.
	Source, File string
	// Rule says in a text of the loader's how rows are made: when it changes, the source is read again, too.
	Rule    string
	Columns []RawColumn
}

// A RawColumn is a column; Type as DuckDB writes it.
type RawColumn struct {
	Name, Type, About string
	// Compression is how a new table stores the column; "" lets DuckDB try all ways on each block of rows, which costs more
	// than storing it where there are many texts.
	Compression string
}

// EnsureTables makes raw tables, and brings those that exist to the shape wanted: new columns are empty until the next
// load, which reads all of the table's source again.
func (w *Warehouse) EnsureTables(ctx context.Context, tables []RawTable) error {
	sum := fmt.Sprintf("%x", xxh3.HashString(fmt.Sprintf("%q", tables)))
	known, err := w.setting(ctx, "raw_tables")
	if err != nil || known == sum {
		return err
	}
	altered := false
	for _, table := range tables {
		changed, err := w.ensureTable(ctx, table)
		if err != nil {
			return fmt.Errorf("make %s: %w", table.Name, err)
		}
		altered = altered || changed
	}
	if altered {
		// Altered tables and a write-ahead log that is read back after a crash do not go well together.
		if err := w.exec(ctx, "checkpoint"); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	return w.set(ctx, "raw_tables", sum)
}

func (w *Warehouse) ensureTable(ctx context.Context, table RawTable) (altered bool, err error) {
	schema, name, _ := strings.Cut(table.Name, ".")
	have := map[string]string{}
	err = w.each(ctx, func(rows *sql.Rows) error {
		var column, kind string
		err := rows.Scan(&column, &kind)
		have[column] = kind
		return err
	}, "select column_name, data_type from duckdb_columns() where schema_name = ? and table_name = ? and database_name = current_database()", schema, name)
	if err != nil {
		return false, err
	}
	statements := table.alterations(have)
	if len(have) == 0 {
		statements = []string{table.create()}
	}
	rule, err := w.setting(ctx, "rule of "+table.Name)
	if err != nil {
		return false, err
	}
	reshaped := len(have) > 0 && len(statements) > 0
	if len(statements) > 0 || rule != table.Rule { // A new table too: a renamed mapping is filled from a file that was read before.
		statements = append(statements, fmt.Sprintf("update ops.source_files set status = %s where source = %s and name = %s", quote(FileReshaped), quote(table.Source), quote(table.File)),
			fmt.Sprintf("delete from ops.load_progress where source = %s and collection = %s", quote(table.Source), quote(table.File)))
	}
	statements = append(statements, table.comments()...)
	return reshaped, w.transact(ctx, func() error {
		for _, statement := range statements {
			if err := w.exec(ctx, statement); err != nil {
				return err
			}
		}
		return w.set(ctx, "rule of "+table.Name, table.Rule)
	})
}

func (t RawTable) create() string {
	columns := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		columns[i] = identifier(column.Name) + " " + column.Type
		if column.Compression != "" {
			columns[i] += " using compression " + column.Compression
		}
	}
	return fmt.Sprintf("create table %s (%s)", t.Name, strings.Join(columns, ", "))
}

// alterations bring a table with the given columns to the shape wanted.
func (t RawTable) alterations(have map[string]string) []string {
	var statements []string
	wanted := map[string]bool{}
	for _, column := range t.Columns {
		wanted[column.Name] = true
		kind, there := have[column.Name]
		if there && kind != column.Type {
			statements = append(statements, fmt.Sprintf("alter table %s drop column %s", t.Name, identifier(column.Name)))
		}
		if kind != column.Type {
			statements = append(statements, fmt.Sprintf("alter table %s add column %s %s", t.Name, identifier(column.Name), column.Type))
		}
	}
	for column := range have {
		if !wanted[column] {
			statements = append(statements, fmt.Sprintf("alter table %s drop column %s", t.Name, identifier(column)))
		}
	}
	return statements
}

func (t RawTable) comments() []string {
	statements := []string{fmt.Sprintf("comment on table %s is %s", t.Name, quote(t.About))}
	for _, column := range t.Columns {
		statements = append(statements, fmt.Sprintf("comment on column %s.%s is %s", t.Name, identifier(column.Name), quote(column.About)))
	}
	return statements
}
