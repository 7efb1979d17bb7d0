// Package mongo loads MongoDB collections into raw.*, from a mongodump folder. What lands where stands in collections.go.
//
// A document's bytes belong to the stream that read it and are overwritten by the next one.
package mongo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/ccdexplorer/nightrunner/engine"
)

// Options say where the collections are.
type Options struct {
	// URI is a mongodump folder: URI/DATABASE/COLLECTION.bson, or .bson.gz.
	URI string
	// Database is the chain's ("concordium_mainnet"), Utilities that of labels and rates ("concordium_utilities").
	Database, Utilities string
}

// A Loader reads one folder.
type Loader struct{ options Options }

// New loads from a folder.
func New(o Options) *Loader { return &Loader{options: o} }

// Source is "mongo".
func (*Loader) Source() string { return "mongo" }

// Load brings the collections that changed into raw.*. One that cannot be read keeps what is in the warehouse.
func (l *Loader) Load(ctx context.Context, in *engine.Intake) error {
	if strings.Contains(l.options.URI, "://") {
		return engine.WithHint(errors.New("--mongo reads a mongodump folder; servers cannot be read yet"), "mongodump --out DIR, then --mongo DIR")
	}
	if info, err := os.Stat(l.options.URI); err != nil || !info.IsDir() {
		return engine.WithHint(fmt.Errorf("%s is no folder", l.options.URI), "--mongo names the folder that mongodump wrote")
	}
	known, err := in.Files(ctx)
	if err != nil {
		return err
	}
	all := collections()
	for i, c := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.load(ctx, in, c, known); err != nil {
			return fmt.Errorf("load collection %s: %w", c.name, err)
		}
		in.Progress(int64(i+1), int64(len(all)))
	}
	return nil
}

// find is the collection's file: its path below the folder, and what the file system says.
func (l *Loader) find(c collection) (string, fs.FileInfo, error) {
	database := l.options.Database
	if c.utilities {
		database = l.options.Utilities
	}
	for _, ending := range []string{".bson", ".bson.gz"} {
		name := filepath.Join(database, c.name+ending)
		info, err := os.Stat(filepath.Join(l.options.URI, name))
		if err == nil {
			return name, info, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return name, nil, err
		}
	}
	return filepath.Join(database, c.name+".bson"), nil, fs.ErrNotExist
}

// load reads one collection. The error is for troubles of the warehouse; those of the file are told.
func (l *Loader) load(ctx context.Context, in *engine.Intake, c collection, known map[string]engine.SourceFile) error {
	name, info, err := l.find(c)
	if errors.Is(err, fs.ErrNotExist) {
		return l.absent(in, c, known)
	}
	if err != nil {
		in.Unreadable(name, err)
		return nil
	}
	// What is known is keyed by the collection, so that .bson and .bson.gz are the same to it.
	before := known[c.name]
	if !in.Full && before.Same(info.Size(), info.ModTime()) {
		in.Report().Unchanged++
		return nil
	}
	file := engine.SourceFile{Name: c.name, Bytes: info.Size(), Modified: info.ModTime(), Status: "loaded"}
	path := filepath.Join(l.options.URI, name)
	if file.Hash, err = hashFile(path); err != nil {
		in.Unreadable(name, err)
		return nil
	}
	if !in.Full && before.Status == "loaded" && before.Hash == file.Hash {
		in.Report().Unchanged++
		file.Rows, file.Rejects = before.Rows, before.Rejects
		return in.Transact(ctx, func() error { return in.SaveFiles(ctx, file) })
	}
	in.Report().Read++
	d := newDecoder(c)
	defer func() { d.builder.Release() }()
	if err := d.readAll(ctx, path, name); err != nil {
		if ctx.Err() != nil {
			return err
		}
		in.Unreadable(name, err)
		return l.failed(ctx, in, file, err)
	}
	return l.replace(ctx, in, c, d, name, file)
}

// absent: a collection that the source never had is a note, one that it had is missed.
func (l *Loader) absent(in *engine.Intake, c collection, known map[string]engine.SourceFile) error {
	if _, had := known[c.name]; had {
		in.Unreadable(c.name, errors.New("the collection is gone from the source: what is in "+c.table+" stays"))
		return nil
	}
	in.Note("the source has no collection %s: %s stays empty", c.name, c.table)
	return nil
}

// failed remembers that the file could not be read: what is in the table stays, and the next run tries again.
func (l *Loader) failed(ctx context.Context, in *engine.Intake, file engine.SourceFile, err error) error {
	file.Status, file.Hash, file.Message = "failed", "", err.Error()
	return in.Transact(ctx, func() error { return in.SaveFiles(ctx, file) })
}

func (d *decoder) readAll(ctx context.Context, path, name string) (err error) {
	documents, err := openStream(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, documents.close()) }()
	for {
		document, err := documents.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := d.add(document, documents.count, name); err != nil {
			return documents.fail("%w", err)
		}
		if documents.count%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// replace makes the table equal to what was read, unless too much of it was rejected.
func (l *Loader) replace(ctx context.Context, in *engine.Intake, c collection, d *decoder, name string, file engine.SourceFile) error {
	record := d.builder.NewRecordBatch()
	defer record.Release()
	rejected := int64(len(d.rejects))
	file.Rows, file.Rejects = record.NumRows()+rejected, rejected
	in.Report().Rows += file.Rows
	return in.Transact(ctx, func() error {
		if err := in.SaveRejects(ctx, []string{name}, d.rejects); err != nil {
			return err
		}
		if float64(rejected) > in.MaxRejects*float64(file.Rows) {
			in.TooManyRejects(c.name, rejected, file.Rows)
			file.Status, file.Message = "failed", "too many rejects"
			return in.SaveFiles(ctx, file)
		}
		if err := in.Exec(ctx, "create or replace temp table staged as from "+c.table+" limit 0"); err != nil {
			return err
		}
		if err := in.AppendArrow(ctx, "temp.staged", record); err != nil {
			return err
		}
		if err := dropDoubles(ctx, in, c); err != nil {
			return err
		}
		if _, err := in.ReplaceTable(ctx, c.table, c.key, "temp.staged"); err != nil {
			return err
		}
		if err := in.Exec(ctx, "drop table temp.staged"); err != nil {
			return err
		}
		return in.SaveFiles(ctx, file)
	})
}

// dropDoubles keeps the later of two documents with one key: a dump has none, a file put together from several may.
func dropDoubles(ctx context.Context, in *engine.Intake, c collection) error {
	var doubles int64
	err := in.Query(ctx, func(rows *sql.Rows) error { return rows.Scan(&doubles) }, fmt.Sprintf("select count(*) - count(distinct %s) from temp.staged", c.key))
	if err != nil || doubles == 0 {
		return err
	}
	in.Note("%s: %d documents have the %s of a later one; the later one counts", c.name, doubles, c.key)
	return in.Exec(ctx, fmt.Sprintf("delete from temp.staged where rowid not in (select max(rowid) from temp.staged group by %s)", c.key))
}

func hashFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hasher := xxh3.New()
	if _, err := io.Copy(hasher, file); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", hasher.Sum128().Bytes()), nil
}
