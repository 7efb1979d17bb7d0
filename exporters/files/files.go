// Package files writes statistics into a folder: NAME.jsonl (relaxed Extended JSON, one document per line) or NAME.bson
// with NAME.metadata.json as mongorestore reads them, sorted by `_id`.
//
// A file is written beside its place and renamed over it, so a reader sees the old one or the new one.
package files

import (
	"bufio"
	"context"
	"crypto/md5" //nolint:gosec // not for secrecy: a stable id from a name
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/exporters"
	"github.com/ccdexplorer/nightrunner/internal/extjson"
)

// Formats of files.
const (
	JSONL = "jsonl"
	BSON  = "bson"
)

// An Exporter writes into one folder.
type Exporter struct {
	// Umask is what files and folders deny others: documents are made for readers, so it is that of who started the
	// program, not the one under which the warehouse is written.
	Umask fs.FileMode

	dir     string
	formats []string
}

// New writes files of the given formats into dir, which is made when something is written.
func New(dir string, formats []string) (*Exporter, error) {
	for _, format := range formats {
		if format != JSONL && format != BSON {
			return nil, fmt.Errorf("format %q is neither %s nor %s", format, JSONL, BSON)
		}
	}
	if len(formats) == 0 {
		return nil, errors.New("no format")
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	sorted := slices.Clone(formats)
	slices.Sort(sorted)
	return &Exporter{Umask: 0o022, dir: absolute, formats: slices.Compact(sorted)}, nil
}

// Destination is the folder and the formats.
func (e *Exporter) Destination() string {
	return "files:" + e.dir + "?format=" + strings.Join(e.formats, ",")
}

func (e *Exporter) path(statistic, format string) string {
	return filepath.Join(e.dir, statistic+"."+format)
}

// State is size and time of the statistic's files, "" when one is missing.
func (e *Exporter) State(_ context.Context, statistic string) (string, error) {
	var state strings.Builder
	for _, format := range e.formats {
		info, err := os.Stat(e.path(statistic, format))
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&state, "%s %d %d ", format, info.Size(), info.ModTime().UnixNano())
	}
	return strings.TrimSpace(state.String()), nil
}

// Write replaces the statistic's files. Stale documents are taken over from the file.
func (e *Exporter) Write(ctx context.Context, p *engine.Publication) error {
	if err := e.makeFolder(); err != nil {
		return err
	}
	for _, format := range e.formats {
		if err := e.removeLeftovers(p.Statistic, format); err != nil {
			return err
		}
		if err := e.replace(ctx, p, format); err != nil {
			return fmt.Errorf("write %s: %w", e.path(p.Statistic, format), err)
		}
	}
	return syncDir(e.dir)
}

// makeFolder makes the folder, and gives it its mode when it is new.
func (e *Exporter) makeFolder() error {
	if _, err := os.Stat(e.dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(e.dir, 0o777); err != nil {
		return err
	}
	return os.Chmod(e.dir, 0o777&^e.Umask)
}

// Remove removes the statistic's files.
func (e *Exporter) Remove(_ context.Context, statistic string) error {
	for _, format := range e.formats {
		if err := ignoreGone(os.Remove(e.path(statistic, format))); err != nil {
			return err
		}
		if format == BSON {
			if err := ignoreGone(os.Remove(e.metadata(statistic))); err != nil {
				return err
			}
		}
	}
	return syncDir(e.dir)
}

func (e *Exporter) metadata(statistic string) string {
	return filepath.Join(e.dir, statistic+".metadata.json")
}

func temporary(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp-")
}

// removeLeftovers removes what a killed run left of this file.
func (e *Exporter) removeLeftovers(statistic, format string) error {
	left, err := filepath.Glob(temporary(e.path(statistic, format)) + "*")
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

func (e *Exporter) replace(ctx context.Context, p *engine.Publication, format string) (err error) {
	path := e.path(p.Statistic, format)
	var kept []document
	if len(p.StaleIDs) > 0 {
		if kept, err = readKept(path, format, p.StaleIDs); err != nil {
			return fmt.Errorf("keep stale documents: %w", err)
		}
	}
	if format == BSON {
		if err := e.writeMetadata(p.Statistic); err != nil {
			return err
		}
	}
	return e.atomically(path, func(file *os.File) error {
		first := ""
		if format == JSONL && p.First != "" {
			if first, err = copyUnchanged(file, path, p.First); err != nil {
				return fmt.Errorf("keep what is unchanged: %w", err)
			}
		}
		out := bufio.NewWriterSize(file, 1<<20)
		return errors.Join(writeDocuments(ctx, p, format, first, kept, out), out.Flush())
	})
}

// copyUnchanged copies the documents before first as they stand in the old file, and returns from where on documents are
// to be written: first, or "" (all) when there is no old file.
func copyUnchanged(to *os.File, path, first string) (string, error) {
	old, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer old.Close()
	size, err := prefixBefore(old, first)
	if err != nil {
		return "", err
	}
	// Between files the kernel copies.
	_, err = io.CopyN(to, old, size)
	return first, err
}

// atomically writes a file beside its place, syncs it and renames it over the old one.
func (e *Exporter) atomically(path string, write func(*os.File) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(temporary(path))+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreGone(os.Remove(file.Name())))
		}
	}()
	err = write(file)
	if err == nil {
		err = file.Chmod(0o666 &^ e.Umask)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func syncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// document is one that is kept: its key and its bytes as they stand in the file.
type document struct {
	id    string
	bytes []byte
}

// writeDocuments writes all rows from first on, and the kept documents at their places between them.
func writeDocuments(ctx context.Context, p *engine.Publication, format, first string, kept []document, out io.Writer) error {
	reader, err := p.From(ctx, first)
	if err != nil {
		return err
	}
	defer reader.Release()
	encoder, err := exporters.NewEncoder(reader.Schema(), p.Spread)
	if err != nil {
		return err
	}
	var encoded, line []byte
	for reader.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		record := reader.RecordBatch()
		if err := encoder.Use(record); err != nil {
			return err
		}
		for row := range int(record.NumRows()) {
			for len(kept) > 0 && kept[0].id < record.Column(0).ValueStr(row) {
				if _, err := out.Write(kept[0].bytes); err != nil {
					return err
				}
				kept = kept[1:]
			}
			if encoded, err = encoder.Append(encoded[:0], row); err != nil {
				return err
			}
			if line, err = formatted(line[:0], encoded, format); err != nil {
				return err
			}
			if _, err := out.Write(line); err != nil {
				return err
			}
		}
	}
	if err := reader.Err(); err != nil {
		return err
	}
	for _, one := range kept {
		if _, err := out.Write(one.bytes); err != nil {
			return err
		}
	}
	return nil
}

func formatted(dst, encoded []byte, format string) ([]byte, error) {
	if format == BSON {
		return append(dst, encoded...), nil
	}
	dst, err := extjson.Append(dst, bsoncore.Document(encoded))
	return append(dst, '\n'), err
}

// readKept finds documents by their keys in a file of ours. What is not there is gone.
func readKept(path, format string, ids []string) ([]document, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	next := nextLine
	if format == BSON {
		next = nextDocument
	}
	var kept []document
	in := bufio.NewReaderSize(file, 1<<20)
	for {
		one, err := next(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if wanted[one.id] {
			kept = append(kept, one)
		}
	}
	slices.SortFunc(kept, func(a, b document) int { return strings.Compare(a.id, b.id) })
	return kept, nil
}

func nextLine(in *bufio.Reader) (document, error) {
	line, err := in.ReadBytes('\n')
	if len(line) == 0 {
		return document{}, io.EOF
	}
	if err != nil {
		return document{}, fmt.Errorf("the last line has no end: %w", io.ErrUnexpectedEOF)
	}
	var raw bson.Raw
	if err := bson.UnmarshalExtJSON(line, false, &raw); err != nil {
		return document{}, err
	}
	return withID(raw, line)
}

func nextDocument(in *bufio.Reader) (document, error) {
	raw, err := bson.ReadDocument(in)
	if err != nil {
		return document{}, err
	}
	return withID(raw, raw)
}

func withID(raw bson.Raw, bytes []byte) (document, error) {
	id, ok := raw.Lookup("_id").StringValueOK()
	if !ok {
		return document{}, errors.New("a document has no text as _id")
	}
	return document{id: id, bytes: bytes}, nil
}

// writeMetadata writes what mongorestore wants beside a .bson file. The uuid comes from the name, so that the same
// statistic has the same file.
func (e *Exporter) writeMetadata(statistic string) error {
	path := e.metadata(statistic)
	sum := md5.Sum([]byte(statistic)) //nolint:gosec // see the import
	return e.atomically(path, func(out *os.File) error {
		_, err := fmt.Fprintf(out, `{"options":{},"indexes":[{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"}],"uuid":"%x","collectionName":"%s","type":"collection"}`+"\n", sum, statistic)
		return err
	})
}
