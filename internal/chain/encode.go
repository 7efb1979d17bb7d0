package chain

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// An encoder writes BSON documents, one after the other, into one buffer. What finish returns is valid until the next
// start. Elements of an array have next() as their key.
type encoder struct {
	buffer []byte
	open   []level
}

// level is a document or an array that has not ended: where it starts and, for an array, how many elements it has.
type level struct {
	start int32
	items int
}

func (e *encoder) start() {
	e.buffer, e.open = e.buffer[:0], e.open[:0]
	e.enter(bsoncore.AppendDocumentStart(e.buffer))
}

// startWithID starts a document with its _id, which is always the first field.
func (e *encoder) startWithID(id string) {
	e.start()
	e.text("_id", id)
}

func (e *encoder) enter(start int32, buffer []byte) {
	e.buffer = buffer
	e.open = append(e.open, level{start: start})
}

func (e *encoder) document(key string) {
	e.enter(bsoncore.AppendDocumentElementStart(e.buffer, key))
}

func (e *encoder) array(key string) {
	e.enter(bsoncore.AppendArrayElementStart(e.buffer, key))
}

// end ends the innermost document or array.
func (e *encoder) end() {
	last := e.open[len(e.open)-1]
	e.open = e.open[:len(e.open)-1]
	e.buffer = append(e.buffer, 0)
	e.buffer = bsoncore.UpdateLength(e.buffer, last.start, int32(len(e.buffer))-last.start)
}

// finish ends everything and returns the document.
func (e *encoder) finish() []byte {
	for len(e.open) > 0 {
		e.end()
	}
	return e.buffer
}

func (e *encoder) next() string {
	last := &e.open[len(e.open)-1]
	last.items++
	return strconv.Itoa(last.items - 1)
}

func (e *encoder) text(key, value string) {
	e.buffer = bsoncore.AppendStringElement(e.buffer, key, value)
}

// bytes writes a string.
func (e *encoder) bytes(key string, value []byte) {
	e.buffer = bsoncore.AppendHeader(e.buffer, bsoncore.TypeString, key)
	e.buffer = binary.LittleEndian.AppendUint32(e.buffer, uint32(len(value)+1))
	e.buffer = append(append(e.buffer, value...), 0)
}

// hex writes a string of hexadecimal digits.
func (e *encoder) hex(key string, value []byte) {
	e.buffer = bsoncore.AppendHeader(e.buffer, bsoncore.TypeString, key)
	e.buffer = binary.LittleEndian.AppendUint32(e.buffer, uint32(2*len(value)+1))
	e.buffer = append(hex.AppendEncode(e.buffer, value), 0)
}

// integer writes an int32 when it fits, else an int64, as the explorer's driver does.
func (e *encoder) integer(key string, value int64) {
	if value >= math.MinInt32 && value <= math.MaxInt32 {
		e.buffer = bsoncore.AppendInt32Element(e.buffer, key, int32(value))
		return
	}
	e.buffer = bsoncore.AppendInt64Element(e.buffer, key, value)
}

// amount writes microCCD: a string when it passes an int64.
func (e *encoder) amount(key string, value uint64) {
	if value > math.MaxInt64 {
		e.number(key, value)
		return
	}
	e.integer(key, int64(value))
}

// number writes the digits of a number as a string.
func (e *encoder) number(key string, value uint64) {
	var digits [20]byte
	e.bytes(key, strconv.AppendUint(digits[:0], value, 10))
}

func (e *encoder) truth(key string, value bool) {
	e.buffer = bsoncore.AppendBooleanElement(e.buffer, key, value)
}

func (e *encoder) double(key string, value float64) {
	e.buffer = bsoncore.AppendDoubleElement(e.buffer, key, value)
}

// date writes milliseconds since the epoch.
func (e *encoder) date(key string, value int64) {
	e.buffer = bsoncore.AppendDateTimeElement(e.buffer, key, value)
}

// objectID writes the first twelve bytes of an id.
func (e *encoder) objectID(key string, id [32]byte) {
	e.buffer = bsoncore.AppendObjectIDElement(e.buffer, key, [12]byte(id[:12]))
}

func (e *encoder) null(key string) {
	e.buffer = bsoncore.AppendNullElement(e.buffer, key)
}
