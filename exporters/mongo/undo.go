package mongo

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
)

// An undoLog keeps documents on the server as they were before a run wrote over them. They are recorded before the write,
// bulk by bulk, and once, whatever happens afterwards: so a write that was cut off can be taken back as well.
type undoLog struct {
	e       *Exporter
	keep    int
	encoder *zstd.Encoder

	// token tells this log's records from those of another process that gave a run the same number: a warehouse that was rolled
	// back does.
	token string

	lock   sync.Mutex
	number int
	pruned bool
}

func newUndoLog(e *Exporter, keep int) (*undoLog, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	return &undoLog{e: e, keep: keep, encoder: encoder, token: rand.Text()}, err
}

// An entry is one document: what it was, and a hash of what it was to become (0 for a deletion).
type entry struct {
	ID string `bson:"_id"`
	// Known: it was ours before, by ops.documents.
	Known   bool     `bson:"known,omitempty"`
	Written int64    `bson:"written,omitempty"`
	Was     bson.Raw `bson:"was,omitempty"` // nil: it was not there
}

func replaced(d document, now, was bson.Raw) entry {
	return entry{ID: d.id, Known: d.known, Written: hashOf(now), Was: was}
}

func deleted(id string, was bson.Raw) entry { return entry{ID: id, Known: true, Was: was} }

// hashOf is never 0.
func hashOf(document bson.Raw) int64 {
	return cmp.Or(int64(xxh3.Hash(document)), 1)
}

// A record is a document of nightrunner_undo: the entries of one bulk, packed.
type record struct {
	ID        string    `bson:"_id"`
	Warehouse string    `bson:"warehouse"`
	Run       int64     `bson:"run"`
	At        time.Time `bson:"at"`
	Layout    string    `bson:"layout"`
	Statistic string    `bson:"statistic"`
	// Place is DATABASE.COLLECTION.
	Place     string `bson:"collection"`
	Documents int    `bson:"documents"`
	// Protect is the field that protected documents then.
	Protect string `bson:"protect,omitempty"`
	// Entries are BSON documents one after the other, compressed with zstd.
	Entries []byte `bson:"entries"`
}

// recordBytes bounds the entries of a record before they are compressed; a single larger one is a record of its own.
const recordBytes = 12 << 20

// record makes entries durable.
func (u *undoLog) record(ctx context.Context, origin engine.Origin, statistic, place, protect string, entries []entry) error {
	if u.keep <= 0 {
		return nil
	}
	if err := u.prune(ctx); err != nil {
		return err
	}
	one := record{Warehouse: origin.Warehouse, Run: origin.Run, Layout: u.e.options.Layout, Statistic: statistic, Place: place, Protect: protect}
	var packed []byte
	documents := 0
	for i, e := range entries {
		encoded, err := bson.Marshal(e)
		if err != nil {
			return fmt.Errorf("record %s: %w", e.ID, err)
		}
		packed, documents = append(packed, encoded...), documents+1
		if i+1 < len(entries) && len(packed)+len(entries[i+1].Was) < recordBytes {
			continue
		}
		one.Documents, one.Entries = documents, u.encoder.EncodeAll(packed, nil)
		if err := u.insert(ctx, one); err != nil {
			return err
		}
		packed, documents = packed[:0], 0
	}
	return nil
}

func (u *undoLog) insert(ctx context.Context, one record) error {
	u.lock.Lock()
	u.number++
	number := u.number
	u.lock.Unlock()
	in := export{Warehouse: one.Warehouse, Run: one.Run, token: u.token}
	one.ID, one.At = fmt.Sprintf("%s%08d", u.prefix(in), number), u.e.now().UTC().Truncate(time.Millisecond)
	return u.e.try(ctx, "write "+undoCollection, func() error {
		_, err := u.e.own(undoCollection).InsertOne(ctx, one)
		if driver.IsDuplicateKeyError(err) {
			// The answer to the first try was lost.
			return nil
		}
		return err
	})
}

// An export is what one process wrote, as far as the log knows. Its token tells it from others: a warehouse that was put
// back from a copy gives a run the number of an earlier one.
type export struct {
	// ID is that of its last record.
	ID        string    `bson:"_id"`
	Warehouse string    `bson:"warehouse"`
	Run       int64     `bson:"run"`
	At        time.Time `bson:"at"`
	token     string
}

// prefix begins the keys of all records of an export.
func (u *undoLog) prefix(of export) string {
	return fmt.Sprintf("%s/%010d/%s/%s/", of.Warehouse, of.Run, u.e.options.Layout, of.token)
}

// tokenOf is that of the export that a record's key belongs to.
func tokenOf(id string) string {
	parts := strings.Split(id, "/")
	return parts[max(len(parts)-2, 0)]
}

// filter finds the records of an export.
func (u *undoLog) filter(of export) bson.D {
	prefix := u.prefix(of)
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: prefix}, {Key: "$lt", Value: strings.TrimSuffix(prefix, "/") + "0"}}}}
}

// exports lists what the log knows of this layout, newest first: the other one has an undo of its own. Time decides, not
// the number of a run, which counts in one warehouse and there only until it is put back.
func (u *undoLog) exports(ctx context.Context) ([]export, error) {
	var list []export
	err := u.e.try(ctx, "read "+undoCollection, func() error {
		byToken := map[string]export{}
		cursor, err := u.e.own(undoCollection).Find(ctx, bson.D{{Key: "layout", Value: u.e.options.Layout}},
			options.Find().SetProjection(bson.D{{Key: "warehouse", Value: 1}, {Key: "run", Value: 1}, {Key: "at", Value: 1}}))
		if err != nil {
			return err
		}
		for cursor.Next(ctx) {
			var one export
			if err := cursor.Decode(&one); err != nil {
				return err
			}
			one.token = tokenOf(one.ID)
			if one.At.After(byToken[one.token].At) {
				byToken[one.token] = one
			}
		}
		list = slices.Collect(maps.Values(byToken))
		return cursor.Err()
	})
	slices.SortFunc(list, func(a, b export) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Run, a.Run), strings.Compare(a.token, b.token))
	})
	return list, err
}

// prune forgets exports that are more than are kept, once, before the first entry of a run.
func (u *undoLog) prune(ctx context.Context) error {
	u.lock.Lock()
	defer u.lock.Unlock()
	if u.pruned {
		return nil
	}
	list, err := u.exports(ctx)
	if err != nil {
		return err
	}
	for i, one := range list {
		if i+1 < u.keep {
			continue
		}
		if err := u.forget(ctx, one); err != nil {
			return err
		}
	}
	u.pruned = true
	return nil
}

func (u *undoLog) forget(ctx context.Context, one export) error {
	return u.e.try(ctx, "delete from "+undoCollection, func() error {
		_, err := u.e.own(undoCollection).DeleteMany(ctx, u.filter(one))
		return err
	})
}

// entriesOf unpacks a record.
func entriesOf(one record) ([]entry, error) {
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	packed, err := decoder.DecodeAll(one.Entries, nil)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", one.ID, err)
	}
	var list []entry
	for len(packed) > 0 {
		document, rest, ok := bsoncore.ReadDocument(packed)
		if !ok {
			return nil, fmt.Errorf("record %s is cut off", one.ID)
		}
		var e entry
		if err := bson.Unmarshal(document, &e); err != nil {
			return nil, fmt.Errorf("record %s: %w", one.ID, err)
		}
		list, packed = append(list, e), rest
	}
	return list, nil
}
