package parity

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/internal/extjson"
)

// flushBytes is how much of one statistic an appender holds before DuckDB gets it.
const flushBytes = 16 << 20

// partRows is how many documents of theirs are in memory at a time.
const partRows = 2000

// staging keeps their documents in temporary tables, one per statistic.
type staging struct {
	options Options
	conn    *sql.Conn
	tables  map[string]*table
	// others counts documents of statistics that are not ours, untyped those without a type.
	others  map[string]int64
	untyped int64
}

type table struct {
	name     string
	appender *duckdb.Appender
	pending  int
}

func newStaging(o Options) *staging {
	return &staging{options: o, conn: o.Staging, tables: map[string]*table{}, others: map[string]int64{}}
}

// byType stages a document of the single collection.
func (s *staging) byType(ctx context.Context, document bsoncore.Document) error {
	name, ok := document.Lookup("type").StringValueOK()
	if !ok {
		s.untyped++
		return nil
	}
	return s.add(ctx, name, document)
}

// mostOthers bounds how many names of statistics that are not ours are kept.
const mostOthers = 1000

// add stages a document of a statistic.
func (s *staging) add(ctx context.Context, statistic string, document bsoncore.Document) error {
	if err := document.Validate(); err != nil {
		return fmt.Errorf("a damaged document of %s: %w", statistic, err)
	}
	if !s.wanted(document) {
		return nil
	}
	if !slices.Contains(s.options.Statistics, statistic) {
		if _, known := s.others[statistic]; known || len(s.others) < mostOthers {
			s.others[strings.Clone(statistic)]++
		}
		return nil
	}
	t := s.tables[statistic]
	if t == nil {
		t = &table{name: fmt.Sprintf("theirs_%d", len(s.tables))}
		s.tables[strings.Clone(statistic)] = t
	}
	if t.appender == nil {
		if err := s.create(ctx, t); err != nil {
			return fmt.Errorf("stage %s: %w", statistic, err)
		}
	}
	if t.pending += len(document); t.pending >= flushBytes {
		t.pending = 0
		if err := t.appender.Flush(); err != nil {
			return fmt.Errorf("stage %s: %w", statistic, err)
		}
	}
	return t.appender.AppendRow(idOf(document), []byte(document))
}

func (s *staging) create(ctx context.Context, t *table) error {
	// A name that is no statistic's cannot get in: it is a number's.
	if _, err := s.conn.ExecContext(ctx, "create temp table "+t.name+" (id varchar, document blob)"); err != nil {
		return err
	}
	return s.conn.Raw(func(raw any) (err error) {
		t.appender, err = duckdb.NewAppender(raw.(driver.Conn), "temp", "main", t.name)
		return err
	})
}

// wanted: with a bound, a document without a day is left out.
func (s *staging) wanted(document bsoncore.Document) bool {
	from, to := s.options.From, s.options.To
	if from == "" && to == "" {
		return true
	}
	day := dayOf(document)
	return (from == "" || day >= from) && (to == "" || day != "" && day <= to)
}

// flush ends the appenders.
func (s *staging) flush() error {
	var errs []error
	for _, t := range s.tables {
		if t.appender != nil {
			errs = append(errs, t.appender.Close())
			t.appender = nil
		}
	}
	return errors.Join(errs...)
}

// drop removes what is staged.
func (s *staging) drop(ctx context.Context) error {
	errs := []error{s.flush()}
	for _, t := range s.tables {
		_, err := s.conn.ExecContext(ctx, "drop table if exists temp."+t.name)
		errs = append(errs, err)
	}
	_, err := s.conn.ExecContext(ctx, "drop table if exists temp.theirs_sorted")
	return errors.Join(append(errs, err)...)
}

// tell reports what theirs has beside the statistics that are compared.
func (s *staging) tell(report *Report) {
	if s.untyped > 0 {
		report.note("%d documents in %s have no type: they are left out", s.untyped, single)
	}
	if s.options.Selected {
		return
	}
	for _, name := range sortedKeys(s.others) {
		report.OnlyTheirs = append(report.OnlyTheirs, Other{name, s.others[name]})
	}
}

// A cursor gives the documents of one statistic in the order of `_id`, each `_id` once.
type cursor struct {
	conn     *sql.Conn
	id       string
	document bsoncore.Document
	// valid: there is a document.
	valid bool
	// twice counts documents whose `_id` another one has.
	twice int64

	part       []staged
	next, rows int64
}

type staged struct {
	id       string
	document []byte
}

// sorted is at no document yet.
func (s *staging) sorted(ctx context.Context, statistic string) (*cursor, error) {
	c := &cursor{conn: s.conn}
	t := s.tables[statistic]
	if t == nil {
		return c, nil
	}
	_, err := s.conn.ExecContext(ctx, "create or replace temp table theirs_sorted as select * from temp."+t.name+" order by id; drop table temp."+t.name)
	if err != nil {
		return nil, err
	}
	return c, s.conn.QueryRowContext(ctx, "select count(*) from temp.theirs_sorted").Scan(&c.rows)
}

// advance goes to the next document.
func (c *cursor) advance(ctx context.Context) error {
	for {
		if len(c.part) == 0 {
			c.valid = c.valid && c.next < c.rows
			if c.next >= c.rows {
				return nil
			}
			if err := c.load(ctx); err != nil {
				return err
			}
		}
		one := c.part[0]
		c.part = c.part[1:]
		if c.valid && one.id == c.id {
			c.twice++
			continue
		}
		c.id, c.document, c.valid = one.id, one.document, true
		return nil
	}
}

// load reads the next part: the driver has a result whole before its first row.
func (c *cursor) load(ctx context.Context) error {
	rows, err := c.conn.QueryContext(ctx, fmt.Sprintf("select id, document from temp.theirs_sorted where rowid >= %d and rowid < %d order by rowid", c.next, c.next+partRows))
	if err != nil {
		return err
	}
	defer rows.Close()
	c.next += partRows
	c.part = nil
	for rows.Next() {
		var one staged
		if err := rows.Scan(&one.id, &one.document); err != nil {
			return err
		}
		c.part = append(c.part, one)
	}
	return rows.Err()
}

// idOf is the `_id` as text; Extended JSON where it is none.
func idOf(document bsoncore.Document) string {
	id := document.Lookup("_id")
	if text, ok := id.StringValueOK(); ok {
		return strings.ToValidUTF8(text, "\ufffd")
	}
	text, err := extjson.AppendValue(nil, id)
	if err != nil {
		return ""
	}
	return string(text)
}

// dayOf is the day that a document says it is of, "" when it says none.
func dayOf(document bsoncore.Document) string {
	text, ok := document.Lookup("date").StringValueOK()
	if !ok || len(text) != len(time.DateOnly) {
		return ""
	}
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return ""
	}
	return text
}
