// Package lineage says what follows from what: tables, models and checks by what their SQL reads, and columns by the
// expressions that make them. It knows SQL files alone; no warehouse is read.
package lineage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A Graph holds raw tables, models and checks by name.
type Graph struct {
	reads, readBy map[string][]string
	models        map[string]*engine.Model
}

// An Edge says that To reads From.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// New is the graph of a resolved project.
func New(p *engine.Project) *Graph {
	g := &Graph{reads: map[string][]string{}, readBy: map[string][]string{}, models: map[string]*engine.Model{}}
	for _, m := range slices.Concat(p.Models, p.Checks) {
		g.models[m.Name] = m
		g.reads[m.Name] = nil
		for _, name := range m.Reads {
			if name == m.Name {
				continue
			}
			g.reads[m.Name] = append(g.reads[m.Name], name)
			g.readBy[name] = append(g.readBy[name], m.Name)
		}
	}
	for name := range g.readBy {
		slices.Sort(g.readBy[name])
	}
	return g
}

// Reads are the tables and models that one reads itself, sorted; ReadBy those that read it.
func (g *Graph) Reads(name string) []string { return g.reads[name] }

// ReadBy are the models and checks that read a table or model themselves, sorted.
func (g *Graph) ReadBy(name string) []string { return g.readBy[name] }

// Find is the full name of a model, check or raw table that is named with or without its schema.
func (g *Graph) Find(name string) (string, error) {
	names := map[string]bool{}
	for one := range g.reads {
		names[one] = true
	}
	for one := range g.readBy {
		names[one] = true
	}
	var found []string
	for one := range names {
		if _, short, _ := strings.Cut(one, "."); one == name || short == name {
			found = append(found, one)
		}
	}
	slices.Sort(found)
	switch {
	case len(found) == 1 || slices.Contains(found, name):
		if slices.Contains(found, name) {
			return name, nil
		}
		return found[0], nil
	case len(found) > 1:
		return "", engine.WithHint(fmt.Errorf("%w: %s is the name of several", engine.ErrUsage, name), "name one of %s", strings.Join(found, ", "))
	}
	return "", engine.WithHint(fmt.Errorf("%w: no model, check or raw table %q", engine.ErrUsage, name), "%snightrunner models lists all", like(name, names))
}

// like are the names that hold a word, or else the nearest one.
func like(word string, names map[string]bool) string {
	var holding []string
	for one := range names {
		if strings.Contains(one, word) {
			holding = append(holding, one)
		}
	}
	slices.Sort(holding)
	if len(holding) > 0 && len(holding) <= 3 {
		return "there is " + strings.Join(holding, ", ") + "; "
	}
	return engine.Suggest("nearest: %s; ", word, names)
}

// Edges are those of everything that a table or model comes from and of everything that follows from it, sorted; name ""
// is the whole graph.
func (g *Graph) Edges(name string) []Edge {
	var edges []Edge
	add := func(to string) {
		for _, from := range g.reads[to] {
			edges = append(edges, Edge{from, to})
		}
	}
	if name == "" {
		for to := range g.reads {
			add(to)
		}
	} else {
		for to := range g.all(name, g.reads) {
			add(to)
		}
		after := g.all(name, g.readBy)
		for from := range after {
			for _, to := range g.readBy[from] {
				if after[to] {
					edges = append(edges, Edge{from, to})
				}
			}
		}
	}
	slices.SortFunc(edges, func(a, b Edge) int { return strings.Compare(a.From+" "+a.To, b.From+" "+b.To) })
	return slices.Compact(edges)
}

// all is the name and what can be reached from it.
func (g *Graph) all(name string, next map[string][]string) map[string]bool {
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for _, one := range next[name] {
			visit(one)
		}
	}
	visit(name)
	return seen
}

// Text draws two trees: what a table or model comes from, and what follows from it. What has been shown in a tree is not
// unfolded again.
func (g *Graph) Text(name string) string {
	var out strings.Builder
	out.WriteString(name + "\n")
	for _, part := range []struct {
		title string
		next  map[string][]string
	}{{"reads", g.reads}, {"is read by", g.readBy}} {
		if len(part.next[name]) == 0 {
			continue
		}
		fmt.Fprintf(&out, "%s\n", part.title)
		writeTree(&out, "", part.next[name], map[string]bool{name: true}, func(one string) []string { return part.next[one] }, g.title)
	}
	return out.String()
}

// title is a name, with the statistic that it is exported as.
func (g *Graph) title(name string) string {
	if m := g.models[name]; m != nil && m.Export != "" {
		return name + " → " + m.Export
	}
	return name
}

func writeTree(out *strings.Builder, indent string, names []string, seen map[string]bool, next func(string) []string, title func(string) string) {
	for i, name := range names {
		branch, below := "├── ", "│   "
		if i == len(names)-1 {
			branch, below = "└── ", "    "
		}
		again := ""
		if seen[name] && len(next(name)) > 0 {
			again = " (see above)"
		}
		fmt.Fprintf(out, "%s%s%s%s\n", indent, branch, title(name), again)
		if again == "" {
			seen[name] = true
			writeTree(out, indent+below, next(name), seen, next, title)
		}
	}
}
