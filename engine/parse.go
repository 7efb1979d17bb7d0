package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/ccdexplorer/nightrunner/engine/sqltree"
)

// parsed is what DuckDB's own parser finds in a SELECT.
type parsed struct {
	// tree is the syntax tree as JSON without positions: equal for texts that differ in comments and layout only.
	tree []byte
	refs []tableRef
	// functions it calls, macros among them.
	functions []string
	calls     []call
	ctes      map[string]bool
}

// A call of a function; offset in bytes into the text, -1 if unknown.
type call struct {
	name   string
	offset int
}

type tableRef struct {
	schema, name string
	// offset in bytes into the text, -1 if unknown.
	offset int
}

// parse reads a statement. It refuses what json_serialize_sql refuses: anything but SELECT, and PIVOT.
func (w *Warehouse) parse(ctx context.Context, text string) (*parsed, error) {
	statement, err := sqltree.Parse(ctx, w.conn, text)
	if err != nil {
		return nil, err
	}
	p := &parsed{ctes: map[string]bool{}}
	p.walk(map[string]any(statement))
	p.tree, err = json.Marshal(statement)
	return p, err
}

// walk collects tables, functions and names of CTEs, and drops positions from the tree.
func (p *parsed) walk(node any) {
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			p.walk(child)
		}
	case map[string]any:
		offset := sqltree.Node(node).Offset()
		delete(node, "query_location")
		switch {
		case node["type"] == "BASE_TABLE":
			p.refs = append(p.refs, tableRef{schema: text(node["schema_name"]), name: text(node["table_name"]), offset: offset})
		case node["class"] == "FUNCTION":
			p.functions = append(p.functions, text(node["function_name"]))
			p.calls = append(p.calls, call{text(node["function_name"]), offset})
		}
		if ctes, ok := node["cte_map"].(map[string]any); ok {
			p.collectCTEs(ctes)
		}
		for _, child := range node {
			p.walk(child)
		}
	}
}

func (p *parsed) collectCTEs(ctes map[string]any) {
	list, _ := ctes["map"].([]any)
	for _, entry := range list {
		if cte, ok := entry.(map[string]any); ok {
			p.ctes[text(cte["key"])] = true
		}
	}
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

// tables are the names of the tables that are read, sorted, names of CTEs aside.
func (p *parsed) tables() []string {
	var list []string
	for _, ref := range p.refs {
		if ref.schema != "" {
			list = append(list, ref.schema+"."+ref.name)
		} else if !p.ctes[ref.name] {
			list = append(list, ref.name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// resolveModel finds out what a model reads. The first result is what is wrong in its file.
func (w *Warehouse) resolveModel(ctx context.Context, p *Project, m *Model, macros map[string]*macro) (ModelErrors, error) {
	found, err := w.parse(ctx, m.SQL)
	var syntax *sqltree.SyntaxError
	if errors.As(err, &syntax) {
		return ModelErrors{{File: m.File, Line: sqltree.Line(m.SQL, syntax.Offset), Err: syntax, Hint: syntaxHint(m.SQL)}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", m.File, err)
	}
	m.tree = string(found.tree)
	m.Reads = found.tables()
	m.Macros = usedMacros(found.functions, macros)
	for _, name := range m.Macros {
		m.Reads = append(m.Reads, macros[name].Reads...)
	}
	m.Reads = append(m.Reads, m.Depends...)
	slices.Sort(m.Reads)
	m.Reads = slices.Compact(m.Reads)
	return p.unknownTables(m, found, macros), nil
}

func syntaxHint(text string) string {
	if strings.Contains("\n"+text, "\n<<<<<<< ") {
		return "a merge has left a conflict: keep one side of what stands between <<<<<<< and >>>>>>>"
	}
	return "a model is one plain SELECT; PIVOT cannot be used"
}

// usedMacros are the macros called, also by other macros.
func usedMacros(calls []string, macros map[string]*macro) []string {
	used := map[string]bool{}
	var visit func(names []string)
	visit = func(names []string) {
		for _, name := range names {
			if one := macros[name]; one != nil && !used[name] {
				used[name] = true
				visit(one.Calls)
			}
		}
	}
	visit(calls)
	list := make([]string, 0, len(used))
	for name := range used {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// unknownTables are names that are neither a model nor a raw table, and sessions' variables where they do not belong.
func (p *Project) unknownTables(m *Model, found *parsed, macros map[string]*macro) ModelErrors {
	lines := map[string]int{}
	for _, ref := range found.refs {
		name := strings.TrimPrefix(ref.schema+"."+ref.name, ".")
		if _, seen := lines[name]; !seen {
			lines[name] = sqltree.Line(m.SQL, ref.offset)
		}
	}
	var errs ModelErrors
	problem := func(line int, hint, format string, args ...any) {
		errs = append(errs, &ModelError{File: m.File, Line: line, Err: fmt.Errorf(format, args...), Hint: hint})
	}
	known := func(name string) bool {
		_, raw := p.daily[name]
		return raw || p.byName[name] != nil
	}
	for _, name := range m.Reads {
		if !known(name) {
			problem(lines[name], Suggest("nearest: %s", name, p.relations()), "unknown table %s", name)
		}
	}
	for _, relation := range m.headerRelations() {
		if !known(relation.name) {
			problem(m.keyLines[relation.key], Suggest("nearest: %s", relation.name, p.relations()), "%s: unknown table %s", relation.key, relation.name)
		}
	}
	for _, name := range m.Optional {
		if !slices.Contains(m.Reads, name) {
			problem(m.keyLines["optional"], "", "optional: %s is not read", name)
		}
	}
	if slices.Contains(m.Reads, m.Name) && m.Materialize != State {
		problem(lines[m.Name], "only a state model reads itself", "%s reads itself", m.Name)
	}
	if line, reads := m.readsSession(found, macros); m.Materialize == View && reads {
		problem(line, "a view is read by sessions that have other variables; materialize it", "%w", ErrSessionView)
	}
	return errs
}

// readsSession: the SQL reads a variable of the session, by itself or in a macro. line is that of the first, 0 if unknown.
func (m *Model) readsSession(found *parsed, macros map[string]*macro) (line int, reads bool) {
	for _, call := range found.calls {
		one := macros[call.name]
		if call.name != "getvariable" && (one == nil || !one.readsSession(macros)) {
			continue
		}
		if at := sqltree.Line(m.SQL, call.offset); !reads || at < line {
			line = at
		}
		reads = true
	}
	return line, reads
}

func (one *macro) readsSession(macros map[string]*macro) bool {
	return strings.Contains(one.Text, "getvariable") || slices.ContainsFunc(usedMacros(one.Calls, macros), func(name string) bool {
		return strings.Contains(macros[name].Text, "getvariable")
	})
}

type headerRelation struct{ key, name string }

func (m *Model) headerRelations() []headerRelation {
	var list []headerRelation
	for _, r := range m.Requires {
		list = append(list, headerRelation{"requires", r.Relation})
	}
	for _, match := range m.Matches {
		list = append(list, headerRelation{"match", match.Table}, headerRelation{"match", match.Relation})
	}
	return list
}

func (p *Project) relations() map[string]bool {
	all := map[string]bool{}
	for name := range p.daily {
		all[name] = true
	}
	for name := range p.byName {
		all[name] = true
	}
	return all
}

var duckLine = regexp.MustCompile(`LINE (\d+):`)

// errorLine is the line that DuckDB's message points at, 0 if it points at none. DuckDB gives it in its text only.
func errorLine(err error) int {
	var duck *duckdb.Error
	if !errors.As(err, &duck) {
		return 0
	}
	found := duckLine.FindStringSubmatch(duck.Msg)
	if found == nil {
		return 0
	}
	line, convErr := strconv.Atoi(found[1])
	if convErr != nil {
		return 0
	}
	return line
}
