package console

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A field is a column of a result: its name and DuckDB's name of its type.
type field struct {
	name, kind string
	// json: the values' text is JSON.
	json bool
}

// right: numbers stand to the right.
func (f field) right() bool {
	kind, _, _ := strings.Cut(f.kind, "(")
	switch kind {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
		"BIGNUM", "FLOAT", "DOUBLE", "DECIMAL":
		return !strings.HasSuffix(f.kind, "]")
	}
	return false
}

// exec has DuckDB make text of all values: its casts know every type, the driver's Go values do not. The statement is
// prepared as it was typed first, so that errors tell places in it.
func (s *Session) exec(ctx context.Context, text string) (count int, err error) {
	stmt, err := s.conn.PrepareContext(ctx, text)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	fields := s.describe(ctx, text)
	if len(fields) == 0 {
		return s.execPlain(ctx, stmt)
	}
	rows, err := s.conn.QueryContext(ctx, cast(text, fields))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	return copyRows(rows, fields, newSink(s.options.Format, s.options.Out, s.shape()))
}

// describe asks for the columns of a statement; there are none when it cannot stand inside another one.
func (s *Session) describe(ctx context.Context, text string) []field {
	rows, err := s.conn.QueryContext(ctx, "select column_name, column_type from (describe from ("+text+"\n))")
	if err != nil {
		return nil
	}
	defer rows.Close()
	var fields []field
	for rows.Next() {
		one := field{json: s.options.Format == JSON || s.options.Format == JSONL}
		if rows.Scan(&one.name, &one.kind) != nil {
			return nil
		}
		fields = append(fields, one)
	}
	if rows.Err() != nil {
		return nil
	}
	return fields
}

// cast makes a query whose columns are text: DuckDB's own, but hex for blobs, as hashes are written; or JSON. The query
// stands first, so that an error's line is a line of it.
func cast(text string, fields []field) string {
	var names, casts []string
	for i, f := range fields {
		name := fmt.Sprintf("c%d", i)
		value := name
		if f.kind == "BLOB" {
			value = "lower(hex(" + value + "))"
		}
		// Numbers, and what is JSON already, go out digit by digit.
		if f.json && f.kind != "JSON" && !f.right() {
			value = "to_json(" + value + ")"
		}
		names, casts = append(names, name), append(casts, value+"::varchar")
	}
	return "from (" + text + "\n) as _(" + strings.Join(names, ", ") + ") select " + strings.Join(casts, ", ")
}

// execPlain runs what cannot be cast: EXPLAIN, CALL, PRAGMA, and all that is no query.
func (s *Session) execPlain(ctx context.Context, stmt *sql.Stmt) (count int, err error) {
	rows, err := stmt.QueryContext(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	types, err := rows.ColumnTypes()
	if err != nil {
		return 0, err
	}
	fields := make([]field, len(types))
	for i, one := range types {
		fields[i] = field{name: one.Name(), kind: one.DatabaseTypeName()}
		fields[i].json = fields[i].right() || fields[i].kind == "BOOLEAN"
	}
	switch {
	case len(fields) == 1 && (fields[0].name == "Success" || fields[0].name == "Count"):
		return changed(rows)
	case fields[0].name == "explain_key" && s.options.Format == Table:
		return copyRows(rows, fields, &planSink{w: s.options.Out})
	}
	return copyRows(rows, fields, newSink(s.options.Format, s.options.Out, s.shape()))
}

// changed is the count of rows that a statement made or changed. Like DuckDB's own shell it shows none of it.
func changed(rows *sql.Rows) (int, error) {
	count := 0
	for rows.Next() {
		if err := rows.Scan(&count); err != nil {
			return 0, err
		}
	}
	return count, rows.Err()
}

func (s *Session) shape() shape {
	out := shape{rows: s.options.MaxRows, paint: paint(s.options.Colors)}
	if s.options.Width != nil {
		out.width = s.options.Width()
	}
	return out
}

func copyRows(rows *sql.Rows, fields []field, to sink) (int, error) {
	if err := to.begin(fields); err != nil {
		return 0, err
	}
	values, scanned := make([]any, len(fields)), make([]any, len(fields))
	for i := range values {
		scanned[i] = &values[i]
	}
	row := make([]sql.NullString, len(fields))
	count := 0
	for ; rows.Next(); count++ {
		if err := rows.Scan(scanned...); err != nil {
			return count, err
		}
		for i, value := range values {
			row[i] = sql.NullString{String: fmt.Sprint(value), Valid: value != nil}
		}
		if err := to.row(row); err != nil {
			return count, err
		}
	}
	if err := rows.Err(); err != nil {
		return count, err
	}
	return count, to.end()
}

// planSink writes what EXPLAIN draws as it is.
type planSink struct{ w io.Writer }

func (*planSink) begin([]field) error { return nil }

func (s *planSink) row(values []sql.NullString) error {
	_, err := fmt.Fprintln(s.w, values[len(values)-1].String)
	return err
}

func (*planSink) end() error { return nil }
