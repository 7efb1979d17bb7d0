package lint

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/engine/modeltest"
)

// rowWords say in prose what a row is.
var rowWords = regexp.MustCompile(`(?i)\b(one|a) row (per|each|for)\b`)

// owners reports whether files or --owner name who answers for them.
func (l *linter) owners() bool {
	return l.options.Owner != "" || slices.ContainsFunc(l.catalog.Project.Models, func(m *engine.Model) bool { return m.Owner != "" })
}

func (l *linter) header(m *engine.Model, owners bool) {
	check := strings.HasPrefix(m.Name, "checks.")
	if m.Description == "" {
		l.findLine(m.File, 1, "header", "below the keys an empty comment line, then what the rows mean", "no prose says what the rows are")
	}
	spoken := m.Grain != "" || !m.ByDay() && rowWords.MatchString(oneLine(m.Description))
	if !check && !spoken {
		l.findLine(m.File, 1, "grain", "-- grain: day, account, or in prose: one row per day and account", "nothing says what a row is")
	}
	if m.Export != "" && owners && m.Owner == "" && l.options.Owner == "" {
		l.findLine(m.File, m.Line("export"), "owner", "-- owner: NAME, or --owner NAME for all files", "statistic %s has no owner and others have", m.Export)
	}
}

// columns looks at the columns that the model has, and at those that its header names.
func (l *linter) columns(m *engine.Model) {
	has := l.catalog.Relations[m.Name]
	if has == nil {
		return
	}
	for _, c := range has {
		if isMoney(c.Name) && isFloating(c.Type) {
			l.find(m, "double-money", strings.LastIndex(m.SQL, c.Name), "keep microCCD whole (bigint, hugeint); CCD as doubles are columns _ccd", "column %s is a %s", c.Name, c.Type)
		}
		if strings.Contains(c.Type, "WITH TIME ZONE") {
			l.find(m, "time-zone", strings.LastIndex(m.SQL, c.Name), "at time zone 'UTC' makes a plain timestamp of it", "column %s has a time zone: readers see it in theirs", c.Name)
		}
	}
	if m.Export != "" && has[0].Name != "_id" {
		l.findLine(m.File, m.Line("export"), "document", "the first column is concat(date, '-"+m.Export+"') as _id or another text that stays", "the first column is %s, not _id", has[0].Name)
	}
	for _, c := range m.Columns {
		l.named(m, m.Name, "column", c.Name, c.Line)
	}
	for _, c := range m.Checks {
		for _, name := range c.Columns {
			l.named(m, m.Name, "check", strings.Trim(name, `"`), c.Line)
		}
	}
	if m.Spread != "" {
		l.named(m, m.Name, "spread", m.Spread, m.Line("spread"))
	}
	for _, match := range m.Matches {
		l.named(m, match.Table, "match", match.Column, m.Line("match"))
		l.named(m, match.Relation, "match", match.Column, m.Line("match"))
	}
}

// named tells a column that a header names and the relation has not.
func (l *linter) named(m *engine.Model, relation, key, column string, line int) {
	if _, there := l.catalog.Column(relation, column); there || l.catalog.Relations[relation] == nil {
		return
	}
	var names []string
	for _, c := range l.catalog.Relations[relation] {
		names = append(names, c.Name)
	}
	l.findLine(m.File, line, "binds", "it has "+strings.Join(names, ", "), "%s: %s has no column %s", key, relation, column)
}

var wantLine = regexp.MustCompile(`(?m)^-- want (\S+)`)

// tests looks at the files of cases: what they hold, and whose rows none of them wants.
func (l *linter) tests() error {
	files, err := fs.Glob(l.fsys, "tests/*.txtar")
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, file := range files {
		text, err := fs.ReadFile(l.fsys, file)
		if err != nil {
			return err
		}
		for _, found := range wantLine.FindAllStringSubmatch(string(text), -1) {
			wanted[found[1]] = true
		}
	}
	for _, m := range slices.Concat(l.catalog.Project.Models, l.catalog.Project.Checks) {
		if !wanted[m.Name] {
			l.findLine(m.File, 1, "missing-test", "nightrunner test --sql DIR --new "+m.Name+" begins one", "no case in tests wants rows of %s", m.Name)
		}
	}
	if len(l.hidden) > 0 || len(l.catalog.Refused) > 0 {
		return nil
	}
	_, err = modeltest.Read(l.catalog, l.fsys, l.options.Tables)
	var wrong engine.ModelErrors
	if err != nil && !errors.As(err, &wrong) {
		return err
	}
	for _, one := range wrong {
		l.modelError("test-file", one)
	}
	return nil
}

var (
	macroLine = regexp.MustCompile(`(?i)^\s*create\s+(?:or\s+replace\s+)?macro\s+([a-z_][a-z0-9_]*)`)
	allowLine = regexp.MustCompile(`^--\s*lint:\s*(.*?)\s*$`)
)

// macros looks at files of macros. They have no header; a line lint: allow may stand anywhere in them.
func (l *linter) macros() error {
	files, err := fs.Glob(l.fsys, "macros/*.sql")
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := fs.ReadFile(l.fsys, file)
		if err != nil {
			return err
		}
		l.macroFile(file, strings.Split(string(text), "\n"))
	}
	return nil
}

func (l *linter) macroFile(file string, lines []string) {
	for i, line := range lines {
		if found := allowLine.FindStringSubmatch(line); found != nil {
			l.allow(file, i+1, found[1])
			continue
		}
		found := macroLine.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		if !described(lines[:i]) {
			l.findLine(file, i+1, "header", "a comment above it says what it gives, and in which unit", "macro %s is not described", found[1])
		}
		for _, call := range l.catalog.Calls[strings.ToLower(found[1])] {
			if slices.Contains(clocks(), call) {
				l.findLine(file, i+1, "time-zone", "take the time from the data", "macro %s asks the clock: %s()", found[1], call)
			}
		}
	}
}

// described: a comment stands above a macro, or above the macros right above it.
func described(above []string) bool {
	for _, line := range slices.Backward(above) {
		if macroLine.FindString(line) == "" {
			return strings.HasPrefix(strings.TrimSpace(line), "--")
		}
	}
	return false
}

func (l *linter) allow(file string, line int, value string) {
	allowed, err := engine.ParseAllowed(value)
	if err != nil {
		l.findLine(file, line, "header", "-- lint: allow RULE why", "lint: %v", err)
		return
	}
	allowed.Line = line
	l.allowed[file] = append(l.allowed[file], allowed)
}
