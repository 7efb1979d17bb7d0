// Package statdoc writes the page that describes every statistic, docs/statistics.md, from what the SQL files say of
// themselves: meaning, grain, fields with types and units, sources, lineage, a document of the demo's chain, and what a
// test works through with small numbers.
package statdoc

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A Column is a column of a model as the warehouse has it; Type as DuckDB writes it.
type Column struct{ Name, Type string }

// A Source is what the page is made from.
type Source struct {
	Project *engine.Project
	// Columns of models, by their names.
	Columns map[string][]Column
	// Examples are documents as Extended JSON, by the names of statistics.
	Examples map[string]string
	// Files are the SQL files, with the tests whose first cases are worked examples.
	Files fs.FS
}

const head = `# Statistics
Made from the SQL files by ` + "`make docs`" + `; edit those. Each row of a statistic is a document of the collection of its name,
` + "`_id`" + ` first, columns in this order. Dates are UTC days. Amounts say their unit: CCD (doubles) or microCCD (integers, or texts
where they pass 2^53). Examples are of the demo's chain.

`

// Page is the whole page.
func Page(s Source) string {
	var out strings.Builder
	out.WriteString(head)
	exported := exportedModels(s.Project)
	out.WriteString("| statistic | grain | what |\n|---|---|---|\n")
	for _, m := range exported {
		fmt.Fprintf(&out, "| [%s](#%s) | %s | %s |\n", m.Export, m.Export, grain(m), firstSentence(m.Description))
	}
	for _, m := range exported {
		s.section(&out, m)
	}
	return out.String()
}

func exportedModels(p *engine.Project) []*engine.Model {
	var list []*engine.Model
	for _, m := range p.Models {
		if m.Export != "" {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b *engine.Model) int { return strings.Compare(a.Export, b.Export) })
	return list
}

func grain(m *engine.Model) string {
	if m.Grain == "" {
		return "–"
	}
	return m.Grain
}

// firstSentence ends at the first full stop or colon that ends a word.
func firstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if at := strings.Index(text, ". "); at >= 0 {
		return text[:at+1]
	}
	return text
}

func (s Source) section(out *strings.Builder, m *engine.Model) {
	fmt.Fprintf(out, "\n## %s\n%s\n\n", m.Export, m.Description)
	out.WriteString("| field | type | what |\n|---|---|---|\n")
	texts := map[string]string{}
	for _, column := range m.Columns {
		texts[column.Name] = column.Text
	}
	for _, column := range s.Columns[m.Name] {
		name, kind, text := "`"+column.Name+"`", documentType(column.Type), texts[column.Name]
		if text == "" {
			text = usual(column.Name, m)
		}
		if column.Name == m.Spread {
			name = "one field per entry of `" + column.Name + "`"
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", name, kind, escape(text))
	}
	fmt.Fprintf(out, "\nFile: `sql/%s`. Grain: %s. Kept as %s.\n", m.File, grain(m), m.Materialize)
	if m.Layout != "" {
		fmt.Fprintf(out, "Goes out in layout %s only.\n", m.Layout)
	}
	if m.Collection != "" {
		fmt.Fprintf(out, "Collection `%s` in every layout.\n", m.Collection)
	}
	if waits := s.Project.Requirements(m); len(waits) > 0 {
		var words []string
		for _, one := range waits {
			words = append(words, fmt.Sprintf("%s (`%s`)", one.Reason, one.Relation))
		}
		fmt.Fprintf(out, "A day waits for %s.\n", strings.Join(words, ", "))
	}
	steps, sources := s.lineage(m)
	if len(steps) > 0 {
		fmt.Fprintf(out, "Read through %s.\n", code(steps))
	}
	fmt.Fprintf(out, "Sources: %s.\n", code(sources))
	if example := s.Examples[m.Export]; example != "" {
		fmt.Fprintf(out, "\n```json\n%s\n```\n", shortened(example))
	}
	if file, prose := s.worked(m); prose != "" {
		fmt.Fprintf(out, "\nA worked case of `sql/%s`, which `nightrunner test` checks:\n\n> %s\n", file, strings.ReplaceAll(prose, "\n", "\n> "))
	}
}

// worked is what the first case of a model's own test says in prose, and the test's file.
func (s Source) worked(m *engine.Model) (file, prose string) {
	file = "tests/" + m.Export + ".txtar"
	text, err := fs.ReadFile(s.Files, file)
	if err != nil {
		return file, ""
	}
	for _, part := range txtar.Parse(text).Files {
		if strings.HasPrefix(part.Name, "case ") {
			return file, strings.TrimSpace(string(part.Data))
		}
	}
	return file, ""
}

// usual is the meaning of columns that mean the same everywhere.
func usual(column string, m *engine.Model) string {
	switch column {
	case "_id":
		return "key of the document"
	case "type":
		return "`" + m.Export + "`"
	case "date":
		return "UTC day"
	case "account_address_canonical":
		return "first 29 characters of the address"
	}
	return ""
}

// documentType is what a column becomes in a document.
func documentType(kind string) string {
	switch {
	case strings.HasSuffix(kind, "[]"):
		return "array of " + documentType(strings.TrimSuffix(kind, "[]"))
	case strings.HasPrefix(kind, "MAP("):
		_, value, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(kind, "MAP("), ")"), ", ")
		return "document of " + documentType(value)
	case strings.HasPrefix(kind, "STRUCT("):
		return "document"
	}
	switch kind {
	case "VARCHAR":
		return "string"
	case "DATE":
		return "string YYYY-MM-DD"
	case "DOUBLE":
		return "double"
	case "BOOLEAN":
		return "boolean"
	case "JSON":
		return "any"
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "UINTEGER":
		return "integer"
	}
	return strings.ToLower(kind)
}

// lineage are the models between a statistic and the raw tables, and those tables.
func (s Source) lineage(m *engine.Model) (steps, sources []string) {
	seen := map[string]bool{m.Name: true}
	var visit func(names []string)
	visit = func(names []string) {
		for _, name := range names {
			if seen[name] {
				continue
			}
			seen[name] = true
			if read := s.Project.Model(name); read != nil {
				steps = append(steps, name)
				visit(read.Reads)
			} else {
				sources = append(sources, name)
			}
		}
	}
	visit(m.Reads)
	slices.Sort(steps)
	slices.Sort(sources)
	return steps, sources
}

func code(names []string) string {
	return "`" + strings.Join(names, "`, `") + "`"
}

func escape(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

// longest is how much of an example is shown.
const longest = 700

func shortened(example string) string {
	if len(example) <= longest {
		return example
	}
	cut := strings.LastIndexByte(example[:longest], ',')
	return example[:cut+1] + " …"
}
