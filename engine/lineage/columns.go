package lineage

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/engine/sqltree"
)

// A Source is a column that a value comes from. Of a function that makes rows Relation is its name with (), and Column is
// the name that the SQL uses.
type Source struct {
	Relation string `json:"relation"`
	Column   string `json:"column"`
}

func (s Source) String() string { return s.Relation + "." + s.Column }

// A Column of a model, and the columns of what the model reads that its values are made of. Columns that only decide
// which rows there are (where, join, group by) are no sources.
type Column struct {
	Name    string   `json:"column"`
	Sources []Source `json:"sources"`
	// Unknown says why sources may be missing, "" when all are there.
	Unknown string `json:"unknown,omitempty"`
}

// Columns finds where the columns of a model or check come from, as far as its syntax tree says.
func Columns(c *engine.Catalog, model string) []Column {
	r := &resolver{catalog: c}
	made := r.query(c.Trees[model].Child("node"), nil, nil)
	names := c.Relations[model]
	list := make([]Column, len(names))
	for i, column := range names {
		list[i] = Column{Name: column.Name, Sources: []Source{}}
		if made.open != "" || len(made.columns) != len(names) {
			list[i].Unknown = made.open
			if made.open == "" {
				list[i].Unknown = "the list of columns cannot be told from the SQL"
			}
			continue
		}
		list[i].Sources, list[i].Unknown = made.columns[i].sources.sorted(), made.columns[i].unknown
	}
	return list
}

type sources map[Source]bool

func (s sources) sorted() []Source {
	list := make([]Source, 0, len(s))
	for one := range s {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Source) int { return strings.Compare(a.String(), b.String()) })
	return list
}

// made is a column of a query or of a table in FROM.
type made struct {
	name    string
	sources sources
	unknown string
}

func (m *made) add(other made) {
	for one := range other.sources {
		m.sources[one] = true
	}
	if m.unknown == "" {
		m.unknown = other.unknown
	}
}

// copied is one that can be added to.
func (m made) copied() made {
	if m.sources = maps.Clone(m.sources); m.sources == nil {
		m.sources = sources{}
	}
	return m
}

// A table is what a query makes, or what stands in FROM under a name.
type table struct {
	alias   string
	columns []made
	// source is the relation whose columns cannot be told: they are taken as they are named. open says why the list is
	// not known at all.
	source, open string
	// hidden columns are those of USING: the other side has them.
	hidden map[string]bool
}

func (t *table) column(name string) (made, bool) {
	for _, one := range t.columns {
		if strings.EqualFold(one.name, name) {
			return one, true
		}
	}
	if t.source != "" {
		return made{name: name, sources: sources{{t.source, name}: true}}, true
	}
	return made{}, false
}

// A scope is the tables of a FROM; up is that of the query around it.
type scope struct {
	tables []*table
	// named are columns of the same SELECT by their names, lambda parameters without sources among them.
	named map[string]made
	up    *scope
}

// env are the CTEs that can be seen.
type env struct {
	name string
	made *table
	up   *env
}

func (e *env) find(name string) *table {
	for ; e != nil; e = e.up {
		if strings.EqualFold(e.name, name) {
			return e.made
		}
	}
	return nil
}

type resolver struct{ catalog *engine.Catalog }

// query resolves a SELECT or a set operation.
func (r *resolver) query(n sqltree.Node, ctes *env, up *scope) *table {
	for _, cte := range n.CTEs() {
		ctes = &env{cte.Name, r.cte(cte, ctes, up), ctes}
	}
	switch n.Text("type") {
	case "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE":
		sides := append(n.List("children"), n.Child("left"), n.Child("right"))
		sides = slices.DeleteFunc(sides, func(side sqltree.Node) bool { return side == nil })
		return r.union(sides, n.Text("setop_type") == "UNION_BY_NAME", ctes, up)
	case "SELECT_NODE":
		return r.selectNode(n, ctes, up)
	}
	return &table{open: "the SQL has a form that is not followed: " + n.Text("type")}
}

// cte resolves one CTE. A recursive one is first known by what its first part makes.
func (r *resolver) cte(cte sqltree.CTE, ctes *env, up *scope) *table {
	if left := cte.Query.Child("left"); left != nil && readsItself(cte) {
		ctes = &env{cte.Name, rename(r.query(left, ctes, up), cte.Columns), ctes}
	}
	return rename(r.query(cte.Query, ctes, up), cte.Columns)
}

func readsItself(cte sqltree.CTE) bool {
	reads := false
	cte.Query.Walk(func(n sqltree.Node) bool {
		reads = reads || n.Text("type") == "BASE_TABLE" && n.Text("schema_name") == "" && strings.EqualFold(n.Text("table_name"), cte.Name)
		return true
	})
	return reads
}

// rename gives columns the names in brackets behind an alias.
func rename(t *table, names []string) *table {
	for i := range min(len(names), len(t.columns)) {
		t.columns[i].name = names[i]
	}
	return t
}

// union puts the columns of its sides together by their places, or by their names: then a side may lack some.
func (r *resolver) union(sides []sqltree.Node, byName bool, ctes *env, up *scope) *table {
	whole := &table{}
	for i, side := range sides {
		one := r.query(side, ctes, up)
		if one.open != "" {
			return one
		}
		switch {
		case byName && slices.ContainsFunc(one.columns, func(column made) bool { return column.name == "" }):
			return &table{open: "a column of a union by name has no name"}
		case byName:
			whole.addNamed(one.columns)
			continue
		case i == 0:
			for _, column := range one.columns {
				whole.columns = append(whole.columns, column.copied())
			}
			continue
		}
		if len(one.columns) != len(whole.columns) {
			return &table{open: "the sides of a union differ in their columns"}
		}
		for at := range whole.columns {
			whole.columns[at].add(one.columns[at])
		}
	}
	return whole
}

// addNamed adds columns to those of their names. Those of the caller stay as they are.
func (t *table) addNamed(columns []made) {
	for _, column := range columns {
		at := slices.IndexFunc(t.columns, func(known made) bool { return strings.EqualFold(known.name, column.name) })
		if at < 0 {
			t.columns = append(t.columns, column.copied())
			continue
		}
		t.columns[at].add(column)
	}
}

func (r *resolver) selectNode(n sqltree.Node, ctes *env, up *scope) *table {
	in := &scope{tables: r.from(n.Child("from_table"), ctes, up), named: map[string]made{}, up: up}
	out := &table{}
	for _, one := range n.List("select_list") {
		if one.Text("class") == "STAR" {
			columns, why := star(one, in)
			if why != "" {
				return &table{open: why}
			}
			columns = r.replaced(one, columns, in, ctes)
			out.columns = append(out.columns, columns...)
			continue
		}
		column := made{name: nameOf(one), sources: sources{}}
		r.expression(one, in, ctes, &column)
		out.columns = append(out.columns, column)
		if alias := one.Text("alias"); alias != "" {
			in.named[strings.ToLower(alias)] = column
		}
	}
	return out
}

// nameOf is the name that DuckDB gives a column, "" where that takes its own ways.
func nameOf(n sqltree.Node) string {
	if alias := n.Text("alias"); alias != "" {
		return alias
	}
	if parts := n.Texts("column_names"); n.Text("class") == "COLUMN_REF" && len(parts) > 0 {
		return parts[len(parts)-1]
	}
	return ""
}

// star are the columns that a * stands for.
func star(n sqltree.Node, in *scope) ([]made, string) {
	if n["expr"] != nil {
		return nil, "columns(…) cannot be followed"
	}
	var list []made
	for _, t := range in.tables {
		if relation := n.Text("relation_name"); relation != "" && !strings.EqualFold(relation, t.alias) {
			continue
		}
		switch {
		case t.open != "":
			return nil, t.open
		case t.source != "":
			return nil, "* of " + t.source + " cannot be followed"
		}
		for _, column := range t.columns {
			if !t.hidden[strings.ToLower(column.name)] && !excluded(n, column.name) {
				list = append(list, column)
			}
		}
	}
	return list, ""
}

// excluded: EXCLUDE names the column, in one of the forms in which DuckDB writes it.
func excluded(n sqltree.Node, column string) bool {
	for _, name := range n.Texts("exclude_list") {
		if strings.EqualFold(name, column) {
			return true
		}
	}
	for _, one := range append(n.List("exclude_list"), n.List("qualified_exclude_list")...) {
		if strings.EqualFold(one.Text("column"), column) {
			return true
		}
	}
	return false
}

// replaced: REPLACE gives columns of a * other expressions.
func (r *resolver) replaced(n sqltree.Node, columns []made, in *scope, ctes *env) []made {
	for _, one := range n.List("replace_list") {
		for i := range columns {
			if strings.EqualFold(one.Text("key"), columns[i].name) {
				columns[i].sources, columns[i].unknown = sources{}, ""
				r.expression(one.Child("value"), in, ctes, &columns[i])
			}
		}
	}
	return columns
}

// from are the tables of a FROM.
func (r *resolver) from(n sqltree.Node, ctes *env, up *scope) []*table {
	alias := n.Text("alias")
	switch n.Text("type") {
	case "BASE_TABLE":
		return []*table{r.baseTable(n, ctes)}
	case "SUBQUERY":
		t := rename(r.query(n.Child("subquery").Child("node"), ctes, up), n.Texts("column_name_alias"))
		return []*table{named(t, alias)}
	case "JOIN":
		return r.join(n, ctes, up)
	case "TABLE_FUNCTION":
		function := n.Child("function").Function()
		if alias == "" {
			alias = function
		}
		return []*table{{alias: alias, source: function + "()"}}
	case "EMPTY", "EMPTY_FROM", "":
		return nil
	}
	return []*table{{alias: alias, open: fmt.Sprintf("FROM has a form that is not followed: %s", n.Text("type"))}}
}

func (r *resolver) baseTable(n sqltree.Node, ctes *env) *table {
	name := n.Text("table_name")
	alias := n.Text("alias")
	if alias == "" {
		alias = name
	}
	if cte := ctes.find(name); cte != nil && n.Text("schema_name") == "" {
		return named(rename(copied(cte), n.Texts("column_name_alias")), alias)
	}
	relation := n.Text("schema_name") + "." + name
	t := &table{}
	for _, column := range r.catalog.Relations[relation] {
		t.columns = append(t.columns, made{name: column.Name, sources: sources{{relation, column.Name}: true}})
	}
	if len(t.columns) == 0 {
		t.source = relation
	}
	return named(rename(t, n.Texts("column_name_alias")), alias)
}

func copied(t *table) *table {
	other := *t
	other.columns = slices.Clone(t.columns)
	return &other
}

func named(t *table, alias string) *table {
	t.alias = alias
	return t
}

// join: of semi and anti joins only the left side is seen; what USING names is seen once.
func (r *resolver) join(n sqltree.Node, ctes *env, up *scope) []*table {
	left := r.from(n.Child("left"), ctes, up)
	lateral := &scope{tables: left, up: up}
	right := r.from(n.Child("right"), ctes, lateral)
	if kind := n.Text("join_type"); kind == "SEMI" || kind == "ANTI" {
		return left
	}
	for _, name := range n.Texts("using_columns") {
		for _, t := range right {
			if t.hidden == nil {
				t.hidden = map[string]bool{}
			}
			t.hidden[strings.ToLower(name)] = true
		}
	}
	return append(left, right...)
}

// expression adds to a column what an expression is made of.
func (r *resolver) expression(n sqltree.Node, in *scope, ctes *env, into *made) {
	n.Walk(func(one sqltree.Node) bool {
		switch one.Text("class") {
		case "COLUMN_REF":
			into.add(reference(one.Texts("column_names"), in))
			return false
		case "SUBQUERY":
			for _, column := range r.query(one.Child("subquery").Child("node"), ctes, in).columns {
				into.add(column)
			}
			r.expression(one.Child("child"), in, ctes, into)
			return false
		case "LAMBDA":
			inner := &scope{named: map[string]made{}, up: in}
			one.Child("lhs").Walk(func(parameter sqltree.Node) bool {
				if parts := parameter.Texts("column_names"); len(parts) == 1 {
					inner.named[strings.ToLower(parts[0])] = made{}
				}
				return true
			})
			r.expression(one.Child("expr"), inner, ctes, into)
			return false
		}
		return true
	})
}

// reference finds a column by its name: COLUMN, TABLE.COLUMN, SCHEMA.TABLE.COLUMN, and fields of structs behind each.
func reference(parts []string, in *scope) made {
	for at := in; at != nil; at = at.up {
		for _, t := range at.tables {
			if found, ok := t.reference(parts); ok {
				return found
			}
		}
		if found, ok := plainName(parts[0], at); ok {
			return found
		}
	}
	if len(parts) == 1 && strings.HasPrefix(strings.ToLower(parts[0]), "current_") {
		return made{}
	}
	return made{unknown: "it cannot be told where " + strings.Join(parts, ".") + " comes from"}
}

// reference finds a column that is named with its table, and perhaps with the table's schema.
func (t *table) reference(parts []string) (made, bool) {
	for i := range min(2, len(parts)-1) {
		if strings.EqualFold(t.alias, parts[i]) {
			return t.column(parts[i+1])
		}
	}
	return made{}, false
}

// plainName finds a column in any table of a scope: known columns first, then those of functions, then names of the SELECT.
func plainName(name string, in *scope) (made, bool) {
	for _, t := range in.tables {
		if t.source == "" && !t.hidden[strings.ToLower(name)] {
			if found, ok := t.column(name); ok {
				return found, true
			}
		}
	}
	if found, ok := in.named[strings.ToLower(name)]; ok {
		return found, true
	}
	for _, t := range in.tables {
		if t.source != "" {
			return t.column(name)
		}
	}
	for _, t := range in.tables {
		if t.open != "" {
			return made{unknown: t.open}, true
		}
		if strings.EqualFold(t.alias, name) {
			// The table itself as one value.
			whole := made{sources: sources{}}
			for _, column := range t.columns {
				whole.add(column)
			}
			return whole, true
		}
	}
	return made{}, false
}
