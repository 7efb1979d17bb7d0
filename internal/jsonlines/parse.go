package jsonlines

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
)

// parsed is what stands in a file: a row per thing, in the order of their first lines.
type parsed struct {
	rows    []Row
	rejects []engine.Reject
	// lines counts lines that are not empty; broken those that are rejects, but for answers that were recorded as such.
	lines, broken int64
	// repeated counts lines about what another line is about.
	repeated, firstRepeated int64

	// at is the place of each row; failed are the broken lines about something.
	at     map[string]int
	failed map[string][]failure
}

// failure is a broken line: the place of its reject, and whether it counts as broken.
type failure struct {
	reject int
	counts bool
	line   int64
}

func (t *Table) parse(data []byte) parsed {
	out := parsed{at: map[string]int{}, failed: map[string][]failure{}}
	number := int64(0)
	for line := range bytes.Lines(data) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		out.lines++
		read := t.parseLine(line)
		for _, reject := range read.rejects {
			reject.File, reject.Line = t.File, number
			out.rejects = append(out.rejects, reject)
		}
		if read.broken {
			out.fail(read, number)
		} else {
			out.take(t, read.rows, number)
		}
	}
	out.rejects = slices.DeleteFunc(out.rejects, func(r engine.Reject) bool { return r.Reason == "" })
	return out
}

// fail notes a broken line.
func (p *parsed) fail(read reading, number int64) {
	if !read.recorded {
		p.broken++
	}
	if read.key != "" {
		p.failed[read.key] = append(p.failed[read.key], failure{len(p.rejects) - 1, !read.recorded, number})
	}
}

// take adds the rows of a line; they replace what earlier lines say of the same things, broken ones as well.
func (p *parsed) take(t *Table, rows []Row, number int64) {
	repeats := false
	for _, row := range rows {
		key := t.key(row)
		if place, there := p.at[key]; there {
			p.rows[place] = row
			repeats = true
		} else {
			p.at[key] = len(p.rows)
			p.rows = append(p.rows, row)
		}
		for _, one := range p.failed[key] {
			p.rejects[one.reject].Reason = ""
			if one.counts {
				p.broken--
			}
			p.repeat(number)
		}
		delete(p.failed, key)
	}
	if repeats {
		p.repeat(number)
	}
}

func (p *parsed) repeat(number int64) {
	if p.repeated == 0 {
		p.firstRepeated = number
	}
	p.repeated++
}

// reading is a line as read.
type reading struct {
	rows []Row
	// rejects: one for a broken line, or some for parts of it.
	rejects []engine.Reject
	broken  bool
	// key tells what a broken line is about, "" where it does not say; recorded: it was a reject when it was recorded.
	key      string
	recorded bool
}

// parseLine reads a line. A reject has its day if that can be read.
func (t *Table) parseLine(line []byte) reading {
	d, err := newDocument(line)
	if err != nil {
		return reading{broken: true, rejects: []engine.Reject{{Reason: "is no such JSON: " + err.Error(), Content: string(line)}}}
	}
	rows := t.Read(d)
	if d.err == nil {
		if len(d.rejects) > 0 {
			// The body stands once.
			d.rejects[0].Content = string(line)
		}
		return reading{rows: rows, rejects: d.rejects}
	}
	out := reading{broken: true, recorded: d.Has(rejected)}
	reject := engine.Reject{Field: d.field, Reason: d.err.Error(), Content: string(line)}
	if len(rows) == 1 {
		reject.Date, _ = rows[0][0].(time.Time)
		if !slices.Contains(rows[0][:t.Keys], nil) {
			out.key = t.key(rows[0])
		}
	}
	out.rejects = []engine.Reject{reject}
	return out
}

// ReadLine reads a line; an error says why it is a reject.
func (t *Table) ReadLine(line []byte) ([]Row, error) {
	read := t.parseLine(line)
	if read.broken {
		return nil, errors.New(read.rejects[0].Reason)
	}
	return read.rows, nil
}

func (t *Table) key(row Row) string { return fmt.Sprintf("%q", row[:t.Keys]) }
