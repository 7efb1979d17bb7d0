package mongo

import (
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A builder collects the values of one column of a batch. Rows that are given no value are null, so a document costs what
// it holds and not what it could hold: most columns of most documents are missing.
type builder interface {
	// add converts a value, without loss, into the given row. Rows come in order.
	add(row int, v value) error
	// cut takes the values of row and later rows back.
	cut(row int)
	// finish gives the first rows as an Arrow array, and begins anew.
	finish(rows int) arrow.Array
}

func newBuilder(t Type, ids *addressCache) builder {
	switch t {
	case Word, Kind:
		return &wordBuilder{kind: t.arrow().(*arrow.DictionaryType), places: map[string]int32{}}
	case Address:
		return newNumberBuilder(t.arrow(), ids.id)
	case Hash:
		return newTextBuilder(t.arrow(), appendHash)
	case Bigint:
		return newNumberBuilder(t.arrow(), toInteger)
	case Hugeint:
		return newNumberBuilder(t.arrow(), toHuge)
	case Double:
		return newNumberBuilder(t.arrow(), toDouble)
	case Boolean:
		return &booleanBuilder{}
	case Date:
		return newNumberBuilder(t.arrow(), toDay)
	case Timestamp:
		return newNumberBuilder(t.arrow(), toMicros)
	case JSON:
		return newTextBuilder(t.arrow(), appendJSON)
	}
	return newTextBuilder(t.arrow(), appendString)
}

// presence is which rows have a value, as Arrow's bitmap.
type presence struct {
	bits  []byte
	count int
}

func (p *presence) set(row int) {
	for len(p.bits) <= row>>3 {
		p.bits = append(p.bits, 0)
	}
	p.bits[row>>3] |= 1 << (row & 7)
	p.count++
}

func (p *presence) cut(row int) {
	if row>>3 >= len(p.bits) {
		return
	}
	p.count -= bits.OnesCount8(p.bits[row>>3] >> (row & 7))
	for _, one := range p.bits[row>>3+1:] {
		p.count -= bits.OnesCount8(one)
	}
	p.bits = p.bits[:row>>3+1]
	p.bits[row>>3] &= 1<<(row&7) - 1
}

// finish gives the bitmap of the first rows and how many of them are null.
func (p *presence) finish(rows int) (bitmap *memory.Buffer, nulls int) {
	nulls = rows - p.count
	if nulls > 0 {
		for len(p.bits) < (rows+7)>>3 {
			p.bits = append(p.bits, 0)
		}
		bitmap = memory.NewBufferBytes(p.bits)
	}
	*p = presence{bits: make([]byte, 0, len(p.bits)+len(p.bits)/8)}
	return bitmap, nulls
}

// columnOf makes an array of its parts.
func columnOf(kind arrow.DataType, rows, nulls int, buffers ...*memory.Buffer) arrow.Array {
	data := array.NewData(kind, rows, buffers, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// grown is a slice of the given length: what is missing is zero.
func grown[T any](list []T, length int) []T {
	if missing := length - len(list); missing > 0 {
		return append(list, make([]T, missing)...)
	}
	return list
}

// room is a new slice for about as many values as the last batch had.
func room[T any](last []T) []T { return make([]T, 0, len(last)+len(last)/8) }

// A numberBuilder has values of one width.
type numberBuilder[T int32 | int64 | float64 | decimal128.Num] struct {
	kind    arrow.DataType
	convert func(value) (T, error)
	there   presence
	values  []T
}

func newNumberBuilder[T int32 | int64 | float64 | decimal128.Num](kind arrow.DataType, convert func(value) (T, error)) *numberBuilder[T] {
	return &numberBuilder[T]{kind: kind, convert: convert}
}

func (n *numberBuilder[T]) add(row int, v value) error {
	number, err := n.convert(v)
	if err == nil {
		n.put(row, number)
	}
	return err
}

func (n *numberBuilder[T]) put(row int, number T) {
	n.there.set(row)
	n.values = append(grown(n.values, row), number)
}

func (n *numberBuilder[T]) cut(row int) {
	n.there.cut(row)
	n.values = n.values[:min(row, len(n.values))]
}

func (n *numberBuilder[T]) finish(rows int) arrow.Array {
	values := grown(n.values, rows)
	bitmap, nulls := n.there.finish(rows)
	n.values = room(values)
	return columnOf(n.kind, rows, nulls, bitmap, memory.NewBufferBytes(arrow.GetBytes(values)))
}

// A booleanBuilder has bits.
type booleanBuilder struct{ there, values presence }

func (b *booleanBuilder) add(row int, v value) error {
	if v.kind != bsoncore.TypeBoolean {
		return wrongType(v, "a boolean")
	}
	b.there.set(row)
	if v.data[0] != 0 {
		b.values.set(row)
	}
	return nil
}

func (b *booleanBuilder) cut(row int) {
	b.there.cut(row)
	b.values.cut(row)
}

func (b *booleanBuilder) finish(rows int) arrow.Array {
	bitmap, nulls := b.there.finish(rows)
	values, _ := b.values.finish(rows)
	if values == nil { // All of them are true.
		values = memory.NewBufferBytes(ones(rows))
	}
	return columnOf(arrow.FixedWidthTypes.Boolean, rows, nulls, bitmap, values)
}

func ones(rows int) []byte {
	list := make([]byte, (rows+7)>>3)
	for i := range list {
		list[i] = 0xff
	}
	return list
}

// A textBuilder has strings or bytes, each of its own length.
type textBuilder struct {
	kind arrow.DataType
	// convert appends the value's text.
	convert func(dst []byte, v value) ([]byte, error)
	there   presence
	// offsets of the rows so far, and the end of the last.
	offsets []int32
	data    []byte
}

func newTextBuilder(kind arrow.DataType, convert func(dst []byte, v value) ([]byte, error)) *textBuilder {
	return &textBuilder{kind: kind, convert: convert, offsets: []int32{0}}
}

func (t *textBuilder) add(row int, v value) error {
	data, err := t.convert(t.data, v)
	if err != nil {
		return err
	}
	t.put(row, data)
	return nil
}

// put ends the text of a row with data.
func (t *textBuilder) put(row int, data []byte) {
	t.there.set(row)
	t.pad(row)
	t.data, t.offsets = data, append(t.offsets, int32(len(data)))
}

// pad gives rows without a text their place.
func (t *textBuilder) pad(rows int) {
	for len(t.offsets) <= rows {
		t.offsets = append(t.offsets, int32(len(t.data)))
	}
}

func (t *textBuilder) cut(row int) {
	t.there.cut(row)
	t.offsets = t.offsets[:min(row+1, len(t.offsets))]
	t.data = t.data[:t.offsets[len(t.offsets)-1]]
}

func (t *textBuilder) finish(rows int) arrow.Array {
	t.pad(rows)
	offsets, data := t.offsets, t.data
	bitmap, nulls := t.there.finish(rows)
	t.offsets, t.data = append(room(offsets), 0), room(data)
	return columnOf(t.kind, rows, nulls, bitmap, memory.NewBufferBytes(arrow.GetBytes(offsets)), memory.NewBufferBytes(data))
}

// A wordBuilder has strings that recur: places in a dictionary of the batch.
type wordBuilder struct {
	kind   *arrow.DictionaryType
	there  presence
	rows   []int32
	places map[string]int32
	list   []string
	// last is the word of the last row and its place.
	last  string
	place int32
}

func (w *wordBuilder) add(row int, v value) error {
	text, err := toText(v)
	if err != nil {
		return err
	}
	w.there.set(row)
	w.rows = append(grown(w.rows, row), w.find(text))
	return nil
}

func (w *wordBuilder) find(text []byte) int32 {
	if len(w.list) > 0 && w.last == string(text) {
		return w.place
	}
	place, known := w.places[string(text)]
	if !known {
		place = int32(len(w.list))
		word := string(text)
		w.list, w.places[word] = append(w.list, word), place
	}
	w.last, w.place = w.list[place], place
	return place
}

// cut leaves words in the dictionary: that a word of a reject is told is right.
func (w *wordBuilder) cut(row int) {
	w.there.cut(row)
	w.rows = w.rows[:min(row, len(w.rows))]
}

func (w *wordBuilder) finish(rows int) arrow.Array {
	list := newTextBuilder(w.kind.ValueType, nil)
	for i, word := range w.list {
		list.put(i, append(list.data, word...))
	}
	dictionary := list.finish(len(w.list))
	defer dictionary.Release()
	places := grown(w.rows, rows)
	bitmap, nulls := w.there.finish(rows)
	w.rows, w.list = room(places), nil
	clear(w.places)
	indices := columnOf(w.kind.IndexType, rows, nulls, bitmap, memory.NewBufferBytes(arrow.GetBytes(places)))
	defer indices.Release()
	return array.NewDictionaryArray(w.kind, indices, dictionary)
}

// An addressCache gives addresses their ids without asking the shared dictionary twice: a decoder's own.
type addressCache struct {
	shared *addresses
	known  map[string]int32
	// fresh are addresses that have no id yet: ^k stands for the k-th.
	fresh  []string
	places map[string]int32
}

func newAddressCache(shared *addresses) *addressCache {
	return &addressCache{shared: shared, known: map[string]int32{}, places: map[string]int32{}}
}

func (c *addressCache) id(v value) (int32, error) {
	text, err := toText(v)
	if err != nil {
		return 0, err
	}
	if id, known := c.known[string(text)]; known {
		return id, nil
	}
	if id, known := c.shared.find(text); known {
		c.known[string(text)] = id
		return id, nil
	}
	place, known := c.places[string(text)]
	if !known {
		place = ^int32(len(c.fresh))
		address := string(text)
		c.places[address] = place
		c.fresh = append(c.fresh, address)
	}
	return place, nil
}

// take gives the new addresses of a batch, and begins anew.
func (c *addressCache) take() []string {
	fresh := c.fresh
	c.fresh = nil
	clear(c.places)
	return fresh
}
