// Package mongo loads MongoDB collections into raw.*: from a mongodump folder, an archive of mongodump, or a server. Which
// field lands in which column stands in sql/raw, one file per collection.
//
// A collection is decoded by several workers and taken in with one statement (pipeline.go). Documents are walked once,
// over their bytes (walk.go); these belong to the chunk that was read and are overwritten after its batch.
package mongo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

// source is the word by which flags, logs and ops.* know this loader.
const source = "mongo"

// Options say where the collections are.
type Options struct {
	// URI is a mongodump folder (URI/DATABASE/COLLECTION.bson, or .bson.gz), a file that mongodump --archive wrote, or a
	// server (mongodb://…).
	URI string
	// Database is the chain's ("concordium_mainnet"), Utilities that of labels and rates ("concordium_utilities").
	Database, Utilities string
	// Collections say what is read and where it lands: ReadMappings.
	Collections []Collection
	// Reread is how many heights before the last loaded one are read again from a server: for documents that came late.
	Reread int64
	// TempDirectory is where an archive is unpacked; "" is the system's.
	TempDirectory string
}

// A Loader reads one source.
type Loader struct{ options Options }

// New loads as the options say.
func New(o Options) *Loader { return &Loader{options: o} }

// Source is "mongo".
func (*Loader) Source() string { return source }

// load is one Load.
type load struct {
	in        *engine.Intake
	options   Options
	known     map[string]engine.SourceFile
	addresses *addresses
	days      calendar
	// cut is the height of the last block of the source's last complete day, also of a day after --to: -1 without days.
	cut int64
	// absences are collections that the source never had.
	absences []string
}

// An origin holds the documents of collections as files.
type origin interface {
	// find is the collection's file as it lies there: name for people, size and time. The error is fs.ErrNotExist when it
	// has none.
	find(c *Collection) (engine.SourceFile, error)
	// open reads its documents. hash is of the file's bytes, known after the last document.
	open(c *Collection) (from documents, hash func() string, err error)
	// hash reads the file for its hash alone.
	hash(c *Collection) (string, error)
	close() error
}

// Load brings the collections that changed into raw.*. One that cannot be read keeps what is in the warehouse.
func (ldr *Loader) Load(ctx context.Context, in *engine.Intake) (err error) {
	l := &load{in: in, options: ldr.options, cut: -1}
	if l.known, err = in.Files(ctx); err != nil {
		return err
	}
	from, err := openOrigin(ctx, ldr.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	live, _ := from.(*server)
	all := ldr.options.Collections
	if err := l.refuseStranger(from); err != nil {
		return err
	}
	for i := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		load := func() error { return l.file(ctx, &all[i], from) }
		if live != nil {
			load = func() error { return l.live(ctx, &all[i], live) }
		}
		if err := load(); err != nil {
			return fmt.Errorf("load collection %s: %w", all[i].Name, err)
		}
		if all[i].Table == daysTable {
			if err := l.setCalendar(ctx); err != nil {
				return err
			}
		}
		in.Progress(int64(i+1), int64(len(all)))
	}
	if len(l.absences) > 0 {
		in.Note("the source has no %s: nothing is loaded into their tables", strings.Join(l.absences, ", "))
	}
	return nil
}

// refuseStranger takes a source without any collection that we know for the wrong one.
func (l *load) refuseStranger(from origin) error {
	for i := range l.options.Collections {
		if _, err := from.find(&l.options.Collections[i]); !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	return engine.WithHint(fmt.Errorf("%s has no collection of %s or %s", mongouri.Redact(l.options.URI), l.options.Database, l.options.Utilities),
		"--mongo-database and --mongo-utilities name the databases")
}

// live reads one collection of a server. The error is for troubles of the warehouse; those of the server are told.
func (l *load) live(ctx context.Context, c *Collection, from *server) error {
	file, err := from.find(c)
	if errors.Is(err, fs.ErrNotExist) {
		return l.absent(c)
	}
	if err != nil {
		return err
	}
	if c.Height != "" {
		return l.loadHeights(ctx, c, from, file.Name)
	}
	where := file.Name
	changed := l.in.Report().Changed
	err = mongouri.Patient().Do(ctx, func() error {
		// A file of the same name may have been read before: what is remembered is the server's.
		file = engine.SourceFile{Name: c.Name}
		err := l.land(ctx, c, from, &file)
		if from.session != nil && noSnapshot(err) {
			from.session.EndSession(ctx)
			from.session = nil
			l.in.Note("%s is read without a snapshot: %s", where, mongouri.WithoutSecret(err, l.options.URI))
			err = l.land(ctx, c, from, &file)
		}
		return err
	})
	if l.in.Report().Changed > changed {
		l.in.Report().Read++
	} else {
		l.in.Report().Unchanged++
	}
	return l.outcome(ctx, c, where, file, err)
}

// file reads one collection from a file. The error is for troubles of the warehouse; those of the file are told.
func (l *load) file(ctx context.Context, c *Collection, from origin) error {
	file, err := from.find(c)
	if errors.Is(err, fs.ErrNotExist) {
		return l.absent(c)
	}
	if err != nil {
		l.in.Unreadable(c.Name, err)
		return nil
	}
	// What is known is keyed by the collection, so that .bson and .bson.gz are the same to it.
	where := file.Name
	file.Name = c.Name
	before := l.known[c.Name]
	if !l.in.Full && before.Same(file.Bytes, file.Modified) {
		l.in.Report().Unchanged++
		return nil
	}
	if !l.in.Full && before.Status == engine.FileLoaded && before.Bytes == file.Bytes {
		// The time changed and the size did not: a look at the bytes may spare decoding them.
		hash, err := from.hash(c)
		if err == nil && hash == before.Hash {
			l.in.Report().Unchanged++
			file.Hash, file.Status, file.Rows, file.Rejects = hash, engine.FileLoaded, before.Rows, before.Rejects
			return l.in.Transact(ctx, func() error { return errors.Join(l.reached(ctx, c), l.in.SaveFiles(ctx, file)) })
		}
	}
	l.in.Report().Read++
	err = l.land(ctx, c, from, &file)
	return l.outcome(ctx, c, where, file, err)
}

// outcome tells what went wrong with a collection, if anything.
func (l *load) outcome(ctx context.Context, c *Collection, where string, file engine.SourceFile, err error) error {
	var unreadable *unreadableError
	switch {
	case errors.As(err, &unreadable) && ctx.Err() == nil:
		told := errors.New(mongouri.WithoutSecret(unreadable.err, l.options.URI))
		l.in.Unreadable(where, told)
		return l.failed(ctx, file, told)
	case errors.Is(err, errTooManyRejects):
		l.in.TooManyRejects(c.Name, file.Rejects, file.Rows)
		return nil
	}
	return err
}

// absent: a collection that the source never had is a note, one that it had is missed.
func (l *load) absent(c *Collection) error {
	if _, had := l.known[c.Name]; had {
		l.in.Unreadable(c.Name, errors.New("the collection is gone from the source: what is in "+c.Table+" stays"))
		return nil
	}
	l.absences = append(l.absences, c.Name)
	if c.Table == daysTable {
		l.in.Unreadable(c.Name, fmt.Errorf("the source has no %s: no day is complete without it; --mongo-database names the chain's database (now %s)", c.Name, l.options.Database))
	}
	return nil
}

// failed remembers that the file could not be read: what is in the table stays, and the next run tries again.
func (l *load) failed(ctx context.Context, file engine.SourceFile, err error) error {
	file.Status, file.Hash, file.Message = engine.FileFailed, "", err.Error()
	return l.in.Transact(ctx, func() error { return l.in.SaveFiles(ctx, file) })
}

// readDays reads the days of block heights as they are in the warehouse.
func readDays(ctx context.Context, in *engine.Intake) (calendar, error) {
	var days calendar
	err := in.Query(ctx, func(rows *sql.Rows) error {
		var date time.Time
		var one blockRange
		err := rows.Scan(&date, &one.first, &one.last)
		one.day = int32(date.Unix() / 86400)
		days = append(days, one)
		return err
	}, "select date, height_for_first_block, height_for_last_block from "+daysTable+" order by height_for_first_block, date")
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", daysTable, err)
	}
	return days, nil
}
