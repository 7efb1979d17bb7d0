package docdiff

import (
	"math"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A number of a document: an integer, or a double.
type number struct {
	kind    bsoncore.Type
	integer int64
	double  float64
}

func numberOf(value bsoncore.Value) (number, bool) {
	switch value.Type {
	case bsoncore.TypeInt32:
		return number{value.Type, int64(value.Int32()), float64(value.Int32())}, true
	case bsoncore.TypeInt64:
		return number{value.Type, value.Int64(), float64(value.Int64())}, true
	case bsoncore.TypeDouble:
		return number{value.Type, 0, value.Double()}, true
	}
	return number{}, false
}

func (n number) whole() bool { return n.kind != bsoncore.TypeDouble }

// same: NaN is NaN, and an integer is a double when it is that very number.
func (n number) same(m number) bool {
	switch {
	case n.whole() && m.whole():
		return n.integer == m.integer
	case !n.whole() && !m.whole():
		return n.double == m.double || math.IsNaN(n.double) && math.IsNaN(m.double)
	case m.whole():
		return m.same(n)
	}
	const beyond = 1 << 63
	return m.double >= -beyond && m.double < beyond && m.double == math.Trunc(m.double) && int64(m.double) == n.integer
}

// apart is how far two numbers are from each other. Integers are subtracted as such: doubles of them may be equal.
func (n number) apart(m number) float64 {
	if n.whole() && m.whole() {
		high, low := max(n.integer, m.integer), min(n.integer, m.integer)
		return float64(uint64(high) - uint64(low))
	}
	apart := math.Abs(n.double - m.double)
	if math.IsNaN(apart) {
		return math.Inf(1)
	}
	return apart
}

// numbers compares two values if both are numbers. The difference has no kind when they are equal and of one type.
func (r *Rules) numbers(path, name string, first, second bsoncore.Value) (Difference, bool) {
	one, ok := numberOf(first)
	other, also := numberOf(second)
	if !ok || !also {
		return Difference{}, false
	}
	d := Difference{Field: path, First: first, Second: second}
	if one.same(other) {
		if one.kind != other.kind {
			d.Kind = Type
		}
		return d, true
	}
	if d.Apart = one.apart(other); math.IsInf(d.Apart, 1) {
		d.Kind, d.Relative = Changed, math.Inf(1)
		return d, true
	}
	d.Relative = d.Apart / math.Max(math.Abs(one.double), math.Abs(other.double))
	d.Kind = Changed
	if r.tolerates(path, name, one.whole() && other.whole(), d) {
		d.Kind = Rounding
	}
	return d, true
}

func (r *Rules) tolerates(path, name string, whole bool, d Difference) bool {
	relative, absolute := r.Relative, r.Absolute
	if whole {
		relative, absolute = 0, 0
	}
	for _, one := range r.Tolerances {
		if one.Field.fits(path, name) {
			relative, absolute = one.Relative, one.Absolute
		}
	}
	return d.Apart <= absolute || d.Relative <= relative
}

// Decreases reports whether both values are numbers and the second one is smaller.
func (d Difference) Decreases() bool {
	first, ok := numberOf(d.First)
	second, also := numberOf(d.Second)
	if !ok || !also {
		return false
	}
	if first.whole() && second.whole() {
		return second.integer < first.integer
	}
	return second.double < first.double
}
