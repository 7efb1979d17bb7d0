package console

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// A sink takes a result: begin once, row for each row, end once. It owns the values of a row only during the call.
type sink interface {
	begin(fields []field) error
	row(values []sql.NullString) error
	end() error
}

type csvSink struct {
	w       *csv.Writer
	headers bool
	null    string
	record  []string
}

func (s *csvSink) begin(fields []field) error {
	s.record = make([]string, len(fields))
	for i, f := range fields {
		s.record[i] = f.name
	}
	if !s.headers {
		return nil
	}
	return s.w.Write(s.record)
}

// row leaves a missing value empty, or what .nullvalue says.
func (s *csvSink) row(values []sql.NullString) error {
	for i, value := range values {
		s.record[i] = s.null
		if value.Valid {
			s.record[i] = value.String
		}
	}
	return s.w.Write(s.record)
}

func (s *csvSink) end() error {
	s.w.Flush()
	return s.w.Error()
}

// jsonSink writes one object per line; array puts brackets around and commas between them.
type jsonSink struct {
	w      *bufio.Writer
	array  bool
	fields []field
	// keys as they stand before their values: {"a": and ,"b":
	keys   []string
	buffer bytes.Buffer
	count  int
}

func (s *jsonSink) begin(fields []field) error {
	s.fields = fields
	before := "{"
	for _, f := range fields {
		s.keys = append(s.keys, before+jsonString(f.name)+":")
		before = ","
	}
	if s.array {
		return s.w.WriteByte('[')
	}
	return nil
}

func (s *jsonSink) row(values []sql.NullString) error {
	s.buffer.Reset()
	if s.array && s.count > 0 {
		s.buffer.WriteString(",\n")
	}
	s.count++
	for i, value := range values {
		s.buffer.WriteString(s.keys[i])
		switch {
		case !value.Valid:
			s.buffer.WriteString("null")
		case s.fields[i].json:
			s.writeJSON(value.String)
		default:
			s.buffer.WriteString(jsonString(value.String))
		}
	}
	s.buffer.WriteByte('}')
	if !s.array {
		s.buffer.WriteByte('\n')
	}
	_, err := s.w.Write(s.buffer.Bytes())
	return err
}

// writeJSON puts it on one line. What DuckDB writes for numbers that are none is no JSON: null stands for them.
func (s *jsonSink) writeJSON(text string) {
	if json.Compact(&s.buffer, []byte(text)) == nil {
		return
	}
	numbers := regexp.MustCompile(`"(?:[^"\\]|\\.)*"|-?(?:nan|inf|NaN|Infinity)`)
	fixed := numbers.ReplaceAllStringFunc(text, func(part string) string {
		if part[0] == '"' {
			return part
		}
		return "null"
	})
	if json.Compact(&s.buffer, []byte(fixed)) != nil {
		s.buffer.WriteString(jsonString(text))
	}
}

func (s *jsonSink) end() error {
	if s.array {
		if _, err := s.w.WriteString("]\n"); err != nil {
			return err
		}
	}
	return s.w.Flush()
}

// jsonString leaves <, > and & as they are.
func jsonString(s string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return "null"
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// lineSink writes one column per line, "name = value", and a blank line between rows.
type lineSink struct {
	w      *bufio.Writer
	shape  shape
	fields []field
	pad    int
	count  int
}

func (s *lineSink) begin(fields []field) error {
	s.fields = fields
	for _, f := range fields {
		s.pad = max(s.pad, text.StringWidthWithoutEscSequences(plain(f.name)))
	}
	return nil
}

func (s *lineSink) row(values []sql.NullString) error {
	if s.count > 0 {
		fmt.Fprintln(s.w)
	}
	s.count++
	for i, value := range values {
		name := text.AlignRight.Apply(plain(s.fields[i].name), s.pad)
		if _, err := fmt.Fprintf(s.w, "%s = %s\n", name, s.shape.cell(value)); err != nil {
			return err
		}
	}
	return nil
}

func (s *lineSink) end() error { return s.w.Flush() }

// markdownSink writes a table of Markdown, without padding: rows go out as they come.
type markdownSink struct {
	w     *bufio.Writer
	shape shape
}

func (s *markdownSink) begin(fields []field) error {
	names, rules := make([]string, len(fields)), make([]string, len(fields))
	for i, f := range fields {
		names[i], rules[i] = markdown(f.name), "---"
		if f.right() {
			rules[i] = "---:"
		}
	}
	if !s.shape.headers {
		names = make([]string, len(fields))
	}
	return errors.Join(s.write(names), s.write(rules))
}

func (s *markdownSink) row(values []sql.NullString) error {
	cells := make([]string, len(values))
	for i, value := range values {
		cells[i] = s.shape.missing()
		if value.Valid {
			cells[i] = markdown(value.String)
		}
	}
	return s.write(cells)
}

func (s *markdownSink) write(cells []string) error {
	_, err := s.w.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	return err
}

func (s *markdownSink) end() error { return s.w.Flush() }

// markdown is the text as it stands in a cell.
func markdown(cell string) string {
	lines := strings.Split(cell, "\n")
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(plain(line), "|", `\|`)
	}
	return strings.Join(lines, "<br/>")
}

// newSink makes the sink of a format.
func newSink(format Format, w io.Writer, shape shape) sink {
	switch format {
	case CSV, Tabs:
		out := csv.NewWriter(w)
		if format == Tabs {
			out.Comma = '\t'
		}
		null := ""
		if shape.null != nil {
			null = *shape.null
		}
		return &csvSink{w: out, headers: shape.headers, null: null}
	case JSON, JSONL:
		return &jsonSink{w: bufio.NewWriter(w), array: format == JSON}
	case Line:
		return &lineSink{w: bufio.NewWriter(w), shape: shape}
	case Markdown:
		return &markdownSink{w: bufio.NewWriter(w), shape: shape}
	}
	return &tableSink{w: w, shape: shape, duckbox: format == Duckbox}
}
