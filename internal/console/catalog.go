package console

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// A relation is a table or view of the database.
type relation struct {
	schema, name, kind, comment string
	// rows as DuckDB estimates them; views have none.
	rows sql.NullInt64
}

// title is the name to write in a query: the schema main goes without saying.
func (r relation) title() string {
	if r.schema == "main" {
		return r.name
	}
	return r.schema + "." + r.name
}

// relations whose name, or schema and name, match a pattern, in the order of the data's flow. * and % stand for any
// text, ? for one character; a pattern without these matches a whole name, a whole schema, or else any part of a name.
func (s *Session) relations(ctx context.Context, pattern string) ([]relation, error) {
	exact, err := s.matching(ctx, strings.ReplaceAll(pattern, "%", "*"))
	if len(exact) > 0 || err != nil || strings.ContainsAny(pattern, "*%?") {
		return exact, err
	}
	return s.matching(ctx, "*"+pattern+"*")
}

func (s *Session) matching(ctx context.Context, glob string) ([]relation, error) {
	rows, err := s.conn.QueryContext(ctx, `
		with relations as (
			select schema_name, table_name, 'table' as kind, estimated_size, comment from duckdb_tables()
			where database_name in (current_database(), 'temp') and not internal
			union all
			select schema_name, view_name, 'view', null, comment from duckdb_views()
			where database_name in (current_database(), 'temp') and not internal
		)
		select schema_name, table_name, kind, coalesce(comment, ''), estimated_size
		from relations
		-- What migrations count in is nobody's.
		where table_name <> 'goose_db_version' and (lower(table_name) glob $1 or lower(schema_name) glob $1
			or lower(schema_name || '.' || table_name) glob $1)
		order by
			coalesce(list_position(['raw', 'stg', 'mid', 'stat', 'ops'], schema_name), 6), schema_name, table_name`,
		strings.ToLower(glob))
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	defer rows.Close()
	var list []relation
	for rows.Next() {
		var one relation
		if err := rows.Scan(&one.schema, &one.name, &one.kind, &one.comment, &one.rows); err != nil {
			return nil, fmt.Errorf("list tables: %w", err)
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

// tables lists relations, a blank line between schemas.
func (s *Session) tables(ctx context.Context, pattern string) error {
	list, err := s.relations(ctx, pattern)
	if err != nil || len(list) == 0 {
		return s.none(pattern, err)
	}
	var rows [][]string
	for i, one := range list {
		if i > 0 && list[i-1].schema != one.schema {
			rows = append(rows, nil)
		}
		count := ""
		if one.rows.Valid {
			count = fmt.Sprint(one.rows.Int64)
		}
		rows = append(rows, []string{one.title(), one.kind, count, oneLine(one.comment)})
	}
	columns := []Column{{Name: "name", whole: true}, {Name: "kind"}, {Name: "rows", Right: true}, {Name: "comment"}}
	return s.list(columns, rows)
}

func (s *Session) none(pattern string, err error) error {
	switch {
	case err != nil:
		return err
	case pattern != "":
		return fmt.Errorf("no table or view matches %s", pattern)
	}
	_, err = fmt.Fprintln(s.options.Err, "there are no tables")
	return err
}

// oneLine lets the screen break a comment, not its author.
func oneLine(comment string) string { return strings.Join(strings.Fields(comment), " ") }
