package balances

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// What fails a file as a whole.
var (
	errFileEmpty  = errors.New("the file is empty: no rows; copy it again")
	errFileBinary = errors.New("the file is no text: it holds NUL bytes or no UTF-8; copy it again")
	errFileCut    = errors.New("the file is cut off: its last row has no line end; copy it again, or add the line end if it is whole")
	errQuote      = errors.New("a quote stands within a field, not around it")
	errFileQuote  = errors.New("the file is cut off: a quote is not closed; copy it again")
)

// records walks the rows of a CSV that is in memory. Fields are slices of the file, valid until the next call, except
// that those of a row with quotes are slices of a buffer.
type records struct {
	data []byte
	// at is the offset of the next row, line its number in the file, counted from 1.
	at, line int
	fields   [][]byte
	// start and startLine are those of the row that was read.
	start, startLine int
	// bad says why the row that was read is none.
	bad    error
	buffer []byte
}

// newRecords checks that data can be a CSV at all.
func newRecords(data []byte) (*records, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errFileEmpty
	case bytes.IndexByte(data, 0) >= 0 || !utf8.Valid(data):
		return nil, errFileBinary
	case data[len(data)-1] != '\n':
		return nil, errFileCut
	}
	return &records{data: data, line: 1}, nil
}

// next reads a row; false at the end. Empty lines are no rows.
func (r *records) next() (bool, error) {
	r.bad = nil
	for r.at < len(r.data) {
		rest := r.data[r.at:]
		end := bytes.IndexByte(rest, '\n')
		line := rest[:end]
		if bytes.IndexByte(line, '"') >= 0 {
			return true, r.quoted()
		}
		r.start, r.startLine = r.at, r.line
		r.at += end + 1
		r.line++
		if len(line) > 0 && line[len(line)-1] == '\r' {
			line = line[:len(line)-1]
		}
		if len(line) == 0 {
			continue
		}
		r.fields = r.fields[:0]
		for {
			comma := bytes.IndexByte(line, ',')
			if comma < 0 {
				r.fields = append(r.fields, line)
				return true, nil
			}
			r.fields = append(r.fields, line[:comma])
			line = line[comma+1:]
		}
	}
	return false, nil
}

// quoted reads a row with quotes as RFC 4180 has it: a field that starts with a quote ends with one, and commas, doubled
// quotes and line ends may stand within. A row with a quote elsewhere is bad: it ends with its line, whatever follows.
func (r *records) quoted() error {
	r.start, r.startLine = r.at, r.line
	r.fields, r.buffer = r.fields[:0], r.buffer[:0]
	var ends []int
	at, lines := r.at, 0
	for {
		end, breaks, ok := r.field(at)
		if end < 0 {
			return errFileQuote
		}
		if !ok {
			return r.skipLine()
		}
		ends = append(ends, len(r.buffer))
		at, lines = end+1, lines+breaks
		if r.data[end] == '\n' {
			break
		}
	}
	r.at, r.line = at, r.line+lines+1
	start := 0
	for _, end := range ends {
		r.fields = append(r.fields, r.buffer[start:end])
		start = end
	}
	return nil
}

// field appends the field that starts at an offset to the buffer: end is the comma or line end behind it, -1 when a quote
// is not closed; ok is false when a quote stands where none may.
func (r *records) field(at int) (end, breaks int, ok bool) {
	if r.data[at] != '"' {
		size := bytes.IndexAny(r.data[at:], ",\n")
		text := r.data[at : at+size]
		if r.data[at+size] == '\n' {
			text = bytes.TrimSuffix(text, []byte("\r"))
		}
		r.buffer = append(r.buffer, text...)
		return at + size, 0, bytes.IndexByte(text, '"') < 0
	}
	for at++; ; {
		size := bytes.IndexByte(r.data[at:], '"')
		if size < 0 {
			return -1, 0, false
		}
		r.buffer = append(r.buffer, r.data[at:at+size]...)
		breaks += bytes.Count(r.data[at:at+size], []byte("\n"))
		at += size + 1
		rest := bytes.TrimPrefix(r.data[at:], []byte("\r"))
		switch {
		case len(rest) == 0:
			return -1, 0, false
		case r.data[at] == '"':
			r.buffer = append(r.buffer, '"')
			at++
		case r.data[at] == ',':
			return at, breaks, true
		case rest[0] == '\n':
			return len(r.data) - len(rest), breaks, true
		default:
			return at, breaks, false
		}
	}
}

// skipLine passes over a line that is no row.
func (r *records) skipLine() error {
	r.fields, r.bad = r.fields[:0], errQuote
	r.at = r.start + bytes.IndexByte(r.data[r.start:], '\n') + 1
	r.line++
	return nil
}

// row is the text of the row that was read.
func (r *records) row() string {
	return string(bytes.TrimRight(r.data[r.start:r.at], "\r\n"))
}

// header reads the first row: the place of each column by name. A name that stands twice is an error.
func (r *records) header() (map[string]int, []string, error) {
	if _, err := r.next(); err != nil {
		return nil, nil, err
	}
	if r.bad != nil {
		return nil, nil, fmt.Errorf("the header cannot be read: %w", r.bad)
	}
	places := map[string]int{}
	names := make([]string, len(r.fields))
	for i, field := range r.fields {
		name := string(bytes.TrimSpace(field))
		names[i] = name
		if _, twice := places[name]; twice && name != "" {
			return nil, nil, fmt.Errorf("the header names column %q twice", name)
		}
		places[name] = i
	}
	if r.at >= len(r.data) {
		return nil, nil, errFileEmpty
	}
	return places, names, nil
}
