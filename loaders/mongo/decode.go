package mongo

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
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

// A decoder brings documents of one collection into columns. It is not safe for concurrent use; the dictionary of addresses
// and the days are shared.
type decoder struct {
	collection *Collection
	addresses  *addressCache
	days       calendar
	file       string

	walker
	schema   *arrow.Schema
	builders []builder
	// dates are the days by height, heights the column with it; nil for collections that have none.
	dates   *numberBuilder[int32]
	heights *numberBuilder[int64]
	// height is the place of the column with the height, -1 for none; required tells columns that each document must have.
	height   int
	required []bool
	rows     int
	out      *batch
}

// recordSchema is the shape of a collection's batches: the day by height first, then the columns.
func recordSchema(c *Collection) *arrow.Schema {
	var fields []arrow.Field
	if c.Height != "" {
		fields = append(fields, arrow.Field{Name: dateColumn, Type: arrow.FixedWidthTypes.Date32, Nullable: true})
	}
	for _, column := range c.Columns {
		fields = append(fields, arrow.Field{Name: column.Name, Type: column.Type.arrow(), Nullable: true, Metadata: column.Type.extension()})
	}
	return arrow.NewSchema(fields, nil)
}

func newDecoder(c *Collection, a *addresses, days calendar, file string) *decoder {
	d := &decoder{collection: c, addresses: newAddressCache(a), days: days, file: file, height: -1, walker: newWalker(c.Columns), schema: recordSchema(c)}
	for _, column := range c.Columns {
		d.builders = append(d.builders, newBuilder(column.Type, d.addresses))
		d.required = append(d.required, column.Required && column.Path != place)
	}
	if c.Height != "" {
		d.height = c.heightColumn()
		d.heights = d.builders[d.height].(*numberBuilder[int64])
		d.dates = newNumberBuilder[int32](arrow.FixedWidthTypes.Date32, nil)
	}
	return d
}

// decode reads all documents of a chunk. What cannot be kept becomes a reject; damaged bytes are the batch's error.
func (d *decoder) decode(c chunk) *batch {
	d.out = &batch{profile: newProfile(len(d.values))}
	d.rows = 0
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
	d.out.profile.settle(d.collection)
	d.out.record, d.out.fresh = d.record(), d.addresses.take()
	return d.out
}

// record gives the rows so far.
func (d *decoder) record() arrow.RecordBatch {
	var columns []arrow.Array
	if d.dates != nil {
		columns = append(columns, d.dates.finish(d.rows))
	}
	for _, one := range d.builders {
		columns = append(columns, one.finish(d.rows))
	}
	defer func() {
		for _, one := range columns {
			one.Release()
		}
	}()
	return array.NewRecordBatch(d.schema, columns, int64(d.rows))
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
	for i, column := range d.collection.Columns {
		switch column.Path {
		case place:
			d.builders[i].(*numberBuilder[int64]).put(d.rows, ordinal)
		case "":
			d.put(value{bsoncore.TypeEmbeddedDocument, document}, i)
		}
	}
	d.out.profile.see(d.values, d.found, document)
	if column, err := d.convert(); err != nil {
		d.reject(document, ordinal, d.collection.Columns[column].Path, err)
		for _, one := range d.builders {
			one.cut(d.rows)
		}
		return nil
	}
	if d.dates != nil {
		d.addDay()
	}
	d.rows++
	return nil
}

// convert adds a document's values as a row, and tells the first column that does not take its value. It goes by columns: the
// order in which a source gives fields decides nothing.
func (d *decoder) convert() (column int, err error) {
	for i, v := range d.values {
		switch {
		case !v.isNull():
			err = d.builders[i].add(d.rows, v)
		case d.required[i]:
			err = errMissing
		}
		if err != nil {
			return i, err
		}
	}
	return 0, nil
}

func (d *decoder) addDay() {
	if len(d.heights.values) <= d.rows {
		return
	}
	if day, found := d.days.find(d.heights.values[d.rows]); found {
		d.dates.put(d.rows, day)
	}
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
