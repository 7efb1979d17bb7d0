package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A knownModel is a model as the file that is compared with has it.
type knownModel struct{ fingerprint, materialize string }

// A diffPlan says what is affected and why, what is built for it, and which days.
type diffPlan struct {
	p     *Project
	known map[string]knownModel
	gone  []string
	// why each affected model is.
	why map[string][]string
	// compared are the models that are asked for; relevant are those and all that they need.
	compared, relevant map[string]bool
	// from is the first day that each affected model is built for; zero is all.
	from  map[string]time.Time
	start time.Time
	to    time.Time
	// omitted are affected models that bounds leave out.
	omitted map[string]bool
	// different: something would change beside rows and columns.
	different bool
}

func planDiff(ctx context.Context, w *Warehouse, p *Project, o DiffOptions) (*diffPlan, error) {
	plan := &diffPlan{p: p, known: map[string]knownModel{}, why: map[string][]string{}, from: map[string]time.Time{}, start: o.From, to: o.To, omitted: map[string]bool{}}
	err := w.each(ctx, func(rows *sql.Rows) error {
		var name string
		var one knownModel
		err := rows.Scan(&name, &one.fingerprint, &one.materialize)
		plan.known[name] = one
		return err
	}, "select model, fingerprint, materialize from "+published("ops.models"))
	if err != nil {
		return nil, fmt.Errorf("read what was built: %w", err)
	}
	there, err := w.relationsOf(ctx, publishedName)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(plan.known, func(name string, _ knownModel) bool { return !there[name] })
	macros, err := w.publishedMacros(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range p.Models {
		plan.why[m.Name] = plan.reasons(m, macros)
	}
	if err := plan.choose(o); err != nil {
		return nil, err
	}
	plan.bound(o.From)
	return plan, nil
}

// publishedMacros are the macros that the attached file was built with.
func (w *Warehouse) publishedMacros(ctx context.Context) (map[string]*macro, error) {
	var text sql.NullString
	if err := w.scalar(ctx, &text, "select max(value) from "+published("ops.settings")+" where name = 'macros'"); err != nil || !text.Valid {
		return nil, err
	}
	var known struct{ Macros map[string]*macro }
	err := json.Unmarshal([]byte(text.String), &known)
	return known.Macros, err
}

// reasons why a model is affected. Its own text is the same when it would have had its fingerprint with the macros and the
// models of then.
func (d *diffPlan) reasons(m *Model, macros map[string]*macro) []string {
	was, there := d.known[m.Name]
	if !there {
		return []string{"new"}
	}
	if was.fingerprint == m.Fingerprint {
		return nil
	}
	var why []string
	then := func(name string) string { return d.known[name].fingerprint }
	if d.p.fingerprint(m, macros, then) != was.fingerprint {
		why = append(why, "SQL changed")
	}
	for _, name := range m.Macros {
		switch {
		case macros[name] == nil:
			why = append(why, "macro "+name+" is new")
		case macros[name].Text != d.p.defined[name].Text:
			why = append(why, "macro "+name+" changed")
		}
	}
	for _, name := range m.Reads {
		if read := d.p.byName[name]; read != nil && read != m && read.Fingerprint != d.known[name].fingerprint {
			why = append(why, "reads "+name)
		}
	}
	return why
}

func (d *diffPlan) affected(name string) bool { return len(d.why[name]) > 0 }

// choose finds what is compared, and what is gone.
func (d *diffPlan) choose(o DiffOptions) error {
	var patterns []string
	for _, pattern := range o.Select {
		// A model whose file is gone can be named, too.
		if _, there := d.known[pattern]; there && d.p.byName[pattern] == nil {
			d.gone = append(d.gone, pattern)
			continue
		}
		patterns = append(patterns, pattern)
	}
	if len(o.Select) == 0 {
		for _, name := range sortedKeys(d.known) {
			if d.p.byName[name] == nil {
				d.gone = append(d.gone, name)
			}
		}
	}
	d.compared, d.relevant = map[string]bool{}, map[string]bool{}
	if len(patterns) > 0 || len(o.Select) == 0 {
		var err error
		if d.compared, err = d.p.Select(patterns); err != nil {
			return err
		}
	}
	for name := range d.compared {
		d.relevant[name] = true
		d.p.upstreamNeeds(d.p.byName[name], d.relevant)
	}
	return nil
}

// others are affected and not compared: those that were built for what is, and those that were not.
func (d *diffPlan) others() (needed, others []string) {
	for _, m := range d.p.Models {
		switch {
		case !d.affected(m.Name) || d.compared[m.Name]:
		case d.relevant[m.Name]:
			needed = append(needed, m.Name)
		default:
			others = append(others, m.Name)
		}
	}
	return needed, others
}

// bound finds the first day each affected model is built for, so that the days that are compared come out as in a build of
// all. What a model with a lookback reads itself is built for those days too; what is read in any other way, through a
// view, by a state model or by a table that is rebuilt whole, is built from its beginning.
func (d *diffPlan) bound(from time.Time) {
	for _, m := range d.p.Models {
		if d.affected(m.Name) && d.relevant[m.Name] {
			d.from[m.Name] = from
		}
	}
	for _, reader := range slices.Backward(d.p.Models) {
		if _, built := d.from[reader.Name]; !built {
			continue
		}
		first := time.Time{}
		if reader.Materialize == Incremental && reader.Lookback >= 0 && !d.from[reader.Name].IsZero() {
			first = d.from[reader.Name].AddDate(0, 0, -reader.Lookback)
		}
		for _, name := range d.p.needs(reader) {
			if known, built := d.from[name]; built && first.Before(known) {
				d.from[name] = first
			}
		}
	}
}

// leaveOut says why a model cannot be compared within bounds, "" when it can be: a table without days of its own, or one
// that is rebuilt from all days, would see the days up to --to only.
func (d *diffPlan) leaveOut(m *Model) string {
	if d.to.IsZero() {
		return ""
	}
	for _, name := range d.p.needs(m) {
		if d.omitted[name] {
			d.omitted[m.Name] = true
			return "reads " + name + ", which is not built with --to"
		}
		if m.Materialize == Table && d.builtPart(name) {
			d.omitted[m.Name] = true
			return "it is rebuilt from all days: leave out --to"
		}
	}
	return ""
}

// builtPart: a model by day that is built up to --to, or a view that reads one.
func (d *diffPlan) builtPart(name string) bool {
	m := d.p.byName[name]
	if m == nil || !d.affected(name) {
		return false
	}
	return m.ByDay() || m.Materialize == View && slices.ContainsFunc(m.Reads, d.builtPart)
}

func sortedKeys[V any](all map[string]V) []string { return slices.Sorted(maps.Keys(all)) }
