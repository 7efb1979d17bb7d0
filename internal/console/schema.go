package console

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/ccdexplorer/nightrunner/internal/sqltext"
)

// schema writes the statements that make relations, which run as they stand, with what is known of tables and columns as
// comments.
func (s *Session) schema(ctx context.Context, pattern string) error {
	list, err := s.relations(ctx, pattern)
	if err != nil || len(list) == 0 {
		return s.none(pattern, err)
	}
	return s.emit(func(to Output) error {
		for i, one := range list {
			if i > 0 {
				fmt.Fprintln(to)
			}
			if err := s.writeStatement(ctx, to, one); err != nil {
				return err
			}
		}
		return nil
	})
}

// A columnNote is what is known of a column beside the statement.
type columnNote struct{ name, kind, comment string }

func (s *Session) writeStatement(ctx context.Context, to Output, of relation) error {
	columns, err := s.columnNotes(ctx, of)
	if err != nil {
		return err
	}
	var statement string
	err = s.conn.QueryRowContext(ctx, `select sql from duckdb_tables() where database_name in (current_database(), 'temp') and schema_name = $1 and table_name = $2
		union all select sql from duckdb_views() where database_name in (current_database(), 'temp') and schema_name = $1 and view_name = $2 limit 1`,
		of.schema, of.name).Scan(&statement)
	if err != nil {
		return fmt.Errorf("read the statement of %s: %w", of.title(), err)
	}
	writeNote(to, "", oneLine(of.comment), to.Width)
	if of.kind == "view" {
		for _, c := range columns {
			writeNote(to, "", strings.TrimSuffix(c.name+" "+c.kind+": "+c.comment, ": "), to.Width)
		}
		return writeLines(to, WrapSQL(viewLines(statement), to.Width))
	}
	return writeCreateTable(to, to.Width, statement, columns)
}

func (s *Session) columnNotes(ctx context.Context, of relation) ([]columnNote, error) {
	rows, err := s.conn.QueryContext(ctx, `select column_name, data_type, coalesce(comment, '') from duckdb_columns()
		where database_name in (current_database(), 'temp') and schema_name = $1 and table_name = $2 order by column_index`, of.schema, of.name)
	if err != nil {
		return nil, fmt.Errorf("list columns of %s: %w", of.title(), err)
	}
	defer rows.Close()
	var list []columnNote
	for rows.Next() {
		var one columnNote
		if err := rows.Scan(&one.name, &one.kind, &one.comment); err != nil {
			return nil, fmt.Errorf("list columns of %s: %w", of.title(), err)
		}
		one.comment = oneLine(one.comment)
		list = append(list, one)
	}
	return list, rows.Err()
}

// writeCreateTable puts each column on a line, its comment behind it or, where that is too long for the screen, above it.
func writeCreateTable(to io.Writer, width int, statement string, columns []columnNote) error {
	head, parts, tail := tableParts(statement)
	if len(parts) < len(columns) {
		return writeLines(to, statement)
	}
	fmt.Fprintln(to, plain(head)+" (")
	for i, part := range parts {
		line, note := "    "+plain(part), ""
		if i < len(parts)-1 {
			line += ","
		}
		if i < len(columns) {
			note = columns[i].comment
		}
		behind := line + " -- " + plain(note)
		switch {
		case note == "":
		case width <= 0 || text.StringWidthWithoutEscSequences(behind) <= width:
			line = behind
		default:
			writeNote(to, "    ", note, width)
		}
		fmt.Fprintln(to, line)
	}
	_, err := fmt.Fprintln(to, ")"+plain(tail))
	return err
}

// tableParts are the text before the brackets of a create table, what stands between its commas, and the text behind.
func tableParts(statement string) (head string, parts []string, tail string) {
	depth, part := 0, ""
	for _, one := range sqltext.Lex(statement) {
		for _, r := range pieces(one) {
			switch {
			case r == "(" && depth == 0 && parts == nil && head == "":
				head, part, depth = strings.TrimSpace(part), "", 1
				continue
			case r == "," && depth == 1, r == ")" && depth == 1:
				parts, part = append(parts, strings.TrimSpace(part)), ""
				if r == ")" {
					depth = 0
				}
				continue
			case r == "(":
				depth++
			case r == ")":
				depth--
			}
			part += r
		}
	}
	return head, parts, part
}

// pieces are the characters of what is between words, and all else as it is.
func pieces(one sqltext.Token) []string {
	if one.Kind == sqltext.Other {
		return strings.Split(one.Text, "")
	}
	return []string{one.Text}
}

// viewLines is a create view with its query on lines of its own.
func viewLines(statement string) string {
	head := ""
	for _, one := range sqltext.Lex(statement) {
		head += one.Text
		if one.Kind == sqltext.Word && strings.EqualFold(one.Text, "as") {
			return head + "\n" + strings.TrimSpace(strings.TrimPrefix(statement, head))
		}
	}
	return statement
}

// writeNote writes a comment over as many lines as it takes.
func writeNote(to io.Writer, indent, note string, width int) {
	if note == "" {
		return
	}
	indent += "-- "
	if width > len(indent)+leastWidth {
		note = Wrap(plain(note), width-len(indent))
	} else {
		note = plain(note)
	}
	fmt.Fprintln(to, indent+strings.ReplaceAll(note, "\n", "\n"+indent))
}

func writeLines(to io.Writer, text string) error {
	for line := range strings.SplitSeq(text, "\n") {
		if _, err := fmt.Fprintln(to, plain(line)); err != nil {
			return err
		}
	}
	return nil
}
