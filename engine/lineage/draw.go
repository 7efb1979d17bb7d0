package lineage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A ColumnEdge says that To is made of From.
type ColumnEdge struct {
	From Source `json:"from"`
	To   Source `json:"to"`
}

// ColumnEdges follow the columns of a model, all or one, down to raw tables, sorted. Columns of a raw table come from nowhere.
func ColumnEdges(c *engine.Catalog, model, column string) []ColumnEdge {
	seen := map[Source]bool{}
	known := map[string][]Column{}
	var edges []ColumnEdge
	var visit func(relation, column string)
	visit = func(relation, column string) {
		if c.Trees[relation] == nil {
			return
		}
		if known[relation] == nil {
			known[relation] = Columns(c, relation)
		}
		for _, one := range known[relation] {
			to := Source{relation, one.Name}
			if column != "" && !strings.EqualFold(one.Name, column) || seen[to] {
				continue
			}
			seen[to] = true
			for _, from := range one.Sources {
				edges = append(edges, ColumnEdge{from, to})
				visit(from.Relation, from.Column)
			}
		}
	}
	visit(model, column)
	return sortEdges(edges)
}

// ColumnText draws a column, what it is made of, down to raw tables, and what is made of it.
func ColumnText(c *engine.Catalog, model, column string) string {
	top := model + "." + column
	var out strings.Builder
	out.WriteString(top + "\n")
	made, used := map[string][]string{}, map[string][]string{}
	for _, edge := range ColumnEdges(c, model, column) {
		if edge.From != edge.To {
			made[edge.To.String()] = append(made[edge.To.String()], edge.From.String())
		}
	}
	for _, edge := range columnUses(c, model) {
		if edge.From != edge.To {
			used[edge.From.String()] = append(used[edge.From.String()], edge.To.String())
		}
	}
	for _, part := range []struct {
		title string
		next  map[string][]string
	}{{"made of", made}, {"part of", used}} {
		if len(part.next[top]) == 0 {
			continue
		}
		fmt.Fprintln(&out, part.title)
		writeTree(&out, "", part.next[top], map[string]bool{top: true}, func(one string) []string { return part.next[one] }, func(one string) string { return one })
	}
	return out.String()
}

// EdgesAround a column are those of all that it is made of and of all that is made of it, sorted; of column "" those that all
// columns of the model are made of.
func EdgesAround(c *engine.Catalog, model, column string) []ColumnEdge {
	edges := ColumnEdges(c, model, column)
	if column == "" {
		return edges
	}
	reached := map[Source]bool{{model, column}: true}
	uses := columnUses(c, model)
	for grown := true; grown; {
		grown = false
		for _, edge := range uses {
			if reached[edge.From] && !reached[edge.To] {
				reached[edge.To], grown = true, true
			}
		}
	}
	for _, edge := range uses {
		if reached[edge.From] {
			edges = append(edges, edge)
		}
	}
	return sortEdges(edges)
}

func sortEdges(edges []ColumnEdge) []ColumnEdge {
	slices.SortFunc(edges, func(a, b ColumnEdge) int {
		return strings.Compare(a.To.String()+" "+a.From.String(), b.To.String()+" "+b.From.String())
	})
	return slices.Compact(edges)
}

// columnUses are the edges between columns of all that follows from a table or model, sorted.
func columnUses(c *engine.Catalog, model string) []ColumnEdge {
	g := New(c.Project)
	var edges []ColumnEdge
	for name := range g.all(model, g.readBy) {
		if c.Trees[name] == nil {
			continue
		}
		for _, one := range Columns(c, name) {
			for _, from := range one.Sources {
				edges = append(edges, ColumnEdge{from, Source{name, one.Name}})
			}
		}
	}
	return sortEdges(edges)
}

// Mermaid draws edges between tables and models.
func (g *Graph) Mermaid(edges []Edge) string {
	var out strings.Builder
	out.WriteString("flowchart LR\n")
	for _, name := range namesOf(edges) {
		left, right := "[", "]"
		if g.models[name] == nil {
			left, right = "[(", ")]"
		}
		fmt.Fprintf(&out, "    %s%s\"%s\"%s\n", identifier(name), left, g.title(name), right)
	}
	for _, edge := range edges {
		fmt.Fprintf(&out, "    %s --> %s\n", identifier(edge.From), identifier(edge.To))
	}
	return out.String()
}

// DOT draws edges between tables and models for Graphviz.
func (g *Graph) DOT(edges []Edge) string {
	var out strings.Builder
	out.WriteString("digraph lineage {\n    rankdir=LR;\n    node [shape=box];\n")
	for _, name := range namesOf(edges) {
		shape := ""
		if g.models[name] == nil {
			shape = " shape=cylinder"
		}
		fmt.Fprintf(&out, "    %s [label=%s%s];\n", quoted(name), quoted(g.title(name)), shape)
	}
	for _, edge := range edges {
		fmt.Fprintf(&out, "    %s -> %s;\n", quoted(edge.From), quoted(edge.To))
	}
	out.WriteString("}\n")
	return out.String()
}

// ColumnMermaid draws edges between columns, in a box per table.
func ColumnMermaid(edges []ColumnEdge) string {
	var out strings.Builder
	out.WriteString("flowchart LR\n")
	relations, columns := columnsOf(edges)
	for _, relation := range relations {
		fmt.Fprintf(&out, "    subgraph %s[\"%s\"]\n", identifier(relation), relation)
		for _, column := range columns[relation] {
			fmt.Fprintf(&out, "        %s[\"%s\"]\n", identifier(relation+"."+column), column)
		}
		out.WriteString("    end\n")
	}
	for _, edge := range edges {
		fmt.Fprintf(&out, "    %s --> %s\n", identifier(edge.From.String()), identifier(edge.To.String()))
	}
	return out.String()
}

// ColumnDOT draws edges between columns for Graphviz, in a box per table.
func ColumnDOT(edges []ColumnEdge) string {
	var out strings.Builder
	out.WriteString("digraph lineage {\n    rankdir=LR;\n    node [shape=box];\n")
	relations, columns := columnsOf(edges)
	for _, relation := range relations {
		fmt.Fprintf(&out, "    subgraph %s {\n        label=%s;\n", quoted("cluster "+relation), quoted(relation))
		for _, column := range columns[relation] {
			fmt.Fprintf(&out, "        %s [label=%s];\n", quoted(relation+"."+column), quoted(column))
		}
		out.WriteString("    }\n")
	}
	for _, edge := range edges {
		fmt.Fprintf(&out, "    %s -> %s;\n", quoted(edge.From.String()), quoted(edge.To.String()))
	}
	out.WriteString("}\n")
	return out.String()
}

func namesOf(edges []Edge) []string {
	var list []string
	for _, edge := range edges {
		list = append(list, edge.From, edge.To)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func columnsOf(edges []ColumnEdge) (relations []string, columns map[string][]string) {
	columns = map[string][]string{}
	for _, edge := range edges {
		for _, one := range []Source{edge.From, edge.To} {
			if !slices.Contains(columns[one.Relation], one.Column) {
				columns[one.Relation] = append(columns[one.Relation], one.Column)
			}
		}
	}
	for relation := range columns {
		relations = append(relations, relation)
		slices.Sort(columns[relation])
	}
	slices.Sort(relations)
	return relations, columns
}

// identifier is a name that Mermaid takes as a node's: other characters than letters and digits are told apart by codes.
func identifier(name string) string {
	var out strings.Builder
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			out.WriteRune(r)
		case r == '.':
			out.WriteString("__")
		default:
			fmt.Fprintf(&out, "_%x", r)
		}
	}
	return out.String()
}

func quoted(text string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), `"`, `\"`) + `"`
}
