package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// A Reader reads statistics of a warehouse or a snapshot that is open for reading. It uses one connection, which makes
// temporary tables that spill to Options.TempDirectory; it is not safe for concurrent use.
type Reader struct{ w *Warehouse }

// NewReader reads over a connection, which stays the caller's. A temporary directory of two processes must not be the same.
func NewReader(ctx context.Context, conn *sql.Conn, o Options) (*Reader, error) {
	w := &Warehouse{conn: conn, now: time.Now}
	if err := o.apply(ctx, conn, ""); err != nil {
		return nil, err
	}
	return &Reader{w}, w.useArrow()
}

// ErrNotBuilt marks a statistic that the warehouse has no table or view of.
var ErrNotBuilt = errors.New("it is not built yet")

// Statistic reads the rows of a statistic in the order of `_id`, of the given days (UTC days, inclusive; zero is open) when
// its rows have a date: then a bound leaves out rows without one. Column `_id` is the first. The caller releases the reader,
// before it asks for the next one.
func (r *Reader) Statistic(ctx context.Context, m *Model, from, to time.Time) (array.RecordReader, error) {
	columns, err := r.w.columns(ctx, m.Name)
	switch {
	case errors.Is(err, errNoTable):
		return nil, WithHint(fmt.Errorf("%s: %w", m.Export, ErrNotBuilt), "nightrunner build --select %s", m.Export)
	case err != nil:
		return nil, err
	case columns[0] != "_id":
		return nil, fmt.Errorf("%s: its first column is not _id", m.Export)
	}
	return r.w.arrowParts(ctx, "select * from "+m.Name+between(columns, from, to)+" order by _id")
}

// between bounds rows to days.
func between(columns []string, from, to time.Time) string {
	if from.IsZero() && to.IsZero() {
		return ""
	}
	date := "null::date"
	for _, column := range columns {
		if column == "date" {
			date = column
		}
	}
	var bounds []string
	if !from.IsZero() {
		bounds = append(bounds, date+" >= "+quote(from.Format(time.DateOnly))+"::date")
	}
	if !to.IsZero() {
		bounds = append(bounds, date+" <= "+quote(to.Format(time.DateOnly))+"::date")
	}
	return " where " + strings.Join(bounds, " and ")
}

// Waiting is what days of a model wait for in this warehouse.
func (r *Reader) Waiting(ctx context.Context, m *Model) (map[time.Time]string, error) {
	reasons := map[time.Time]string{}
	return reasons, r.w.each(ctx, func(rows *sql.Rows) error {
		var date time.Time
		var reason string
		err := rows.Scan(&date, &reason)
		reasons[date.UTC()] = reason
		return err
	}, "select date, min(reason) from ops.waiting where model = ? group by date", m.Name)
}
