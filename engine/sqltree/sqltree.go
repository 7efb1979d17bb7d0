// Package sqltree reads a SELECT as DuckDB's own parser sees it: the JSON of json_serialize_sql as nodes. It refuses what
// DuckDB refuses to write down: anything but SELECT, and PIVOT. Names of keys and classes are DuckDB's.
package sqltree

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A Node is a part of a statement.
type Node map[string]any

// A SyntaxError is DuckDB's word on a text that is no SELECT.
type SyntaxError struct {
	Message string
	// Offset in bytes into the text, -1 if unknown.
	Offset int
}

func (e *SyntaxError) Error() string { return e.Message }

// Querier asks DuckDB for one row.
type Querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Parse reads one SELECT. The error is a *SyntaxError when the text is something else.
func Parse(ctx context.Context, db Querier, text string) (Node, error) {
	var serialized string
	if err := db.QueryRowContext(ctx, "select json_serialize_sql(?::varchar)::varchar", text).Scan(&serialized); err != nil {
		return nil, err
	}
	return decode(serialized)
}

func decode(serialized string) (Node, error) {
	var root struct {
		Error      bool   `json:"error"`
		Message    string `json:"error_message"`
		Position   string `json:"position"`
		Statements []Node `json:"statements"`
	}
	// Numbers stay texts: a constant beyond 2^53 is another one when its last digit is.
	decoder := json.NewDecoder(strings.NewReader(serialized))
	decoder.UseNumber()
	if err := decoder.Decode(&root); err != nil {
		return nil, fmt.Errorf("read DuckDB's syntax tree: %w", err)
	}
	if root.Error {
		offset, err := strconv.Atoi(root.Position)
		if err != nil {
			offset = -1
		}
		return nil, &SyntaxError{Message: root.Message, Offset: offset}
	}
	if len(root.Statements) != 1 {
		return nil, &SyntaxError{Message: fmt.Sprintf("%d statements where one SELECT is expected", len(root.Statements)), Offset: -1}
	}
	return root.Statements[0], nil
}

// Text is the text under a key, "" if there is none.
func (n Node) Text(key string) string {
	text, _ := n[key].(string)
	return text
}

// Is reports whether a flag is set.
func (n Node) Is(key string) bool {
	is, _ := n[key].(bool)
	return is
}

// Child is the node under a key, nil if there is none.
func (n Node) Child(key string) Node { return asNode(n[key]) }

// List are the nodes under a key.
func (n Node) List(key string) []Node {
	values, _ := n[key].([]any)
	list := make([]Node, 0, len(values))
	for _, value := range values {
		if node := asNode(value); node != nil {
			list = append(list, node)
		}
	}
	return list
}

// Texts are the texts under a key.
func (n Node) Texts(key string) []string {
	values, _ := n[key].([]any)
	list := make([]string, 0, len(values))
	for _, value := range values {
		if text, ok := value.(string); ok {
			list = append(list, text)
		}
	}
	return list
}

// Offset is where the node stands in the text, in bytes; -1 where DuckDB does not say: it writes 2^64-1 then.
func (n Node) Offset() int {
	number, _ := n["query_location"].(json.Number)
	offset, err := strconv.ParseInt(number.String(), 10, 32)
	if err != nil {
		return -1
	}
	return int(offset)
}

// Walk calls fn for the node and all nodes below it; what is below one for which fn says false is left out. The order of
// siblings is any.
func (n Node) Walk(fn func(Node) bool) { walk(n, fn) }

func walk(value any, fn func(Node) bool) {
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			walk(one, fn)
		}
	case map[string]any, Node:
		node := asNode(value)
		if node == nil || !fn(node) {
			return
		}
		for _, one := range node {
			walk(one, fn)
		}
	}
}

func asNode(value any) Node {
	switch value := value.(type) {
	case Node:
		return value
	case map[string]any:
		return value
	}
	return nil
}

// A CTE is one of the queries that stand before a SELECT.
type CTE struct {
	Name string
	// Columns are names given in brackets behind the name.
	Columns []string
	Query   Node
}

// CTEs are those of a SELECT or a set operation, in their order.
func (n Node) CTEs() []CTE {
	var list []CTE
	for _, entry := range n.Child("cte_map").List("map") {
		value := entry.Child("value")
		list = append(list, CTE{Name: entry.Text("key"), Columns: value.Texts("aliases"), Query: value.Child("query").Child("node")})
	}
	return list
}

// Function is the name of the function, operator, aggregate or window function that a node calls, "" if it calls none.
func (n Node) Function() string {
	switch n.Text("class") {
	case "FUNCTION", "WINDOW":
		return strings.ToLower(n.Text("function_name"))
	}
	return ""
}

// Line is the line of a text in which the byte at offset stands, from 1; 0 if it is not known.
func Line(text string, offset int) int {
	if offset < 0 || offset > len(text) {
		return 0
	}
	return strings.Count(text[:offset], "\n") + 1
}
