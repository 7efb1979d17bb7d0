package console

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// leastWidth is how far a column of text may be cut before columns are left out.
const leastWidth = 16

// A plan says which columns of a table are shown, how wide.
type plan struct {
	// shown are the columns' positions, -1 for the one that stands for those left out.
	shown []int
	// widths of the shown columns.
	widths []int
	// from and to are the columns left out; to is not.
	from, to, total int
}

// newPlan fits columns into width, when a column takes gap more than its text and the table edge more than its columns.
// First text is cut, then columns from the middle are left out, then what is free goes back to the text.
func newPlan(columns []Column, types []string, rows [][]string, width, gap, edge int) plan {
	natural, least := measure(columns, types, rows)
	p := plan{total: len(columns)}
	free := width - edge
	if width <= 0 {
		free = 1 << 40
	}
	left, right := keep(least, free, gap)
	if left+right < len(columns) {
		p.from, p.to = left, len(columns)-right
	}
	for i := range columns {
		switch {
		case i < p.from || i >= p.to:
			p.shown, p.widths = append(p.shown, i), append(p.widths, least[i])
		case i == p.from:
			p.shown, p.widths = append(p.shown, -1), append(p.widths, 1)
		}
	}
	p.widen(natural, free, gap)
	return p
}

// measure returns how wide each column would like to be and how narrow it can be.
func measure(columns []Column, types []string, rows [][]string) (natural, least []int) {
	natural, least = make([]int, len(columns)), make([]int, len(columns))
	for i, column := range columns {
		data := 1
		for _, row := range rows {
			if i < len(row) {
				data = max(data, size(row[i]))
			}
		}
		natural[i] = max(data, size(column.Name))
		if types != nil {
			natural[i] = max(natural[i], min(size(types[i]), leastWidth))
		}
		least[i] = min(natural[i], leastWidth)
		if column.Right {
			least[i] = max(least[i], data)
		}
	}
	return natural, least
}

// keep counts the columns that fit, from the left and from the right. The first one stays whatever its width.
func keep(least []int, free, gap int) (left, right int) {
	total := 0
	for _, width := range least {
		total += width + gap
	}
	if total <= free || len(least) < 2 {
		return len(least), 0
	}
	free -= 1 + gap + least[0] + gap
	left = 1
	for left+right < len(least)-1 {
		next := left
		if right < left {
			next = len(least) - 1 - right
		}
		free -= least[next] + gap
		if free < 0 {
			break
		}
		if right < left {
			right++
		} else {
			left++
		}
	}
	return left, right
}

// widen gives what is free to the columns that were cut, one character each in turn, and takes from the first one when it
// alone is too wide.
func (p *plan) widen(natural []int, free, gap int) {
	for _, width := range p.widths {
		free -= width + gap
	}
	if free < 0 && len(p.widths) > 0 {
		p.widths[0] = max(1, p.widths[0]+free)
	}
	for grown := true; grown && free > 0; {
		grown = false
		for at, column := range p.shown {
			if column >= 0 && p.widths[at] < natural[column] && free > 0 {
				p.widths[at]++
				free--
				grown = true
			}
		}
	}
}

func (p plan) configs(columns []Column) []table.ColumnConfig {
	configs := make([]table.ColumnConfig, len(p.shown))
	for at, column := range p.shown {
		align := text.AlignLeft
		if column >= 0 && columns[column].Right {
			align = text.AlignRight
		}
		configs[at] = table.ColumnConfig{Number: at + 1, Align: align, AlignHeader: align}
	}
	return configs
}

func (p plan) header(columns []Column, paint paint) table.Row {
	row := make(table.Row, len(p.shown))
	for at, column := range p.shown {
		row[at] = "…"
		if column >= 0 {
			row[at] = snip(columns[column].Name, p.widths[at])
		}
		if paint {
			row[at] = text.Bold.Sprint(row[at])
		}
	}
	return row
}

func (p plan) types(types []string, paint paint) table.Row {
	row := make(table.Row, len(p.shown))
	for at, column := range p.shown {
		row[at] = ""
		if column >= 0 {
			row[at] = paint.dim(snip(types[column], p.widths[at]))
		}
	}
	return row
}

// cells of a row; a row without cells stays without.
func (p plan) cells(row []string) table.Row {
	if len(row) == 0 {
		return table.Row{""}
	}
	cells := make(table.Row, len(p.shown))
	for at, column := range p.shown {
		cells[at] = "…"
		if column >= 0 {
			cells[at] = ""
			if column < len(row) {
				cells[at] = snip(row[column], p.widths[at])
			}
		}
	}
	return cells
}

func (p plan) dots(paint paint) table.Row {
	row := make(table.Row, len(p.shown))
	for at := range row {
		row[at] = paint.dim("·")
	}
	return row
}

// note is a line on what was left out, or "".
func (p plan) note() string {
	switch p.to - p.from {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("column %d of %d left out\n", p.to, p.total)
	}
	return fmt.Sprintf("columns %d to %d of %d left out\n", p.from+1, p.to, p.total)
}

func size(s string) int { return text.StringWidthWithoutEscSequences(s) }

func snip(s string, width int) string {
	if size(s) <= width {
		return s
	}
	return text.Trim(s, width-1) + "…"
}

// plain shows what would steer a terminal as an escape: control characters, and marks that turn the writing direction.
func plain(s string) string {
	return escape(s, steers)
}

// plainExceptBreaks leaves line breaks to Markdown.
func plainExceptBreaks(s string) string {
	return escape(s, func(r rune) bool { return r != '\n' && steers(r) })
}

func steers(r rune) bool {
	return unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x2028 || r == 0x2029
}

func escape(s string, bad func(rune) bool) string {
	if strings.IndexFunc(s, bad) < 0 {
		return s
	}
	var out strings.Builder
	for _, r := range s {
		if bad(r) {
			out.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}
