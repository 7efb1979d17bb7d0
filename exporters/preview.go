package exporters

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/docdiff"
	"github.com/ccdexplorer/nightrunner/internal/extjson"
)

// Documents are found this many, or this many bytes of new ones, at a time.
const (
	previewDocuments = 1000
	previewBytes     = 4 << 20
)

// mostPreviewFields bounds the fields that are told of a document, mostPreviewed those that are counted and the decreases.
const (
	mostPreviewFields = 10
	mostPreviewed     = 1000
)

// Found takes documents that a destination holds, and the keys that were looked at: one that is not among them is not there.
type Found func(ids []string, was map[string]bson.Raw) error

// A Previewer is a writer that compares documents with those that a destination holds, and writes nothing.
type Previewer struct {
	// Find reads the documents with these keys that the destination holds, some or all at a time. Keys come in their order.
	Find func(ctx context.Context, ids []string, found Found) error
	// Done gives back what Find uses; Notes are what it has to tell. Both may be nil.
	Done  func() error
	Notes func() []string

	publication *engine.Publication
	options     engine.PreviewOptions
	encoder     *Encoder
	ids         []string
	documents   [][]byte
	size        int
	outcome     engine.Outcome
	preview     *engine.Preview
}

// NewPreviewer makes one; Find is to be set.
func NewPreviewer(p *engine.Publication, o engine.PreviewOptions) *Previewer {
	preview := &engine.Preview{Days: map[string]bool{}, Fields: map[string]int64{}}
	return &Previewer{publication: p, options: o, preview: preview, outcome: engine.Outcome{Preview: preview}}
}

// Wants new and changed documents by their keys.
func (*Previewer) Wants() engine.Wants { return engine.Wants{Altered: true} }

// Write compares rows, some at a time. A row that makes no document is told as refused.
func (v *Previewer) Write(ctx context.Context, rows arrow.RecordBatch, marks engine.Marks) (err error) {
	if v.encoder == nil {
		if v.encoder, err = NewEncoder(rows.Schema(), v.publication.Spread); err != nil {
			return err
		}
	}
	if err := v.encoder.Use(rows); err != nil {
		return err
	}
	for row := range int(rows.NumRows()) {
		if marks.Wanted != nil && !marks.Wanted.Value(row) {
			continue
		}
		id := strings.Clone(rows.Column(0).ValueStr(row))
		encoded, err := v.encoder.Append(nil, row)
		if err != nil {
			v.outcome.Refused = append(v.outcome.Refused, engine.Refusal{ID: id, Reason: err.Error()})
			continue
		}
		v.ids, v.documents, v.size = append(v.ids, id), append(v.documents, encoded), v.size+len(encoded)
		if len(v.ids) >= previewDocuments || v.size >= previewBytes {
			if err := v.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *Previewer) flush(ctx context.Context) error {
	if len(v.ids) == 0 {
		return nil
	}
	documents := make(map[string][]byte, len(v.ids))
	for i, id := range v.ids {
		documents[id] = v.documents[i]
	}
	err := v.Find(ctx, v.ids, func(ids []string, was map[string]bson.Raw) error {
		for _, id := range ids {
			if err := v.compare(id, was[id], documents[id]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	v.ids, v.documents, v.size = v.ids[:0], v.documents[:0], 0
	return nil
}

func (v *Previewer) compare(id string, old bson.Raw, now []byte) error {
	switch {
	case old == nil:
		v.outcome.New++
	case bytes.Equal(old, now):
	case v.protected(old):
		v.outcome.Protected = append(v.outcome.Protected, id)
	default:
		return v.changed(id, bsoncore.Document(old), now)
	}
	return nil
}

func (v *Previewer) keep(ids []string, was map[string]bson.Raw) error {
	for _, id := range ids {
		if was[id] != nil && v.protected(was[id]) {
			v.outcome.Kept = append(v.outcome.Kept, id)
		}
	}
	return nil
}

func (v *Previewer) protected(old bson.Raw) bool {
	protect := v.publication.Protect
	return protect != "" && old.Lookup(protect).Type != 0
}

// changed tells of a document that would be replaced.
func (v *Previewer) changed(id string, old, now bsoncore.Document) error {
	v.outcome.Changed++
	v.preview.Changed++
	day, _ := now.Lookup("date").StringValueOK()
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		day = ""
	}
	v.preview.Days[day] = true
	change := engine.DocumentChange{ID: id, Date: day, Fields: []engine.FieldChange{}}
	var failed error
	err := (&docdiff.Rules{}).Compare(old, now, func(d docdiff.Difference) {
		field, err := fieldChange(id, d)
		if err != nil {
			failed = err
		}
		v.count(field.Field)
		if d.Decreases() && slices.Contains(v.options.Columns, d.Field) {
			v.decrease(field)
		}
		if len(change.Fields) < mostPreviewFields {
			change.Fields = append(change.Fields, field)
		} else {
			change.More++
		}
	})
	if len(v.preview.Changes) < v.options.Examples {
		v.preview.Changes = append(v.preview.Changes, change)
	}
	if err == nil {
		err = failed
	}
	return err
}

func (v *Previewer) count(field string) {
	if _, known := v.preview.Fields[field]; known || len(v.preview.Fields) < mostPreviewed {
		v.preview.Fields[field]++
	}
}

func (v *Previewer) decrease(field engine.FieldChange) {
	if len(v.preview.Decreases) < mostPreviewed {
		v.preview.Decreases = append(v.preview.Decreases, field)
	} else {
		v.preview.MoreDecreases++
	}
}

func fieldChange(id string, d docdiff.Difference) (engine.FieldChange, error) {
	before, err := valueJSON(d.First)
	if err != nil {
		return engine.FieldChange{}, err
	}
	after, err := valueJSON(d.Second)
	return engine.FieldChange{ID: id, Field: d.Field, Before: before, After: after}, err
}

func valueJSON(value bsoncore.Value) (json.RawMessage, error) {
	if value.Type == 0 {
		return nil, nil
	}
	return extjson.AppendValue(nil, value)
}

// Finish compares what is left, and looks for documents that would not be deleted.
func (v *Previewer) Finish(ctx context.Context) (engine.Outcome, error) {
	err := v.flush(ctx)
	if v.publication.Protect != "" {
		for some := range slices.Chunk(v.publication.GoneIDs, previewDocuments) {
			if err == nil {
				err = v.Find(ctx, some, v.keep)
			}
		}
	}
	if v.Notes != nil {
		v.outcome.Notes = v.Notes()
	}
	return v.outcome, err
}

// Abort gives back what was open.
func (v *Previewer) Abort() error {
	if v.Done == nil {
		return nil
	}
	done := v.Done
	v.Done = nil
	return done()
}
