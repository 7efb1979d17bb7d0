// Package engine turns raw.* tables into models and statistics: it knows the warehouse, SQL files and their graph, days
// and what is stale, checks, and the order of a run. It knows DuckDB and no other database.
//
// A Warehouse has one connection and is not safe for concurrent use: a run is a sequence of steps. While a process
// holds the file for writing nobody else can open it.
package engine

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/duckdb/duckdb-go/v2"

	"github.com/ccdexplorer/nightrunner/internal/machine"
	"github.com/ccdexplorer/nightrunner/migrations"
)

// Options of a warehouse. The zero value takes everything from the machine (its cgroup where there is one).
type Options struct {
	// MemoryLimit as DuckDB reads it ("1GB", "800MiB"); "" is 70 % of the machine's memory.
	MemoryLimit string
	Threads     int
	// TempDirectory is where DuckDB spills; "" is beside the warehouse.
	TempDirectory string
	// MaxTempSize as DuckDB reads it; "" is 80 % of the free disk there.
	MaxTempSize string
	// Publishing says where snapshots go and which stay.
	Publishing Publishing
	// Recovery is what may be done about a damaged file.
	Recovery Recovery
	// AllowNetworkDisk goes ahead where locks may not hold.
	AllowNetworkDisk bool
	// Command is what the lease tells others about this process ("run").
	Command string
	// published is a file to attach under that name, read-only: a warehouse that is locked down attaches none.
	published string
	Now       func() time.Time
	Log       *slog.Logger
	// Redact takes secrets out of what is recorded and reported; nil takes nothing.
	Redact func(string) string
}

// A Warehouse is the DuckDB file that a run writes.
type Warehouse struct {
	Path string

	db        *sql.DB
	conn      *sql.Conn
	arrow     *duckdb.Arrow
	lease     *lease
	options   Options
	snapshots Snapshots
	now       func() time.Time
	log       *slog.Logger
	// notes of opening it are told with the next run.
	notes []string
	// highestRun is one that the warehouse may not know of.
	highestRun int64
}

// redact is a text without secrets.
func (w *Warehouse) redact(text string) string {
	if w.options.Redact == nil {
		return text
	}
	return w.options.Redact(text)
}

// Open opens or creates the warehouse at path for writing and brings its schema up to date. It returns ErrInUse when
// another process holds it and ErrNotWarehouse when the file is something else.
func Open(ctx context.Context, path string, o Options) (*Warehouse, error) {
	w, err := newWarehouse(path, o)
	if err != nil {
		return nil, err
	}
	if err := w.takeLease(o.Command); err != nil {
		return nil, err
	}
	if err := w.prepare(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// newWarehouse looks at what can be seen without the lease.
func newWarehouse(path string, o Options) (*Warehouse, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if err := refuseForeign(path); err != nil {
		return nil, err
	}
	snapshots, err := FindSnapshots(path, o.Publishing.Dir)
	if err != nil {
		return nil, err
	}
	return &Warehouse{Path: path, options: o, snapshots: snapshots, now: o.Now, log: o.Log}, nil
}

// prepare opens the database and brings its schema up to date.
func (w *Warehouse) prepare(ctx context.Context) error {
	if err := w.settleAsides(); err != nil {
		return err
	}
	if err := RefuseMissing(w.Path); err != nil {
		return err
	}
	if err := w.openOrRecover(ctx); err != nil {
		return err
	}
	if err := migrations.Up(ctx, w.db); err != nil {
		return fmt.Errorf("migrate %s: %w", w.Path, err)
	}
	return w.acquire(ctx)
}

// connect opens the database again after disconnect.
func (w *Warehouse) connect(ctx context.Context) error {
	if err := w.open(ctx); err != nil {
		return err
	}
	return w.acquire(ctx)
}

func (w *Warehouse) open(ctx context.Context) error {
	connector, err := duckdb.NewConnector(w.Path, nil)
	if err != nil {
		return openError(w.Path, err)
	}
	w.db = sql.OpenDB(connector)
	w.db.SetMaxOpenConns(1)
	if err := w.options.apply(ctx, w.db, w.Path); err != nil {
		return err
	}
	if published := w.options.published; published != "" {
		if _, err := w.db.ExecContext(ctx, fmt.Sprintf("attach %s as published (read_only)", quote(published))); err != nil {
			return openError(published, err)
		}
	}
	return LockDown(ctx, w.db)
}

// apply sets a database's limits; path is the warehouse that they are for.
func (o Options) apply(ctx context.Context, db execer, path string) error {
	settings, err := o.settings(path)
	if err != nil {
		return err
	}
	for _, s := range settings {
		statement := fmt.Sprintf("set %s = %s", s[0], quote(s[1]))
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrUsage, statement, err)
		}
	}
	return nil
}

// execer is a connection or a pool.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (o Options) settings(path string) ([][2]string, error) {
	limits, err := machine.Read(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("read the machine's limits: %w", err)
	}
	temp := o.TempDirectory
	if temp == "" {
		temp = path + ".tmp"
	}
	memory, size, threads := o.MemoryLimit, o.MaxTempSize, o.Threads
	if memory == "" {
		memory = fmt.Sprintf("%dMiB", limits.Memory/10*7>>20)
	}
	if size == "" {
		size = fmt.Sprintf("%dMiB", limits.FreeDisk/10*8>>20)
	}
	if threads == 0 {
		threads = limits.Threads
	}
	return [][2]string{
		{"memory_limit", memory}, {"temp_directory", temp}, {"max_temp_directory_size", size},
		{"threads", fmt.Sprint(threads)}, {"preserve_insertion_order", "true"}, {"TimeZone", "UTC"},
	}, nil
}

func (w *Warehouse) acquire(ctx context.Context) error {
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	w.conn = conn
	return w.useArrow()
}

// useArrow lets the connection give and take record batches.
func (w *Warehouse) useArrow() error {
	return w.conn.Raw(func(raw any) (err error) {
		w.arrow, err = duckdb.NewArrowFromConn(raw.(driver.Conn))
		return err
	})
}

// Close gives the file back.
func (w *Warehouse) Close() error {
	held := w.lease
	w.lease = nil
	return errors.Join(w.disconnect(), held.release())
}

// disconnect closes the database and keeps the lease.
func (w *Warehouse) disconnect() error {
	var errs []error
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
	}
	if w.db != nil {
		errs = append(errs, w.db.Close())
	}
	w.conn, w.db = nil, nil
	return errors.Join(errs...)
}

// OpenReadOnly opens a warehouse that exists, for queries only. Nothing is created.
func OpenReadOnly(ctx context.Context, path string) (*sql.DB, error) {
	if err := checkExisting(path); err != nil {
		return nil, err
	}
	connector, err := duckdb.NewConnector(path+"?access_mode=read_only", nil)
	if err != nil {
		return nil, openError(path, err)
	}
	db := sql.OpenDB(connector)
	if _, err := db.ExecContext(ctx, "set TimeZone = 'UTC'"); err != nil {
		return nil, errors.Join(openError(path, err), db.Close())
	}
	return db, nil
}

// checkExisting refuses what is no warehouse, and where there is none.
func checkExisting(path string) error {
	if err := checkPath(path); err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = WithHint(fmt.Errorf("%w at %s", ErrNoWarehouse, path), "nightrunner run makes one; --warehouse names another")
		}
		return err
	}
	return refuseForeign(path)
}

// refuseForeign keeps DuckDB away from a file that is not its own. A missing or an empty file is fine.
func refuseForeign(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	head := make([]byte, 12)
	_, err = io.ReadFull(file, head)
	if errors.Is(err, io.EOF) || err == nil && bytes.Equal(head[8:], []byte("DUCK")) {
		return nil
	}
	return WithHint(fmt.Errorf("%s: %w", path, ErrNotWarehouse), "the file was left as it is; name another with --warehouse")
}

// checkPath refuses names that DuckDB's driver reads as something else.
func checkPath(path string) error {
	switch {
	case path == "":
		return fmt.Errorf("%w: the warehouse has no name", ErrUsage)
	case strings.ContainsAny(path, "?%"):
		return fmt.Errorf("%w: %s: the name of a warehouse holds no ? and no %%", ErrUsage, path)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return WithHint(fmt.Errorf("%w: %s: %w", ErrUsage, path, err), "make the folder first")
	}
	return nil
}

func (w *Warehouse) exec(ctx context.Context, query string, args ...any) error {
	_, err := w.conn.ExecContext(ctx, query, args...)
	return err
}

// scalar reads one value.
func (w *Warehouse) scalar(ctx context.Context, into any, query string, args ...any) error {
	return w.conn.QueryRowContext(ctx, query, args...).Scan(into)
}

// each calls fn for every row of a query.
func (w *Warehouse) each(ctx context.Context, fn func(*sql.Rows) error, query string, args ...any) error {
	return eachRow(ctx, w.conn, fn, query, args...)
}

// queryer is a connection or a pool.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func eachRow(ctx context.Context, db queryer, fn func(*sql.Rows) error, query string, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// transact runs fn between begin and commit. On an error, a cancelled context included, nothing stays.
func (w *Warehouse) transact(ctx context.Context, fn func() error) error {
	if err := w.exec(ctx, "begin transaction"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := fn(); err != nil {
		return errors.Join(err, w.exec(context.WithoutCancel(ctx), "rollback"))
	}
	if err := w.exec(ctx, "commit"); err != nil {
		return errors.Join(fmt.Errorf("commit: %w", err), ignoreNoTransaction(w.exec(context.WithoutCancel(ctx), "rollback")))
	}
	return nil
}

// ignoreNoTransaction: a commit that fails has ended its transaction already.
func ignoreNoTransaction(err error) error {
	var duck *duckdb.Error
	if errors.As(err, &duck) && duck.Type == duckdb.ErrorTypeTransaction {
		return nil
	}
	return err
}

// arrowQuery reads a result as record batches.
func (w *Warehouse) arrowQuery(ctx context.Context, query string) (array.RecordReader, error) {
	return w.arrow.QueryContext(ctx, query)
}

// appendArrow inserts a record batch into a table, by column name.
func (w *Warehouse) appendArrow(ctx context.Context, table string, record arrow.RecordBatch) error {
	reader, err := array.NewRecordReader(record.Schema(), []arrow.RecordBatch{record})
	if err != nil {
		return err
	}
	defer reader.Release()
	return w.insertArrow(ctx, table, reader)
}

// insertArrow inserts all batches of a reader into a table, by column name.
func (w *Warehouse) insertArrow(ctx context.Context, table string, reader array.RecordReader) error {
	release, err := w.arrow.RegisterView(reader, "incoming_records")
	if err != nil {
		return fmt.Errorf("register record batches: %w", err)
	}
	defer release()
	if err := w.exec(ctx, "insert into "+table+" by name select * from incoming_records"); err != nil {
		return fmt.Errorf("append to %s: %w", table, err)
	}
	return w.exec(ctx, "drop view incoming_records")
}

// quote makes a SQL string literal. A statement holds no NUL and no bytes that are no UTF-8: a NUL is put together by
// chr, other bytes become the replacement character.
func quote(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "'", "''")
	if strings.IndexByte(text, 0) < 0 {
		return "'" + text + "'"
	}
	return "('" + strings.ReplaceAll(text, "\x00", "' || chr(0) || '") + "')"
}
