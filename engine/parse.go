package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// parsed is what DuckDB's own parser finds in a SELECT.
type parsed struct {
	// tree is the syntax tree as JSON without positions: equal for texts that differ in comments and layout only.
	tree []byte
	refs []tableRef
	// functions it calls, macros among them.
	functions []string
	ctes      map[string]bool
}

type tableRef struct {
	schema, name string
	// offset in bytes into the text, -1 if unknown.
	offset int
}

// syntaxError is DuckDB's word on a text that is no SELECT.
type syntaxError struct {
	message string
	offset  int
}

func (e *syntaxError) Error() string { return e.message }

// parse reads a statement. It refuses what json_serialize_sql refuses: anything but SELECT, and PIVOT.
func (w *Warehouse) parse(ctx context.Context, text string) (*parsed, error) {
	var serialized string
	if err := w.scalar(ctx, &serialized, "select json_serialize_sql(?::varchar)::varchar", text); err != nil {
		return nil, err
	}
	var root struct {
		Error      bool   `json:"error"`
		Message    string `json:"error_message"`
		Position   string `json:"position"`
		Statements []any  `json:"statements"`
	}
	if err := json.Unmarshal([]byte(serialized), &root); err != nil {
		return nil, fmt.Errorf("read DuckDB's syntax tree: %w", err)
	}
	if root.Error {
		offset, err := strconv.Atoi(root.Position)
		if err != nil {
			offset = -1
		}
		return nil, &syntaxError{message: root.Message, offset: offset}
	}
	if len(root.Statements) != 1 {
		return nil, &syntaxError{message: fmt.Sprintf("%d statements where one SELECT is expected", len(root.Statements)), offset: -1}
	}
	p := &parsed{ctes: map[string]bool{}}
	p.walk(root.Statements[0])
	var err error
	p.tree, err = json.Marshal(root.Statements[0])
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
		offset := position(node["query_location"])
		delete(node, "query_location")
		switch {
		case node["type"] == "BASE_TABLE":
			p.refs = append(p.refs, tableRef{schema: text(node["schema_name"]), name: text(node["table_name"]), offset: offset})
		case node["class"] == "FUNCTION":
			p.functions = append(p.functions, text(node["function_name"]))
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

// position of a node; DuckDB writes 2^64-1 where it has none.
func position(value any) int {
	number, ok := value.(float64)
	if !ok || number > math.MaxInt32 {
		return -1
	}
	return int(number)
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
	var syntax *syntaxError
	if errors.As(err, &syntax) {
		return ModelErrors{{File: m.File, Line: lineOf(m.SQL, syntax.offset), Err: syntax, Hint: "a model is one plain SELECT; PIVOT cannot be used"}}, nil
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
			lines[name] = lineOf(m.SQL, ref.offset)
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
	if m.Materialize == View && slices.ContainsFunc(m.Macros, func(name string) bool { return strings.Contains(macros[name].Text, "getvariable") }) {
		problem(0, "a view is read by sessions that have other variables; materialize it", "a view calls from_date() or to_date()")
	}
	return errs
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

func lineOf(text string, offset int) int {
	if offset < 0 || offset > len(text) {
		return 0
	}
	return strings.Count(text[:offset], "\n") + 1
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
