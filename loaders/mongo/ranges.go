package mongo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

const (
	// rangeDocuments is about how many documents are read by one cursor, commitRanges how many ranges are committed together:
	// DuckDB writes small commits twice.
	rangeDocuments = 200_000
	commitRanges   = 5
)

// heights is the load of a collection by height from a server: ranges of heights, in order, each replaced in one
// transaction. What is committed is remembered, so a load that was cut off goes on where it was.
type heights struct {
	*load
	server     *server
	collection *Collection
	where      string
	// from is the first height that this load replaces, cut the last; reached is the last that is committed.
	from, cut, reached int64
	profile            *profile
	documents, rejects int64
}

// lowest stands before every height.
const lowest = -1 << 62

// loadHeights reads what is new up to the cut, and the last heights before that again.
func (l *load) loadHeights(ctx context.Context, c *Collection, s *server, where string) error {
	if l.addresses == nil {
		var err error
		if l.addresses, err = readAddresses(ctx, l.in); err != nil {
			return err
		}
	}
	h := &heights{load: l, server: s, collection: c, where: where, cut: l.days.last(), profile: newProfile(len(c.Columns))}
	if err := h.refuseEmpty(ctx); err != nil {
		l.in.Unreadable(where, err)
		return nil
	}
	done, err := h.begin(ctx)
	if err != nil || h.cut < 0 {
		return err
	}
	if done {
		l.in.Report().Unchanged++
		return nil
	}
	l.in.Report().Read++
	err = h.readRanges(ctx)
	if err == nil {
		err = h.readRest(ctx)
	}
	var unreadable *unreadableError
	if errors.As(err, &unreadable) && ctx.Err() == nil {
		text := mongouri.WithoutSecret(unreadable.err, s.options.URI)
		l.in.Unreadable(where, fmt.Errorf("%s; loaded up to height %d, the next run goes on from there", text, h.reached))
		return nil
	}
	if err != nil {
		return err
	}
	return h.finish(ctx)
}

// begin finds out where to start: where a load that was cut off had come to, or some heights before the last one. done is
// true when there is nothing new.
func (h *heights) begin(ctx context.Context) (done bool, err error) {
	loaded, going := int64(lowest), false
	err = h.in.Query(ctx, func(rows *sql.Rows) error {
		return rows.Scan(&loaded)
	}, "select height from raw.loaded_heights where table_name = ?", h.collection.Table)
	if err == nil {
		err = h.in.Query(ctx, func(rows *sql.Rows) error {
			going = true
			return rows.Scan(&h.from, &h.reached)
		}, "select from_height, reached_height from ops.load_progress where source = ? and collection = ?", h.in.Source(), h.collection.Name)
	}
	if err != nil {
		return false, fmt.Errorf("read how far it is loaded: %w", err)
	}
	switch {
	case going && !h.in.Full:
		return false, nil
	case h.in.Full || loaded < 0 || h.known[h.collection.Name].Status != engine.FileLoaded:
		h.from = lowest
	case loaded == h.cut:
		return true, nil
	default:
		// Whole days are read again: rejects are known by their day.
		h.from = h.days.startOf(loaded - h.options.Reread + 1)
	}
	h.reached = h.from - 1
	return false, h.in.Transact(ctx, func() error {
		if err := h.in.UpdateRejects(ctx, h.where, h.days.dayOf(h.from), nil); err != nil {
			return err
		}
		return h.saveProgress(ctx)
	})
}

// refuseEmpty takes a collection that lost all its documents for one that was not filled yet, unless --prune is set. Errors
// of the server show when it is read.
func (h *heights) refuseEmpty(ctx context.Context) error {
	if h.in.Prune {
		return nil
	}
	var before int64
	if err := h.in.Query(ctx, func(rows *sql.Rows) error { return rows.Scan(&before) }, "select count(*) from "+h.collection.Table); err != nil || before == 0 {
		return err
	}
	// Counts are estimates: one document tells.
	err := h.server.collection(h.collection).FindOne(ctx, bson.D{}, options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}})).Err()
	if errors.Is(err, driver.ErrNoDocuments) {
		return fmt.Errorf("the collection is empty and had %d documents: what is in %s stays; --prune takes it over", before, h.collection.Table)
	}
	return nil
}

func (h *heights) saveProgress(ctx context.Context) error {
	return h.in.PutRows(ctx, "ops.load_progress", []string{"source", "collection"},
		[][]any{{h.in.Source(), h.collection.Name, h.from, h.reached, h.in.Run}})
}

// readRanges reads all ranges up to the cut. What fails for a reason that passes is read again from what is committed; pauses
// grow while nothing comes through.
func (h *heights) readRanges(ctx context.Context) error {
	step, first, err := h.plan(ctx)
	if err != nil {
		return err
	}
	for h.reached < h.cut {
		before := h.reached
		err := mongouri.Patient().Do(ctx, func() error {
			err := h.readOn(ctx, step, first)
			if h.reached > before {
				// It got further, so it is tried anew; what does not pass fails again.
				return ctx.Err()
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readOn reads from what is committed to the cut.
func (h *heights) readOn(ctx context.Context, step, first int64) error {
	r := h.startRanges(ctx, step, first)
	defer r.stop()
	for h.reached < h.cut {
		if err := h.land(ctx, r.group()); err != nil {
			return err
		}
		h.in.Progress(h.documents, 0)
	}
	return nil
}

// plan is how many heights a range has, and the first height there is.
func (h *heights) plan(ctx context.Context) (step, first int64, err error) {
	at := h.server.collection(h.collection)
	var count int64
	err = mongouri.Patient().Do(ctx, func() (err error) {
		if count, err = at.EstimatedDocumentCount(ctx); err != nil {
			return err
		}
		var lowestDocument bson.Raw
		filter := bson.D{{Key: h.collection.Height, Value: bson.D{{Key: "$gt", Value: h.reached}, {Key: "$lte", Value: h.cut}}}}
		find := options.FindOne().SetSort(bson.D{{Key: h.collection.Height, Value: 1}}).SetProjection(bson.D{{Key: h.collection.Height, Value: 1}})
		lowestDocument, err = at.FindOne(ctx, filter, find).Raw()
		if errors.Is(err, driver.ErrNoDocuments) {
			first = h.cut
			return nil
		}
		if err == nil {
			first = heightOf(lowestDocument, h.collection.Height)
		}
		return err
	})
	if err != nil {
		return 0, 0, &unreadableError{err}
	}
	// As if documents lay evenly between the first height and the cut: it only decides how much is committed at a time.
	return max(1, (h.cut-first+1)*rangeDocuments/max(count, 1)), first, nil
}

func heightOf(document bson.Raw, path string) int64 {
	w := newWalker([]Column{{Path: path}})
	if err := w.walk(document); err != nil {
		return 0
	}
	height, err := toInteger(w.values[0])
	if err != nil {
		return 0
	}
	return height
}

// land replaces some ranges of heights by their documents.
func (h *heights) land(ctx context.Context, one *group) error {
	confirm := func() {}
	var p *pipeline
	err := h.in.Transact(ctx, func() (err error) {
		column := h.collection.Columns[h.collection.heightColumn()].Name
		within := fmt.Sprintf("delete from %s where %s between %d and %d", h.collection.Table, column, one.first, one.last)
		if err := h.in.Exec(ctx, within); err != nil {
			return err
		}
		if p, err = h.decode(ctx, one, h.collection.Table); err != nil {
			return err
		}
		if confirm, err = h.addresses.save(ctx, h.in); err != nil {
			return err
		}
		if err := h.in.SaveRejects(ctx, nil, p.rejects); err != nil {
			return err
		}
		h.reached = one.last
		return h.saveProgress(ctx)
	})
	if err != nil {
		h.reached = min(h.reached, one.first-1)
		return err
	}
	confirm()
	h.take(p)
	return nil
}

// decode streams documents into a table.
func (h *heights) decode(ctx context.Context, from documents, table string) (*pipeline, error) {
	p := startPipeline(ctx, h.collection, from, h.addresses, h.days, h.where)
	err := h.in.InsertArrow(ctx, table, p)
	p.close()
	switch {
	case ctx.Err() != nil:
		return p, ctx.Err()
	case p.err != nil:
		return p, &unreadableError{p.err}
	}
	return p, err
}

// take adds what a range had to the totals.
func (h *heights) take(p *pipeline) {
	h.profile.add(p.profile)
	h.rejects += int64(len(p.rejects))
	h.documents += p.documents
	h.in.Report().Rows += p.documents
	h.in.Report().Changed += p.rows
}

// finish gives the days their versions and remembers that the collection is loaded up to the cut.
func (h *heights) finish(ctx context.Context) error {
	file := engine.SourceFile{Name: h.collection.Name, Status: engine.FileLoaded, Rows: h.documents, Rejects: h.rejects}
	if float64(file.Rejects) > h.in.MaxRejects*float64(file.Rows) {
		return h.refuse(ctx, file)
	}
	return h.in.Transact(ctx, func() error {
		column := h.collection.Columns[h.collection.heightColumn()].Name
		if h.from == lowest {
			// What lies beyond the cut comes with its day.
			if err := h.in.Exec(ctx, fmt.Sprintf("delete from %s where %s > %d", h.collection.Table, column, h.cut)); err != nil {
				return err
			}
		}
		if err := h.in.MarkHeights(ctx, h.collection.Table, column, h.from); err != nil {
			return err
		}
		if err := h.profile.save(ctx, h.in, h.collection); err != nil {
			return err
		}
		if err := h.in.PutRows(ctx, "raw.loaded_heights", []string{"table_name"}, [][]any{{h.collection.Table, h.cut}}); err != nil {
			return err
		}
		if err := h.dropProgress(ctx); err != nil {
			return err
		}
		return h.in.SaveFiles(ctx, file)
	})
}

func (h *heights) dropProgress(ctx context.Context) error {
	return h.in.Exec(ctx, "delete from ops.load_progress where source = ? and collection = ?", h.in.Source(), h.collection.Name)
}

// refuse leaves the days of this load without new versions, so that nothing is built from them, and has the next load start
// over, from the first height.
func (h *heights) refuse(ctx context.Context, file engine.SourceFile) error {
	h.in.TooManyRejects(h.collection.Name, file.Rejects, file.Rows)
	file.Status, file.Message = engine.FileFailed, "too many rejects"
	return h.in.Transact(ctx, func() error {
		if err := h.dropProgress(ctx); err != nil {
			return err
		}
		return h.in.SaveFiles(ctx, file)
	})
}
