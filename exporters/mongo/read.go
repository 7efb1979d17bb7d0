package mongo

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// eachFound reads documents by their keys, so many bytes at a time, and gives them with the keys that were looked at: one
// that is not among them is not there. At most a bulk of keys is given.
func (e *Exporter) eachFound(ctx context.Context, place string, ids []string, do func(ids []string, was map[string]bson.Raw) error) error {
	for len(ids) > 0 {
		was, all, err := e.find(ctx, place, ids)
		if err != nil {
			return err
		}
		var looked, rest []string
		for _, id := range ids {
			if all || was[id] != nil {
				looked = append(looked, id)
			} else {
				rest = append(rest, id)
			}
		}
		if err := do(looked, was); err != nil {
			return err
		}
		ids = rest
	}
	return nil
}

// find reads documents until there are as many bytes as a bulk may have; all: there are no others.
func (e *Exporter) find(ctx context.Context, place string, ids []string) (found map[string]bson.Raw, all bool, err error) {
	err = e.try(ctx, "read "+place, func() error {
		found, all = make(map[string]bson.Raw, len(ids)), false
		cursor, err := e.collection(place).Find(ctx, byID(ids), options.Find().SetBatchSize(batchSize(ids)))
		if err != nil {
			return err
		}
		bytes := 0
		for bytes < e.options.BulkBytes && cursor.Next(ctx) {
			if id, ok := cursor.Current.Lookup("_id").StringValueOK(); ok {
				found[id] = slices.Clone(cursor.Current)
				bytes += len(cursor.Current)
			}
		}
		all = bytes < e.options.BulkBytes
		return errors.Join(cursor.Err(), cursor.Close(ctx))
	})
	return found, all, err
}

// keys are those of documents that are there.
func (e *Exporter) keys(ctx context.Context, place string, ids []string) (there map[string]bool, err error) {
	err = e.try(ctx, "read "+place, func() error {
		there = map[string]bool{}
		cursor, err := e.collection(place).Find(ctx, byID(ids), options.Find().SetBatchSize(batchSize(ids)).SetProjection(bson.D{{Key: "_id", Value: 1}}))
		if err != nil {
			return err
		}
		for cursor.Next(ctx) {
			if id, ok := cursor.Current.Lookup("_id").StringValueOK(); ok {
				there[id] = true
			}
		}
		return errors.Join(cursor.Err(), cursor.Close(ctx))
	})
	return there, err
}

// batchSize is one batch for all of them: a second round trip is only made for what does not fit into 16 MiB.
func batchSize(ids []string) int32 { return int32(min(len(ids)+1, bulkDocuments*10)) }

// byID finds documents by their keys; one alone without a list, which every server finds by its index.
func byID(ids []string) bson.D {
	if len(ids) == 1 {
		return bson.D{{Key: "_id", Value: ids[0]}}
	}
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}
}

// lacking is true of documents without a field; of all where it is "".
func lacking(field string) bson.D {
	if field == "" {
		return nil
	}
	return bson.D{{Key: field, Value: bson.D{{Key: "$exists", Value: false}}}}
}

// nowhere is a field that no document has: what must have it is inserted, or refused because there is one of its key.
const nowhere = "nightrunner_nowhere"

// conditionBytes bounds a condition: with the document it goes into one command. Most documents are smaller by far.
const conditionBytes = 1 << 20

// asRead is true of a document that still is what was read, nil for none: every field of it that a query can name.
func asRead(was bson.Raw) (bson.D, error) {
	if was == nil {
		return bson.D{{Key: nowhere, Value: true}}, nil
	}
	elements, err := was.Elements()
	if err != nil {
		return nil, err
	}
	var all bson.D
	size := 0
	for _, element := range elements {
		name, value := element.Key(), element.Value()
		if size+len(element) > conditionBytes || !nameable(name) || value.Type == bson.TypeRegex || value.Type == bson.TypeUndefined {
			continue
		}
		size += len(element)
		all = append(all, bson.E{Key: name, Value: bson.D{{Key: "$exists", Value: true}, {Key: "$eq", Value: value}}})
	}
	return all, nil
}

// nameable reports whether a query can name a field: not one with a dot, which is a path.
func nameable(name string) bool {
	if name == "" || name == "_id" || name[0] == '$' {
		return false
	}
	for i := range len(name) {
		if name[i] == '.' {
			return false
		}
	}
	return true
}
