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
	slices.SortFunc(edges, func(a, b ColumnEdge) int {
		return strings.Compare(a.To.String()+" "+a.From.String(), b.To.String()+" "+b.From.String())
	})
	return edges
}

// ColumnText draws a column and what it is made of, down to raw tables.
func ColumnText(c *engine.Catalog, model, column string) string {
	next := map[string][]string{}
	for _, edge := range ColumnEdges(c, model, column) {
		if edge.From != edge.To {
			next[edge.To.String()] = append(next[edge.To.String()], edge.From.String())
		}
	}
	top := model + "." + column
	var out strings.Builder
	out.WriteString(top + "\n")
	writeTree(&out, "", next[top], map[string]bool{top: true}, func(one string) []string { return next[one] }, func(one string) string { return one })
	return out.String()
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
