package console

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
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
	row(values []any) error
	end() error
}

type csvSink struct {
	w      *csv.Writer
	fields []field
	record []string
}

func (s *csvSink) begin(fields []field) error {
	s.fields, s.record = fields, make([]string, len(fields))
	for i, f := range fields {
		s.record[i] = f.name
	}
	return s.w.Write(s.record)
}

// row leaves a missing value empty.
func (s *csvSink) row(values []any) error {
	for i, value := range values {
		s.record[i] = ""
		if value != nil {
			s.record[i] = cell(value, s.fields[i])
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
	buffer []byte
	count  int
}

func (s *jsonSink) begin(fields []field) error {
	s.fields = distinct(fields)
	if s.array {
		return s.w.WriteByte('[')
	}
	return nil
}

func (s *jsonSink) row(values []any) error {
	s.buffer = s.buffer[:0]
	if s.array && s.count > 0 {
		s.buffer = append(s.buffer, ",\n"...)
	}
	s.count++
	s.buffer = append(s.buffer, '{')
	for i, value := range values {
		s.buffer = appendKey(s.buffer, i, s.fields[i].name)
		if raw, ok := value.(string); ok && s.fields[i].raw {
			s.buffer = appendRaw(s.buffer, raw)
			continue
		}
		s.buffer = appendJSON(s.buffer, value, s.fields[i].info)
	}
	s.buffer = append(s.buffer, '}')
	if !s.array {
		s.buffer = append(s.buffer, '\n')
	}
	_, err := s.w.Write(s.buffer)
	return err
}

func (s *jsonSink) end() error {
	if s.array {
		if _, err := s.w.WriteString("]\n"); err != nil {
			return err
		}
	}
	return s.w.Flush()
}

// distinct numbers columns of the same name, as DuckDB does: a, a_1, a_2.
func distinct(fields []field) []field {
	out, taken := slices.Clone(fields), map[string]bool{}
	for i, f := range out {
		for n := 1; taken[out[i].name]; n++ {
			out[i].name = fmt.Sprintf("%s_%d", f.name, n)
		}
		taken[out[i].name] = true
	}
	return out
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

func (s *lineSink) row(values []any) error {
	if s.count > 0 {
		fmt.Fprintln(s.w)
	}
	s.count++
	for i, value := range values {
		name := text.AlignRight.Apply(plain(s.fields[i].name), s.pad)
		out := s.paint.value(value, plain(cell(value, s.fields[i])))
		if _, err := fmt.Fprintf(s.w, "%s = %s\n", name, out); err != nil {
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
		return &tableSink{w: w, shape: shape, markdown: true}
	}
	return &tableSink{w: w, shape: shape}
}
