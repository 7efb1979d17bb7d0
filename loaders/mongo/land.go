package mongo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/ccdexplorer/nightrunner/engine"
)

// errTooManyRejects undoes the load of a file that is refused as a whole.
var errTooManyRejects = errors.New("too many rejects")

// An unreadableError is the source's fault, not the warehouse's.
type unreadableError struct{ err error }

func (e *unreadableError) Error() string { return e.err.Error() }
func (e *unreadableError) Unwrap() error { return e.err }

// staged is where documents stand until they are compared with what the table has.
const staged = "temp.staged"

// land brings all documents of a collection into its table, in one transaction: all of it, or nothing.
func (l *load) land(ctx context.Context, c *Collection, from origin, file *engine.SourceFile) error {
	if l.addresses == nil {
		var err error
		if l.addresses, err = readAddresses(ctx, l.in); err != nil {
			return err
		}
	}
	confirm := func() {}
	var p *pipeline
	err := l.in.Transact(ctx, func() (err error) {
		table, err := l.target(ctx, c)
		if err != nil {
			return err
		}
		if p, err = l.stream(ctx, c, from, table, file); err != nil {
			return err
		}
		file.Rows, file.Rejects, file.Status = p.documents, int64(len(p.rejects)), engine.FileLoaded
		if float64(file.Rejects) > l.in.MaxRejects*float64(file.Rows) {
			return errTooManyRejects
		}
		if confirm, err = l.addresses.save(ctx, l.in); err != nil {
			return err
		}
		if err := l.settle(ctx, c, table, p.rows, file); err != nil {
			return err
		}
		return l.record(ctx, c, p, *file)
	})
	if errors.Is(err, errTooManyRejects) {
		file.Status, file.Message = engine.FileFailed, err.Error()
		return errors.Join(err, l.in.Transact(ctx, func() error {
			if err := l.in.SaveRejects(ctx, []string{l.options.named(c)}, p.rejects); err != nil {
				return err
			}
			return l.in.SaveFiles(ctx, *file)
		}))
	}
	if err == nil {
		confirm()
	}
	return err
}

// target is the table to read into: the collection's own while it is empty and nothing is to be compared.
func (l *load) target(ctx context.Context, c *Collection) (string, error) {
	if c.Height != "" {
		empty := false
		err := l.in.Query(ctx, func(rows *sql.Rows) error { return rows.Scan(&empty) }, "select not exists (from "+c.Table+")")
		if err != nil || empty {
			return c.Table, err
		}
	}
	return staged, l.in.Exec(ctx, "create or replace temp table staged as from "+c.Table+" limit 0")
}

// stream decodes all documents into a table.
func (l *load) stream(ctx context.Context, c *Collection, from origin, table string, file *engine.SourceFile) (*pipeline, error) {
	documents, hash, err := from.open(c)
	if err != nil {
		return nil, &unreadableError{err}
	}
	p := startPipeline(ctx, c, documents, l.addresses, l.days, l.options.named(c))
	err = l.in.InsertArrow(ctx, table, p)
	p.close()
	if closeErr := documents.close(); closeErr != nil && p.err == nil {
		p.err = closeErr
	}
	l.in.Report().Rows += p.documents
	switch {
	case ctx.Err() != nil:
		return p, ctx.Err()
	case p.err != nil:
		// DuckDB repeats it in words of its own.
		return p, &unreadableError{p.err}
	case err != nil:
		return p, err
	}
	file.Hash = hash()
	return p, nil
}

// settle makes the collection's table equal to what was read.
func (l *load) settle(ctx context.Context, c *Collection, table string, rows int64, file *engine.SourceFile) error {
	switch {
	case table == c.Table:
		l.in.Report().Changed += rows
		return l.in.MarkAllDays(ctx, c.Table)
	case c.Height != "":
		if err := l.refuseEmpty(ctx, c, file.Rows); err != nil {
			return err
		}
		_, err := l.in.ReplaceDays(ctx, c.Table, staged)
		return errors.Join(err, l.dropStaged(ctx))
	}
	if c.Table == daysTable && !l.in.To.IsZero() {
		if err := l.boundDays(ctx, file); err != nil {
			return err
		}
	}
	if err := l.refuseEmpty(ctx, c, file.Rows); err != nil {
		return err
	}
	if err := l.dropDoubles(ctx, c); err != nil {
		return err
	}
	if _, err := l.in.ReplaceTable(ctx, c.Table, c.Key, staged); err != nil {
		return err
	}
	return l.dropStaged(ctx)
}

// refuseEmpty takes a collection that lost all its documents for one that was not written yet, unless --prune is set.
func (l *load) refuseEmpty(ctx context.Context, c *Collection, documents int64) error {
	if documents > 0 || l.in.Prune {
		return nil
	}
	var before int64
	err := l.in.Query(ctx, func(rows *sql.Rows) error { return rows.Scan(&before) }, "select count(*) from "+c.Table)
	if err == nil && before > 0 {
		err = &unreadableError{fmt.Errorf("the collection is empty and had %d documents: what is in %s stays; --prune takes it over", before, c.Table)}
	}
	return err
}

func (l *load) dropStaged(ctx context.Context) error { return l.in.Exec(ctx, "drop table "+staged) }

// record remembers what was seen and that the file is loaded.
func (l *load) record(ctx context.Context, c *Collection, p *pipeline, file engine.SourceFile) error {
	if err := l.in.SaveRejects(ctx, []string{l.options.named(c)}, p.rejects); err != nil {
		return err
	}
	if err := p.profile.save(ctx, l.in, c); err != nil {
		return err
	}
	if err := l.reached(ctx, c); err != nil {
		return err
	}
	return l.in.SaveFiles(ctx, file)
}

// reached records up to which block a file of blocks was just read. A file that was not written again since says nothing
// of days that came later.
func (l *load) reached(ctx context.Context, c *Collection) error {
	if c.Height == "" {
		return nil
	}
	// A load from a server that was cut off has no bearing on what a file brought.
	if err := l.in.Exec(ctx, "delete from ops.load_progress where source = ? and collection = ?", l.in.Source(), c.Name); err != nil {
		return err
	}
	return l.in.PutRows(ctx, "raw.loaded_heights", []string{"table_name"}, [][]any{{c.Table, l.cut}})
}

// last is the height of the last day's last block: a source is read up to there. -1 without days.
func (c calendar) last() int64 {
	last := int64(-1)
	for _, day := range c {
		last = max(last, day.last)
	}
	return last
}

// boundDays keeps days after --to out, unless the warehouse has them: the run describes the chain as of that day. The
// file is read again by the next run.
func (l *load) boundDays(ctx context.Context, file *engine.SourceFile) error {
	var before, after int64
	count := func(into *int64) error {
		return l.in.Query(ctx, func(rows *sql.Rows) error { return rows.Scan(into) }, "select count(*) from "+staged)
	}
	if err := count(&before); err != nil {
		return err
	}
	err := l.in.Query(ctx, func(rows *sql.Rows) error { return rows.Scan(&l.cut) }, "select coalesce(max(height_for_last_block), -1) from "+staged)
	if err != nil {
		return err
	}
	err = l.in.Exec(ctx, fmt.Sprintf("delete from %s where date > ?::date and date not in (select date from %s)", staged, daysTable), l.in.To)
	if err != nil {
		return err
	}
	if err := count(&after); err != nil {
		return err
	}
	if after < before {
		file.Status, file.Message = engine.FileBounded, "days after --to were left out"
	}
	return nil
}

// dropDoubles keeps the later of two documents with one key: a collection has none, a file put together from several may.
func (l *load) dropDoubles(ctx context.Context, c *Collection) error {
	var doubles int64
	err := l.in.Query(ctx, func(rows *sql.Rows) error { return rows.Scan(&doubles) }, fmt.Sprintf("select count(*) - count(distinct %q) from %s", c.Key, staged))
	if err != nil || doubles == 0 {
		return err
	}
	l.in.Note("%s: %d documents have the %s of a later one; the later one counts", c.Name, doubles, c.Key)
	return l.in.Exec(ctx, fmt.Sprintf("delete from %s where rowid not in (select max(rowid) from %s group by %q)", staged, staged, c.Key))
}

// setCalendar takes the days as they are now, records the cut (the last block of the last complete day: what a run reads
// up to), and moves rows whose height belongs to another day than it did.
func (l *load) setCalendar(ctx context.Context) error {
	var err error
	if l.days, err = readDays(ctx, l.in); err != nil {
		return err
	}
	l.cut = max(l.cut, l.days.last())
	if err := l.in.RecordCut(ctx); err != nil {
		return err
	}
	tables := map[string]string{}
	for _, c := range l.options.Collections {
		if c.Height != "" {
			tables[c.Table] = c.Columns[c.heightColumn()].Name
		}
	}
	return l.in.Redate(ctx, tables)
}
