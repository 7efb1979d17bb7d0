// Package jsonlines loads answers of a source, each a JSON document on a line, into raw tables: what the loaders of node
// facts, of CCDScan's answers and of rates share. The lines come from the files of a folder (Load) or from a server
// (Land), are read alike, and can be recorded as such a folder.
//
// A file that is missing is a note, one that is gone is unreadable and its table stays as it is. A line that cannot be
// read is a reject. Of rows about the same thing the last counts. Rows whose line is gone stay until they are pruned.
package jsonlines

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A Table says how the lines of a file become rows of a raw table.
type Table struct {
	// File stands in the source's folder; Name is the raw table, with its schema.
	File, Name string
	// Columns are those of a row, the day first.
	Columns []Column
	// Keys is how many of the first columns tell what a row is about.
	Keys int
	// Own is a condition, in SQL, on the rows of the table that come from this file; "" is all.
	Own string
	// Read reads the rows that a line's document says; what it misses it tells the document.
	Read func(d *Document) []Row
}

// A Row holds a value per column: time.Time, string, uint64, float64 or bool as its column says, or nil.
type Row []any

// One is the one row of most lines.
func One(values ...any) []Row { return []Row{values} }

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
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return missing(source, fmt.Errorf("%s is no folder", dir), tables)
	}
	return nil
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
	return engine.WithHint(err, "--%s names a server, or a folder with %s", source, strings.Join(files, ", "))
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
		l.in.Note("the source has no %s: nothing comes into %s", l.File, l.Name)
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
		if float64(parsed.broken) > l.in.MaxRejects*float64(file.Rows) {
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

// write makes the table's rows of this file equal to the given ones. Rows that no line says any more, and those that a
// server was asked for, stay unless they are pruned.
func (l *load) write(ctx context.Context, rows []Row) error {
	if err := l.Stage(ctx, l.in, rows); err != nil {
		return err
	}
	keep := ""
	switch {
	case !l.in.Prune:
		keep = "true"
	case l.Own != "":
		keep = "not (" + l.Own + ")"
	}
	if keep != "" {
		kept, err := l.keep(ctx, keep)
		if err != nil {
			return err
		}
		if kept > 0 {
			l.in.Note("%s: %d rows of %s stand on no line of it; they stay until --prune", l.File, kept, l.Name)
		}
	}
	if _, err := l.in.ReplaceTable(ctx, l.Name, l.Columns[0].Name, "temp.staged"); err != nil {
		return err
	}
	return l.in.Exec(ctx, "drop table temp.staged")
}

// keep adds rows of the table to the staged ones and counts those that are this file's own.
func (l *load) keep(ctx context.Context, condition string) (own int64, err error) {
	keys := l.keyList()
	gone := fmt.Sprintf("from %s where (%s) and (%s) not in (select (%s) from temp.staged)", l.Name, condition, keys, keys)
	count := "count(*)"
	if l.Own != "" {
		count += " filter (" + l.Own + ")"
	}
	if err := l.in.Query(ctx, func(rows *sql.Rows) error { return rows.Scan(&own) }, "select "+count+" "+gone); err != nil {
		return 0, err
	}
	return own, l.in.Exec(ctx, "insert into temp.staged by name select * "+gone)
}

func (t *Table) keyList() string {
	names := make([]string, t.Keys)
	for i, column := range t.Columns[:t.Keys] {
		names[i] = column.Name
	}
	return strings.Join(names, ", ")
}

// Stage makes temp.staged of rows, with all columns of the table.
func (t *Table) Stage(ctx context.Context, in *engine.Intake, rows []Row) error {
	if err := in.Exec(ctx, "create or replace temp table staged as from "+t.Name+" limit 0"); err != nil {
		return err
	}
	record := recordOf(t.Columns, rows)
	defer record.Release()
	return in.AppendArrow(ctx, "temp.staged", record)
}
