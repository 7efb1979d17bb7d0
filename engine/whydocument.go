package engine

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/ccdexplorer/nightrunner/internal/wording"
)

// A notThere is an answer: what is asked for does not exist, and why.
type notThere struct{ error }

func (n *notThere) Unwrap() error { return n.error }

func missing(hint, format string, args ...any) error {
	return &notThere{WithHint(fmt.Errorf(format, args...), "%s", hint)}
}

// whyExamples is how many rows are named where there are several.
const whyExamples = 5

var (
	dayPattern = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	// almostDay is a day as some write it.
	almostDay = regexp.MustCompile(`^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}$`)
)

// readDocument finds the document, or the rows of the day.
func (y *why) readDocument(ctx context.Context) error {
	if len(y.columns[y.m.Name]) == 0 {
		return missing("nightrunner build --select "+y.m.Name, "%s is not built yet", y.m.Name)
	}
	where, err := y.which(ctx)
	if err != nil {
		return err
	}
	from := y.m.Name + " where " + where
	if err := y.conn.QueryRowContext(ctx, "select count(*) from "+from).Scan(&y.report.Rows); err != nil {
		return err
	}
	switch {
	case y.report.Rows == 0 && dayPattern.MatchString(y.o.Which):
		return y.missingDay(ctx)
	case y.report.Rows == 0:
		return y.missingID(ctx)
	case y.report.Rows > 1:
		return y.severalRows(ctx, from)
	}
	if err := y.readRow(ctx, from); err != nil {
		return err
	}
	if err := y.encode(ctx, from); err != nil {
		return err
	}
	return y.readField()
}

// which is a condition on the rows that are asked for.
func (y *why) which(ctx context.Context) (string, error) {
	if !dayPattern.MatchString(y.o.Which) {
		if !y.has(y.m.Name, "_id") || almostDay.MatchString(y.o.Which) || y.o.Which == "" {
			return "", fmt.Errorf("%w: %q is no day like 2021-06-09", ErrUsage, y.o.Which)
		}
		return "_id = " + quote(y.o.Which), nil
	}
	date, err := time.Parse(time.DateOnly, y.o.Which)
	if err != nil {
		return "", fmt.Errorf("%w: %s is no date", ErrUsage, y.o.Which)
	}
	if !y.has(y.m.Name, "date") {
		return "", WithHint(fmt.Errorf("%w: %s has no days", ErrUsage, y.o.Statistic), "%s", y.otherWay(ctx))
	}
	y.days = periodOf(y.m.Grain, date)
	return "date = " + quote(y.days.first.Format(time.DateOnly)), nil
}

// periodOf are the days that a row of a date is about: the week or month that holds it, else the day.
func periodOf(grain string, date time.Time) dayspan {
	switch grain {
	case "week":
		monday := date.AddDate(0, 0, -(int(date.Weekday())+6)%7)
		return dayspan{monday, monday.AddDate(0, 0, 6)}
	case "month":
		first := time.Date(date.Year(), date.Month(), 1, 0, 0, 0, 0, time.UTC)
		return dayspan{first, first.AddDate(0, 1, -1)}
	}
	return dayspan{date, date}
}

// otherWay is how to ask for what has no days.
func (y *why) otherWay(ctx context.Context) string {
	if !y.has(y.m.Name, "_id") {
		return "its rows cannot be told apart: ask for a statistic that reads it, or look at it with nightrunner query"
	}
	var id sql.NullString
	if err := y.conn.QueryRowContext(ctx, "select min(_id) from "+y.m.Name).Scan(&id); err != nil || !id.Valid {
		return "name a document by its _id"
	}
	return "name a document by its _id, as " + id.String
}

// missingDay says what a day waits for, or which days there are.
func (y *why) missingDay(ctx context.Context) error {
	var reason sql.NullString
	err := y.conn.QueryRowContext(ctx, "select max(reason) from ops.waiting where model = ? and "+y.days.where(), y.m.Name).Scan(&reason)
	if err != nil {
		return err
	}
	if reason.Valid {
		return missing("it is built by itself when that arrives; nightrunner status lists all that waits", "%s has no %s: the day waits for %s", y.o.Statistic, y.o.Which, reason.String)
	}
	var days []time.Time
	err = y.each(ctx, func(rows *sql.Rows) error {
		var date time.Time
		err := rows.Scan(&date)
		days = append(days, date)
		return err
	}, "select distinct date::date as date from "+y.m.Name+" where date is not null order by date")
	if err != nil {
		return err
	}
	if len(days) == 0 {
		return missing("nightrunner status tells what it waits for", "%s has no day at all", y.o.Statistic)
	}
	hint := "days: " + Ranges(days)
	if len(hint) > longHint {
		hint = nearestDays(days, y.days.first)
	}
	if y.m.Grain == "week" || y.m.Grain == "month" {
		hint = fmt.Sprintf("from the %s of %s to that of %s", y.m.Grain, days[0].Format(time.DateOnly), days[len(days)-1].Format(time.DateOnly))
	}
	return missing(hint, "%s has no %s", y.o.Statistic, y.o.Which)
}

// longHint is more than one wants to read of days.
const longHint = 120

// nearestDays names those before and after a day that is missing. The days are sorted.
func nearestDays(days []time.Time, missing time.Time) string {
	at, _ := slices.BinarySearchFunc(days, missing, time.Time.Compare)
	var near []string
	for _, one := range days[max(0, at-1):min(len(days), at+1)] {
		near = append(near, one.Format(time.DateOnly))
	}
	return fmt.Sprintf("it has %s from %s to %s; nearest: %s", wording.Count(int64(len(days)), "day"), days[0].Format(time.DateOnly),
		days[len(days)-1].Format(time.DateOnly), strings.Join(near, " and "))
}

// missingID tells the most similar _id.
func (y *why) missingID(ctx context.Context) error {
	var id sql.NullString
	err := y.conn.QueryRowContext(ctx, "select arg_min(_id, levenshtein(_id, ?)) from "+y.m.Name, y.o.Which).Scan(&id)
	if err != nil {
		return err
	}
	return missing("nearest: "+id.String, "%s has no document %s", y.o.Statistic, y.o.Which)
}

// severalRows names a few of the rows of a day.
func (y *why) severalRows(ctx context.Context, from string) error {
	y.setDays()
	name, order := "to_json(t)::varchar", "order by 1"
	if y.has(y.m.Name, "_id") {
		name, order = "_id", "order by _id"
	}
	err := y.each(ctx, func(rows *sql.Rows) error {
		var one string
		err := rows.Scan(&one)
		y.report.Examples = append(y.report.Examples, one)
		return err
	}, fmt.Sprintf("select %s from (select * from %s) as t %s limit %d", name, from, order, whyExamples))
	if err == nil && y.o.Field != "" {
		err = WithHint(fmt.Errorf("%w: %s has %d documents on %s: which one's %s?", ErrUsage, y.o.Statistic, y.report.Rows, y.o.Which, y.o.Field),
			"name one by its _id, as %s", y.report.Examples[0])
	}
	return err
}

// readRow reads the row as texts: for its date, its _id and its keys.
func (y *why) readRow(ctx context.Context, from string) error {
	columns := y.columns[y.m.Name]
	cells, into, list := make([]sql.NullString, len(columns)), make([]any, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		into[i], list[i] = &cells[i], identifier(c.Name)+"::varchar"
	}
	if err := y.conn.QueryRowContext(ctx, "select "+strings.Join(list, ", ")+" from "+from).Scan(into...); err != nil {
		return err
	}
	y.row = map[string]sql.NullString{}
	for i, c := range columns {
		y.row[c.Name] = cells[i]
	}
	y.report.ID = y.row["_id"].String
	if date, err := time.Parse(time.DateOnly, y.row["date"].String); err == nil {
		y.days = periodOf(y.m.Grain, date)
	}
	y.setDays()
	return nil
}

func (y *why) setDays() {
	y.report.First, y.report.Last = dateOrNone(y.days.first), dateOrNone(y.days.last)
}

// encode makes the document as an exporter writes it; a row that is none becomes a JSON object.
func (y *why) encode(ctx context.Context, from string) error {
	if y.m.Export == "" || y.o.Document == nil {
		var text string
		err := y.conn.QueryRowContext(ctx, "select to_json(t)::varchar from (select * from "+from+") as t").Scan(&text)
		y.report.Document = json.RawMessage(text)
		return err
	}
	return y.conn.Raw(func(raw any) error {
		connection, err := duckdb.NewArrowFromConn(raw.(driver.Conn))
		if err != nil {
			return err
		}
		reader, err := connection.QueryContext(ctx, "select * from "+from)
		if err != nil {
			return err
		}
		defer reader.Release()
		if !reader.Next() {
			return errors.Join(errors.New("the row is gone"), reader.Err())
		}
		y.report.Document, err = y.o.Document(reader.RecordBatch(), y.m.Spread)
		return err
	})
}

// readField finds the field's value within the document, and the column it comes from.
func (y *why) readField() error {
	if y.o.Field == "" {
		return nil
	}
	value, top, found := inside(y.report.Document, y.o.Field)
	if !found {
		all := map[string]bool{}
		paths(y.report.Document, "", all)
		return WithHint(fmt.Errorf("%w: the document has no field %s", ErrUsage, y.o.Field), "%sfields: %s", Suggest("nearest: %s; ", y.o.Field, all), strings.Join(topFields(y.report.Document), ", "))
	}
	f := &WhyField{Name: y.o.Field, Value: value, Column: top}
	if !y.has(y.m.Name, top) {
		f.Column = y.m.Spread
	}
	at := slices.IndexFunc(y.columns[y.m.Name], func(c Column) bool { return c.Name == f.Column })
	if at >= 0 {
		f.Type, f.Meaning = y.columns[y.m.Name][at].Type, y.columns[y.m.Name][at].Comment
	}
	y.report.Field = f
	return nil
}

// inside finds a.b.c in a JSON value; names may hold dots themselves. top is the outermost name.
func inside(value json.RawMessage, path string) (found json.RawMessage, top string, ok bool) {
	if list := []json.RawMessage(nil); json.Unmarshal(value, &list) == nil {
		head, rest, more := strings.Cut(path, ".")
		at, err := strconv.Atoi(head)
		if err != nil || at < 0 || at >= len(list) {
			return nil, "", false
		}
		if !more {
			return list[at], head, true
		}
		found, _, ok = inside(list[at], rest)
		return found, head, ok
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(value, &fields) != nil {
		return nil, "", false
	}
	for name, one := range fields {
		if name == path {
			return one, name, true
		}
		if rest, is := strings.CutPrefix(path, name+"."); is {
			if found, _, ok := inside(one, rest); ok {
				return found, name, true
			}
		}
	}
	return nil, "", false
}

// paths collects the paths of all values.
func paths(value json.RawMessage, prefix string, into map[string]bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(value, &fields) != nil {
		return
	}
	for name, one := range fields {
		into[prefix+name] = true
		paths(one, prefix+name+".", into)
	}
}

// topFields are the names of a JSON object's fields, in their order.
func topFields(document json.RawMessage) []string {
	decoder := json.NewDecoder(bytes.NewReader(document))
	var list []string
	if _, err := decoder.Token(); err != nil {
		return nil
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return list
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return list
		}
		list = append(list, fmt.Sprint(name))
	}
	return list
}
