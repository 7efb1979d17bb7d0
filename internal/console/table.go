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

	"github.com/ccdexplorer/nightrunner/internal/wording"
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
	_, err := io.WriteString(w, plan.draw(style, columns, grid, shape{headers: true})+"\n"+plan.note(""))
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

// shape is what a table may take and how it looks.
type shape struct {
	// width in columns of the terminal and rows; 0 is no limit.
	width, rows int
	paint       paint
	headers     bool
	// null stands for missing values; nil leaves it to the format.
	null *string
}

// missing is how a value that is missing reads.
func (s shape) missing() string {
	if s.null != nil {
		return plain(*s.null)
	}
	return null
}

// cell dims NULL, so that it cannot be taken for a text that reads so.
func (s shape) cell(value sql.NullString) string {
	if !value.Valid {
		return s.paint.dim(s.missing())
	}
	return plain(value.String)
}

// mostHeld is how many rows a table holds before it is drawn; another one with the same head goes on below it.
const mostHeld = 10_000

// tableSink keeps the rows it shows and draws them when all have come: all rows, or, of a duckbox, the first and the last
// ones, half of shape.rows each.
type tableSink struct {
	w       io.Writer
	shape   shape
	duckbox bool

	columns []Column
	first   [][]string
	// last is a ring: the row n after first stands at n % shape.rows/2.
	last  [][]string
	count int
	// drawn rows are in tables before this one.
	drawn int
}

func (s *tableSink) begin(fields []field) error {
	if !s.duckbox {
		s.shape.rows = 0
	}
	for _, f := range fields {
		column := Column{Name: plain(f.name), Right: f.right()}
		if s.duckbox || s.shape.paint.on() {
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
		cells[i] = s.shape.cell(value)
	}
	switch {
	case !full && len(s.first) == mostHeld && s.shape.rows == 0:
		if err := s.draw(s.first, ""); err != nil {
			return err
		}
		s.drawn, s.first = s.count-1, append(s.first[:0], cells)
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
	rows, shown := s.first, s.drawn+len(s.first)+len(s.last)
	if shown < s.count {
		dots := slices.Repeat([]string{s.shape.paint.dim("·")}, len(s.columns))
		rows = append(rows, dots, dots, dots)
	}
	return s.draw(append(rows, s.tail()...), s.rowCount(shown))
}

// draw writes a table and a note on what is left out of it.
func (s *tableSink) draw(rows [][]string, count string) error {
	plan := newPlan(s.columns, rows, s.shape.width, 3, 1)
	note := plan.note("; format line shows all")
	if s.duckbox {
		note = s.counts(count, plan.to-plan.from)
	}
	if note != "" {
		note = s.shape.paint.dim(strings.TrimSuffix(note, "\n")) + "\n"
	}
	_, err := io.WriteString(s.w, plan.draw(table.StyleLight, s.columns, rows, s.shape)+"\n"+note)
	return err
}

// fewRows are counted at a glance.
const fewRows = 10

// rowCount says how many rows there are, and how many are shown when that is not all; "" when one sees it.
func (s *tableSink) rowCount(shown int) string {
	switch {
	case shown < s.count:
		return fmt.Sprintf("%s (%d shown; .maxrows)", wording.Count(int64(s.count), "row"), shown)
	case s.count > 0 && s.count < fewRows:
		return ""
	}
	return wording.Count(int64(s.count), "row")
}

// counts is the line below a duckbox.
func (s *tableSink) counts(rows string, hidden int) string {
	columns := wording.Count(int64(len(s.columns)), "column")
	if hidden > 0 {
		columns += fmt.Sprintf(" (%d shown; .mode line)", len(s.columns)-hidden)
	} else if rows == "" {
		return ""
	}
	if rows != "" {
		rows += ", "
	}
	return rows + columns + "\n"
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
