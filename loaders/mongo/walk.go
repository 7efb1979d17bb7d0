package mongo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A walker finds the mapped fields of a document in one walk over its bytes. Fields that nothing maps are stepped over.
// It is not safe for concurrent use; root is shared and never written.
type walker struct {
	root *node
	// values by column, slices of the document, and found, the columns that have one, as they stand in it.
	values []value
	found  []int
}

func newWalker(columns []Column) walker {
	return walker{root: pathTree(columns), values: make([]value, len(columns)), found: make([]int, 0, len(columns))}
}

// A node is a word of a path.
type node struct {
	key      string
	columns  []int
	children []*node
}

// pathTree holds the paths of all columns but those of the whole document and its place.
func pathTree(columns []Column) *node {
	root := &node{}
	for i, column := range columns {
		if column.Path == "" || column.Path == place {
			continue
		}
		at := root
		for word := range strings.SplitSeq(column.Path, ".") {
			at = at.child(word)
		}
		at.columns = append(at.columns, i)
	}
	return root
}

func (n *node) child(key string) *node {
	if found := n.find([]byte(key)); found != nil {
		return found
	}
	one := &node{key: key}
	n.children = append(n.children, one)
	return one
}

func (n *node) find(key []byte) *node {
	for _, one := range n.children {
		if one.key == string(key) {
			return one
		}
	}
	return nil
}

var (
	errCut    = errors.New("a field reaches beyond its document")
	errType   = errors.New("a field has a type that BSON does not have")
	errLength = errors.New("its length is not that of its fields")
)

// walk fills values from a document. An error means that the bytes are damaged.
func (w *walker) walk(document []byte) error {
	for _, column := range w.found {
		w.values[column] = value{}
	}
	w.found = w.found[:0]
	return w.fields(document, w.root)
}

func (w *walker) fields(document []byte, n *node) error {
	if len(document) < minDocument || int(binary.LittleEndian.Uint32(document)) != len(document) {
		return errLength
	}
	rest := document[4:]
	for {
		if len(rest) == 0 {
			return errCut
		}
		kind := bsoncore.Type(rest[0])
		if kind == 0 {
			if len(rest) != 1 {
				return errLength
			}
			return nil
		}
		end := bytes.IndexByte(rest[1:], 0)
		if end < 0 {
			return errCut
		}
		key := rest[1 : 1+end]
		rest = rest[2+end:]
		size, err := sizeOf(kind, rest)
		if err != nil {
			return err
		}
		if found := n.find(key); found != nil {
			if err := w.take(value{kind, rest[:size]}, found); err != nil {
				return err
			}
		}
		rest = rest[size:]
	}
}

func (w *walker) take(v value, n *node) error {
	for _, column := range n.columns {
		w.put(v, column)
	}
	if len(n.children) > 0 && v.kind == bsoncore.TypeEmbeddedDocument {
		return w.fields(v.data, n)
	}
	return nil
}

// put takes a column's value; of two with one name the later one counts.
func (w *walker) put(v value, column int) {
	if w.values[column].kind == 0 {
		w.found = append(w.found, column)
	}
	w.values[column] = v
}

// sizeOf is how many bytes a value takes.
func sizeOf(kind bsoncore.Type, rest []byte) (int, error) {
	size := 0
	switch kind {
	case bsoncore.TypeInt32:
		size = 4
	case bsoncore.TypeDouble, bsoncore.TypeInt64, bsoncore.TypeDateTime, bsoncore.TypeTimestamp:
		size = 8
	case bsoncore.TypeString, bsoncore.TypeJavaScript, bsoncore.TypeSymbol:
		return textSize(rest)
	case bsoncore.TypeEmbeddedDocument, bsoncore.TypeArray, bsoncore.TypeCodeWithScope:
		return prefixed(rest, 0, minDocument)
	case bsoncore.TypeBinary:
		return prefixed(rest, 5, 0)
	case bsoncore.TypeBoolean:
		size = 1
	case bsoncore.TypeObjectID:
		size = 12
	case bsoncore.TypeDecimal128:
		size = 16
	case bsoncore.TypeNull, bsoncore.TypeUndefined, bsoncore.TypeMinKey, bsoncore.TypeMaxKey:
	case bsoncore.TypeRegex:
		return regexSize(rest)
	case bsoncore.TypeDBPointer:
		size, err := textSize(rest)
		if err != nil || len(rest) < size+12 {
			return 0, errCut
		}
		return size + 12, nil
	default:
		return 0, errType
	}
	if len(rest) < size {
		return 0, errCut
	}
	return size, nil
}

// prefixed is the size of a value that starts with its length; extra is what the length does not count.
func prefixed(rest []byte, extra, least int) (int, error) {
	if len(rest) < 4 {
		return 0, errCut
	}
	length := int64(int32(binary.LittleEndian.Uint32(rest)))
	if length < int64(least) || length+int64(extra) > int64(len(rest)) {
		return 0, errCut
	}
	return int(length) + extra, nil
}

// textSize is the size of a string: its length, its bytes, a NUL that the length counts.
func textSize(rest []byte) (int, error) {
	size, err := prefixed(rest, 4, 1)
	if err == nil && rest[size-1] != 0 {
		err = errCut
	}
	return size, err
}

func regexSize(rest []byte) (int, error) {
	pattern := bytes.IndexByte(rest, 0)
	if pattern < 0 {
		return 0, errCut
	}
	options := bytes.IndexByte(rest[pattern+1:], 0)
	if options < 0 {
		return 0, errCut
	}
	return pattern + options + 2, nil
}
