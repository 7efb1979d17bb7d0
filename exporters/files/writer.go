package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/exporters"
	"github.com/ccdexplorer/nightrunner/internal/durable"
	"github.com/ccdexplorer/nightrunner/internal/extjson"
)

// document is one that is kept: its key and its bytes as they stand in the file.
type document struct {
	id    string
	bytes []byte
}

// A writer replaces the files of one statistic. Stale documents are taken over from the old file.
type writer struct {
	e       *Exporter
	p       *engine.Publication
	outputs []*output
	encoder *exporters.Encoder
	encoded []byte
}

// An output is one file of a statistic on its way: written beside its place, and renamed over it at the end.
type output struct {
	path, format string
	file         *durable.File
	out          *bufio.Writer
	// first is the first document that is written; those before it are copied from the old file. "" for all.
	first string
	kept  []document
	line  []byte
}

// Begin makes the folder and the files beside their places.
func (e *Exporter) Begin(_ context.Context, p *engine.Publication) (engine.Writer, error) {
	if err := e.ready(); err != nil {
		return nil, err
	}
	w := &writer{e: e, p: p}
	for _, format := range e.formats {
		if format == BSON {
			if err := e.writeMetadata(p.Name); err != nil {
				return nil, errors.Join(err, w.Abort())
			}
		}
		one, err := e.newOutput(format, p)
		if one != nil {
			w.outputs = append(w.outputs, one)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("write %s: %w", e.path(p.Name, format), err), w.Abort())
		}
	}
	return w, nil
}

func (e *Exporter) newOutput(format string, p *engine.Publication) (*output, error) {
	path := e.path(p.Name, format)
	o := &output{path: path, format: format}
	var err error
	if len(p.StaleIDs) > 0 {
		if o.kept, err = readKept(path, format, p.StaleIDs); err != nil {
			return nil, fmt.Errorf("keep stale documents: %w", err)
		}
	}
	if o.file, err = e.create(path); err != nil {
		return nil, err
	}
	if format == JSONL && p.First != "" {
		if o.first, err = copyUnchanged(o.file, path, p.First); err != nil {
			return o, fmt.Errorf("keep what is unchanged: %w", err)
		}
	}
	o.out = bufio.NewWriterSize(o.file, 1<<20)
	return o, nil
}

// Wants all rows from the first on that one of the files has not.
func (w *writer) Wants() engine.Wants {
	from := w.outputs[0].first
	for _, one := range w.outputs {
		from = min(from, one.first)
	}
	return engine.Wants{From: from}
}

// Write appends the rows' documents.
func (w *writer) Write(ctx context.Context, rows arrow.RecordBatch, marks engine.Marks) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.encoder == nil {
		if w.encoder, err = exporters.NewEncoder(rows.Schema(), w.p.Spread); err != nil {
			return w.wrap(err)
		}
	}
	if err := w.encoder.Use(rows); err != nil {
		return w.wrap(err)
	}
	for row := range int(rows.NumRows()) {
		if marks.Wanted != nil && !marks.Wanted.Value(row) {
			continue
		}
		if w.encoded, err = w.encoder.Append(w.encoded[:0], row); err != nil {
			return w.wrap(err)
		}
		for _, one := range w.outputs {
			if err := one.write(rows.Column(0).ValueStr(row), w.encoded); err != nil {
				return w.wrap(err)
			}
		}
	}
	return nil
}

func (w *writer) wrap(err error) error {
	return fmt.Errorf("write %s: %w", w.outputs[0].path, err)
}

// write appends a document, and before it the kept ones that belong there.
func (o *output) write(id string, encoded []byte) (err error) {
	if id < o.first {
		return nil
	}
	for len(o.kept) > 0 && o.kept[0].id < id {
		if _, err := o.out.Write(o.kept[0].bytes); err != nil {
			return err
		}
		o.kept = o.kept[1:]
	}
	if o.format == BSON {
		_, err = o.out.Write(encoded)
		return err
	}
	if o.line, err = extjson.Append(o.line[:0], bsoncore.Document(encoded)); err != nil {
		return err
	}
	o.line = append(o.line, '\n')
	_, err = o.out.Write(o.line)
	return err
}

// Finish syncs the files and renames them. Files that hold what stands there already are left, with their time.
func (w *writer) Finish(ctx context.Context) (engine.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return engine.Outcome{}, err
	}
	replaced := false
	for _, one := range w.outputs {
		is, err := one.finish(w.p.Everything)
		if err != nil {
			return engine.Outcome{}, fmt.Errorf("write %s: %w", one.path, err)
		}
		replaced = replaced || is
	}
	if !replaced {
		return engine.Outcome{}, nil
	}
	p := w.p
	done := engine.Outcome{New: p.New, Changed: p.Changed, Deleted: int64(len(p.GoneIDs)), Written: p.New + p.Changed}
	if p.First == "" {
		done.Written += p.Same
	}
	return done, nil
}

// finish reports whether the file was replaced.
func (o *output) finish(compare bool) (replaced bool, err error) {
	for _, one := range o.kept {
		if _, err := o.out.Write(one.bytes); err != nil {
			return false, err
		}
	}
	if err := o.out.Flush(); err != nil {
		return false, err
	}
	if compare {
		same, err := sameContent(o.file.File, o.path)
		if err != nil {
			return false, err
		}
		if same {
			return false, o.file.Abort()
		}
	}
	return true, o.file.Commit()
}

// Abort removes what is not in its place.
func (w *writer) Abort() error {
	var errs []error
	for _, one := range w.outputs {
		errs = append(errs, one.file.Abort())
	}
	return errors.Join(errs...)
}

// sameContent compares what was written with the file that stands in its place.
func sameContent(written *os.File, path string) (bool, error) {
	old, err := os.Open(path)
	if err != nil {
		return false, ignoreGone(err)
	}
	defer old.Close()
	before, err := old.Stat()
	if err != nil {
		return false, err
	}
	now, err := written.Stat()
	if err != nil || before.Size() != now.Size() {
		return false, err
	}
	return sameBytes(io.NewSectionReader(written, 0, now.Size()), old)
}

func sameBytes(a, b io.Reader) (bool, error) {
	one, other := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(a, one)
		m, otherErr := io.ReadFull(b, other)
		if n != m || string(one[:n]) != string(other[:m]) {
			return false, nil
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return true, nil
		}
		if err := errors.Join(err, otherErr); err != nil {
			return false, err
		}
	}
}
