package console

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// A Format is how rows are written.
type Format string

// The formats. Table and Markdown hold the rows they show before they write, the others write as rows come.
const (
	Table    Format = "table"
	CSV      Format = "csv"
	JSON     Format = "json"
	JSONL    Format = "jsonl"
	Markdown Format = "markdown"
	Line     Format = "line"
)

// Formats are all formats, the default first.
func Formats() []Format { return []Format{Table, CSV, JSON, JSONL, Markdown, Line} }

// ParseFormat finds a format by its name.
func ParseFormat(name string) (Format, error) {
	if format := Format(name); slices.Contains(Formats(), format) {
		return format, nil
	}
	var names []string
	for _, one := range Formats() {
		names = append(names, string(one))
	}
	return "", fmt.Errorf("unknown format %q: there is %s", name, strings.Join(names, ", "))
}

// A sink takes a result: begin once, row for each row, end once. It owns the values of a row only during the call.
type sink interface {
	begin(fields []field) error
	row(values []sql.NullString) error
	end() error
}

type csvSink struct {
	w      *csv.Writer
	record []string
}

func (s *csvSink) begin(fields []field) error {
	s.record = make([]string, len(fields))
	for i, f := range fields {
		s.record[i] = f.name
	}
	return s.w.Write(s.record)
}

// row leaves a missing value empty.
func (s *csvSink) row(values []sql.NullString) error {
	for i, value := range values {
		s.record[i] = ""
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
	paint  paint
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
		if _, err := fmt.Fprintf(s.w, "%s = %s\n", name, s.paint.cell(value)); err != nil {
			return err
		}
	}
	return nil
}

func (s *lineSink) end() error { return s.w.Flush() }

// newSink makes the sink of a format.
func newSink(format Format, w io.Writer, shape shape) sink {
	switch format {
	case CSV:
		return &csvSink{w: csv.NewWriter(w)}
	case JSON, JSONL:
		return &jsonSink{w: bufio.NewWriter(w), array: format == JSON}
	case Line:
		return &lineSink{w: bufio.NewWriter(w), paint: shape.paint}
	case Markdown:
		return &markdownSink{w: w}
	}
	return &tableSink{w: w, shape: shape}
}
