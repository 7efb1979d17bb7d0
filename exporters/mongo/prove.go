package mongo

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/engine"
)

// Prove finds documents that are as the undo log says that we were to write them. Without an undo log nothing is proven.
func (e *Exporter) Prove(ctx context.Context, s engine.Statistic, since engine.Origin, ids []string) (ours, others []string, err error) {
	place := e.place(s)
	written, err := e.undo.written(ctx, since, place, ids)
	if err != nil {
		return nil, nil, err
	}
	for some := range slices.Chunk(ids, e.options.BulkDocuments) {
		err := e.eachFound(ctx, place, some, func(ids []string, is map[string]bson.Raw) error {
			for _, id := range ids {
				switch {
				case is[id] == nil:
				case slices.Contains(written[id], hashOf(is[id])):
					ours = append(ours, id)
				default:
					others = append(others, id)
				}
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return ours, others, nil
}

// written are the hashes of documents as they were to be written by a run or a later one of its warehouse.
func (u *undoLog) written(ctx context.Context, since engine.Origin, place string, ids []string) (hashes map[string][]int64, err error) {
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	filter := bson.D{{Key: "layout", Value: u.e.options.Layout}, {Key: "warehouse", Value: since.Warehouse},
		{Key: "run", Value: bson.D{{Key: "$gte", Value: since.Run}}}, {Key: "collection", Value: place}}
	err = u.e.try(ctx, "read "+undoCollection, func() error {
		hashes = map[string][]int64{}
		cursor, err := u.e.own(undoCollection).Find(ctx, filter)
		if err != nil {
			return err
		}
		for cursor.Next(ctx) {
			var r record
			if err := cursor.Decode(&r); err != nil {
				return err
			}
			entries, err := entriesOf(r)
			if err != nil {
				return err
			}
			for _, one := range entries {
				if wanted[one.ID] && one.Written != 0 {
					hashes[one.ID] = append(hashes[one.ID], one.Written)
				}
			}
		}
		return cursor.Err()
	})
	return hashes, err
}
