package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// A feed gives rows to one writer, in a goroutine of its own, so that DuckDB and all writers work at the same time.
type feed struct {
	work   *work
	writer Writer
	wants  Wants
	// rows is how many the writer wants.
	rows int64
	// joined: a row must be looked up among the altered ones, to know whether it is wanted, or known at the destination.
	joined bool

	batches chan batch
	done    chan struct{}
	failed  atomic.Bool
	// err is the writer's, to be read when done is closed.
	err error
}

type batch struct {
	rows  arrow.RecordBatch
	marks Marks
}

// feedBatches is how many record batches wait for a slow writer.
const feedBatches = 64

func newFeed(k *work, writer Writer) *feed {
	p := k.publication
	f := &feed{work: k, writer: writer, wants: writer.Wants(), rows: p.New + p.Changed + p.Same}
	if f.wants.Altered && !p.Everything {
		f.rows, f.joined = p.New+p.Changed, true
	}
	f.joined = f.joined || k.to.Compares() && p.Changed+p.Same > 0
	return f
}

func (f *feed) start(ctx context.Context) {
	f.batches, f.done = make(chan batch, feedBatches), make(chan struct{})
	go func() {
		defer close(f.done)
		for one := range f.batches {
			if f.err == nil {
				f.err = f.writer.Write(ctx, one.rows, one.marks)
				f.failed.Store(f.err != nil)
			}
			one.release()
		}
	}()
}

func (b batch) release() {
	b.rows.Release()
	b.marks.Wanted.Release()
	b.marks.Known.Release()
}

// alias of the feed's altered documents in a query.
func (f *feed) alias() string { return fmt.Sprintf("altered_%d", f.work.to.index) }

// condition is true for rows that the writer wants.
func (f *feed) condition() string {
	switch {
	case f.wants.Altered && !f.work.publication.Everything:
		return f.alias() + ".id is not null"
	case f.wants.Altered || f.wants.From == "":
		return "true"
	}
	return "t._id >= " + quote(f.wants.From)
}

// known is true for documents that the destination has from us.
func (f *feed) known() string {
	if f.joined {
		return "coalesce(not " + f.alias() + ".is_new, false)"
	}
	return "false"
}

// passes groups feeds that read the rows together: those that want the same order, and all when much is to be read and one
// order is the other.
func (x *publisher) passes(ctx context.Context, m *Model, feeds []*feed) [][]*feed {
	var byID, byDay []*feed
	many := false
	for _, f := range feeds {
		if f.wants.ByDay && m.Daily() {
			byDay, many = append(byDay, f), many || f.rows > partRows
		} else {
			byID = append(byID, f)
		}
	}
	if len(byID) > 0 && len(byDay) > 0 && many && x.idsFollowDays(ctx, m) {
		return [][]*feed{feeds}
	}
	return slices.DeleteFunc([][]*feed{byID, byDay}, func(together []*feed) bool { return len(together) == 0 })
}

// idsFollowDays reports whether documents sorted by `_id` are sorted by day.
func (x *publisher) idsFollowDays(ctx context.Context, m *Model) bool {
	follow := false
	err := x.w.scalar(ctx, &follow, `select coalesce(bool_and(is_behind), true) from (
		select min(_id) > lag(max(_id)) over (order by date) as is_behind from `+m.Name+` group by date)`)
	return err == nil && follow
}

// pass reads the rows once for several writers.
func (x *publisher) pass(ctx context.Context, m *Model, feeds []*feed) {
	for _, f := range feeds {
		f.start(ctx)
	}
	err := x.read(ctx, m, feeds)
	for _, f := range feeds {
		close(f.batches)
		<-f.done
		if f.err == nil {
			f.err = err
		}
	}
}

func (x *publisher) read(ctx context.Context, m *Model, feeds []*feed) error {
	query, order, rows := passQuery(m, feeds)
	read := x.w.arrowQuery
	if rows > partRows {
		read = x.w.arrowParts
		if m.Daily() && order == orderByID && x.idsFollowDays(ctx, m) {
			// The same order, and days are quicker to sort than text.
			order = orderByDay
		}
	}
	query += order
	reader, err := read(ctx, query)
	if err != nil {
		return err
	}
	defer reader.Release()
	columns := reader.Schema().NumFields() - 2*len(feeds)
	schema := arrow.NewSchema(reader.Schema().Fields()[:columns], nil)
	done := int64(0)
	for reader.Next() {
		record := reader.RecordBatch()
		alive := false
		for i, f := range feeds {
			if f.failed.Load() {
				continue
			}
			alive = true
			one := batch{rows: array.NewRecordBatch(schema, record.Columns()[:columns], record.NumRows())}
			one.marks.Wanted, one.marks.Known = booleans(record.Column(columns+2*i)), booleans(record.Column(columns+2*i+1))
			f.batches <- one
		}
		if !alive {
			return errors.New("no destination takes rows any more")
		}
		done += record.NumRows()
		x.observer.Progress(done, rows)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return reader.Err()
}

func booleans(column arrow.Array) *array.Boolean {
	column.Retain()
	return column.(*array.Boolean)
}

const (
	orderByID  = " order by t._id"
	orderByDay = " order by t.date, t._id"
)

// passQuery reads the rows that any of the writers wants, with two marks for each of them, and about how many rows that are.
func passQuery(m *Model, feeds []*feed) (query, order string, rows int64) {
	var marks, joins strings.Builder
	var conditions, days []string
	order = orderByDay
	for _, f := range feeds {
		fmt.Fprintf(&marks, ", %s, %s", f.condition(), f.known())
		if f.joined {
			fmt.Fprintf(&joins, " left join %s as %s on %[2]s.id = t._id", f.work.altered(), f.alias())
		}
		conditions = append(conditions, f.condition())
		if f.wants.Altered && !f.work.publication.Everything && m.Daily() {
			days = append(days, "t.date in (select date from "+f.work.altered()+")")
		}
		if !f.wants.ByDay || !m.Daily() {
			order = orderByID
		}
		rows = max(rows, f.rows)
	}
	query = fmt.Sprintf("select t.*%s from %s as t%s where (%s)", marks.String(), m.Name, joins.String(), strings.Join(conditions, " or "))
	if len(days) == len(feeds) {
		// So only their days are looked at.
		query += " and (" + strings.Join(days, " or ") + ")"
	}
	return query, order, rows
}
