package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ccdexplorer/nightrunner/internal/console"
	"github.com/ccdexplorer/nightrunner/internal/parity"
	"github.com/ccdexplorer/nightrunner/internal/wording"
)

// shownFields is how many fields of a statistic a text names before it counts.
const shownFields = 10

// shownRanges is how long a list of days may be in a text.
const shownRanges = 100

// printParity shows what a comparison came to: a line per statistic, then what differs, then the sum.
func printParity(w io.Writer, width int, r *parity.Report) {
	fmt.Fprintf(w, "ours: %s\ntheirs: %s\n\n", r.Warehouse, r.Against)
	right := func(name string) console.Column { return console.Column{Name: name, Right: true} }
	var rows [][]string
	for _, s := range r.Statistics {
		rows = append(rows, []string{s.Name, number(s.Equal), number(s.Rounding), number(s.Different), number(s.OnlyOurs + s.OnlyTheirs)})
	}
	if len(rows) > 0 {
		_ = console.WriteTable(w, width, []console.Column{{Name: "statistic"}, right("equal"), right("rounding"), right("different"), right("missing")}, rows)
	}
	for _, s := range r.Statistics {
		printStatistic(w, width, s)
	}
	fmt.Fprintln(w)
	printSides(w, r)
	for _, note := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	fmt.Fprintln(w, parityVerdict(r))
}

// printStatistic shows what differs in one statistic, nothing when all is equal.
func printStatistic(w io.Writer, width int, s *parity.Statistic) {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if s.Note != "" {
		add("  %s", s.Note)
	}
	if s.Different > 0 {
		add("  different: %s%s", plural(s.Different, "document"), onDays(s.DifferentDays))
		lines = append(lines, fieldLines(s.Fields, parity.Different, parity.OnlyOurs, parity.OnlyTheirs)...)
	}
	if s.Ours != nil {
		lines = append(lines, missingLines("ours", s.Ours)...)
	}
	if s.Theirs != nil {
		lines = append(lines, missingLines("theirs", s.Theirs)...)
	}
	for _, one := range s.Waiting {
		add("    ours waits for %s: %s", one.Reason, onDays(&one.Days)[4:])
	}
	if s.Twice > 0 {
		add("  twice: %s of theirs with an _id that another one has; the first was compared", plural(s.Twice, "document"))
	}
	if s.Rounding > 0 {
		lines = append(lines, roundingLines(s)...)
	}
	lines = append(lines, noteLines(s.Fields)...)
	if len(lines) > 0 {
		fmt.Fprintf(w, "\n%s\n", s.Name)
	}
	for _, line := range lines {
		fmt.Fprintln(w, indented(line, width))
	}
}

// indented breaks a line that is too wide; what follows stands further in than its beginning. 0 is no limit.
func indented(line string, width int) string {
	words := strings.TrimLeft(line, " ")
	in := len(line) - len(words)
	if width <= in+2 {
		return line
	}
	first, more, broken := strings.Cut(console.Wrap(words, width-in), "\n")
	if !broken {
		return line
	}
	more = console.Wrap(strings.ReplaceAll(more, "\n", " "), width-in-2)
	pad := strings.Repeat(" ", in)
	return pad + first + "\n" + pad + "  " + strings.ReplaceAll(more, "\n", "\n"+pad+"  ")
}

// onDays is " on 3 days: …", or nothing.
func onDays(days *parity.Days) string {
	if days == nil {
		return ""
	}
	return fmt.Sprintf(" on %s: %s", plural(int64(days.Count), "day"), shorten(days.Ranges, shownRanges))
}

func plural(n int64, word string) string { return wording.Count(n, word) }

// fieldLines tell of the fields with differences of some kinds.
func fieldLines(fields []parity.Field, kinds ...string) []string {
	var lines []string
	shown := 0
	for _, f := range fields {
		if !slices.Contains(kinds, f.Kind) {
			continue
		}
		if shown++; shown > shownFields {
			continue
		}
		lines = append(lines, "    "+f.Field+": "+plural(f.Documents, "document")+apart(f))
		for _, one := range f.Examples {
			lines = append(lines, fmt.Sprintf("      %s: ours %s, theirs %s", one.ID, value(one.Ours), value(one.Theirs)))
		}
	}
	if shown > shownFields {
		lines = append(lines, fmt.Sprintf("    and %s; --json has all", plural(int64(shown-shownFields), "field")))
	}
	return lines
}

// roundingLines tell of the field in which numbers are furthest apart, and how many others there are.
func roundingLines(s *parity.Statistic) []string {
	fields := slices.DeleteFunc(slices.Clone(s.Fields), func(f parity.Field) bool { return f.Kind != parity.Rounding })
	slices.SortStableFunc(fields, func(a, b parity.Field) int { return cmp.Compare(b.Relative, a.Relative) })
	lines := []string{fmt.Sprintf("  rounding: %s%s", plural(s.Rounding, "document"), onDays(s.RoundingDays))}
	lines = append(lines, fieldLines(fields[:1], parity.Rounding)...)
	if more := len(fields) - 1; more > 0 {
		lines = append(lines, fmt.Sprintf("    and %s with less; --json has all", plural(int64(more), "field")))
	}
	return lines
}

// apart says how far numbers are from each other.
func apart(f parity.Field) string {
	switch {
	case f.Kind == parity.OnlyOurs:
		return ", only ours has it"
	case f.Kind == parity.OnlyTheirs:
		return ", only theirs has it"
	case f.Apart == 0:
		return ""
	}
	return fmt.Sprintf(", up to %.6g apart (%.2g %%)", f.Apart, f.Relative*100)
}

// longestValue is how much of a value a text shows.
const longestValue = 60

func value(json []byte) string {
	if len(json) == 0 {
		return "nothing"
	}
	if text := []rune(string(json)); len(text) > longestValue {
		return string(text[:longestValue]) + "…"
	}
	return string(json)
}

// missingLines tell of documents that one side alone has: of whole days, and of days that both have.
func missingLines(who string, m *parity.Missing) []string {
	var lines []string
	if m.Days != nil {
		lines = append(lines, fmt.Sprintf("  only %s: %s%s", who, plural(m.DayDocuments, "document"), onDays(m.Days)))
	}
	if m.Documents > 0 {
		where := onDays(m.Within)
		if where != "" {
			where = " of days that both have," + where
		}
		lines = append(lines, fmt.Sprintf("  only %s: %s%s", who, plural(m.Documents, "document"), where))
	}
	for _, id := range m.Examples {
		lines = append(lines, "      "+id)
	}
	return lines
}

// noteLines tell of equal values that are written otherwise.
func noteLines(fields []parity.Field) []string {
	var lines []string
	types, order := 0, 0
	for _, f := range fields {
		switch f.Kind {
		case parity.Type:
			if types++; types <= 3 && len(f.Examples) > 0 {
				lines = append(lines, fmt.Sprintf("  note: %s: equal, of another type in %s, as ours %s, theirs %s", f.Field, plural(f.Documents, "document"), value(f.Examples[0].Ours), value(f.Examples[0].Theirs)))
			}
		case parity.Order:
			if order++; order == 1 {
				of := "the document's fields"
				if f.Field != "" {
					of = "the fields of " + f.Field
				}
				lines = append(lines, fmt.Sprintf("  note: %s are in another order in %s", of, plural(f.Documents, "document")))
			}
		}
	}
	if types > 3 {
		lines = append(lines, fmt.Sprintf("  note: %s more of another type; --json has all", plural(int64(types-3), "field")))
	}
	return lines
}

func printSides(w io.Writer, r *parity.Report) {
	var names []string
	for _, one := range r.OnlyOurs {
		names = append(names, one.Statistic)
	}
	if len(names) > 0 {
		fmt.Fprintf(w, "theirs has no document of %s\n", strings.Join(names, ", "))
	}
	for _, one := range r.OnlyTheirs {
		fmt.Fprintf(w, "ours has no statistic %s; theirs has %s\n", one.Statistic, plural(one.Documents, "document"))
	}
}

// parityVerdict is the sum in a line.
func parityVerdict(r *parity.Report) string {
	t := r.Totals
	equal := fmt.Sprintf("%s equal, %s within rounding", number(t.Equal), number(t.Rounding))
	if r.Same {
		return fmt.Sprintf("the same: %s, %s (%s)", plural(int64(len(r.Statistics)), "statistic"), plural(t.Equal+t.Rounding, "document"), equal)
	}
	differ := len(r.OnlyTheirs)
	for _, s := range r.Statistics {
		if !s.Same() {
			differ++
		}
	}
	all := len(r.Statistics) + len(r.OnlyTheirs)
	if r.Selected {
		differ, all = differ+len(r.OnlyOurs), all+len(r.OnlyOurs)
	}
	return fmt.Sprintf("not the same: %d of %s: %s different, %s missing (%s)",
		differ, plural(int64(all), "statistic"), plural(t.Different, "document"), number(t.OnlyOurs+t.OnlyTheirs), equal)
}
