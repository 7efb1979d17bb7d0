package engine

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// An Intake is what a loader may do with the warehouse while it loads: read, replace tables or days, tell what it could
// not read. All of it uses the warehouse's one connection.
type Intake struct {
	// Run is the id of this run.
	Run int64
	// MaxRejects is the share (0 to 1) of a file's rows that may be rejected before the file is refused as a whole.
	MaxRejects float64
	// Prune removes what is gone at the source. Full reads everything again, whatever is known of it.
	Prune, Full bool
	// From and To bound the days that are looked at; zero is open.
	From, To time.Time
	// Stop, when closed, asks a loader that waits for others to end after what it is at; nothing that landed is lost.
	Stop <-chan struct{}

	w      *Warehouse
	source string
	report *LoadReport
	// progress is told how far the source has been read.
	progress func(done, total int64)
}

// A LoadReport says what a loader did.
type LoadReport struct {
	Source string `json:"source"`
	// Read, Unchanged, Failed and Missing count files or collections.
	Read      int `json:"read"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"`
	Missing   int `json:"missing"`
	// Rows and Rejects count what was read in this run; Changed counts the rows written to raw.*.
	Rows    int64 `json:"rows"`
	Rejects int64 `json:"rejects"`
	Changed int64 `json:"changed"`
	// Notes are worth a line and stop nothing.
	Notes []string `json:"notes,omitempty"`
	// Unreadable files and collections: what they feed waits or keeps its earlier data.
	Unreadable []FileError `json:"unreadable,omitempty"`
	// Failure is an error of the warehouse or the program, not of the source: exit code 1.
	Failure string `json:"failure,omitempty"`
	// TooManyRejects are files refused because of the share of their rows that could not be read.
	TooManyRejects []FileError `json:"too_many_rejects,omitempty"`
}

// A FileError is a file or collection that was not loaded.
type FileError struct {
	File  string `json:"file"`
	Error string `json:"error"`
}

// A Reject is a row or document that cannot be read as its table demands.
type Reject struct {
	// File is the file's name below the source's folder; Line counts from 1 (for BSON: the document's ordinal).
	File string
	Line int64
	// DocumentID is the `_id`, "" for rows of a CSV.
	DocumentID string
	// Date is the day of the file, zero where it has none.
	Date time.Time
	// Field is the column or field, "" for the row as a whole.
	Field   string
	Reason  string
	Content string
}

// A SourceFile is what is known of a file or collection since it was last read.
type SourceFile struct {
	// Name is the path below the source's folder.
	Name string
	// Date is the day it describes, zero where it has none.
	Date time.Time
	// Hash is of the content as it lies on disk (xxh3, 128 bits, hex); of a file in git the id of its blob.
	Hash     string
	Bytes    int64
	Modified time.Time
	// Status is one of FileLoaded and so on.
	Status  string
	Rows    int64
	Rejects int64
	Message string
}

// What is known of a file.
const (
	FileLoaded   = "loaded"
	FileFailed   = "failed"   // it could not be read: its earlier data stands
	FileMissing  = "missing"  // it is gone: its data stands until it is pruned
	FileBounded  = "bounded"  // not all of it was taken: it is read again
	FileReshaped = "reshaped" // its table got other columns: it is read again
)

// Same reports whether size and modification time are those of the file when it was loaded: then it is not read again.
// The warehouse keeps microseconds.
func (f SourceFile) Same(bytes int64, modified time.Time) bool {
	return f.Status == FileLoaded && f.Bytes == bytes && f.Modified.Equal(modified.UTC().Truncate(time.Microsecond))
}

// Report is the running report: loaders count into Read, Unchanged, Failed, Missing, Rows, Rejects and Changed.
func (in *Intake) Report() *LoadReport { return in.report }

// Source is the loader's word.
func (in *Intake) Source() string { return in.source }

// Now is the time, UTC.
func (in *Intake) Now() time.Time { return in.w.now().UTC() }

// Days is a condition, in SQL, on a column date: the days that are looked at.
func (in *Intake) Days() string {
	condition := "true"
	if !in.From.IsZero() {
		condition += " and date >= date " + quote(in.From.Format(time.DateOnly))
	}
	if !in.To.IsZero() {
		condition += " and date <= date " + quote(in.To.Format(time.DateOnly))
	}
	return condition
}

// Note tells something that stops nothing.
func (in *Intake) Note(format string, args ...any) {
	in.report.Notes = append(in.report.Notes, fmt.Sprintf(format, args...))
}

// Unreadable tells a file or collection that could not be read: the run goes on and ends with exit code 5.
func (in *Intake) Unreadable(file string, err error) {
	in.report.Failed++
	in.report.Unreadable = append(in.report.Unreadable, FileError{File: file, Error: err.Error()})
}

// TooManyRejects tells a file that is refused because too many of its rows are rejects: exit code 1.
func (in *Intake) TooManyRejects(file string, rejects, rows int64) {
	in.report.Failed++
	in.report.TooManyRejects = append(in.report.TooManyRejects, FileError{
		File:  file,
		Error: fmt.Sprintf("%d of %d rows could not be read, more than --max-rejects %g: its earlier data stays; see raw.rejects", rejects, rows, in.MaxRejects),
	})
}

// Progress tells how much of the source (files, bytes or documents) is done.
func (in *Intake) Progress(done, total int64) {
	if in.progress != nil {
		in.progress(done, total)
	}
}

// Transact runs fn in a transaction: all of it stays, or nothing.
func (in *Intake) Transact(ctx context.Context, fn func() error) error { return in.w.transact(ctx, fn) }

// Exec runs a statement.
func (in *Intake) Exec(ctx context.Context, query string, args ...any) error {
	return in.w.exec(ctx, query, args...)
}

// Query calls fn for every row of a query.
func (in *Intake) Query(ctx context.Context, fn func(*sql.Rows) error, query string, args ...any) error {
	return in.w.each(ctx, fn, query, args...)
}

// QueryArrow reads a result as Arrow record batches; fn does not keep them.
func (in *Intake) QueryArrow(ctx context.Context, query string, fn func(arrow.RecordBatch) error) error {
	reader, err := in.w.arrowQuery(ctx, query)
	if err != nil {
		return err
	}
	defer reader.Release()
	for reader.Next() {
		if err := fn(reader.RecordBatch()); err != nil {
			return err
		}
	}
	return reader.Err()
}

// InsertArrow inserts all record batches of a reader with one statement, matching columns by name.
func (in *Intake) InsertArrow(ctx context.Context, table string, reader array.RecordReader) error {
	return in.w.insertArrow(ctx, table, reader)
}

// AppendArrow inserts a record batch into a table, matching columns by name.
func (in *Intake) AppendArrow(ctx context.Context, table string, record arrow.RecordBatch) error {
	if record.NumRows() == 0 {
		return nil
	}
	return in.w.appendArrow(ctx, table, record)
}

// Files are the source's files as last read, by name.
func (in *Intake) Files(ctx context.Context) (map[string]SourceFile, error) {
	files := map[string]SourceFile{}
	err := in.w.each(ctx, func(rows *sql.Rows) error {
		var f SourceFile
		var date, modified sql.NullTime
		var hash, message sql.NullString
		var bytes, count, rejects sql.NullInt64
		if err := rows.Scan(&f.Name, &date, &hash, &bytes, &modified, &f.Status, &count, &rejects, &message); err != nil {
			return err
		}
		f.Date, f.Modified, f.Hash, f.Message = date.Time, modified.Time, hash.String, message.String
		f.Bytes, f.Rows, f.Rejects = bytes.Int64, count.Int64, rejects.Int64
		files[f.Name] = f
		return nil
	}, `select name, date, content_hash, bytes, modified_at, status, row_count, reject_count, message
		from ops.source_files where source = ?`, in.source)
	if err != nil {
		return nil, fmt.Errorf("read ops.source_files: %w", err)
	}
	return files, nil
}

// SaveFiles remembers files as read now. Call it in the transaction that writes their data.
func (in *Intake) SaveFiles(ctx context.Context, files ...SourceFile) error {
	if len(files) == 0 {
		return nil
	}
	if err := in.forget(ctx, "ops.source_files", "name", names(files)); err != nil {
		return err
	}
	return in.insertRows(ctx, "ops.source_files", len(files), func(i int) []any {
		f := files[i]
		return []any{in.source, f.Name, nullTime(f.Date), f.Hash, f.Bytes, nullTime(f.Modified.UTC().Truncate(time.Microsecond)),
			f.Status, f.Rows, f.Rejects, in.w.redact(f.Message), in.Run}
	})
}

// ForgetFiles drops what is known of pruned files, their rejects with them.
func (in *Intake) ForgetFiles(ctx context.Context, files ...string) error {
	if err := in.forget(ctx, "ops.source_files", "name", files); err != nil {
		return err
	}
	return in.forget(ctx, "raw.rejects", "file", files)
}

// SaveRejects replaces the rejects of the files just read (with or without rejects now) and counts the new ones.
func (in *Intake) SaveRejects(ctx context.Context, files []string, rejects []Reject) error {
	if err := in.forget(ctx, "raw.rejects", "file", files); err != nil {
		return err
	}
	in.report.Rejects += int64(len(rejects))
	return in.insertRows(ctx, "raw.rejects", len(rejects), func(i int) []any {
		r := rejects[i]
		return []any{in.source, r.File, nullInt(r.Line), nullText(r.DocumentID), nullTime(r.Date), nullText(r.Field), r.Reason, r.Content, in.Run}
	})
}

// UpdateRejects replaces the rejects of a day and later, and those without a day, of a source that is read in parts; the
// zero day is all of them. It counts the new ones.
func (in *Intake) UpdateRejects(ctx context.Context, file string, from time.Time, rejects []Reject) error {
	err := in.w.exec(ctx, "delete from raw.rejects where source = ? and file = ? and (date is null or date >= ?::date)", in.source, file, from)
	if err != nil {
		return fmt.Errorf("forget rejects: %w", err)
	}
	return in.SaveRejects(ctx, nil, rejects)
}

// ReplaceRejects replaces the rejects of the given documents of a file, and those of its lines: what a server was asked again
// for. It counts the new ones.
func (in *Intake) ReplaceRejects(ctx context.Context, file string, documents []string, rejects []Reject) error {
	err := in.w.exec(ctx, fmt.Sprintf("delete from raw.rejects where source = %s and file = %s and (document_id is null or document_id in (%s))",
		quote(in.source), quote(file), literals(documents)))
	if err != nil {
		return fmt.Errorf("forget rejects: %w", err)
	}
	return in.SaveRejects(ctx, nil, rejects)
}

// MarkDays records the version of the given days of a raw table with a date column, from its rows as they are now. Days
// for which present is false (a snapshot that was pruned) are forgotten; days that are present and have no rows count as
// there. Call it in the transaction that wrote the rows.
func (in *Intake) MarkDays(ctx context.Context, table string, days []time.Time, present func(time.Time) bool) error {
	if len(days) == 0 {
		return nil
	}
	var there []time.Time
	for _, day := range days {
		if present(day) {
			there = append(there, day)
		}
	}
	statement := fmt.Sprintf(`delete from ops.source_days where table_name = %[2]s and date in (select unnest([%[3]s]::date[]));
		insert into ops.source_days
		select %[2]s, marked.date, coalesce(content.version, 0)
		from (select unnest([%[4]s]::date[]) as date) as marked
		left join (
			select coalesce(date, %[5]s) as date, hash(sum(hash(t)), count(*)) as version from %[1]s as t
			where coalesce(date, %[5]s) in (select unnest([%[4]s]::date[])) group by all
		) as content on content.date = marked.date`,
		table, quote(table), dayLiterals(days), dayLiterals(there), noDay)
	if err := in.w.exec(ctx, statement); err != nil {
		return fmt.Errorf("mark days of %s: %w", table, err)
	}
	return in.w.markTable(ctx, table, true)
}

// dayLiterals is a list of days in SQL, without brackets.
func dayLiterals(days []time.Time) string {
	list := make([]string, len(days))
	for i, day := range days {
		list[i] = quote(day.Format(time.DateOnly))
	}
	return strings.Join(list, ", ")
}

// insertRows inserts few rows, as literals: that is faster than binding values one by one.
func (in *Intake) insertRows(ctx context.Context, table string, count int, row func(i int) []any) error {
	for start := 0; start < count; start += 500 {
		var values []string
		for i := start; i < min(start+500, count); i++ {
			var fields []string
			for _, value := range row(i) {
				fields = append(fields, literal(value))
			}
			values = append(values, "("+strings.Join(fields, ", ")+")")
		}
		if err := in.w.exec(ctx, "insert into "+table+" values "+strings.Join(values, ", ")); err != nil {
			return fmt.Errorf("insert into %s: %w", table, err)
		}
	}
	return nil
}

// PutRows replaces rows by key: keys are the first columns of a row, whose order is the table's.
func (in *Intake) PutRows(ctx context.Context, table string, keys []string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	var list []string
	for _, row := range rows {
		var fields []string
		for _, value := range row[:len(keys)] {
			fields = append(fields, literal(value))
		}
		list = append(list, "("+strings.Join(fields, ", ")+")")
	}
	if err := in.w.exec(ctx, fmt.Sprintf("delete from %s where (%s) in (%s)", table, strings.Join(keys, ", "), strings.Join(list, ", "))); err != nil {
		return fmt.Errorf("replace rows of %s: %w", table, err)
	}
	return in.insertRows(ctx, table, len(rows), func(i int) []any { return rows[i] })
}

// literal is a value in SQL: nil, text, numbers or a UTC time.
func literal(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case string:
		// A statement ends at a NUL, and DuckDB refuses text that is no UTF-8.
		return strings.ReplaceAll(quote(strings.ToValidUTF8(value, "\ufffd")), "\x00", "' || chr(0) || '")
	case time.Time:
		return "timestamp " + quote(value.UTC().Format("2006-01-02 15:04:05.999999"))
	default:
		return fmt.Sprint(value)
	}
}

func (in *Intake) forget(ctx context.Context, table, column string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	list := make([]string, len(keys))
	for i, key := range keys {
		list[i] = quote(key)
	}
	err := in.w.exec(ctx, fmt.Sprintf("delete from %s where source = %s and %s in (%s)", table, quote(in.source), column, strings.Join(list, ", ")))
	if err != nil {
		return fmt.Errorf("forget in %s: %w", table, err)
	}
	return nil
}

func names(files []SourceFile) []string {
	list := make([]string, len(files))
	for i, f := range files {
		list[i] = f.Name
	}
	return list
}

func nullTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

func nullText(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func nullInt(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}
