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
	var meter *meter
	if s.options.Progress {
		meter = watch(s.options.Err, s.stream.Progress)
		defer meter.stop()
	}
	fields := s.describe(ctx, text)
	if len(fields) == 0 {
		return s.execPlain(ctx, stmt, meter)
	}
	err = s.emit(func(to Output) error {
		sink := s.sink(to, meter)
		if err := sink.begin(fields); err != nil {
			return err
		}
		err := s.stream.Each(ctx, cast(text, fields), func(row []sql.NullString) error {
			count++
			return sink.row(row)
		})
		if err != nil {
			return err
		}
		return sink.end()
	})
	return count, err
}

// sink writes rows in the format that is set. On the way to a terminal it stops the meter there first.
func (s *Session) sink(to Output, meter *meter) sink {
	shape := s.shape()
	shape.width, shape.paint = to.Width, to.paint
	if to.screen {
		to.Writer = stopping{to.Writer, meter}
	}
	return newSink(s.format, to.Writer, shape)
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
		one := field{json: s.format == JSON || s.format == JSONL}
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
func (s *Session) execPlain(ctx context.Context, stmt *sql.Stmt, meter *meter) (count int, err error) {
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
	if len(fields) == 1 && (fields[0].name == "Success" || fields[0].name == "Count") {
		return changed(rows)
	}
	err = s.emit(func(to Output) error {
		sink := s.sink(to, meter)
		if fields[0].name == "explain_key" && (s.format == Table || s.format == Duckbox) {
			sink = &planSink{w: to}
		}
		count, err = copyRows(rows, fields, sink)
		return err
	})
	return count, err
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

// shape is what tables on the screen may take.
func (s *Session) shape() shape {
	out := shape{width: s.maxWidth, rows: s.maxRows, paint: s.paint(), headers: s.headers, null: s.null}
	if out.width == 0 && s.options.Width != nil {
		out.width = s.options.Width()
	}
	return out
}

// height of the screen in lines, 0 when Out is none.
func (s *Session) height() int {
	if s.options.Height == nil {
		return 0
	}
	return s.options.Height()
}

func (s *Session) paint() paint { return paint(s.options.Colors) }

// list writes a table of the shell's own.
func (s *Session) list(columns []Column, rows [][]string) error {
	return s.emit(func(to Output) error { return WriteTable(to, to.Width, columns, rows) })
}
