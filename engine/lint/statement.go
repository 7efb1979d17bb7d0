package lint

import (
	"regexp"
	"slices"
	"strings"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/engine/sqltree"
)

// statement looks at the SQL as DuckDB's parser sees it.
func (l *linter) statement(m *engine.Model) {
	root := l.catalog.Trees[m.Name].Child("node")
	l.outcome(m, root)
	l.names(m, root)
	root.Walk(func(n sqltree.Node) bool {
		l.money(m, n)
		return true
	})
	root.Walk(func(n sqltree.Node) bool { return l.time(m, n) })
}

// outcome: the columns are listed somewhere between the last line and the first table.
func (l *linter) outcome(m *engine.Model, root sqltree.Node) {
	ctes := map[string]sqltree.Node{}
	list := root.CTEs()
	for _, cte := range list {
		ctes[strings.ToLower(cte.Name)] = cte.Query
	}
	if star := openStar(root, ctes); star != nil {
		l.find(m, "select-star", star.Offset(), "list the columns in the last CTE, final", "the outcome is a * that lists no columns: it changes when a table does")
		return
	}
	if len(list) == 0 || m.Materialize == "" {
		return
	}
	if last := list[len(list)-1].Name; last != "final" || !selectsAll(root, "final") {
		l.find(m, "final", len(strings.TrimRight(m.SQL, " \t\r\n"))-1, "the last CTE is final and lists the columns, the last line is select * from final", "the statement does not end with select * from final")
	}
}

// openStar is a * in the outcome of a query whose columns no CTE lists.
func openStar(query sqltree.Node, ctes map[string]sqltree.Node) sqltree.Node {
	if query.Text("type") == "SET_OPERATION_NODE" {
		for _, side := range append(query.List("children"), query.Child("left"), query.Child("right")) {
			if star := openStar(side, ctes); star != nil {
				return star
			}
		}
		return nil
	}
	for _, one := range query.List("select_list") {
		if one.Text("class") != "STAR" {
			continue
		}
		from := query.Child("from_table")
		cte, isCTE := ctes[strings.ToLower(from.Text("table_name"))]
		switch {
		case one["expr"] != nil || one.Text("relation_name") != "" && from.Text("type") == "JOIN":
			return one
		case from.Text("type") == "SUBQUERY":
			if openStar(from.Child("subquery").Child("node"), ctes) != nil {
				return one
			}
		case from.Text("type") != "BASE_TABLE" || from.Text("schema_name") != "" || !isCTE:
			return one
		default:
			// A recursive CTE reads itself.
			others := map[string]sqltree.Node{}
			for name, other := range ctes {
				if name != strings.ToLower(from.Text("table_name")) {
					others[name] = other
				}
			}
			if openStar(cte, others) != nil {
				return one
			}
		}
	}
	return nil
}

// selectsAll: the query is select * from NAME, perhaps in an order.
func selectsAll(query sqltree.Node, name string) bool {
	list := query.List("select_list")
	return len(list) == 1 && list[0].Text("class") == "STAR" && query["where_clause"] == nil && query.Child("from_table").Text("table_name") == name
}

// names: one letter says nothing.
func (l *linter) names(m *engine.Model, root sqltree.Node) {
	told := map[string]bool{}
	tell := func(kind, name string, offset int) {
		if len([]rune(name)) == 1 && !told[kind+name] {
			told[kind+name] = true
			l.find(m, "alias", offset, "say what it is: balances, not b", "%s %q has a name of one letter", kind, name)
		}
	}
	root.Walk(func(n sqltree.Node) bool {
		for _, cte := range n.CTEs() {
			tell("CTE", cte.Name, cteOffset(m.SQL, cte.Name))
		}
		kind := "column"
		if slices.Contains([]string{"BASE_TABLE", "SUBQUERY", "TABLE_FUNCTION", "EXPRESSION_LIST"}, n.Text("type")) && n.Text("class") == "" {
			kind = "table"
		}
		tell(kind, n.Text("alias"), n.Offset())
		return true
	})
}

func cteOffset(text, name string) int {
	found := regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(name) + `\s+as\b`).FindStringIndex(text)
	if found == nil {
		return -1
	}
	return found[0]
}

func isMoney(column string) bool {
	return column == "microccd" || strings.HasSuffix(column, "_microccd")
}

func isFloating(kind string) bool { return kind == "DOUBLE" || kind == "FLOAT" }

// money finds where whole microCCD become a DOUBLE.
func (l *linter) money(m *engine.Model, n sqltree.Node) {
	tell := func(column, format string, args ...any) {
		l.find(m, "double-money", n.Offset(), "keep microCCD whole: //, bigint, hugeint; ccd() makes CCD of them at the end", column+" "+format, args...)
	}
	if n.Text("class") == "CAST" {
		if column := moneyIn(n.Child("child")); column != "" && isFloating(n.Child("cast_type").Text("id")) {
			tell(column, "is cast to %s", strings.ToLower(n.Child("cast_type").Text("id")))
		}
		return
	}
	function := n.Function()
	column := ""
	for _, one := range n.List("children") {
		if column = moneyIn(one); column != "" {
			break
		}
	}
	if column == "" {
		return
	}
	switch {
	case function == "/":
		tell(column, "is divided with /, which makes a DOUBLE")
	case slices.Contains(floating(), function):
		tell(column, "goes into %s(), which makes a DOUBLE", function)
	case slices.Contains([]string{"+", "-", "*", "%", "//"}, function) && slices.ContainsFunc(n.List("children"), isDouble):
		tell(column, "meets a DOUBLE")
	}
}

// floating are functions that make a DOUBLE of whole numbers.
func floating() []string {
	return []string{"avg", "mean", "favg", "fsum", "sumkahan", "kahan_sum", "stddev", "stddev_pop", "stddev_samp", "variance",
		"var_pop", "var_samp", "sqrt", "cbrt", "ln", "log", "log2", "log10", "exp", "pow", "power", "median", "quantile_cont"}
}

// isDouble: a number such as 1e6, or a cast to DOUBLE.
func isDouble(n sqltree.Node) bool {
	switch n.Text("class") {
	case "CONSTANT":
		return isFloating(n.Child("value").Child("type").Text("id"))
	case "CAST":
		return isFloating(n.Child("cast_type").Text("id"))
	}
	return false
}

// moneyIn is the microCCD column that an expression is an amount of, "" when it is none.
func moneyIn(n sqltree.Node) string {
	var below []sqltree.Node
	switch n.Text("class") {
	case "COLUMN_REF":
		parts := n.Texts("column_names")
		if last := parts[len(parts)-1]; isMoney(last) {
			return last
		}
	case "CAST":
		if !isFloating(n.Child("cast_type").Text("id")) && n.Child("cast_type").Text("id") != "VARCHAR" {
			below = []sqltree.Node{n.Child("child")}
		}
	case "CASE":
		below = []sqltree.Node{n.Child("else_expr")}
		for _, check := range n.List("case_checks") {
			below = append(below, check.Child("then_expr"))
		}
	case "OPERATOR":
		if n.Text("type") == "OPERATOR_COALESCE" {
			below = n.List("children")
		}
	case "FUNCTION", "WINDOW":
		below = amounts(n)
	}
	for _, one := range below {
		if column := moneyIn(one); column != "" {
			return column
		}
	}
	return ""
}

// amounts are the arguments whose unit is that of the result.
func amounts(n sqltree.Node) []sqltree.Node {
	children := n.List("children")
	switch function := n.Function(); {
	case slices.Contains([]string{"+", "-", "*", "//", "%", "sum", "min", "max", "abs", "greatest", "least", "any_value", "nullif", "ifnull"}, function):
		return children
	case slices.Contains([]string{"first", "last", "first_value", "last_value", "nth_value", "lag", "lead", "arg_max", "arg_min", "max_by", "min_by", "mode"}, function) && len(children) > 0:
		return children[:1]
	}
	return nil
}

// clocks are functions whose value is the time at which the SQL runs.
func clocks() []string {
	return []string{"now", "current_timestamp", "get_current_timestamp", "transaction_timestamp", "current_date", "today", "current_time",
		"get_current_time", "localtime", "localtimestamp", "current_localtime", "current_localtimestamp"}
}

// time finds what depends on when or where the SQL runs. It says false where all below is in UTC.
func (l *linter) time(m *engine.Model, n sqltree.Node) bool {
	switch class := n.Text("class"); {
	case class == "COLUMN_REF":
		if parts := n.Texts("column_names"); len(parts) == 1 && slices.Contains(clocks(), strings.ToLower(parts[0])) {
			l.clock(m, n, parts[0])
		}
	case class == "FUNCTION" && n.Function() == "timezone":
		return l.zone(m, n)
	case class == "FUNCTION" && n.Function() == "to_timestamp":
		l.find(m, "time-zone", n.Offset(), "to_timestamp(…) at time zone 'UTC', or make_timestamp() of microseconds", "to_timestamp() has a time zone, which each session shows as its own")
	case class == "FUNCTION" && slices.Contains(clocks(), n.Function()):
		l.clock(m, n, n.Function()+"()")
	case class == "CAST" && strings.Contains(n.Child("cast_type").Text("id"), "WITH TIME ZONE"):
		l.find(m, "time-zone", n.Offset(), "cast to timestamp: all times of the warehouse are in UTC", "a cast to timestamptz reads the text in the session's time zone")
	}
	return true
}

func (l *linter) clock(m *engine.Model, n sqltree.Node, what string) {
	l.find(m, "time-zone", n.Offset(), "take the time from the data, as the end of the day in raw.blocks_per_day", "%s is the clock: the same days built again give other rows", what)
}

// zone looks at AT TIME ZONE: in UTC, to_timestamp() below it is well.
func (l *linter) zone(m *engine.Model, n sqltree.Node) bool {
	arguments := n.List("children")
	name, _ := arguments[0].Child("value")["value"].(string)
	if !strings.EqualFold(name, "UTC") {
		l.find(m, "time-zone", n.Offset(), "at time zone 'UTC'", "a time zone that is not UTC")
		return true
	}
	for _, one := range arguments[1:] {
		one.Walk(func(below sqltree.Node) bool { return below.Function() == "to_timestamp" || l.time(m, below) })
	}
	return false
}
