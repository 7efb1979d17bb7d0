package jsonlines

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A Document is a line that is being read. Fields are named by dotted paths. The first field that cannot be read makes
// the line a reject.
type Document struct {
	fields map[string]any
	err    error
	field  string
	// rejects are parts of the line that cannot be read.
	rejects []engine.Reject
}

// rejected is the field by which a recording says that its line was a reject.
const rejected = "rejected"

func newDocument(line []byte) (*Document, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	d := &Document{}
	if err := decoder.Decode(&d.fields); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value on the line")
	}
	return d, nil
}

// Fail says that a field cannot be read.
func (d *Document) Fail(path, format string, args ...any) {
	if d.err == nil {
		d.field, d.err = path, fmt.Errorf(format, args...)
	}
}

// Reject says that a part of the line, which is about a day, cannot be read; the rest of it counts.
func (d *Document) Reject(day time.Time, path string, content any, format string, args ...any) {
	d.rejects = append(d.rejects, engine.Reject{Date: day, Field: path, Content: fmt.Sprint(content), Reason: fmt.Sprintf(format, args...)})
}

// Failed reports whether a field could not be read.
func (d *Document) Failed() bool { return d.err != nil }

// Has reports whether a field is there and not null.
func (d *Document) Has(path string) bool { return d.lookup(path) != nil }

func (d *Document) lookup(path string) any {
	var value any = d.fields
	for word := range strings.SplitSeq(path, ".") {
		fields, isObject := value.(map[string]any)
		if !isObject && value != nil {
			d.Fail(path, "stands in %s, not in an object", shown(value))
			return nil
		}
		value = fields[word]
	}
	return value
}

// Day reads a text YYYY-MM-DD.
func (d *Document) Day(path string) any {
	day, err := time.Parse(time.DateOnly, d.String(path))
	if err != nil {
		d.Fail(path, "is %s, not a day YYYY-MM-DD", shown(d.lookup(path)))
		return nil
	}
	return day
}

// Text reads a text that is not empty.
func (d *Document) Text(path string) any {
	text := d.String(path)
	if text == "" {
		d.Fail(path, "is %s, not a text", shown(d.lookup(path)))
	}
	return text
}

// OptionalText reads a text, or nil.
func (d *Document) OptionalText(path string) any {
	if !d.Has(path) {
		return nil
	}
	return d.Text(path)
}

// String is a text, or "" where there is none.
func (d *Document) String(path string) string {
	text, _ := d.lookup(path).(string)
	return text
}

// Whole reads a whole number from 0 to limit, written as a number or as a text.
func (d *Document) Whole(path string, limit uint64) any {
	var text string
	switch value := d.lookup(path).(type) {
	case json.Number:
		text = value.String()
	case string:
		text = value
	}
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil || number > limit {
		d.Fail(path, "is %s, not a whole number from 0 to %d", shown(d.lookup(path)), limit)
	}
	return number
}

// OptionalWhole reads a whole number, or nil.
func (d *Document) OptionalWhole(path string, limit uint64) any {
	if !d.Has(path) {
		return nil
	}
	return d.Whole(path, limit)
}

// Moment reads a time as RFC 3339 writes it.
func (d *Document) Moment(path string) any {
	moment, err := time.Parse(time.RFC3339, d.String(path))
	if err != nil {
		d.Fail(path, "is %s, not a time like 2025-10-29T02:00:00Z", shown(d.lookup(path)))
		return nil
	}
	return moment.UTC()
}

// Real reads a number that is finite and not negative.
func (d *Document) Real(path string) any {
	number, isNumber := RealOf(d.lookup(path))
	if !isNumber {
		d.Fail(path, "is %s, not a number of 0 or more", shown(d.lookup(path)))
		return nil
	}
	return number
}

// RealOf is a value of a document as a number that is finite and not negative.
func RealOf(value any) (number float64, isNumber bool) {
	text, isNumber := value.(json.Number)
	if !isNumber {
		return 0, false
	}
	number, err := text.Float64()
	return number, err == nil && number >= 0
}

// Object reads an object that has fields.
func (d *Document) Object(path string) map[string]any {
	fields, _ := d.lookup(path).(map[string]any)
	if len(fields) == 0 {
		d.Fail(path, "is %s, not an object with fields", shown(d.lookup(path)))
	}
	return fields
}

// List reads a list that is not empty.
func (d *Document) List(path string) []any {
	list, _ := d.lookup(path).([]any)
	if len(list) == 0 {
		d.Fail(path, "is %s, not a list with entries", shown(d.lookup(path)))
	}
	return list
}

// Shown is a value as a reject's reason shows it.
func Shown(value any) string { return shown(value) }

// shown is a value as a reject's reason shows it.
func shown(value any) string {
	switch value := value.(type) {
	case nil:
		return "missing"
	case string:
		return fmt.Sprintf("%.80q", value)
	}
	return fmt.Sprintf("%.80s", fmt.Sprint(value))
}
