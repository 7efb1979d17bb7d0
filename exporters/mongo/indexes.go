package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
)

// readerIndexes are what readers of statistics search by. One is made where a statistic has all its fields.
func readerIndexes() [][]string {
	return [][]string{{"type", "date"}, {"type", "project", "date"}, {"account_address_canonical", "date"}}
}

// ensureIndexes makes indexes that are missing, and finds out what is to be told of those that are there. None is dropped.
func (e *Exporter) ensureIndexes(ctx context.Context, place string, columns []string) error {
	var wanted [][]string
	for _, fields := range readerIndexes() {
		if !slices.ContainsFunc(fields, func(field string) bool { return !slices.Contains(columns, field) }) {
			wanted = append(wanted, fields)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	var there []bson.Raw
	err := e.try(ctx, "list indexes of "+place, func() error {
		cursor, err := e.collection(place).Indexes().List(ctx)
		if err != nil {
			return ignoreNoCollection(err)
		}
		return cursor.All(ctx, &there)
	})
	if err != nil {
		return err
	}
	for _, fields := range wanted {
		if err := e.ensureIndex(ctx, place, fields, there); err != nil {
			return err
		}
	}
	return nil
}

// ignoreNoCollection: a collection that is not there has no indexes.
func ignoreNoCollection(err error) error {
	const namespaceNotFound = 26
	var failed driver.ServerError
	if errors.As(err, &failed) && failed.HasErrorCode(namespaceNotFound) {
		return nil
	}
	return err
}

func (e *Exporter) ensureIndex(ctx context.Context, place string, fields []string, there []bson.Raw) error {
	key := bson.D{}
	for _, field := range fields {
		key = append(key, bson.E{Key: field, Value: 1})
	}
	name := strings.Join(fields, "_1_") + "_1"
	for _, index := range there {
		same := ascending(index, fields)
		switch {
		case same && plainIndex(index):
			return nil
		case same:
			e.tell(place, "its index %s on (%s) is not plain: %s; it stays as it is", nameOf(index), strings.Join(fields, ", "), optionsOf(index))
			return nil
		case nameOf(index) == name:
			e.tell(place, "its index %s is not on (%s): %s; it stays, and the other one is not made", name, strings.Join(fields, ", "), index.Lookup("key"))
			return nil
		}
	}
	return e.try(ctx, "make an index of "+place, func() error {
		_, err := e.collection(place).Indexes().CreateOne(ctx, driver.IndexModel{Keys: key})
		return err
	})
}

func (e *Exporter) tell(place, format string, args ...any) {
	if note := place + ": " + fmt.Sprintf(format, args...); !slices.Contains(e.told, note) {
		e.told, e.indexed[place] = append(e.told, note), append(e.indexed[place], note)
	}
}

func nameOf(index bson.Raw) string { return index.Lookup("name").StringValue() }

// ascending reports whether an index is on the fields in their order.
func ascending(index bson.Raw, fields []string) bool {
	elements, err := index.Lookup("key").Document().Elements()
	if err != nil || len(elements) != len(fields) {
		return false
	}
	for i, element := range elements {
		direction, ok := element.Value().AsInt64OK()
		if element.Key() != fields[i] || !ok || direction != 1 {
			return false
		}
	}
	return true
}

// plainIndex: what narrows an index, or the documents that a collection takes.
func plainIndex(index bson.Raw) bool { return optionsOf(index) == "" }

func optionsOf(index bson.Raw) string {
	var list []string
	for _, option := range []string{"unique", "sparse", "partialFilterExpression", "expireAfterSeconds", "collation", "hidden"} {
		value := index.Lookup(option)
		if is, isBool := value.BooleanOK(); value.Type != 0 && (!isBool || is) {
			list = append(list, option)
		}
	}
	return strings.Join(list, ", ")
}
