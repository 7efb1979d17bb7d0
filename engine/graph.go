package engine

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"
)

// order puts models after what they read. A cycle is an error naming its models.
func (p *Project) order() ModelErrors {
	slices.SortFunc(p.Models, func(a, b *Model) int { return strings.Compare(a.Name, b.Name) })
	const visiting, done = 1, 2
	state := map[string]int{}
	var ordered []*Model
	var errs ModelErrors
	var trail []string
	var visit func(m *Model)
	visit = func(m *Model) {
		switch state[m.Name] {
		case done:
			return
		case visiting:
			from := slices.Index(trail, m.Name)
			cycle := strings.Join(append(slices.Clone(trail[from:]), m.Name), " reads ")
			errs = append(errs, &ModelError{File: m.File, Err: fmt.Errorf("a cycle: %s", cycle)})
			return
		}
		state[m.Name] = visiting
		trail = append(trail, m.Name)
		for _, name := range p.needs(m) {
			visit(p.byName[name])
		}
		trail = trail[:len(trail)-1]
		state[m.Name] = done
		ordered = append(ordered, m)
	}
	for _, m := range p.Models {
		visit(m)
	}
	p.Models = ordered
	return errs
}

// needs are the models that must be built before m: what it reads, and what its header asks.
func (p *Project) needs(m *Model) []string {
	var list []string
	add := func(name string) {
		if p.byName[name] != nil && name != m.Name && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	for _, name := range m.Reads {
		add(name)
	}
	for _, relation := range m.headerRelations() {
		add(relation.name)
	}
	return list
}

func (p *Project) fingerprints(macros map[string]*macro) {
	read := func(name string) string { return p.byName[name].Fingerprint }
	for _, m := range slices.Concat(p.Models, p.Checks) {
		m.Fingerprint = p.fingerprint(m, macros, read)
	}
}

// fingerprint of a model with the given macros, when the models it reads have the given fingerprints.
func (p *Project) fingerprint(m *Model, macros map[string]*macro, read func(model string) string) string {
	hasher := xxh3.New()
	fmt.Fprintf(hasher, "%s\x00%s\x00%s\x00%d\x00%s\x00%s\x00%v\x00%v\x00", m.tree, m.Materialize, m.Grain, m.Lookback, m.StateColumns, m.Version, p.Requirements(m), m.Matches)
	for _, name := range m.Macros {
		text := ""
		if macros[name] != nil {
			text = macros[name].Text
		}
		fmt.Fprintf(hasher, "%s\x00", text)
	}
	for _, name := range m.Reads {
		if p.byName[name] != nil && name != m.Name {
			fmt.Fprintf(hasher, "%s\x00", read(name))
		}
	}
	return fmt.Sprintf("%016x", hasher.Sum64())
}

// Requirements are what a day of the model waits for: its own and those of everything it reads, what is optional aside. A
// statistic by day always waits for the chain's calendar.
func (p *Project) Requirements(m *Model) []Requirement {
	var list []Requirement
	seen := map[string]bool{}
	add := func(r Requirement) {
		if !seen[r.Relation] {
			seen[r.Relation] = true
			list = append(list, r)
		}
	}
	if m.Export != "" && m.Daily() {
		add(Requirement{Relation: "raw.blocks_per_day", Reason: "the day's end in blocks_per_day"})
	}
	p.upstream(m, func(read *Model) {
		for _, r := range read.Requires {
			add(r)
		}
	})
	return list
}

// upstream calls fn for m and everything that it cannot do without, each once.
func (p *Project) upstream(m *Model, fn func(*Model)) {
	seen := map[string]bool{}
	var visit func(m *Model)
	visit = func(m *Model) {
		if m == nil || seen[m.Name] {
			return
		}
		seen[m.Name] = true
		fn(m)
		for _, name := range m.Reads {
			if !slices.Contains(m.Optional, name) {
				visit(p.byName[name])
			}
		}
	}
	visit(m)
}

// leaves are the tables that m's rows come from: raw tables, and models that are tables; views are seen through.
func (p *Project) leaves(m *Model) []string {
	seen := map[string]bool{}
	var list []string
	var visit func(names []string)
	visit = func(names []string) {
		for _, name := range names {
			if seen[name] || name == m.Name {
				continue
			}
			seen[name] = true
			if read := p.byName[name]; read != nil && !read.Stored() {
				visit(read.Reads)
				continue
			}
			list = append(list, name)
		}
	}
	visit(m.Reads)
	slices.Sort(list)
	return list
}

// Select is the set of models that the patterns name: names (with or without schema) and globs, `+x` with what x needs,
// `x+` with what needs x. No pattern is everything; a pattern that names nothing is an error.
func (p *Project) Select(patterns []string) (map[string]bool, error) {
	chosen := map[string]bool{}
	for _, m := range p.Models {
		if len(patterns) == 0 {
			chosen[m.Name] = true
		}
	}
	for _, pattern := range patterns {
		word := strings.TrimSuffix(strings.TrimPrefix(pattern, "+"), "+")
		var found []*Model
		for _, m := range p.Models {
			if matches(word, m) {
				found = append(found, m)
			}
		}
		if len(found) == 0 {
			return nil, WithHint(fmt.Errorf("%w: --select %s: no such model", ErrUsage, pattern), "%s", cmp.Or(Suggest("nearest: %s", word, p.byName), "nightrunner models lists them"))
		}
		for _, m := range found {
			chosen[m.Name] = true
			if strings.HasPrefix(pattern, "+") {
				p.upstreamNeeds(m, chosen)
			}
			if strings.HasSuffix(pattern, "+") {
				p.downstream(m.Name, chosen)
			}
		}
	}
	return chosen, nil
}

func matches(pattern string, m *Model) bool {
	_, short, _ := strings.Cut(m.Name, ".")
	for _, name := range []string{m.Name, short} {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return false
}

func (p *Project) upstreamNeeds(m *Model, into map[string]bool) {
	for _, name := range p.needs(m) {
		if !into[name] {
			into[name] = true
			p.upstreamNeeds(p.byName[name], into)
		}
	}
}

// downstream adds everything that reads name, directly or not.
func (p *Project) downstream(name string, into map[string]bool) {
	for _, m := range p.Models {
		if !into[m.Name] && slices.Contains(p.needs(m), name) {
			into[m.Name] = true
			p.downstream(m.Name, into)
		}
	}
}
