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
	"golang.org/x/sys/unix"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/durable"
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
func (e *Exporter) State(_ context.Context, s engine.Statistic) (string, error) {
	var state strings.Builder
	for _, format := range e.formats {
		info, err := os.Stat(e.path(s.Name, format))
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", engine.LostDestination(err)
		}
		fmt.Fprintf(&state, "%s %d %d ", format, info.Size(), info.ModTime().UnixNano())
	}
	return strings.TrimSpace(state.String()), nil
}

// Compares is false: a folder's files are ours alone, and State knows them.
func (e *Exporter) Compares() bool { return false }

// ready makes the folder where it is not, and looks whether it can be written: where it cannot, no statistic can.
func (e *Exporter) ready() error {
	err := e.makeFolder()
	if err == nil {
		err = unix.Access(e.dir, unix.W_OK|unix.X_OK)
	}
	if err != nil {
		return engine.LostDestination(engine.WithHint(fmt.Errorf("write into %s: %w", e.dir, err), "the run's user must be able to make files there"))
	}
	return nil
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
func (e *Exporter) Remove(_ context.Context, p *engine.Publication) (engine.Outcome, error) {
	for _, format := range e.formats {
		err := ignoreGone(os.Remove(e.path(p.Name, format)))
		if format == BSON {
			err = errors.Join(err, ignoreGone(os.Remove(e.metadata(p.Name))))
		}
		if err != nil {
			return engine.Outcome{}, err
		}
	}
	return engine.Outcome{Deleted: int64(len(p.GoneIDs))}, ignoreGone(durable.Sync(e.dir))
}

func (e *Exporter) metadata(statistic string) string {
	return filepath.Join(e.dir, statistic+".metadata.json")
}

// create begins a file for readers, after what a killed run left of it was removed.
func (e *Exporter) create(path string) (*durable.File, error) {
	if err := durable.RemoveLeftovers(path); err != nil {
		return nil, err
	}
	file, err := durable.Create(path, 0o600)
	if err != nil {
		return nil, err
	}
	if err := file.Chmod(0o666 &^ e.Umask); err != nil {
		return nil, errors.Join(err, file.Abort())
	}
	return file, nil
}

// copyUnchanged copies the documents before first as they stand in the old file, and returns from where on documents are
// to be written: first, or "" (all) when there is no old file.
func copyUnchanged(to io.Writer, path, first string) (string, error) {
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

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
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
	file, err := e.create(e.metadata(statistic))
	if err != nil {
		return err
	}
	sum := md5.Sum([]byte(statistic)) //nolint:gosec // see the import
	_, err = fmt.Fprintf(file, `{"options":{},"indexes":[{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"}],"uuid":"%x","collectionName":"%s","type":"collection"}`+"\n", sum, statistic)
	if err == nil {
		err = file.Commit()
	}
	return errors.Join(err, file.Abort())
}
