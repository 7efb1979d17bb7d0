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
	buffer           []byte
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

// quoted reads a row with quotes as RFC 4180 has it: commas, doubled quotes and line ends may stand within.
func (r *records) quoted() error {
	r.start, r.startLine = r.at, r.line
	r.fields, r.buffer = r.fields[:0], r.buffer[:0]
	var ends []int
	inside := false
	i := r.at
	for ; i < len(r.data); i++ {
		c := r.data[i]
		switch {
		case c == '"' && inside && i+1 < len(r.data) && r.data[i+1] == '"':
			r.buffer = append(r.buffer, '"')
			i++
		case c == '"':
			inside = !inside
		case c == '\n' && inside:
			r.line++
			r.buffer = append(r.buffer, c)
		case c == ',' && !inside:
			ends = append(ends, len(r.buffer))
		case c == '\n':
			r.line++
			r.at = i + 1
			if n := len(r.buffer); n > 0 && r.buffer[n-1] == '\r' {
				r.buffer = r.buffer[:n-1]
			}
			start := 0
			for _, end := range append(ends, len(r.buffer)) {
				r.fields = append(r.fields, r.buffer[start:end])
				start = end
			}
			return nil
		default:
			r.buffer = append(r.buffer, c)
		}
	}
	return errFileQuote
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
