package parity

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A folder holds a file per collection, as mongodump, mongoexport or an export of ours wrote it.
type folder struct {
	dir   string
	files map[string]string // collection → path
}

// endings of files that hold documents; the first of several files of one collection is read.
func endings() []string {
	return []string{".bson", ".bson.gz", ".jsonl", ".jsonl.gz", ".json", ".json.gz"}
}

// openFolder takes DIR/DATABASE where there is one: a folder of mongodump.
func openFolder(o Options) (*folder, error) {
	info, err := os.Stat(o.Against)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: --against %s cannot be read: %w", engine.ErrUsage, o.Against, errors.Unwrap(err))
	case !info.IsDir():
		return nil, engine.WithHint(fmt.Errorf("%w: --against %s is a file", engine.ErrUsage, o.Against), "name the folder it is in")
	}
	f := &folder{dir: o.Against, files: map[string]string{}}
	if info, err := os.Stat(filepath.Join(o.Against, o.Database)); err == nil && info.IsDir() {
		f.dir = filepath.Join(o.Against, o.Database)
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, fmt.Errorf("%w: --against %s: %w", engine.ErrUsage, o.Against, err)
	}
	present := map[string]bool{}
	for _, entry := range entries {
		present[entry.Name()] = !entry.IsDir() && !strings.Contains(entry.Name(), ".metadata.json")
	}
	for _, ending := range endings() {
		for _, name := range sortedKeys(present) {
			collection, is := strings.CutSuffix(name, ending)
			if is && present[name] && f.files[collection] == "" {
				f.files[collection] = filepath.Join(f.dir, name)
			}
		}
	}
	return f, nil
}

func (f *folder) name() string { return f.dir }

func (f *folder) hint() string {
	return "give the folder with NAME.jsonl or NAME.bson files, or that of mongodump with --mongo-database"
}

func (f *folder) collections(context.Context) ([]string, error) { return sortedKeys(f.files), nil }

func (f *folder) close() error { return nil }

func (f *folder) read(ctx context.Context, collection string, _ filter, fn func(bsoncore.Document) error) (err error) {
	path := f.files[collection]
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var in io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(bufio.NewReaderSize(file, 1<<20)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	next := nextLine
	if strings.Contains(filepath.Base(path), ".bson") {
		next = nextBinary
	}
	lines := bufio.NewReaderSize(in, 1<<20)
	for count := 1; ; count++ {
		document, err := next(lines)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: document %d: %w", path, count, err)
		case document == nil: // an empty line
			continue
		}
		if err := errors.Join(ctx.Err(), fn(document)); err != nil {
			return err
		}
	}
}

// nextBinary reads a document of a .bson file; io.EOF only where one ends.
func nextBinary(in *bufio.Reader) (bsoncore.Document, error) {
	if _, err := in.Peek(1); err != nil {
		return nil, err
	}
	document, err := bsoncore.NewDocumentFromReader(in)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return document, err
}

// nextLine reads a line of Extended JSON, relaxed or canonical; nil for an empty one.
func nextLine(in *bufio.Reader) (bsoncore.Document, error) {
	line, err := in.ReadBytes('\n')
	line = bytes.TrimSpace(line)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case len(line) == 0:
		return nil, err
	case line[0] != '{':
		return nil, errors.New("a line holds one document: mongoexport without --jsonArray and --pretty writes such files")
	}
	var raw bson.Raw
	if err := bson.UnmarshalExtJSON(line, false, &raw); err != nil {
		return nil, err
	}
	return bsoncore.Document(raw), nil
}
