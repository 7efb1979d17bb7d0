package parity

import (
	"encoding/json"
	"fmt"
)

// A Report is the outcome of a comparison. Its JSON is an interface: docs/parity.md.
type Report struct {
	// Warehouse says what ours was read from.
	Warehouse string `json:"warehouse"`
	// Against is theirs without secrets; From and To are the days compared, "" for open ends.
	Against string `json:"against"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	// Rules as used.
	Rules Rules `json:"rules"`
	// Same: nothing is different or missing.
	Same bool `json:"same"`
	// Totals of all statistics that both have.
	Totals     Counts       `json:"totals"`
	Statistics []*Statistic `json:"statistics"`
	// OnlyOurs are statistics of which theirs has no document. They count as missing when they were selected by name.
	OnlyOurs []Other `json:"only_ours,omitempty"`
	// OnlyTheirs are statistics that we do not make.
	OnlyTheirs []Other  `json:"only_theirs,omitempty"`
	Notes      []string `json:"notes,omitempty"`

	// Selected: statistics were selected by name.
	Selected bool `json:"selected"`
}

// Rules say what was tolerated.
type Rules struct {
	Relative   float64     `json:"relative"`
	Absolute   float64     `json:"absolute"`
	Tolerances []Tolerance `json:"tolerances,omitempty"`
	Ignored    []string    `json:"ignored,omitempty"`
}

// A Tolerance of fields.
type Tolerance struct {
	Field    string  `json:"field"`
	Relative float64 `json:"relative,omitempty"`
	Absolute float64 `json:"absolute,omitempty"`
}

// Other is a statistic that one side has.
type Other struct {
	Statistic string `json:"statistic"`
	Documents int64  `json:"documents"`
}

// Counts of documents. Each is in one of the first five.
type Counts struct {
	Equal      int64 `json:"equal"`
	Rounding   int64 `json:"rounding"`
	Different  int64 `json:"different"`
	OnlyOurs   int64 `json:"only_ours"`
	OnlyTheirs int64 `json:"only_theirs"`
	// Types and Order count documents with equal numbers of other types, and with fields in another order.
	Types int64 `json:"types"`
	Order int64 `json:"order"`
}

func (c *Counts) add(other Counts) {
	c.Equal += other.Equal
	c.Rounding += other.Rounding
	c.Different += other.Different
	c.OnlyOurs += other.OnlyOurs
	c.OnlyTheirs += other.OnlyTheirs
	c.Types += other.Types
	c.Order += other.Order
}

// Same reports whether nothing is different or missing.
func (c Counts) Same() bool { return c.Different+c.OnlyOurs+c.OnlyTheirs == 0 }

// A Statistic is the comparison of one.
type Statistic struct {
	Name string `json:"statistic"`
	Counts
	// Days that have a difference, and such with rounding only.
	DifferentDays *Days `json:"different_days,omitempty"`
	RoundingDays  *Days `json:"rounding_days,omitempty"`
	// Fields that differ, those with differences beyond tolerance first.
	Fields []Field `json:"fields,omitempty"`
	// Ours and Theirs are the documents that the other side does not have.
	Ours   *Missing `json:"ours,omitempty"`
	Theirs *Missing `json:"theirs,omitempty"`
	// Waiting says what ours waits for on days that only theirs has.
	Waiting []Waiting `json:"waiting,omitempty"`
	// Twice counts documents of theirs whose _id another one has; the first was compared.
	Twice int64  `json:"twice,omitempty"`
	Note  string `json:"note,omitempty"`
}

// Days are counted, and told as ranges. A range leaves out no day that either side has.
type Days struct {
	Count  int    `json:"count"`
	Ranges string `json:"ranges"`
}

// Missing are documents that one side alone has.
type Missing struct {
	// Days of which the other side has no document at all, and how many documents they have.
	Days         *Days `json:"days,omitempty"`
	DayDocuments int64 `json:"day_documents,omitempty"`
	// Documents of days that both have, or of no day.
	Documents int64    `json:"documents,omitempty"`
	Within    *Days    `json:"within,omitempty"`
	Examples  []string `json:"examples"`
}

// Waiting is what days wait for.
type Waiting struct {
	Reason string `json:"reason"`
	Days
}

// A Field of a statistic, and one kind of difference in it.
type Field struct {
	// Field is the path, names joined with dots; "" is the order of the document's own fields.
	Field string `json:"field"`
	// Kind is different, only_ours, only_theirs, rounding, type or order.
	Kind      string `json:"kind"`
	Documents int64  `json:"documents"`
	Days      *Days  `json:"days,omitempty"`
	// Apart and Relative are the largest difference, absolute and as a share of the larger number; for numbers.
	Apart    float64   `json:"apart,omitempty"`
	Relative float64   `json:"relative,omitempty"`
	Examples []Example `json:"examples"`
}

// An Example of a difference. A side without the field has no value.
type Example struct {
	ID     string          `json:"_id"`
	Day    string          `json:"date,omitempty"`
	Ours   json.RawMessage `json:"ours,omitempty"`
	Theirs json.RawMessage `json:"theirs,omitempty"`
}

func newReport(o Options, theirs store) *Report {
	r := &Report{Warehouse: o.Warehouse, Against: theirs.name(), From: o.From, To: o.To, Selected: o.Selected, Statistics: []*Statistic{},
		Rules: Rules{Relative: o.Rules.Relative, Absolute: o.Rules.Absolute}}
	for _, one := range o.Rules.Tolerances {
		r.Rules.Tolerances = append(r.Rules.Tolerances, Tolerance{string(one.Field), one.Relative, one.Absolute})
	}
	for _, one := range o.Rules.Ignore {
		r.Rules.Ignored = append(r.Rules.Ignored, string(one))
	}
	return r
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// add takes the outcome of a statistic, there is whether theirs has it.
func (r *Report) add(one *Statistic, there bool) {
	switch {
	case there:
		r.Statistics = append(r.Statistics, one)
		r.Totals.add(one.Counts)
	case one.OnlyOurs > 0:
		r.OnlyOurs = append(r.OnlyOurs, Other{one.Name, one.OnlyOurs})
	}
}

func (r *Report) finish() {
	r.Same = r.Totals.Same() && len(r.OnlyTheirs) == 0 && (len(r.OnlyOurs) == 0 || !r.Selected)
}
