// Package docdiff compares two versions of a document field by field, within tolerances. It works on the bytes of BSON and
// builds nothing for what is equal.
package docdiff

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A Kind of difference.
type Kind string

// Kinds, the heavier ones last: Order and Type are differences of equal values, Rounding is one within tolerance.
const (
	Order    Kind = "order"     // fields of a document in another order
	Type     Kind = "type"      // equal numbers of different types
	Rounding Kind = "rounding"  // numbers within tolerance
	Changed  Kind = "different" // other values
	Removed  Kind = "removed"   // a field that only the first document has
	Added    Kind = "added"     // a field that only the second document has
)

// Heavy reports whether documents with such a difference are not the same, whatever is tolerated.
func (k Kind) Heavy() bool { return k == Changed || k == Removed || k == Added }

// A Difference is one field in which two documents differ.
type Difference struct {
	// Field is the path, names joined with dots; "" is the document itself.
	Field string
	Kind  Kind
	// First and Second are the values; the zero Value where a document has no such field, and for Order. They are parts of
	// the documents' bytes.
	First, Second bsoncore.Value
	// Apart is |first - second|, infinite where one of them is infinite or no number; Relative that over the larger of both.
	// For numbers only.
	Apart, Relative float64
}

// Rules say what is compared and what is tolerated. The zero value tolerates nothing.
type Rules struct {
	// Two numbers of which one is a double are equal within Relative of the larger one, or within Absolute. Integers are
	// exact.
	Relative, Absolute float64
	// Tolerances of fields stand in for these, also for integers; the last that fits counts.
	Tolerances []Tolerance
	// Ignore are patterns of fields that are not compared, with all that is in them.
	Ignore []Pattern
}

// comparison of two documents.
type comparison struct {
	rules *Rules
	emit  func(Difference)
}

// Compare calls fn with every field in which the documents differ, in the first one's order. The error is for bytes that are
// no document.
func (r *Rules) Compare(first, second bsoncore.Document, fn func(Difference)) error {
	if bytes.Equal(first, second) {
		return nil
	}
	c := comparison{r, fn}
	return c.documents("", first, second)
}

type element struct {
	key   string
	value bsoncore.Value
}

func elements(document bsoncore.Document) ([]element, error) {
	list, err := document.Elements()
	if err != nil {
		return nil, fmt.Errorf("a damaged document: %w", err)
	}
	out := make([]element, 0, len(list))
	for _, one := range list {
		value, err := one.ValueErr()
		if err != nil {
			return nil, fmt.Errorf("a damaged document: field %s: %w", one.Key(), err)
		}
		out = append(out, element{one.Key(), value})
	}
	return out, nil
}

func (c *comparison) documents(path string, first, second bsoncore.Document) error {
	left, err := elements(first)
	if err != nil {
		return err
	}
	right, err := elements(second)
	if err != nil {
		return err
	}
	where := positions(right)
	ordered, last := true, -1
	seen := make([]bool, len(right))
	for _, one := range left {
		at, there := where(one.key)
		if there {
			seen[at] = true
		}
		if c.rules.ignores(path, one.key) {
			continue
		}
		if !there {
			c.emit(Difference{Field: join(path, one.key), Kind: Removed, First: one.value})
			continue
		}
		ordered, last = ordered && at > last, at
		if other := right[at].value; !equal(one.value, other) {
			if err := c.values(join(path, one.key), one.key, one.value, other); err != nil {
				return err
			}
		}
	}
	for i, one := range right {
		if !seen[i] && !c.rules.ignores(path, one.key) {
			c.emit(Difference{Field: join(path, one.key), Kind: Added, Second: one.value})
		}
	}
	if !ordered {
		c.emit(Difference{Field: path, Kind: Order})
	}
	return nil
}

// fewFields are found faster one by one than in a map.
const fewFields = 16

func positions(list []element) func(key string) (int, bool) {
	if len(list) <= fewFields {
		return func(key string) (int, bool) {
			at := slices.IndexFunc(list, func(e element) bool { return e.key == key })
			return at, at >= 0
		}
	}
	at := make(map[string]int, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		at[list[i].key] = i
	}
	return func(key string) (int, bool) { i, there := at[key]; return i, there }
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func equal(first, second bsoncore.Value) bool {
	return first.Type == second.Type && bytes.Equal(first.Data, second.Data)
}

// values compares two values of a field that are not the same bytes; name is the last part of its path.
func (c *comparison) values(path, name string, first, second bsoncore.Value) error {
	switch {
	case first.Type == bsoncore.TypeEmbeddedDocument && second.Type == bsoncore.TypeEmbeddedDocument:
		return c.documents(path, first.Data, second.Data)
	case first.Type == bsoncore.TypeArray && second.Type == bsoncore.TypeArray:
		return c.arrays(path, name, first, second)
	}
	if d, numbers := c.rules.numbers(path, name, first, second); numbers {
		if d.Kind != "" {
			c.emit(d)
		}
		return nil
	}
	c.emit(Difference{Field: path, Kind: Changed, First: first, Second: second})
	return nil
}

// arrays of the same length are compared by element; the elements' paths end with the place, names stay the array's.
func (c *comparison) arrays(path, name string, first, second bsoncore.Value) error {
	left, err := elements(first.Data)
	if err != nil {
		return err
	}
	right, err := elements(second.Data)
	if err != nil {
		return err
	}
	if len(left) != len(right) {
		c.emit(Difference{Field: path, Kind: Changed, First: first, Second: second})
		return nil
	}
	for i := range left {
		if equal(left[i].value, right[i].value) {
			continue
		}
		if err := c.values(join(path, strconv.Itoa(i)), name, left[i].value, right[i].value); err != nil {
			return err
		}
	}
	return nil
}
