package chain

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// shapes of a collection: which fields of which types there are, and which field stands before which.
type shapes struct {
	fields map[string]bool
	order  map[[2]string]bool
}

func shapesOf(t *testing.T, dump, name string) shapes {
	t.Helper()
	s := shapes{fields: map[string]bool{}, order: map[[2]string]bool{}}
	var form []byte
	seen := map[string]bool{}
	for _, one := range documents(t, dump, name) {
		form = appendForm(form[:0], one)
		if seen[string(form)] {
			continue
		}
		seen[string(form)] = true
		walkDocument(one, func(path string, value bson.RawValue) {
			// Which integers are 64-bit is another test's.
			s.fields[path+" "+strings.TrimLeft(value.Type.String(), "3264-bit ")] = true
		})
		s.see("", bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: one})
	}
	return s
}

// appendForm appends the keys and types of a document: documents of one form have nothing new to see.
func appendForm(form []byte, document bson.Raw) []byte {
	elements, _ := document.Elements()
	for _, one := range elements {
		value := one.Value()
		form = append(append(form, byte(value.Type)), one.Key()...)
		if inside, ok := value.DocumentOK(); ok {
			form = appendForm(append(form, '{'), inside)
		} else if array, ok := value.ArrayOK(); ok {
			form = appendForm(append(form, '['), bson.Raw(array))
		}
	}
	return append(form, '}')
}

func (s shapes) see(path string, value bson.RawValue) {
	if array, ok := value.ArrayOK(); ok {
		values, _ := array.Values()
		for _, one := range values {
			s.see(path+"[]", one)
		}
	}
	document, ok := value.DocumentOK()
	if !ok {
		return
	}
	elements, _ := document.Elements()
	var before []string
	for _, one := range elements {
		here := path + "." + one.Key()
		for _, earlier := range before {
			s.order[[2]string{earlier, here}] = true
		}
		before = append(before, here)
		s.see(here, one.Value())
	}
}

// TestShapes compares the fields, their types and their order with those of a data set in the database's shapes: none may
// be here that is not there, and none missing.
func TestShapes(t *testing.T) {
	real := "../../../shared/data/A"
	if _, err := os.Stat(filepath.Join(real, "dump")); err != nil {
		t.Skip("../shared/data is not here")
	}
	// Said of the database, and not in that data set.
	const also = ".account_transaction.effects.contract_update_issued.effects[].interrupted.events[] string"
	dir := generate(t, Options{Seed: 1, Days: 40, Accounts: 200, TransactionsPerDay: 500})
	for _, name := range collectionNames() {
		want, got := shapesOf(t, real, name), shapesOf(t, dir, name)
		for field := range got.fields {
			if !want.fields[field] && field != also {
				t.Errorf("%s has %s", name, field)
			}
		}
		for field := range want.fields {
			if !got.fields[field] {
				t.Errorf("%s has no %s", name, field)
			}
		}
		for pair := range got.order {
			if back := [2]string{pair[1], pair[0]}; want.order[back] && !want.order[pair] {
				t.Errorf("%s has %s before %s", name, pair[0], pair[1])
			}
		}
	}
}
