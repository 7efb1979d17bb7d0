package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// queries lists the rows of what is read directly, then those of raw tables below, on the days that have a part in it.
func (y *why) queries(context.Context) error {
	y.report.Queries = []WhyQuery{}
	for _, direct := range []bool{true, false} {
		for _, in := range y.report.Inputs {
			if len(y.columns[in.Name]) == 0 || direct != (in.Depth == 0) || !direct && in.Kind != "raw" {
				continue
			}
			if !direct && !y.has(in.Name, "date") {
				continue
			}
			y.report.Queries = append(y.report.Queries, WhyQuery{Relation: in.Name, SQL: y.query(in.Name)})
		}
	}
	return nil
}

func (y *why) query(relation string) string {
	var conditions []string
	span := y.spans[relation]
	if y.has(relation, "date") && span.condition() != "" {
		conditions = append(conditions, span.condition())
	}
	for _, key := range y.keyColumns() {
		if condition := y.keyCondition(relation, key); condition != "" {
			conditions = append(conditions, condition)
		}
	}
	text := "select * from " + relation
	if len(conditions) > 0 {
		text += " where " + strings.Join(conditions, " and ")
	}
	if y.has(relation, "date") && !span.first.Equal(span.last) {
		text += " order by date desc"
	}
	return text + ";"
}

// keyCondition keeps the rows of the document's own key, "" where a relation has nothing to do with it. A relation without days
// that has both the key and an id translates one into the other.
func (y *why) keyCondition(relation, key string) string {
	value := y.row[key]
	if !value.Valid {
		return ""
	}
	condition := identifier(key) + " = " + quote(value.String)
	if y.has(relation, key) {
		return condition
	}
	for _, in := range y.report.Inputs {
		if y.has(in.Name, "date") || !y.has(in.Name, key) {
			continue
		}
		for _, c := range y.columns[in.Name] {
			if strings.HasSuffix(c.Name, "_id") && c.Name != "_id" && y.has(relation, c.Name) {
				return fmt.Sprintf("%[1]s in (select %[1]s from %[2]s where %[3]s)", identifier(c.Name), in.Name, condition)
			}
		}
	}
	return ""
}

// keyColumns tell the documents of a day apart.
func (y *why) keyColumns() []string {
	var list []string
	for _, check := range y.m.Checks {
		if check.Kind == "unique" {
			list = append(list, check.Columns...)
		}
	}
	list = append(list, splitList(y.m.Grain)...)
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(name string) bool { return name == "date" || name == "_id" || name == "day" })
}
