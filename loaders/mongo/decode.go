package mongo

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/extjson"
)

const (
	// maxDocument is MongoDB's limit of a document, with the 16 KiB that internal ones may have on top.
	maxDocument = 16<<20 + 16<<10
	// minDocument is a length and an end.
	minDocument = 5
)

// A chunk is whole documents, one after the other.
type chunk struct {
	data []byte
	// offset is where data stands in the (uncompressed) file, count how many documents stand before it.
	offset, count int64
}

// A batch is a decoded chunk.
type batch struct {
	record arrow.RecordBatch
	// fresh are addresses that had no id yet: ^k in the record stands for the k-th.
	fresh     []string
	rejects   []engine.Reject
	documents int64
	profile   *profile
	err       error
}

// A decoder brings documents of one collection into columns. It is not safe for concurrent use; addresses and days are
// shared.
type decoder struct {
	collection *Collection
	addresses  *addresses
	days       calendar
	file       string

	walker
	builder *array.RecordBuilder
	cells   []cell
	// height is the place of the column with the height, -1 for none; first the builder's place of the first column.
	height, first int
	// scratch holds texts that do not stand in the document, fresh the new addresses of the batch.
	scratch []byte
	fresh   map[string]int32
	out     *batch
}

// recordSchema is the shape of a collection's batches: the day by height first, then the columns.
func recordSchema(c *Collection) *arrow.Schema {
	var fields []arrow.Field
	if c.Height != "" {
		fields = append(fields, arrow.Field{Name: dateColumn, Type: arrow.FixedWidthTypes.Date32, Nullable: true})
	}
	for _, column := range c.Columns {
		fields = append(fields, arrow.Field{Name: column.Name, Type: column.Type.arrow(), Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

func newDecoder(c *Collection, a *addresses, days calendar, file string) *decoder {
	d := &decoder{collection: c, addresses: a, days: days, file: file, height: -1,
		walker: walker{root: pathTree(c.Columns), values: make([]value, len(c.Columns))}, cells: make([]cell, len(c.Columns)),
		builder: array.NewRecordBuilder(memory.DefaultAllocator, recordSchema(c))}
	if c.Height != "" {
		d.height, d.first = c.heightColumn(), 1
	}
	return d
}

// decode reads all documents of a chunk. What cannot be kept becomes a reject; damaged bytes are the batch's error.
func (d *decoder) decode(c chunk) *batch {
	d.out = &batch{profile: newProfile(len(d.values))}
	d.fresh = map[string]int32{}
	data, offset := c.data, c.offset
	for len(data) > 0 {
		ordinal := c.count + d.out.documents + 1
		length, err := documentLength(data)
		if err == nil {
			err = d.add(data[:length], ordinal)
		}
		if err != nil {
			d.out.err = fmt.Errorf("document %d at byte %d is damaged: %w", ordinal, offset, err)
			break
		}
		d.out.documents++
		data, offset = data[length:], offset+int64(length)
	}
	d.out.record = d.builder.NewRecordBatch()
	return d.out
}

// documentLength is that of the document at the start of data, which holds all of it.
func documentLength(data []byte) (int, error) {
	if len(data) < 4 {
		return 0, errCut
	}
	length := int64(int32(binary.LittleEndian.Uint32(data)))
	if length < minDocument || length > maxDocument {
		return 0, fmt.Errorf("a length of %d bytes", length)
	}
	if length > int64(len(data)) {
		return 0, errCut
	}
	return int(length), nil
}

func (d *decoder) add(document []byte, ordinal int64) error {
	if err := d.walk(document); err != nil {
		return err
	}
	d.see(document)
	d.scratch = d.scratch[:0]
	for i := range d.collection.Columns {
		column := &d.collection.Columns[i]
		if column.Path == place {
			d.cells[i] = cell{there: true, number: ordinal}
			continue
		}
		var err error
		if d.cells[i], err = column.convert(d.values[i], &d.scratch); err != nil {
			d.reject(document, ordinal, column.Path, err)
			return nil
		}
	}
	if d.height >= 0 {
		d.appendDay(d.cells[d.height])
	}
	for i := range d.cells {
		d.append(d.builder.Field(i+d.first), d.collection.Columns[i].Type, &d.cells[i])
	}
	return nil
}

// see counts the types of all mapped fields, also of a document that becomes a reject.
func (d *decoder) see(document []byte) {
	for i, column := range d.collection.Columns {
		switch column.Path {
		case place:
			continue
		case "":
			d.values[i] = value{bsoncore.TypeEmbeddedDocument, document}
		}
		d.out.profile.see(i, d.values[i], document)
	}
}

func (d *decoder) appendDay(height cell) {
	days := d.builder.Field(0).(*array.Date32Builder)
	if day, found := d.days.find(height.number); found && height.there {
		days.Append(arrow.Date32(day))
		return
	}
	days.AppendNull()
}

func (d *decoder) append(builder array.Builder, kind Type, c *cell) {
	if !c.there {
		builder.AppendNull()
		return
	}
	switch builder := builder.(type) {
	case *array.StringBuilder:
		builder.BinaryBuilder.Append(c.text)
	case *array.BinaryBuilder:
		builder.Append(c.text)
	case *array.BinaryDictionaryBuilder:
		if err := builder.Append(c.text); err != nil {
			d.out.err = fmt.Errorf("word %q: %w", c.text, err)
		}
	case *array.Int32Builder:
		builder.Append(d.addressID(c.text))
	case *array.Int64Builder:
		builder.Append(c.number)
	case *array.Float64Builder:
		builder.Append(c.double)
	case *array.Decimal128Builder:
		builder.Append(c.huge)
	case *array.BooleanBuilder:
		builder.Append(c.number != 0)
	case *array.Date32Builder:
		builder.Append(arrow.Date32(c.number))
	case *array.TimestampBuilder:
		builder.Append(arrow.Timestamp(c.number))
	default:
		d.out.err = fmt.Errorf("no way to append type %s", typeNames()[kind])
	}
}

func (d *decoder) addressID(address []byte) int32 {
	if id, known := d.addresses.find(address); known {
		return id
	}
	id, known := d.fresh[string(address)]
	if !known {
		id = ^int32(len(d.out.fresh))
		text := string(address)
		d.fresh[text] = id
		d.out.fresh = append(d.out.fresh, text)
	}
	return id
}

// resolve gives the new addresses of a batch their ids. Batches are resolved in the order of their documents.
func (b *batch) resolve(c *Collection, a *addresses) {
	if len(b.fresh) == 0 {
		return
	}
	ids := make([]int32, len(b.fresh))
	for i, address := range b.fresh {
		ids[i] = a.add(address)
	}
	first := int(b.record.NumCols()) - len(c.Columns)
	for i, column := range c.Columns {
		if column.Type != Address {
			continue
		}
		values := b.record.Column(i + first).(*array.Int32).Int32Values()
		for row, id := range values {
			if id < 0 {
				values[row] = ids[^id]
			}
		}
	}
}

func (d *decoder) reject(document []byte, ordinal int64, field string, reason error) {
	content, err := extjson.Append(nil, document)
	if err != nil {
		content = fmt.Appendf(nil, "%x", document)
	}
	d.out.rejects = append(d.out.rejects, engine.Reject{File: d.file, Line: ordinal, DocumentID: idText(document), Date: d.dayOfReject(), Field: field,
		Reason: reason.Error(), Content: string(content)})
}

// dayOfReject is the day of a document whose height can be read, else zero.
func (d *decoder) dayOfReject() time.Time {
	if d.height < 0 {
		return time.Time{}
	}
	height, err := toInteger(d.values[d.height])
	if err != nil {
		return time.Time{}
	}
	return d.days.dayOf(height)
}

// idText is the `_id` as people write it.
func idText(document bsoncore.Document) string {
	id, err := document.LookupErr("_id")
	if err != nil {
		return ""
	}
	if text, ok := id.StringValueOK(); ok {
		return text
	}
	text, err := extjson.AppendValue(nil, id)
	if err != nil {
		return id.String()
	}
	return string(text)
}

// A calendar tells the day of a block height: the ranges of raw.blocks_per_day by their first height.
type calendar []blockRange

type blockRange struct {
	first, last int64
	// day counts from 1970-01-01.
	day int32
}

// find is the day whose blocks, first to last inclusive, hold the height. Heights between two days have none.
func (c calendar) find(height int64) (int32, bool) {
	at, exact := slices.BinarySearchFunc(c, height, func(r blockRange, h int64) int {
		switch {
		case r.first < h:
			return -1
		case r.first > h:
			return 1
		}
		return 0
	})
	if !exact {
		at--
	}
	if at < 0 || height > c[at].last {
		return 0, false
	}
	return c[at].day, true
}

// dayOf is the day of a height as a date, zero for none.
func (c calendar) dayOf(height int64) time.Time {
	day, found := c.find(height)
	if !found {
		return time.Time{}
	}
	return time.Unix(int64(day)*86400, 0).UTC()
}

// startOf is the first height of the day that a height belongs to, or of the last day before it.
func (c calendar) startOf(height int64) int64 {
	start := int64(lowest)
	for _, day := range c {
		if day.first <= height {
			start = max(start, day.first)
		}
	}
	return start
}
