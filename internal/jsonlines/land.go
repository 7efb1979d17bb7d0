package jsonlines

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
)

// An Answer is what a server said to a question, as a line of the file that a recording has it in.
type Answer struct {
	Table *Table
	// Asked names the question. When it is asked again, its reject of last time goes.
	Asked string
	Line  []byte
}

// NewAnswer makes the line of a document.
func NewAnswer(table *Table, asked string, document any) (Answer, error) {
	line, err := marshal(document)
	return Answer{table, asked, line}, err
}

// marshal writes JSON with angle brackets as they are: people read it in raw.rejects.
func marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSpace(out.Bytes()), err
}

// Body is what a server sent, as it stands in a line: JSON as it came, and a text for what is none. So is a mere null,
// which in a line means that there was no answer.
func Body(content []byte) json.RawMessage {
	if json.Valid(content) && string(bytes.TrimSpace(content)) != "null" {
		return content
	}
	// A text can always be written: what is no UTF-8 is replaced.
	text, _ := marshal(string(content))
	return text
}

// A Landing takes answers of a server into raw tables, and records them.
type Landing struct {
	in       *engine.Intake
	recorder *Recorder
	// Bad counts answers that were rejects; inARow those since the last good one.
	Bad    int
	inARow int
	// First is the first reject.
	First string
}

// NewLanding makes a landing; recorder may be nil.
func NewLanding(in *engine.Intake, recorder *Recorder) *Landing {
	return &Landing{in: in, recorder: recorder}
}

// Hopeless reports that the last few answers all were rejects: asking further is of no use.
func (l *Landing) Hopeless() bool { return l.inARow >= 3 }

// Land brings answers into their tables, all in one transaction: rows replace those of the same key, a reject changes no
// row. It is recorded before it lands, so what a kill leaves out is asked for and recorded again; the later line counts.
func (l *Landing) Land(ctx context.Context, answers []Answer) error {
	var batches []*batch
	byFile := map[string]*batch{}
	for _, answer := range answers {
		b := byFile[answer.Table.File]
		if b == nil {
			b = &batch{table: answer.Table}
			byFile[answer.Table.File] = b
			batches = append(batches, b)
		}
		l.read(b, answer)
	}
	for _, b := range batches {
		if err := l.recorder.Append(b.table.File, b.lines); err != nil {
			// What was asked for is worth more than its recording.
			l.in.Report().Failure = fmt.Sprintf("record answers: %v", err)
			l.recorder = nil
		}
	}
	return l.in.Transact(ctx, func() error {
		for _, b := range batches {
			if err := b.land(ctx, l.in); err != nil {
				return fmt.Errorf("%s: %w", b.table.Name, err)
			}
		}
		return nil
	})
}

// batch is what lands in one table.
type batch struct {
	table   *Table
	asked   []string
	lines   [][]byte
	rows    []Row
	rejects []engine.Reject
}

func (l *Landing) read(b *batch, answer Answer) {
	read := b.table.parseLine(answer.Line)
	for _, reject := range read.rejects {
		reject.File, reject.DocumentID = b.table.File, answer.Asked
		b.rejects = append(b.rejects, reject)
	}
	b.asked = append(b.asked, answer.Asked)
	l.in.Report().Read++
	l.in.Report().Rows++
	if !read.broken {
		l.inARow = 0
		b.rows = append(b.rows, read.rows...)
		b.lines = append(b.lines, answer.Line)
		return
	}
	l.Bad++
	l.inARow++
	reason := strings.TrimSpace(read.rejects[0].Field + " " + read.rejects[0].Reason)
	if l.First == "" {
		l.First = fmt.Sprintf("%s: %s", answer.Asked, reason)
	}
	b.lines = append(b.lines, markRejected(answer.Line, reason))
}

// markRejected adds to a recorded line that it was a reject and why, so that a folder with it is no broken one.
func markRejected(line []byte, reason string) []byte {
	word, _ := marshal(reason)
	return fmt.Appendf(nil, "%s,%q:%s}", line[:len(line)-1], rejected, word)
}

func (b *batch) land(ctx context.Context, in *engine.Intake) error {
	if err := in.ReplaceRejects(ctx, b.table.File, b.asked, b.rejects); err != nil {
		return err
	}
	if len(b.rows) == 0 {
		return nil
	}
	if err := b.table.Stage(ctx, in, b.rows); err != nil {
		return err
	}
	keys := b.table.keyList()
	for _, statement := range []string{
		fmt.Sprintf("delete from %s where (%s) in (select (%s) from temp.staged)", b.table.Name, keys, keys),
		fmt.Sprintf("insert into %s by name from temp.staged", b.table.Name),
		"drop table temp.staged",
	} {
		if err := in.Exec(ctx, statement); err != nil {
			return err
		}
	}
	in.Report().Changed += int64(len(b.rows))
	seen := map[time.Time]bool{}
	var days []time.Time
	for _, row := range b.rows {
		if day := row[0].(time.Time); !seen[day] {
			seen[day] = true
			days = append(days, day)
		}
	}
	return in.MarkDays(ctx, b.table.Name, days, func(time.Time) bool { return true })
}
