package modeltest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A Sketch is a first case for a model, from rows that are in a warehouse.
type Sketch struct {
	// Text is that of the file, with what the model has as wanted.
	Text []byte
	// Days are those of the given rows, oldest first.
	Days []string
	// Given and Wanted count rows.
	Given, Wanted int
}

// mostTries is how often a model is run to cut down one of the tables that it reads.
const mostTries = 400

// ErrNoRows says that a warehouse has no rows from which the model makes any.
var ErrNoRows = errors.New("no rows to begin a test from")

// fewRows is how many rows of a table a case needs to say what it says; a table is not cut down further.
const fewRows = 4

// Sketch begins a case for a model or check: what it reads is cut down to the rows of one or two days that decide its
// outcome. day "" is the last one that has all; db may be read-only.
func (s *Suite) Sketch(ctx context.Context, db *sql.DB, name, day string) (*Sketch, error) {
	m := s.project.Model(name)
	if i := slices.IndexFunc(s.project.Checks, func(check *engine.Model) bool { return check.Name == name }); i >= 0 {
		m = s.project.Checks[i]
	}
	w, err := engine.OpenMemory(ctx)
	if err != nil {
		return nil, err
	}
	k := &sketcher{suite: s, m: m, source: db, w: w, in: w.NewIntake("test", 1)}
	text, err := k.draw(ctx, day)
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return s.fill(ctx, k, text)
}

// sketcher finds the rows. inputs are what the model reads itself.
type sketcher struct {
	suite  *Suite
	m      *engine.Model
	source *sql.DB
	w      *engine.Warehouse
	in     *engine.Intake
	inputs []*input
	// days are those of the rows, oldest first; "" are rows of tables without days.
	days []string
	// finds: a check finds something in all rows of the days.
	finds bool
	// tries are how often the model may still be run.
	tries int
}

// draw returns a file without wanted rows.
func (k *sketcher) draw(ctx context.Context, day string) ([]byte, error) {
	if err := k.prepare(ctx); err != nil {
		return nil, err
	}
	if err := k.choose(ctx, day); err != nil {
		return nil, err
	}
	if err := k.cutDown(ctx); err != nil {
		return nil, err
	}
	if err := k.require(ctx); err != nil {
		return nil, err
	}
	return k.file(ctx)
}

// prepare makes the tables that the model reads, without rows, and the macros that it calls.
func (k *sketcher) prepare(ctx context.Context) error {
	var given []*section
	dated := map[string]bool{}
	for _, name := range k.m.Reads {
		if name == k.m.Name {
			continue
		}
		one := &input{relation: name, columns: k.suite.relations[name]}
		_, one.dated = find(one.columns, "date")
		k.inputs = append(k.inputs, one)
		given = append(given, &section{relation: name})
		dated[name] = one.dated
	}
	b := &bench{w: k.w, in: k.in, suite: k.suite, part: k.suite.project.Part([]string{k.m.Name}, dated)}
	if k.m.Materialize == engine.State {
		given = append(given, &section{relation: k.m.Name})
	}
	if err := b.makeTables(ctx, given); err != nil {
		return err
	}
	return b.w.Resolve(ctx, b.part)
}

// choose takes the rows of the last days on which as much as possible of what the model reads decides what it makes.
func (k *sketcher) choose(ctx context.Context, day string) error {
	candidates, err := k.candidates(ctx, day)
	if err != nil {
		return err
	}
	best, most := -1, 0
	for i, days := range candidates {
		score, err := k.try(ctx, days)
		if err != nil {
			return err
		}
		if score > most {
			best, most = i, score
		}
		if score == len(k.inputs)+1 {
			return nil
		}
	}
	if best < 0 {
		return k.noRows(day)
	}
	_, err = k.try(ctx, candidates[best])
	return err
}

func (k *sketcher) noRows(day string) error {
	where := "of the days that were tried"
	if day != "" {
		where = "of " + day
	}
	return engine.WithHint(fmt.Errorf("%s: %w: it makes none of the rows %s", k.m.Name, ErrNoRows, where), "--day DATE takes those of another day; docs/models.md says how a test is written by hand")
}

// try loads the rows of days and says how many inputs decide the outcome, and one more; 0 when there is no outcome.
func (k *sketcher) try(ctx context.Context, days []string) (int, error) {
	k.days = days
	for _, one := range k.inputs {
		if err := k.load(ctx, one, days); err != nil {
			return 0, err
		}
	}
	whole, err := k.outcome(ctx, nil)
	if err != nil {
		return 0, err
	}
	k.finds = whole.rows > 0
	if !k.fine(whole) {
		return 0, nil
	}
	score := 1
	for _, one := range k.inputs {
		without, err := k.outcome(ctx, one)
		one.decides = err != nil || without != whole
		if one.decides {
			score++
		}
	}
	return score, ctx.Err()
}

// cutDown leaves few rows of each input: the model still makes rows, and each input that decided still does.
func (k *sketcher) cutDown(ctx context.Context) error {
	whole, err := k.outcome(ctx, nil)
	if err != nil {
		return err
	}
	for _, one := range k.inputs {
		if err := k.leaveOut(ctx, one, whole); err != nil {
			return err
		}
	}
	largestFirst := slices.Clone(k.inputs)
	slices.SortStableFunc(largestFirst, func(a, b *input) int { return len(b.keep) - len(a.keep) })
	for _, one := range largestFirst {
		if !one.decides {
			continue
		}
		k.tries = mostTries
		rows := shrink(one.keep, func(rows []int) bool {
			before := one.keep
			one.keep = rows
			if k.decided(ctx, one) {
				return true
			}
			one.keep = before
			return false
		})
		one.keep = rows
		if err := k.put(ctx, one); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// leaveOut takes the rows of what does not decide away. Where several tables would each do, the last one decides. Of what a
// check reads some rows stay if it still says the same.
func (k *sketcher) leaveOut(ctx context.Context, one *input, whole outcome) error {
	if one.decides {
		return nil
	}
	all := one.keep
	one.keep = nil
	if k.m.Materialize == "" {
		one.keep = places(min(fewRows, len(one.all)))
		if err := k.put(ctx, one); err != nil {
			return err
		}
		if o, err := k.outcome(ctx, nil); err == nil && k.fine(o) {
			return nil
		}
		one.keep = nil
	}
	if err := k.put(ctx, one); err != nil {
		return err
	}
	if o, err := k.outcome(ctx, nil); err == nil && o == whole {
		return nil
	}
	one.decides, one.keep = true, all
	return k.put(ctx, one)
}

func places(count int) []int {
	list := make([]int, count)
	for i := range list {
		list[i] = i
	}
	return list
}

// decided: with the rows that are kept of one, the model makes rows, breaks no check, and each input decides.
func (k *sketcher) decided(ctx context.Context, one *input) bool {
	if k.tries--; k.tries < 0 || k.put(ctx, one) != nil {
		return false
	}
	whole, err := k.outcome(ctx, nil)
	if err != nil || !k.fine(whole) {
		return false
	}
	for _, other := range k.inputs {
		if !other.decides {
			continue
		}
		if without, err := k.outcome(ctx, other); err == nil && without == whole {
			return false
		}
	}
	return true
}

// shrink leaves out rows as long as ok agrees, larger parts first, until few are left.
func shrink(rows []int, ok func([]int) bool) []int {
	for parts := 2; len(rows) > fewRows && parts <= len(rows); {
		size := (len(rows) + parts - 1) / parts
		smaller := false
		for at := 0; at < len(rows) && !smaller; at += size {
			part := rows[at:min(at+size, len(rows))]
			rest := slices.Concat(rows[:at], rows[min(at+size, len(rows)):])
			switch {
			case ok(part):
				rows, parts, smaller = part, 2, true
			case parts > 2 && len(rest) > 0 && ok(rest):
				rows, parts, smaller = rest, max(parts-1, 2), true
			}
		}
		if !smaller {
			if parts == len(rows) {
				return rows
			}
			parts = min(2*parts, len(rows))
		}
	}
	return rows
}

// require adds a row of each day of what a day waits for: a case waits as a run does.
func (k *sketcher) require(ctx context.Context) error {
	for _, name := range k.waitsFor() {
		at := slices.IndexFunc(k.inputs, func(one *input) bool { return one.relation == name })
		if at < 0 {
			at = len(k.inputs)
			k.inputs = append(k.inputs, &input{relation: name, columns: k.suite.relations[name], dated: true, needed: true})
			if err := k.load(ctx, k.inputs[at], k.days); err != nil {
				return err
			}
			k.inputs[at].keep = nil
		}
		if err := k.keepDays(ctx, k.inputs[at]); err != nil {
			return err
		}
	}
	return nil
}

// waitsFor are relations without whose row a day is not built. What is given asks for nothing itself.
func (k *sketcher) waitsFor() []string {
	var list []string
	if k.m.Export != "" && k.m.Daily() {
		list = append(list, "raw.blocks_per_day")
	}
	for _, r := range k.m.Requires {
		list = append(list, r.Relation)
	}
	return list
}

var word = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// file writes what is kept as given tables, with the columns that the SQL names.
func (k *sketcher) file(ctx context.Context) ([]byte, error) {
	named := map[string]bool{"date": true}
	for _, one := range word.FindAllString(k.m.SQL, -1) {
		named[strings.ToLower(one)] = true
	}
	archive := &txtar.Archive{Comment: []byte(oneSentence(k.m.Description) + "\n\n")}
	about := "rows of " + strings.Join(k.days, " and ")
	if len(k.days) == 0 {
		about = "rows that there are"
	}
	archive.Files = append(archive.Files, txtar.File{Name: "case " + about, Data: []byte("Real rows, cut down to those that decide what comes out. Say here what is right, and why.\n\n")})
	for _, one := range k.inputs {
		if len(one.keep) == 0 && k.suite.project.Model(one.relation) == nil {
			continue
		}
		data, err := k.table(ctx, one, named)
		if err != nil {
			return nil, err
		}
		archive.Files = append(archive.Files, txtar.File{Name: "given " + one.relation, Data: []byte(data + "\n")})
	}
	var columns []string
	for _, c := range k.suite.relations[k.m.Name] {
		columns = append(columns, c.Name)
	}
	header, err := writeTable(columns, nil)
	if err != nil {
		return nil, err
	}
	archive.Files = append(archive.Files, txtar.File{Name: "want " + k.m.Name, Data: []byte(header)})
	text := txtar.Format(archive)
	if len(txtar.Parse(text).Files) != len(archive.Files) {
		return nil, fmt.Errorf("%s: a value of its rows looks like a section of a test file", k.m.Name)
	}
	return text, nil
}

func oneSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if first, _, more := strings.Cut(text, ". "); more {
		return first + "."
	}
	return text
}

// fill runs the case, takes what the model has as wanted, and runs it again: a sketch passes.
func (s *Suite) fill(ctx context.Context, k *sketcher, text []byte) (*Sketch, error) {
	for round := range 2 {
		f := &file{name: "tests/new.txtar", suite: s}
		f.read(text)
		if len(f.errs) > 0 {
			return nil, f.errs
		}
		r, err := s.Run(ctx, f.cases[0])
		if err != nil {
			return nil, err
		}
		for _, problem := range r.Problems {
			if problem.Message != "" || round == 1 {
				return nil, engine.WithHint(fmt.Errorf("%s: the rows that were found make no test that passes: %s", k.m.Name, problem), "--day DATE takes those of another day; docs/models.md says how a test is written by hand")
			}
		}
		want := f.cases[0].want[0]
		if round == 1 {
			return &Sketch{Text: text, Days: k.days, Given: k.kept(), Wanted: len(want.rows)}, nil
		}
		if len(r.Problems) == 0 && k.m.Materialize != "" {
			return nil, k.noRows(strings.Join(k.days, " and "))
		}
		fresh := &Suite{files: []*file{f}}
		texts, err := fresh.Update([]Result{r})
		if err != nil {
			return nil, err
		}
		if updated, changed := texts[f.name]; changed {
			text = updated
		}
	}
	return nil, errors.ErrUnsupported
}

func (k *sketcher) kept() int {
	count := 0
	for _, one := range k.inputs {
		count += len(one.keep)
	}
	return count
}
