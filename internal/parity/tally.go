package parity

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/internal/docdiff"
	"github.com/ccdexplorer/nightrunner/internal/extjson"
)

// mostFields bounds how many fields of a statistic are told apart. Names of fields may be data.
const mostFields = 1000

// otherFields stands for those beyond.
const otherFields = "…"

// A tally counts the differences of one statistic.
type tally struct {
	options   Options
	statistic *Statistic
	calendar  *calendar
	// different and rounding are days; both are days of which both sides have documents, or one.
	different, rounding daySet
	ours, theirs        side
	fields              map[fieldKey]*field
	err                 error
}

// A side counts its documents per day.
type side struct {
	// has are the days of which it has documents.
	has daySet
	// alone counts the documents that the other side does not have, per day; undated those of no day.
	alone   []int64
	first   []string
	undated int64
	example string
}

type fieldKey struct {
	field string
	kind  docdiff.Kind
}

type field struct {
	Field
	days daySet
}

func newTally(o Options, name string) *tally {
	return &tally{options: o, statistic: &Statistic{Name: name}, calendar: &calendar{numbers: map[string]int{}}, fields: map[fieldKey]*field{}}
}

func (s *side) take(day int, id string) {
	if day < 0 {
		if s.undated++; s.example == "" {
			s.example = id
		}
		return
	}
	for len(s.alone) <= day {
		s.alone, s.first = append(s.alone, 0), append(s.first, "")
	}
	if s.alone[day]++; s.first[day] == "" {
		s.first[day] = id
	}
}

func (t *tally) onlyOurs(id string, document bsoncore.Document) {
	day := t.calendar.number(dayOf(document))
	t.ours.has.add(day)
	t.ours.take(day, id)
	t.statistic.OnlyOurs++
}

func (t *tally) onlyTheirs(id string, document bsoncore.Document) {
	day := t.calendar.number(dayOf(document))
	t.theirs.has.add(day)
	t.theirs.take(day, id)
	t.statistic.OnlyTheirs++
}

// pair compares two documents of one `_id`. They are of the day that ours says.
func (t *tally) pair(id string, ours, theirs bsoncore.Document) error {
	text := dayOf(ours)
	day := t.calendar.number(text)
	t.ours.has.add(day)
	t.theirs.has.add(day)
	t.theirs.has.add(t.calendar.number(dayOf(theirs)))
	seen, heavy := map[docdiff.Kind]bool{}, false
	err := t.options.Rules.Compare(ours, theirs, func(d docdiff.Difference) {
		seen[d.Kind] = true
		heavy = heavy || d.Kind.Heavy()
		t.difference(id, text, day, d)
	})
	if err != nil {
		return err
	}
	s := t.statistic
	switch {
	case heavy:
		s.Different++
		t.different.add(day)
	case seen[docdiff.Rounding]:
		s.Rounding++
		t.rounding.add(day)
	default:
		s.Equal++
	}
	if seen[docdiff.Type] {
		s.Types++
	}
	if seen[docdiff.Order] {
		s.Order++
	}
	return t.err
}

func (t *tally) difference(id, text string, day int, d docdiff.Difference) {
	key := fieldKey{d.Field, d.Kind}
	f := t.fields[key]
	if f == nil && len(t.fields) >= mostFields {
		key.field = otherFields
		f = t.fields[key]
	}
	if f == nil {
		f = &field{Field: Field{Field: key.field, Kind: kind(d.Kind)}}
		t.fields[key] = f
	}
	f.Documents++
	f.days.add(day)
	// JSON has no infinity; such a difference is seen in its examples.
	if !math.IsInf(d.Apart, 0) {
		f.Apart, f.Relative = max(f.Apart, d.Apart), max(f.Relative, d.Relative)
	}
	if len(f.Examples) < t.options.Examples {
		f.Examples = append(f.Examples, Example{ID: id, Day: text, Ours: t.json(d.First), Theirs: t.json(d.Second)})
	}
}

func (t *tally) json(value bsoncore.Value) json.RawMessage {
	if value.Type == 0 {
		return nil
	}
	text, err := extjson.AppendValue(nil, value)
	if err != nil && t.err == nil {
		t.err = err
	}
	return text
}

// finish sums up. waiting says what ours waits for, per day.
func (t *tally) finish(waiting map[string]string) *Statistic {
	s := t.statistic
	s.DifferentDays = t.calendar.tell(t.different.has)
	s.RoundingDays = t.calendar.tell(func(day int) bool { return t.rounding.has(day) && !t.different.has(day) })
	s.Ours, s.Theirs = t.missing(&t.ours, &t.theirs), t.missing(&t.theirs, &t.ours)
	s.Waiting = t.waiting(waiting)
	for _, f := range t.fields {
		f.Days = t.calendar.tell(f.days.has)
		s.Fields = append(s.Fields, f.Field)
	}
	slices.SortFunc(s.Fields, func(a, b Field) int {
		return cmp.Or(cmp.Compare(weight(a.Kind), weight(b.Kind)), cmp.Compare(b.Documents, a.Documents), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Kind, b.Kind))
	})
	return s
}

// Kinds of differences as a report calls them, the heaviest first.
const (
	Different  = "different"
	OnlyOurs   = "only_ours"
	OnlyTheirs = "only_theirs"
	Rounding   = "rounding"
	Type       = "type"
	Order      = "order"
)

// kind of a difference between ours, the first document, and theirs.
func kind(k docdiff.Kind) string {
	switch k {
	case docdiff.Removed:
		return OnlyOurs
	case docdiff.Added:
		return OnlyTheirs
	}
	return string(k)
}

// weight sorts kinds, the heaviest first.
func weight(kind string) int {
	return slices.Index([]string{Different, OnlyOurs, OnlyTheirs, Rounding, Type, Order}, kind)
}

// missing sums up what one side alone has; nil for nothing.
func (t *tally) missing(one, other *side) *Missing {
	alone := func(day int) bool { return day < len(one.alone) && one.alone[day] > 0 }
	whole := func(day int) bool { return alone(day) && !other.has.has(day) }
	within := func(day int) bool { return alone(day) && other.has.has(day) }
	m := &Missing{Days: t.calendar.tell(whole), Within: t.calendar.tell(within), Documents: one.undated, Examples: []string{}}
	// Documents of days that both have are the more telling examples.
	var ofDays []string
	if one.example != "" {
		m.Examples = append(m.Examples, one.example)
	}
	for day, count := range one.alone {
		switch {
		case whole(day):
			m.DayDocuments += count
			ofDays = append(ofDays, one.first[day])
		case within(day):
			m.Documents += count
			m.Examples = append(m.Examples, one.first[day])
		}
	}
	if m.Documents+m.DayDocuments == 0 {
		return nil
	}
	slices.Sort(m.Examples)
	slices.Sort(ofDays)
	m.Examples = append(m.Examples, ofDays...)
	m.Examples = m.Examples[:min(len(m.Examples), t.options.Examples)]
	return m
}

// waiting groups the days that theirs alone has by what ours waits for.
func (t *tally) waiting(reasons map[string]string) []Waiting {
	groups := map[string]daySet{}
	for n, day := range t.calendar.days {
		if reason := reasons[day]; reason != "" && t.theirs.has.has(n) && !t.ours.has.has(n) {
			days := groups[reason]
			days.add(n)
			groups[reason] = days
		}
	}
	var list []Waiting
	for _, reason := range sortedKeys(groups) {
		list = append(list, Waiting{reason, *t.calendar.tell(groups[reason].has)})
	}
	return list
}
