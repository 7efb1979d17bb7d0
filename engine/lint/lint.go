// Package lint finds what SQL files do against the rules of docs/models.md: what a header lacks, what DuckDB does not
// find, and SQL that runs today and is wrong tomorrow. It builds the files without a row, in memory, and reads no warehouse.
package lint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/engine/sqltree"
)

// A Finding is a rule that a file breaks.
type Finding struct {
	// File is the path below the SQL folder; Line counts from 1, 0 for the file as a whole.
	File    string `json:"file"`
	Line    int    `json:"line"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
	// Fix says how to mend it.
	Fix string `json:"fix"`
}

// A Report is what was found, in the order of files and lines.
type Report struct {
	Files    int       `json:"files"`
	Findings []Finding `json:"findings"`
	// Allowed counts what headers allow.
	Allowed int `json:"allowed"`
}

// Options of a run.
type Options struct {
	// Tables are raw tables beside those of the migrations.
	Tables []engine.RawTable
	// Owner answers for files that name none; "" is nobody.
	Owner string
}

// A Rule is what files keep to.
type Rule struct{ Name, About string }

// Rules are all there are, in the order of docs/models.md.
func Rules() []Rule {
	return []Rule{
		{"header", "the header can be read, every table that is named exists, and prose says what the rows mean"},
		{"binds", "DuckDB finds every column, function and type; header keys name columns that there are"},
		{"grain", "the key grain says what a row is, or prose does: one row per …"},
		{"owner", "once one file or --owner names an owner, every statistic has one"},
		{"document", "the first column of a statistic is _id"},
		{"select-star", "the outcome lists its columns: it would change when a table does"},
		{"final", "a model with CTEs ends with select * from final, its last CTE"},
		{"alias", "tables, CTEs and columns have names of more than one letter"},
		{"double-money", "whole microCCD do not become a DOUBLE but by ccd()"},
		{"time-zone", "no clock and no time zone but UTC decides what a row says"},
		{"view-session", "a view reads no variable of the session"},
		{"missing-test", "a case in tests wants rows of every model and check"},
		{"test-file", "files of tests name relations and columns that there are"},
		{"allow", "what lint: allow names is a rule, and the file breaks it"},
	}
}

// linter holds what is known of the files.
type linter struct {
	fsys    fs.FS
	options Options
	catalog *engine.Catalog
	// hidden are files left out because of what their headers hold: what follows from that is not told.
	hidden   map[string]bool
	findings []Finding
	allowed  map[string][]engine.Allowed
}

// Run looks at all SQL files below fsys. The error is for troubles of reading, not of what is read.
func Run(ctx context.Context, fsys fs.FS, o Options) (*Report, error) {
	l := &linter{fsys: fsys, options: o, hidden: map[string]bool{}, allowed: map[string][]engine.Allowed{}}
	if err := l.read(ctx); err != nil {
		return nil, err
	}
	if err := l.tests(); err != nil {
		return nil, err
	}
	if err := l.macros(); err != nil {
		return nil, err
	}
	owners := l.owners()
	for _, m := range slices.Concat(l.catalog.Project.Models, l.catalog.Project.Checks) {
		l.allowed[m.File] = append(l.allowed[m.File], m.Allowed...)
		l.header(m, owners)
		l.columns(m)
		l.statement(m)
	}
	return l.report()
}

// read makes the catalog. Files whose headers or tables are wrong are told and left out, and so is what reads them.
func (l *linter) read(ctx context.Context) error {
	for {
		catalog, err := engine.ReadCatalog(ctx, without{l.fsys, l.hidden}, l.options.Tables)
		var wrong engine.ModelErrors
		if err != nil && !errors.As(err, &wrong) {
			return err
		}
		if err == nil {
			l.catalog = catalog
			l.refused()
			return nil
		}
		first := len(l.hidden) == 0
		for _, one := range wrong {
			if l.hidden[one.File] {
				return err
			}
			if first {
				l.modelError(headerRule(one), one)
			}
		}
		for _, one := range wrong {
			l.hidden[one.File] = true
		}
	}
}

func headerRule(err error) string {
	if errors.Is(err, engine.ErrSessionView) {
		return "view-session"
	}
	return "header"
}

func (l *linter) modelError(rule string, e *engine.ModelError) {
	message, _, _ := strings.Cut(e.Err.Error(), "\n\nLINE ")
	l.findings = append(l.findings, Finding{File: e.File, Line: e.Line, Rule: rule, Message: oneLine(message), Fix: e.Hint})
}

// refused: what DuckDB does not find. When a file is left out that is no wonder.
func (l *linter) refused() {
	if len(l.hidden) > 0 {
		return
	}
	for _, one := range l.catalog.Refused {
		l.modelError("binds", one)
	}
}

// find tells a finding in a model, at a place in its SQL; -1 is the file as a whole.
func (l *linter) find(m *engine.Model, rule string, offset int, fix, format string, args ...any) {
	l.findLine(m.File, sqltree.Line(m.SQL, offset), rule, fix, format, args...)
}

func (l *linter) findLine(file string, line int, rule, fix, format string, args ...any) {
	l.findings = append(l.findings, Finding{File: file, Line: line, Rule: rule, Message: fmt.Sprintf(format, args...), Fix: fix})
}

// report drops what headers allow and tells what they allow for nothing.
func (l *linter) report() (*Report, error) {
	r := &Report{Findings: []Finding{}}
	used := map[string]bool{}
	for _, one := range l.findings {
		if slices.ContainsFunc(l.allowed[one.File], func(a engine.Allowed) bool { return a.Rule == one.Rule }) {
			used[one.File+" "+one.Rule] = true
			r.Allowed++
			continue
		}
		r.Findings = append(r.Findings, one)
	}
	for file, list := range l.allowed {
		for _, a := range list {
			if !used[file+" "+a.Rule] {
				r.Findings = append(r.Findings, unused(file, a))
			}
		}
	}
	slices.SortFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, strings.Compare(a.Rule, b.Rule), strings.Compare(a.Message, b.Message))
	})
	r.Findings = slices.Compact(r.Findings)
	return r, fs.WalkDir(l.fsys, ".", func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && (path.Ext(file) == ".sql" || path.Ext(file) == ".txtar") {
			r.Files++
		}
		return err
	})
}

func unused(file string, a engine.Allowed) Finding {
	one := Finding{File: file, Line: a.Line, Rule: "allow", Message: fmt.Sprintf("rule %s is allowed to be broken and is not", a.Rule), Fix: "remove the line"}
	if !slices.ContainsFunc(Rules(), func(r Rule) bool { return r.Name == a.Rule }) {
		var names []string
		for _, r := range Rules() {
			names = append(names, r.Name)
		}
		one.Message, one.Fix = fmt.Sprintf("there is no rule %q", a.Rule), "rules are "+strings.Join(names, ", ")
	}
	return one
}

var spaces = regexp.MustCompile(`\s+`)

func oneLine(text string) string { return strings.TrimSpace(spaces.ReplaceAllString(text, " ")) }

// without is a folder of which some files are left out.
type without struct {
	fs.FS
	hidden map[string]bool
}

func (w without) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(w.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return w.hidden[path.Join(name, e.Name())] }), err
}
