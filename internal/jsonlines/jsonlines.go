// Package jsonlines loads files of one JSON document per line into raw tables: what the loaders of node facts and of
// CCDScan's answers share. A file that is missing is a note, one that is gone is unreadable and its table stays as it is.
// A line that cannot be read is a reject with its number. Of lines about the same thing the last counts.
package jsonlines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A Table says how the lines of a file become rows of a raw table.
type Table struct {
	// File stands in the source's folder; Name is the raw table, with its schema.
	File, Name string
	// Columns are those of a row, the day first.
	Columns []Column
	// Keys is how many of the first columns tell what a line is about.
	Keys int
	// Read reads a line's document; what it misses it tells the document.
	Read func(d *Document) Row
}

// A Row holds a value per column: time.Time, string or uint64 as its column says, or nil.
type Row []any

// Load brings the files of a folder into their tables, those that changed.
func Load(ctx context.Context, in *engine.Intake, dir string, tables ...Table) error {
	if err := checkFolder(in.Source(), dir, tables); err != nil {
		return err
	}
	known, err := in.Files(ctx)
	if err != nil {
		return err
	}
	if len(known) == 0 && !anyFile(dir, tables) {
		return missing(in.Source(), fmt.Errorf("%s has no such file", dir), tables)
	}
	for _, table := range tables {
		l := load{Table: table, in: in, path: filepath.Join(dir, table.File), before: known[table.File]}
		if err := l.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", table.File, err)
		}
	}
	return nil
}

func checkFolder(source, dir string, tables []Table) error {
	var err error
	if info, statErr := os.Stat(dir); statErr != nil || !info.IsDir() {
		err = fmt.Errorf("%s is no folder", dir)
	}
	if strings.Contains(dir, "://") {
		err = fmt.Errorf("--%s reads a folder; a server cannot be asked yet", source)
	}
	if err == nil {
		return nil
	}
	return missing(source, err, tables)
}

func anyFile(dir string, tables []Table) bool {
	for _, table := range tables {
		if _, err := os.Stat(filepath.Join(dir, table.File)); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

func missing(source string, err error, tables []Table) error {
	var files []string
	for _, table := range tables {
		files = append(files, table.File)
	}
	return engine.WithHint(err, "--%s names a folder with %s", source, strings.Join(files, ", "))
}

// load is the load of one file.
type load struct {
	Table
	in   *engine.Intake
	path string
	// before is what is known of the file.
	before engine.SourceFile
}

func (l *load) run(ctx context.Context) error {
	info, err := os.Stat(l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && l.before.Status == "":
		l.in.Note("the source has no %s: %s stays empty", l.File, l.Name)
		return nil
	case errors.Is(err, fs.ErrNotExist):
		l.in.Unreadable(l.File, fmt.Errorf("the file is gone: what is in %s stays", l.Name))
		return nil
	case err != nil:
		l.in.Unreadable(l.File, err)
		return nil
	case !l.in.Full && l.before.Same(info.Size(), info.ModTime()):
		l.in.Report().Unchanged++
		return nil
	}
	data, err := os.ReadFile(l.path)
	if err != nil {
		l.in.Unreadable(l.File, err)
		return nil
	}
	file := engine.SourceFile{Name: l.File, Bytes: info.Size(), Modified: info.ModTime(), Status: engine.FileLoaded,
		Hash: fmt.Sprintf("%x", xxh3.Hash128(data).Bytes())}
	if !l.in.Full && l.before.Status == engine.FileLoaded && l.before.Hash == file.Hash {
		l.in.Report().Unchanged++
		file.Rows, file.Rejects = l.before.Rows, l.before.Rejects
		return l.in.Transact(ctx, func() error { return l.in.SaveFiles(ctx, file) })
	}
	return l.replace(ctx, file, data)
}

// replace makes the table equal to the file, unless too many of its lines are rejects.
func (l *load) replace(ctx context.Context, file engine.SourceFile, data []byte) error {
	parsed := l.parse(data)
	if parsed.lines == 0 && l.before.Rows > 0 && !l.in.Prune {
		l.in.Unreadable(l.File, fmt.Errorf("the file is empty and had %d lines: what is in %s stays; --prune takes it over", l.before.Rows, l.Name))
		return nil
	}
	l.in.Report().Read++
	l.in.Report().Rows += parsed.lines
	if parsed.repeated > 0 {
		l.in.Note("%s: %d lines say again what an earlier one said, the first on line %d; the later line counts", l.File, parsed.repeated, parsed.firstRepeated)
	}
	file.Rows, file.Rejects = parsed.lines, int64(len(parsed.rejects))
	return l.in.Transact(ctx, func() error {
		if err := l.in.SaveRejects(ctx, []string{l.File}, parsed.rejects); err != nil {
			return err
		}
		if float64(file.Rejects) > l.in.MaxRejects*float64(file.Rows) {
			l.in.TooManyRejects(l.File, file.Rejects, file.Rows)
			file.Status, file.Message = engine.FileFailed, "too many rejects"
			return l.in.SaveFiles(ctx, file)
		}
		if err := l.write(ctx, parsed.rows); err != nil {
			return err
		}
		return l.in.SaveFiles(ctx, file)
	})
}

func (l *load) write(ctx context.Context, rows []Row) error {
	if err := l.in.Exec(ctx, "create or replace temp table staged as from "+l.Name+" limit 0"); err != nil {
		return err
	}
	record := recordOf(l.Columns, rows)
	defer record.Release()
	if err := l.in.AppendArrow(ctx, "temp.staged", record); err != nil {
		return err
	}
	if _, err := l.in.ReplaceTable(ctx, l.Name, l.Columns[0].Name, "temp.staged"); err != nil {
		return err
	}
	return l.in.Exec(ctx, "drop table temp.staged")
}

// parsed is what stands in a file: a row per thing, in the order of their first lines.
type parsed struct {
	rows    []Row
	rejects []engine.Reject
	// lines counts lines that are not empty.
	lines int64
	// repeated counts lines about what an earlier line is about.
	repeated, firstRepeated int64
}

func (t *Table) parse(data []byte) parsed {
	var out parsed
	at := map[string]int{}
	number := int64(0)
	for line := range bytes.Lines(data) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		out.lines++
		row, reject := t.parseLine(line)
		if reject != nil {
			reject.File, reject.Line = t.File, number
			out.rejects = append(out.rejects, *reject)
			continue
		}
		key := fmt.Sprintf("%q", row[:t.Keys])
		if place, there := at[key]; there {
			if out.repeated == 0 {
				out.firstRepeated = number
			}
			out.repeated++
			out.rows[place] = row
			continue
		}
		at[key] = len(out.rows)
		out.rows = append(out.rows, row)
	}
	return out
}

// parseLine reads a line. A reject has its day if that can be read.
func (t *Table) parseLine(line []byte) (Row, *engine.Reject) {
	d, err := newDocument(line)
	if err != nil {
		return nil, &engine.Reject{Reason: "is no such JSON: " + err.Error(), Content: string(line)}
	}
	row := t.Read(d)
	if d.err == nil {
		return row, nil
	}
	day, _ := row[0].(time.Time)
	return nil, &engine.Reject{Date: day, Field: d.field, Reason: d.err.Error(), Content: string(line)}
}
