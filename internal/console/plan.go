package console

import (
	"fmt"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// leastWidth is how far a column of text may be cut before columns are left out.
const leastWidth = 12

// A Column is the head of a column of a table.
type Column struct {
	Name string
	// Right sets the column to the right, as numbers are. Such columns are never cut.
	Right bool
	// Wrap breaks what does not fit between words, onto lines below, instead of cutting it. The other columns are cut only
	// when that is not enough.
	Wrap bool
	// whole: it is never cut either.
	whole bool
	// kind is a second line of the head.
	kind string
}

func (c Column) config(position, width int) table.ColumnConfig {
	align := text.AlignLeft
	if c.Right {
		align = text.AlignRight
	}
	fit := text.WrapSoft
	if !c.Wrap {
		fit = func(s string, width int) string { return text.Snip(s, width, "…") }
	}
	return table.ColumnConfig{Number: position + 1, Align: align, AlignHeader: align, WidthMax: width, WidthMaxEnforcer: fit}
}

// A plan says which columns of a table are shown, how wide: go-pretty cuts cells and lines, but leaves no columns out.
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
func newPlan(columns []Column, rows [][]string, width, gap, edge int) plan {
	p := plan{total: len(columns)}
	free := width - edge
	if width <= 0 {
		free = 1 << 40
	}
	natural, least := measure(columns, rows)
	least = wholeNames(columns, natural, least, free, gap)
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
func measure(columns []Column, rows [][]string) (natural, least []int) {
	natural, least = make([]int, len(columns)), make([]int, len(columns))
	for i, column := range columns {
		data := 1
		for _, row := range rows {
			if i < len(row) {
				data = max(data, text.StringWidthWithoutEscSequences(row[i]))
			}
		}
		head := max(text.StringWidthWithoutEscSequences(column.Name), min(text.StringWidthWithoutEscSequences(column.kind), 2*leastWidth))
		natural[i] = max(data, head)
		least[i] = min(natural[i], leastWidth)
		if column.Right || column.whole {
			least[i] = max(least[i], data)
		}
	}
	return natural, least
}

// wholeNames keeps the columns that do not wrap as wide as they would like to be, if those that do have room left.
func wholeNames(columns []Column, natural, least []int, free, gap int) []int {
	whole := slices.Clone(natural)
	total, wraps := 0, false
	for i, column := range columns {
		if column.Wrap {
			whole[i], wraps = least[i], true
		}
		total += whole[i] + gap
	}
	if !wraps || total > free {
		return least
	}
	return whole
}

// keep counts the columns that fit, from the left and from the right in turn as long as both do. The first one stays whatever its width.
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
		nextLeft, nextRight := least[left]+gap, least[len(least)-1-right]+gap
		switch {
		case nextRight <= free && (right < left || nextLeft > free):
			free -= nextRight
			right++
		case nextLeft <= free:
			free -= nextLeft
			left++
		default:
			return left, right
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

// draw makes the table. A row without cells stays without.
func (p plan) draw(style table.Style, columns []Column, rows [][]string, shape shape) string {
	style.Format = table.FormatOptions{}
	out := table.NewWriter()
	out.SetStyle(style)
	out.SuppressTrailingSpaces()
	names, kinds := make([]string, len(columns)), make([]string, len(columns))
	for i, column := range columns {
		names[i], kinds[i] = shape.paint.bold(column.Name), shape.paint.dim(column.kind)
	}
	if shape.headers {
		out.AppendHeader(p.cells(names))
	}
	if shape.headers && slices.ContainsFunc(columns, func(c Column) bool { return c.kind != "" }) {
		out.AppendHeader(p.cells(kinds))
	}
	for _, row := range rows {
		out.AppendRow(p.cells(row))
	}
	configs := make([]table.ColumnConfig, len(p.shown))
	for at, column := range p.shown {
		configs[at] = Column{}.config(at, p.widths[at])
		if column >= 0 {
			configs[at] = columns[column].config(at, p.widths[at])
		}
	}
	out.SetColumnConfigs(configs)
	return out.Render()
}

func (p plan) cells(row []string) table.Row {
	if len(row) == 0 {
		return table.Row{""}
	}
	cells := make(table.Row, len(p.shown))
	for at, column := range p.shown {
		cells[at] = ""
		switch {
		case column < 0:
			cells[at] = "…"
		case column < len(row):
			cells[at] = row[column]
		}
	}
	return cells
}

// note is a line on the columns left out, or "".
func (p plan) note(advice string) string {
	switch p.to - p.from {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("column %d of %d left out%s\n", p.to, p.total, advice)
	}
	return fmt.Sprintf("columns %d to %d of %d left out%s\n", p.from+1, p.to, p.total, advice)
}
