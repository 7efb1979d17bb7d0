package modeltest

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A file is one of sql/tests.
type file struct {
	name    string
	suite   *Suite
	archive *txtar.Archive
	cases   []*Case
	// shared are the tables given before the first case: every case has them unless it gives its own.
	shared []*section
	errs   engine.ModelErrors
}

// A section is a given table or wanted rows.
type section struct {
	// at is its place in the archive, line that of its marker.
	at, line int
	relation string
	columns  []string
	rows     []row
	// order is what wanted rows are sorted by; empty: the columns from left to right.
	order []string
}

// A row holds cells as DuckDB writes them: "" is null, ” an empty text.
type row struct {
	line  int
	cells []string
}

var (
	optionLine = regexp.MustCompile(`^([a-z_]+):\s*(.*?)\s*$`)
	// entry is an entry of a MAP column: exchanges[binance].
	entry = regexp.MustCompile(`^(.+?)\[(.+)\]$`)
)

func (s *section) place(column string) int { return slices.Index(s.columns, column) }

// date of a row, "" if it has none.
func (s *section) date(r row) string {
	if at := s.place("date"); at >= 0 {
		return r.cells[at]
	}
	return ""
}

// rowsOf are the rows of a day, or all others, those without a date among them.
func (s *section) rowsOf(day string, of bool) []row {
	var list []row
	for _, r := range s.rows {
		if date := s.date(r); (date == day && date != "") == of {
			list = append(list, r)
		}
	}
	return list
}

func (f *file) fail(line int, hint, format string, args ...any) {
	f.errs = append(f.errs, &engine.ModelError{File: f.name, Line: line, Err: fmt.Errorf(format, args...), Hint: hint})
}

func (f *file) read(text []byte) {
	f.archive = txtar.Parse(text)
	line := 1 + bytes.Count(f.archive.Comment, []byte("\n"))
	for at, part := range f.archive.Files {
		f.readSection(at, line, part)
		line += 1 + bytes.Count(part.Data, []byte("\n"))
	}
	if len(f.cases) == 0 {
		f.fail(1, "add a section: case NAME", "no case")
	}
	for _, c := range f.cases {
		f.finish(c)
	}
	slices.SortStableFunc(f.errs, func(a, b *engine.ModelError) int { return a.Line - b.Line })
}

func (f *file) readSection(at, line int, part txtar.File) {
	word, rest, _ := strings.Cut(part.Name, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case rest != "" && word == "case":
		f.startCase(line, rest, string(part.Data))
	case rest != "" && word == "given":
		s := f.readTable(at, line, rest, part.Data)
		if len(f.cases) == 0 {
			f.shared = append(f.shared, s)
			return
		}
		c := f.cases[len(f.cases)-1]
		c.given = append(c.given, s)
	case rest != "" && word == "want":
		relation, order, _ := strings.Cut(rest, " order by ")
		s := f.readTable(at, line, relation, part.Data)
		s.setOrder(order)
		if len(f.cases) == 0 {
			f.fail(line, "", "want %s stands before the first case", relation)
			return
		}
		c := f.cases[len(f.cases)-1]
		c.want = append(c.want, s)
	default:
		f.fail(line, "case NAME, given RELATION or want RELATION", "unknown section %q", part.Name)
	}
}

func (s *section) setOrder(order string) {
	if order == "" {
		return
	}
	for column := range strings.SplitSeq(order, ",") {
		s.order = append(s.order, strings.TrimSpace(column))
	}
}

// startCase reads a case's options: the lines of its body up to the first empty one that look like KEY: VALUE.
func (f *file) startCase(line int, name, body string) {
	c := &Case{File: f.name, Line: line, Name: name}
	if slices.ContainsFunc(f.cases, func(other *Case) bool { return other.Name == name }) {
		f.fail(line, "", "case %q stands twice", name)
	}
	f.cases = append(f.cases, c)
	for i, text := range strings.Split(body, "\n") {
		option := optionLine.FindStringSubmatch(text)
		if option == nil {
			return
		}
		if option[1] != "tolerance" {
			f.fail(line+1+i, "the only option is tolerance; prose starts after an empty line", "unknown option %q", option[1])
			continue
		}
		tolerance, err := strconv.ParseFloat(option[2], 64)
		if err != nil || !(tolerance >= 0) {
			f.fail(line+1+i, "relative, as 1e-12", "tolerance %q is no number", option[2])
		}
		c.tolerance = tolerance
	}
}

// readTable reads CSV with a header. All its errors are told.
func (f *file) readTable(at, line int, relation string, data []byte) *section {
	s := &section{at: at, line: line, relation: relation}
	reader := csv.NewReader(bytes.NewReader(data))
	for {
		cells, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var wrong *csv.ParseError
		if errors.As(err, &wrong) {
			f.fail(line+wrong.Line, "", "%s: %w", relation, wrong.Err)
			if errors.Is(wrong.Err, csv.ErrFieldCount) {
				continue
			}
			return s
		}
		if s.columns == nil {
			s.columns = cells
			continue
		}
		first, _ := reader.FieldPos(0)
		s.rows = append(s.rows, row{line: line + first, cells: cells})
	}
	if s.columns == nil {
		f.fail(line, "no rows are a header alone", "%s: no header", relation)
	}
	for i, column := range s.columns {
		if slices.Contains(s.columns[:i], column) {
			f.fail(line+1, "", "%s: column %q stands twice", relation, column)
		}
	}
	return s
}

// finish adds the shared tables and finds what does not fit the SQL files.
func (f *file) finish(c *Case) {
	for _, shared := range f.shared {
		if !slices.ContainsFunc(c.given, func(s *section) bool { return s.relation == shared.relation }) {
			c.given = append(c.given, shared)
		}
	}
	if len(c.want) == 0 {
		f.fail(c.Line, "add a section: want MODEL", "case %q wants nothing", c.Name)
	}
	seen := map[string]bool{}
	for _, s := range slices.Concat(c.given, c.want) {
		if seen[s.relation] {
			f.fail(s.line, "a case gives or wants a relation once", "%s stands twice in case %q", s.relation, c.Name)
		}
		seen[s.relation] = true
	}
	for _, s := range c.given {
		f.checkNames(s, true)
		f.checkDates(s)
		if i := slices.IndexFunc(f.suite.relations[s.relation], s.lacks); i >= 0 {
			f.once(s.line+1, "", "%s needs column %s", s.relation, f.suite.relations[s.relation][i].Name)
		}
	}
	for _, s := range c.want {
		f.checkNames(s, false)
	}
}

// checkDates: rows are given day by day.
func (f *file) checkDates(s *section) {
	for _, r := range s.rows {
		date := s.date(r)
		if _, err := time.Parse(time.DateOnly, date); err != nil && date != "" {
			f.once(r.line, "", "%s: date %q is no date like 2021-06-09", s.relation, date)
		}
	}
}

// lacks: a date that may not be null has no value to stand for it.
func (s *section) lacks(c engine.Column) bool {
	return c.NotNull && (c.Type == "DATE" || c.Type == "TIMESTAMP") && s.place(c.Name) < 0
}

// checkNames finds unknown relations and columns. Shared tables are checked with each case and told once.
func (f *file) checkNames(s *section, given bool) {
	fits := f.suite.wantable(s.relation)
	if given {
		fits = f.suite.givable(s.relation)
	}
	known, there := f.suite.relations[s.relation]
	if !there || !fits {
		f.once(s.line, f.suite.project.Suggest("nearest: %s", s.relation), "unknown table, model or check %s", s.relation)
		return
	}
	for _, name := range s.columns {
		c, found := find(known, name)
		if !found || given && c.Name != name {
			f.once(s.line+1, "it has "+names(known), "%s has no column %q", s.relation, name)
		}
	}
	for _, name := range s.order {
		if _, found := find(known, name); !found {
			f.once(s.line, "it has "+names(known), "order by: %s has no column %q", s.relation, name)
		}
	}
}

func (f *file) once(line int, hint, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	told := slices.ContainsFunc(f.errs, func(e *engine.ModelError) bool { return e.Line == line && e.Err.Error() == text })
	if !told {
		f.fail(line, hint, "%s", text)
	}
}

// find is a column by its name; that of a MAP column's entry is the column's with the key in brackets.
func find(columns []engine.Column, name string) (engine.Column, bool) {
	parts := entry.FindStringSubmatch(name)
	for _, c := range columns {
		if c.Name == name || parts != nil && c.Name == parts[1] && strings.HasPrefix(c.Type, "MAP(") {
			return c, true
		}
	}
	return engine.Column{}, false
}

func names(columns []engine.Column) string {
	var list []string
	for _, c := range columns {
		list = append(list, c.Name)
	}
	return strings.Join(list, ", ")
}
