package console

import (
	"database/sql"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// null is how a missing value looks in every format for people.
const null = "NULL"

// WriteTable writes rows in aligned columns with a header and no frame. Cells are cut with … and columns in the middle
// left out where the table is wider than width; 0 is no limit. A row without cells is a blank line. Control characters
// are shown escaped. It returns the first error of w.
func WriteTable(w io.Writer, width int, columns []Column, rows [][]string) error {
	grid := make([][]string, 0, len(rows))
	for _, row := range rows {
		clean := make([]string, len(row))
		for i, one := range row {
			clean[i] = plain(one)
		}
		grid = append(grid, clean)
	}
	style := table.StyleLight
	style.Options = table.Options{SeparateHeader: true, SeparateColumns: true}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", ""
	style.Box.MiddleVertical, style.Box.MiddleSeparator = "  ", "──"
	plan := newPlan(columns, grid, width, 2, -2)
	_, err := io.WriteString(w, plan.draw(style, columns, grid, false)+"\n"+plan.note(""))
	return err
}

// Wrap breaks lines between words where a terminal of that width would break them anywhere; 0 is no limit. What DuckDB
// shows of a statement, with a mark below, stays as it is.
func Wrap(message string, width int) string {
	if width <= 0 {
		return message
	}
	message, place, found := strings.Cut(message, "\nLINE ")
	var lines []string
	for long := range strings.SplitSeq(message, "\n") {
		for line := range strings.SplitSeq(text.WrapSoft(long, width), "\n") {
			lines = append(lines, strings.TrimRight(line, " "))
		}
	}
	if found {
		lines = append(lines, "LINE "+place)
	}
	return strings.Join(lines, "\n")
}

// paint dims what is no data. The zero value leaves all as it is.
type paint bool

func (p paint) dim(s string) string {
	if p && s != "" {
		return text.Faint.Sprint(s)
	}
	return s
}

// cell dims NULL, so that it cannot be taken for a text that reads so.
func (p paint) cell(value sql.NullString) string {
	if !value.Valid {
		return p.dim(null)
	}
	return plain(value.String)
}

// shape is what a table may take.
type shape struct {
	// width in columns of the terminal and rows; 0 is no limit.
	width, rows int
	paint       paint
}

// tableSink keeps the first and the last rows, half of shape.rows each, and draws them when all have come.
type tableSink struct {
	w     io.Writer
	shape shape

	columns []Column
	first   [][]string
	// last is a ring: the row n after first stands at n % shape.rows/2.
	last  [][]string
	count int
}

func (s *tableSink) begin(fields []field) error {
	for _, f := range fields {
		column := Column{Name: plain(f.name), Right: f.right()}
		if s.shape.paint {
			column.kind = strings.ToLower(f.kind)
		}
		s.columns = append(s.columns, column)
	}
	return nil
}

func (s *tableSink) row(values []sql.NullString) error {
	s.count++
	half := s.shape.rows / 2
	full := s.shape.rows > 0 && len(s.first) == s.shape.rows-half
	if full && half == 0 {
		return nil
	}
	cells := make([]string, len(values))
	for i, value := range values {
		cells[i] = s.shape.paint.cell(value)
	}
	switch {
	case !full:
		s.first = append(s.first, cells)
	case len(s.last) < half:
		s.last = append(s.last, cells)
	default:
		s.last[(s.count-1-len(s.first))%half] = cells
	}
	return nil
}

// tail is the ring in the rows' order.
func (s *tableSink) tail() [][]string {
	if len(s.last) == 0 {
		return nil
	}
	start := (s.count - len(s.first)) % len(s.last)
	return slices.Concat(s.last[start:], s.last[:start])
}

func (s *tableSink) end() error {
	rows, note := s.first, ""
	hidden := s.count - len(s.first) - len(s.last)
	if hidden > 0 {
		rows = append(rows, slices.Repeat([]string{s.shape.paint.dim("·")}, len(s.columns)))
		note = fmt.Sprintf("rows %d to %d of %d left out; .maxrows 0 shows all\n", len(s.first)+1, len(s.first)+hidden, s.count)
	}
	rows = append(rows, s.tail()...)
	plan := newPlan(s.columns, rows, s.shape.width, 3, 1)
	note = plan.note("; format line shows all") + note
	if note != "" {
		note = s.shape.paint.dim(strings.TrimSuffix(note, "\n")) + "\n"
	}
	_, err := io.WriteString(s.w, plan.draw(table.StyleLight, s.columns, rows, s.shape.paint)+"\n"+note)
	return err
}

// markdownSink holds all rows: the head's width is that of the widest.
type markdownSink struct {
	w   io.Writer
	out table.Writer
}

func (s *markdownSink) begin(fields []field) error {
	s.out = table.NewWriter()
	s.out.SetStyle(table.Style{})
	var names table.Row
	var configs []table.ColumnConfig
	for i, f := range fields {
		names = append(names, plain(f.name))
		configs = append(configs, Column{Right: f.right()}.config(i, 0))
	}
	s.out.SetColumnConfigs(configs)
	s.out.AppendHeader(names)
	return nil
}

// row leaves line breaks to Markdown.
func (s *markdownSink) row(values []sql.NullString) error {
	var cells table.Row
	for _, value := range values {
		lines := strings.Split(value.String, "\n")
		for i, line := range lines {
			lines[i] = plain(line)
		}
		if !value.Valid {
			lines = []string{null}
		}
		cells = append(cells, strings.Join(lines, "\n"))
	}
	s.out.AppendRow(cells)
	return nil
}

func (s *markdownSink) end() error {
	_, err := io.WriteString(s.w, s.out.RenderMarkdown()+"\n")
	return err
}

// plain shows what would steer a terminal as an escape: control characters, and marks that turn the writing direction.
func plain(s string) string {
	if strings.IndexFunc(s, steers) < 0 {
		return s
	}
	var out strings.Builder
	for _, r := range s {
		if steers(r) {
			out.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func steers(r rune) bool {
	return unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x2028 || r == 0x2029
}
