package console

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// A Column is the head of a column of WriteTable.
type Column struct {
	Name string
	// Right sets the column to the right, as numbers are. Such columns are never cut.
	Right bool
}

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
	plan := newPlan(columns, nil, grid, width, 2, 0)
	style := table.StyleLight
	style.Options = table.Options{SeparateHeader: true}
	style.Format = table.FormatOptions{}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	out := newWriter(style, plan, columns)
	out.SuppressTrailingSpaces()
	out.AppendHeader(plan.header(columns, false))
	for _, row := range grid {
		out.AppendRow(plan.cells(row))
	}
	_, err := io.WriteString(w, out.Render()+"\n"+plan.note())
	return err
}

// paint dims what is no data. The zero value leaves all as it is.
type paint bool

func (p paint) dim(s string) string {
	if p {
		return text.Faint.Sprint(s)
	}
	return s
}

// value dims NULL, so that it cannot be taken for a text that reads so.
func (p paint) value(value any, shown string) string {
	if value == nil {
		return p.dim(shown)
	}
	return shown
}

// shape is what a table may take.
type shape struct {
	// width in columns of the terminal and rows; 0 is no limit.
	width, rows int
	paint       paint
}

// tableSink keeps the first and the last rows, half of shape.rows each, and draws them when all have come.
type tableSink struct {
	w        io.Writer
	shape    shape
	markdown bool

	fields []field
	first  [][]any
	// last is a ring: the row n after first stands at n % shape.rows/2.
	last  [][]any
	count int
}

func (s *tableSink) begin(fields []field) error {
	s.fields = fields
	return nil
}

func (s *tableSink) row(values []any) error {
	s.count++
	half := s.shape.rows / 2
	if s.markdown || s.shape.rows == 0 || len(s.first) < s.shape.rows-half {
		s.first = append(s.first, append([]any(nil), values...))
		return nil
	}
	if half == 0 {
		return nil
	}
	if len(s.last) < half {
		s.last = append(s.last, make([]any, len(values)))
	}
	copy(s.last[(s.count-1-len(s.first))%half], values)
	return nil
}

// tail is the ring in the rows' order.
func (s *tableSink) tail() [][]any {
	if len(s.last) == 0 {
		return nil
	}
	start := (s.count - len(s.first)) % len(s.last)
	return append(append([][]any(nil), s.last[start:]...), s.last[:start]...)
}

func (s *tableSink) end() error {
	columns, types := make([]Column, len(s.fields)), make([]string, len(s.fields))
	for i, f := range s.fields {
		columns[i] = Column{Name: plain(f.name), Right: f.right()}
		types[i] = f.typeName()
	}
	if s.markdown {
		return s.drawMarkdown(columns)
	}
	if !s.shape.paint {
		types = nil
	}
	return s.draw(columns, types)
}

func (s *tableSink) draw(columns []Column, types []string) error {
	first, last := s.render(s.first), s.render(s.tail())
	plan := newPlan(columns, types, append(append([][]string(nil), first...), last...), s.shape.width, 3, 1)
	style := table.StyleLight
	style.Format = table.FormatOptions{}
	out := newWriter(style, plan, columns)
	out.AppendHeader(plan.header(columns, s.shape.paint))
	if types != nil {
		out.AppendHeader(plan.types(types, s.shape.paint))
	}
	s.append(out, plan, s.first, first)
	hidden := s.count - len(first) - len(last)
	if hidden > 0 {
		out.AppendRow(plan.dots(s.shape.paint))
	}
	s.append(out, plan, s.tail(), last)
	note := ""
	if plan.from < plan.to {
		note = strings.TrimSuffix(plan.note(), "\n") + "; format line shows all\n"
	}
	if hidden > 0 {
		note += fmt.Sprintf("rows %d to %d of %d left out; .maxrows 0 shows all\n", len(first)+1, len(first)+hidden, s.count)
	}
	_, err := io.WriteString(s.w, out.Render()+"\n"+s.shape.paint.dimLines(note))
	return err
}

func (s *tableSink) append(out table.Writer, plan plan, values [][]any, rows [][]string) {
	for i, row := range rows {
		cells := plan.cells(row)
		for at, column := range plan.shown {
			if column >= 0 && values[i][column] == nil {
				cells[at] = s.shape.paint.dim(fmt.Sprint(cells[at]))
			}
		}
		out.AppendRow(cells)
	}
}

func (s *tableSink) drawMarkdown(columns []Column) error {
	out := table.NewWriter()
	out.SetStyle(table.Style{})
	plan := newPlan(columns, nil, nil, 0, 0, 0)
	out.SetColumnConfigs(plan.configs(columns))
	out.AppendHeader(plan.header(columns, false))
	for _, row := range s.first {
		cells := make(table.Row, len(row))
		for i, value := range row {
			cells[i] = plainExceptBreaks(cell(value, s.fields[i]))
		}
		out.AppendRow(cells)
	}
	_, err := io.WriteString(s.w, out.RenderMarkdown()+"\n")
	return err
}

func (s *tableSink) render(rows [][]any) [][]string {
	out := make([][]string, 0, len(rows))
	for _, row := range rows {
		line := make([]string, len(row))
		for i, value := range row {
			line[i] = plain(cell(value, s.fields[i]))
		}
		out = append(out, line)
	}
	return out
}

func (p paint) dimLines(s string) string {
	if s == "" {
		return ""
	}
	return p.dim(strings.TrimSuffix(s, "\n")) + "\n"
}

// cell is a value as text; what came as JSON stays as it is.
func cell(value any, f field) string {
	return valueText(value, f.info)
}

func newWriter(style table.Style, plan plan, columns []Column) table.Writer {
	out := table.NewWriter()
	out.SetStyle(style)
	out.SetColumnConfigs(plan.configs(columns))
	return out
}
