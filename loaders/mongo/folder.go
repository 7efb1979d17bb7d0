package mongo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zeebo/xxh3"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

const hintURI = "--mongo names the folder that mongodump wrote, or a file that mongodump --archive wrote"

// openOrigin looks at what the URI names.
func openOrigin(ctx context.Context, o Options) (origin, error) {
	if mongouri.Is(o.URI) {
		return openServer(ctx, o)
	}
	info, err := os.Stat(o.URI)
	if err != nil {
		return nil, engine.WithHint(fmt.Errorf("%s cannot be read: %w", o.URI, errors.Unwrap(err)), hintURI)
	}
	if info.IsDir() {
		return &folder{o}, nil
	}
	return openArchive(o)
}

// databaseOf is the database in which a collection stands.
func (o Options) databaseOf(c *Collection) string {
	if c.Utilities {
		return o.Utilities
	}
	return o.Database
}

// named is DATABASE/COLLECTION: the name of a collection's rejects, wherever it was read from.
func (o Options) named(c *Collection) string { return o.databaseOf(c) + "/" + c.Name }

// A folder is what mongodump --out wrote.
type folder struct{ options Options }

func (*folder) close() error { return nil }

func (f *folder) find(c *Collection) (engine.SourceFile, error) {
	for _, ending := range []string{".bson", ".bson.gz"} {
		name := filepath.Join(f.options.databaseOf(c), c.Name+ending)
		info, err := os.Stat(filepath.Join(f.options.URI, name))
		if err == nil && info.IsDir() {
			err = fmt.Errorf("%s is a folder", name)
		}
		if err == nil {
			return engine.SourceFile{Name: name, Bytes: info.Size(), Modified: info.ModTime()}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return engine.SourceFile{}, err
		}
	}
	return engine.SourceFile{}, fs.ErrNotExist
}

func (f *folder) open(c *Collection) (documents, func() string, error) {
	found, err := f.find(c)
	if err != nil {
		return nil, nil, err
	}
	return openHashed(filepath.Join(f.options.URI, found.Name))
}

func (f *folder) hash(c *Collection) (string, error) {
	found, err := f.find(c)
	if err != nil {
		return "", err
	}
	return hashFile(filepath.Join(f.options.URI, found.Name))
}

func hashFile(path string) (string, error) {
	opened, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer opened.Close()
	hasher := xxh3.New()
	_, err = io.Copy(hasher, opened)
	return hashText(hasher), err
}

func hashText(hasher *xxh3.Hasher) string { return fmt.Sprintf("%x", hasher.Sum128().Bytes()) }
