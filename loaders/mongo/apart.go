package mongo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

// readRest replaces the documents that no range of heights finds: those without a height, or with one that is no number.
func (h *heights) readRest(ctx context.Context) error {
	path := h.collection.Height
	filter := bson.D{{Key: "$or", Value: bson.A{bson.D{{Key: path, Value: nil}},
		bson.D{{Key: path, Value: bson.D{{Key: "$not", Value: bson.D{{Key: "$type", Value: "number"}}}}}}}}}
	return mongouri.Patient().Do(ctx, func() error {
		var p *pipeline
		confirm := func() {}
		err := h.in.Transact(ctx, func() (err error) {
			if err := h.in.Exec(ctx, "create or replace temp table staged as from "+h.collection.Table+" limit 0"); err != nil {
				return err
			}
			from := &cursor{collection: h.server.collection(h.collection), filter: filter, fields: projection(h.collection.Columns)}
			p, err = h.decode(ctx, from, staged)
			if err = errors.Join(err, from.close()); err != nil {
				return err
			}
			if err := h.replaceRest(ctx); err != nil {
				return err
			}
			if confirm, err = h.addresses.save(ctx, h.in); err != nil {
				return err
			}
			return h.in.SaveRejects(ctx, nil, p.rejects)
		})
		if err == nil {
			confirm()
			h.take(p)
		}
		return err
	})
}

// replaceRest puts what is staged in the place of what was read so before. A text that reads as a height has its row among
// the ranges, so these rows are known by what they hold.
func (h *heights) replaceRest(ctx context.Context) error {
	column := h.collection.Columns[h.collection.heightColumn()].Name
	ours := fmt.Sprintf("source = '%s' and collection = '%s'", h.in.Source(), h.collection.Name)
	row := fmt.Sprintf("%s, hash(%s)", column, h.allColumns())
	was, is := "select height, row_hash from ops.rows_apart where "+ours, fmt.Sprintf("select %s from %s where %s is not null", row, staged, column)
	var changed sql.NullInt64
	err := h.in.Query(ctx, func(rows *sql.Rows) error { return rows.Scan(&changed) },
		fmt.Sprintf("select min(height) from ((%[1]s except all %[2]s) union all (%[2]s except all %[1]s))", was, is))
	if err != nil {
		return err
	}
	for _, statement := range []string{
		fmt.Sprintf("delete from %s where %s is null", h.collection.Table, column),
		fmt.Sprintf("delete from %s where (%s) in (%s union %s)", h.collection.Table, row, was, is),
		fmt.Sprintf("insert into %s by name from %s", h.collection.Table, staged),
		"delete from ops.rows_apart where " + ours,
		fmt.Sprintf("insert into ops.rows_apart select '%s', '%s', * from (%s)", h.in.Source(), h.collection.Name, is),
		"drop table " + staged,
	} {
		if err := h.in.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if !changed.Valid {
		return nil
	}
	return h.in.MarkHeights(ctx, h.collection.Table, column, changed.Int64)
}

// allColumns but the day, which a change of the days gives anew.
func (h *heights) allColumns() string {
	names := make([]string, len(h.collection.Columns))
	for i, column := range h.collection.Columns {
		names[i] = `"` + column.Name + `"`
	}
	return strings.Join(names, ", ")
}
