package console

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// exec goes through the driver's own interface: database/sql hides the types of what is inside lists and structs.
func (s *Session) exec(ctx context.Context, text string) (count int, err error) {
	err = s.conn.Raw(func(raw any) error {
		conn, ok := raw.(*duckdb.Conn)
		if !ok {
			return fmt.Errorf("%T is no connection to DuckDB", raw)
		}
		stmt, fields, err := s.prepare(ctx, conn, text)
		if err != nil {
			return err
		}
		count, err = s.write(ctx, stmt, fields)
		return errors.Join(err, stmt.Close())
	})
	return count, err
}

// prepare makes a statement whose values the driver hands over as they are: columns of other types are cast to text.
func (s *Session) prepare(ctx context.Context, conn *duckdb.Conn, text string) (*duckdb.Stmt, []field, error) {
	stmt, err := prepare(ctx, conn, text)
	if err != nil {
		return nil, nil, err
	}
	fields, err := describe(stmt)
	if err != nil {
		return nil, nil, errors.Join(err, stmt.Close())
	}
	asJSON := s.options.Format == JSON || s.options.Format == JSONL
	query, castFields := cast(text, fields, asJSON)
	if query == "" || kind(stmt) != duckdb.STATEMENT_TYPE_SELECT {
		return stmt, fields, nil
	}
	// A few statements, such as EXPLAIN, cannot stand inside another one: they stay as they are.
	if other, err := prepare(ctx, conn, query); err == nil {
		return other, castFields, stmt.Close()
	}
	return stmt, fields, nil
}

func prepare(ctx context.Context, conn *duckdb.Conn, text string) (*duckdb.Stmt, error) {
	stmt, err := conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.(*duckdb.Stmt), nil
}

// kind of a statement; one that cannot be told is no SELECT.
func kind(stmt *duckdb.Stmt) duckdb.StmtType {
	kind, err := stmt.StatementType()
	if err != nil {
		return duckdb.STATEMENT_TYPE_INVALID
	}
	return kind
}

func describe(stmt *duckdb.Stmt) ([]field, error) {
	count, err := stmt.ColumnCount()
	if err != nil {
		return nil, err
	}
	fields := make([]field, count)
	for i := range fields {
		if fields[i].name, err = stmt.ColumnName(i); err != nil {
			return nil, err
		}
		// The type stays nil where the driver has no description.
		fields[i].info, _ = stmt.ColumnTypeInfo(i)
	}
	return fields, nil
}

// cast wraps a query so that its lossy columns come as text, or as JSON. It returns "" when there are none.
func cast(text string, fields []field, asJSON bool) (string, []field) {
	var inner, outer []string
	out, found := append([]field(nil), fields...), false
	for i, f := range fields {
		name := fmt.Sprintf("c%d", i)
		inner = append(inner, name)
		if !lossy(f.info) {
			outer = append(outer, name)
			continue
		}
		found, out[i].raw = true, asJSON
		// What is JSON already goes out digit by digit: to_json would read its numbers.
		if asJSON && !isJSON(f.info) {
			outer = append(outer, "to_json("+name+")::varchar as "+name)
		} else {
			outer = append(outer, name+"::varchar as "+name)
		}
	}
	if !found {
		return "", fields
	}
	return "select " + strings.Join(outer, ", ") + "\nfrom (" + text + "\n) as _(" + strings.Join(inner, ", ") + ")", out
}

// write runs the statement and passes its rows to the format.
func (s *Session) write(ctx context.Context, stmt *duckdb.Stmt, fields []field) (count int, err error) {
	rows, err := stmt.QueryContext(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if silent(kind(stmt), rows.Columns()) {
		return 0, nil
	}
	if len(fields) != len(rows.Columns()) {
		fields = named(rows.Columns())
	}
	if kind(stmt) == duckdb.STATEMENT_TYPE_EXPLAIN && s.options.Format == Table {
		return copyRows(ctx, rows, fields, &planSink{w: s.options.Out})
	}
	return copyRows(ctx, rows, fields, newSink(s.options.Format, s.options.Out, s.shape()))
}

// silent statements do something and have nothing to show.
func silent(kind duckdb.StmtType, columns []string) bool {
	if kind == duckdb.STATEMENT_TYPE_CREATE {
		return true
	}
	return kind != duckdb.STATEMENT_TYPE_SELECT && len(columns) == 1 && columns[0] == "Success"
}

func named(columns []string) []field {
	fields := make([]field, len(columns))
	for i, name := range columns {
		fields[i].name = name
	}
	return fields
}

func (s *Session) shape() shape {
	out := shape{rows: s.options.MaxRows, paint: paint(s.options.Colors)}
	if s.options.Width != nil {
		out.width = s.options.Width()
	}
	return out
}

func copyRows(ctx context.Context, rows driver.Rows, fields []field, to sink) (int, error) {
	if err := to.begin(fields); err != nil {
		return 0, err
	}
	values := make([]driver.Value, len(rows.Columns()))
	row := make([]any, len(values))
	for count := 0; ; count++ {
		err := rows.Next(values)
		if errors.Is(err, io.EOF) {
			return count, to.end()
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return count, err
		}
		for i, value := range values {
			row[i] = value
		}
		if err := to.row(row); err != nil {
			return count, err
		}
	}
}

// planSink writes what EXPLAIN draws as it is.
type planSink struct{ w io.Writer }

func (*planSink) begin([]field) error { return nil }

func (s *planSink) row(values []any) error {
	_, err := fmt.Fprintln(s.w, values[len(values)-1])
	return err
}

func (*planSink) end() error { return nil }
