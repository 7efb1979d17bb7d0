// Package modeltest runs tests of models: text files that give tables and say which rows models must have. The format is
// in docs/models.md. Each case has a warehouse of its own, in memory, and is resolved and built as in a run.
package modeltest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/wording"
)

// A Suite is a folder of SQL files with the cases in its folder tests.
type Suite struct {
	Cases []*Case

	project *engine.Project
	// tables are raw tables beside those of the migrations.
	tables    []engine.RawTable
	relations map[string][]engine.Column
	files     []*file
}

// A Case is given tables and wanted rows.
type Case struct {
	// File is the path below the SQL folder; Line is that of the case's marker.
	File, Name string
	Line       int
	tolerance  float64
	given      []*section
	want       []*section
}

// Wants are the models and checks whose rows the case states.
func (c *Case) Wants() []string {
	var list []string
	for _, want := range c.want {
		list = append(list, want.relation)
	}
	return list
}

// Open reads SQL files and the cases in folder tests; tables are raw tables beside those of the migrations. The error is
// engine.ModelErrors with those of all files.
func Open(ctx context.Context, fsys fs.FS, tables []engine.RawTable) (*Suite, error) {
	catalog, err := engine.ReadCatalog(ctx, fsys, tables)
	if err != nil {
		return nil, err
	}
	if len(catalog.Refused) > 0 {
		return nil, catalog.Refused
	}
	return Read(catalog, fsys, tables)
}

// Read is Open for files that a catalog has been made of, with the same tables. Tests of models that DuckDB refuses are errors.
func Read(catalog *engine.Catalog, fsys fs.FS, tables []engine.RawTable) (*Suite, error) {
	s := &Suite{project: catalog.Project, relations: catalog.Relations, tables: tables}
	names, err := fs.Glob(fsys, "tests/*.txtar")
	if err != nil {
		return nil, err
	}
	var errs engine.ModelErrors
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		f := &file{name: name, suite: s}
		f.read(text)
		errs = append(errs, f.errs...)
		s.files = append(s.files, f)
		s.Cases = append(s.Cases, f.cases...)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return s, nil
}

// Select is the cases that want rows of a model that the patterns name. Patterns are those of --select; a check is named
// as it stands.
func (s *Suite) Select(patterns []string) ([]*Case, error) {
	if len(patterns) == 0 {
		return s.Cases, nil
	}
	chosen := map[string]bool{}
	for _, pattern := range patterns {
		if slices.ContainsFunc(s.project.Checks, func(m *engine.Model) bool { return m.Name == pattern }) {
			chosen[pattern] = true
			continue
		}
		models, err := s.project.Select([]string{pattern})
		if err != nil {
			return nil, err
		}
		for name := range models {
			chosen[name] = true
		}
	}
	var cases []*Case
	for _, c := range s.Cases {
		if slices.ContainsFunc(c.Wants(), func(name string) bool { return chosen[name] }) {
			cases = append(cases, c)
		}
	}
	return cases, nil
}

// Find is the full name of a model or check that is named with or without its schema.
func (s *Suite) Find(name string) (string, error) {
	if slices.ContainsFunc(s.project.Checks, func(m *engine.Model) bool { return m.Name == name || m.Name == "checks."+name }) {
		return "checks." + strings.TrimPrefix(name, "checks."), nil
	}
	models, err := s.project.Select([]string{name})
	if err != nil {
		return "", err
	}
	for model := range models {
		if len(models) == 1 {
			return model, nil
		}
	}
	return "", engine.WithHint(fmt.Errorf("%w: %s names several models", engine.ErrUsage, name), "name one, with its schema")
}

// RunAll runs cases, as many at a time as there are threads. Results are in the order of the cases.
func (s *Suite) RunAll(ctx context.Context, cases []*Case) ([]Result, error) {
	results := make([]Result, len(cases))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range cases {
		group.Go(func() error {
			var err error
			results[i], err = s.Run(ctx, c)
			return err
		})
	}
	return results, group.Wait()
}

// Run runs a case in a fresh warehouse: all days but the last are loaded and built at once, as by a first run, then the
// last day, as by the run of a night. The error is for troubles of the warehouse or of the program.
func (s *Suite) Run(ctx context.Context, c *Case) (Result, error) {
	w, err := engine.OpenMemory(ctx)
	if err != nil {
		return Result{}, err
	}
	r := Result{Case: c, got: map[*section][][]string{}}
	b := &bench{w: w, in: w.NewIntake("test", 1), suite: s, part: s.part(c)}
	err = b.run(ctx, &r)
	var wrong *rowError
	if errors.As(err, &wrong) {
		r.problem(wrong.line, wrong.section.relation, "%v", wrong)
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("%s:%d: %s: %w", c.File, c.Line, c.Name, err)
	}
	return r, errors.Join(err, w.Close())
}

func (b *bench) run(ctx context.Context, r *Result) error {
	if err := b.makeTables(ctx, r.Case.given); err != nil {
		return err
	}
	if err := b.w.Resolve(ctx, b.part); err != nil {
		return err
	}
	last, before := r.Case.lastDay()
	for _, isLast := range []bool{false, true} {
		for _, given := range r.Case.given {
			if err := b.give(ctx, given, given.rowsOf(last, isLast)); err != nil {
				return err
			}
		}
		if !isLast && before == "" {
			continue
		}
		if failed, err := b.build(ctx, r); err != nil || failed {
			return err
		}
	}
	if err := b.compare(ctx, r); err != nil {
		return err
	}
	return b.check(ctx, r)
}

// build builds what is stale. A model that fails is a problem of the case.
func (b *bench) build(ctx context.Context, r *Result) (failed bool, err error) {
	steps, _, err := b.w.Build(ctx, b.part, 1, engine.BuildOptions{}, engine.NoObserver{})
	if err != nil {
		return false, err
	}
	if err := firstFailure(steps); err != nil {
		r.problem(r.Case.Line, "", "%v", err)
		return true, nil
	}
	return false, nil
}

func (b *bench) compare(ctx context.Context, r *Result) error {
	for _, want := range r.Case.want {
		got, err := b.rows(ctx, want)
		if err != nil {
			return fmt.Errorf("%s: %w", want.relation, err)
		}
		r.compare(want, got)
	}
	return nil
}

// check runs the checks in the headers of the wanted models. Files of checks are wanted like models: rows are no problem.
func (b *bench) check(ctx context.Context, r *Result) error {
	found, _, err := b.w.Check(ctx, b.part, 1, func(string) bool { return false }, engine.NoObserver{})
	if err != nil {
		return err
	}
	for _, want := range r.Case.want {
		for _, one := range found {
			if one.Model == want.relation && b.part.Model(one.Model) != nil && one.Severity == engine.SeverityError {
				r.problem(want.line, one.Model, "check %s: %s: %s", one.Check, wording.Count(one.Rows, "row"), strings.Join(one.Examples, " "))
			}
		}
	}
	return nil
}

// part is what has to be built for a case: what is wanted and needed, less what is given.
func (s *Suite) part(c *Case) *engine.Project {
	given := map[string]bool{}
	for _, one := range c.given {
		_, given[one.relation] = find(s.relations[one.relation], "date")
	}
	return s.project.Part(c.Wants(), given)
}

// lastDay is the last date of the given rows, and the one before, each "" if there is none.
func (c *Case) lastDay() (last, before string) {
	for _, given := range c.given {
		for _, row := range given.rows {
			switch date := given.date(row); {
			case date > last:
				last, before = date, last
			case date < last:
				before = max(before, date)
			}
		}
	}
	return last, before
}
