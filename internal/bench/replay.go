package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A replay speaks as much of MongoDB's wire protocol as the loader needs, and answers from memory, so that a server's own
// speed does not count. Answers to find are put together while they are sent: documents are copied once.
type replay struct {
	uri      string
	listener net.Listener
	days     []byte
	// documents in the order of their heights, and where each begins.
	documents []byte
	offsets   []int
	heights   []int64

	mu      sync.Mutex
	next    int64
	cursors map[int64][2]int
}

func startReplay(ctx context.Context, folder string) (*replay, error) {
	days, err := os.ReadFile(filepath.Join(folder, "blocks_per_day.bson"))
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(folder, "transactions.bson"))
	if err != nil {
		return nil, err
	}
	r := &replay{days: days, documents: byHeight(data), next: 1, cursors: map[int64][2]int{}}
	r.offsets, r.heights = heightsOf(r.documents)
	if r.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	r.uri = fmt.Sprintf("mongodb://%s/?directConnection=true", r.listener.Addr())
	go r.accept()
	return r, nil
}

func (r *replay) close() error { return r.listener.Close() }

func (r *replay) accept() {
	for {
		connection, err := r.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			// A client that goes away ends its connection.
			_ = errors.Join(serve(connection, r.answer), connection.Close())
		}()
	}
}

const (
	opReply, opQuery, opMessage = 1, 2004, 2013
	// batchBytes is how large a server lets a batch become.
	batchBytes = 16 << 20
)

// serve answers the messages of one connection.
func serve(connection net.Conn, answer func(dst []byte, command bson.Raw) ([]byte, error)) error {
	var buffer []byte
	for {
		var head [16]byte
		if _, err := io.ReadFull(connection, head[:]); err != nil {
			return err
		}
		body := make([]byte, binary.LittleEndian.Uint32(head[:])-16)
		if _, err := io.ReadFull(connection, body); err != nil {
			return err
		}
		request, code := binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[12:])
		command, answerCode, prefix, err := commandOf(code, body)
		if err != nil {
			return err
		}
		buffer = append(buffer[:0], make([]byte, 16)...)
		buffer = append(buffer, prefix...)
		if buffer, err = answer(buffer, command); err != nil {
			return err
		}
		binary.LittleEndian.PutUint32(buffer, uint32(len(buffer)))
		binary.LittleEndian.PutUint32(buffer[4:], request)
		binary.LittleEndian.PutUint32(buffer[8:], request)
		binary.LittleEndian.PutUint32(buffer[12:], answerCode)
		if _, err := connection.Write(buffer); err != nil {
			return err
		}
	}
}

// commandOf is the command of a message, and what stands before the document of its answer.
func commandOf(code uint32, body []byte) (command bson.Raw, answer uint32, prefix []byte, err error) {
	switch code {
	case opMessage:
		// Flags, then a section of kind 0.
		return bson.Raw(body[5:]), opMessage, make([]byte, 5), nil
	case opQuery:
		// Flags, collection, skip, limit, then the command.
		at := 4
		for body[at] != 0 {
			at++
		}
		prefix = make([]byte, 20)
		prefix[16] = 1
		return bson.Raw(body[at+9:]), opReply, prefix, nil
	}
	return nil, 0, nil, fmt.Errorf("operation %d is not spoken", code)
}

func (r *replay) answer(dst []byte, command bson.Raw) ([]byte, error) {
	elements, err := command.Elements()
	if err != nil || len(elements) == 0 {
		return dst, errors.New("a message without a command")
	}
	first := elements[0]
	start, dst := bsoncore.AppendDocumentStart(dst)
	switch first.Key() {
	case "hello", "isMaster", "ismaster":
		dst = appendHello(dst)
	case "count":
		dst = bsoncore.AppendInt64Element(dst, "n", int64(len(r.heights)))
	case "listCollections":
		dst = r.appendCollections(dst, command.Lookup("$db").StringValue())
	case "find":
		dst = r.find(dst, command, first.Value().StringValue())
	case "getMore":
		id, _ := first.Value().AsInt64OK()
		dst = r.more(dst, id)
	}
	dst = bsoncore.AppendDoubleElement(dst, "ok", 1)
	return bsoncore.AppendDocumentEnd(dst, start)
}

// appendHello says what the server can.
func appendHello(dst []byte) []byte {
	dst = bsoncore.AppendBooleanElement(dst, "isWritablePrimary", true)
	dst = bsoncore.AppendBooleanElement(dst, "ismaster", true)
	dst = bsoncore.AppendInt32Element(dst, "maxBsonObjectSize", 16<<20)
	dst = bsoncore.AppendInt32Element(dst, "maxMessageSizeBytes", 48_000_000)
	dst = bsoncore.AppendInt32Element(dst, "maxWriteBatchSize", 100_000)
	dst = bsoncore.AppendInt32Element(dst, "maxWireVersion", 21)
	return dst
}

func (r *replay) appendCollections(dst []byte, database string) []byte {
	var documents []byte
	if database == "concordium_mainnet" {
		for _, name := range []string{"blocks_per_day", "transactions"} {
			document := bsoncore.BuildDocument(nil, bsoncore.AppendStringElement(bsoncore.AppendStringElement(nil, "name", name), "type", "collection"))
			documents = append(documents, document...)
		}
	}
	return appendCursor(dst, 0, "firstBatch", documents)
}

func (r *replay) find(dst []byte, command bson.Raw, collection string) []byte {
	filter, _ := command.Lookup("filter").DocumentOK()
	switch {
	case collection == "blocks_per_day":
		return appendCursor(dst, 0, "firstBatch", r.days)
	case filter.Lookup("$or").Type != 0:
		return appendCursor(dst, 0, "firstBatch", nil)
	}
	from, to := 0, len(r.heights)
	bounds, _ := filter.Lookup("block_info.height").DocumentOK()
	if least, ok := bounds.Lookup("$gte").AsInt64OK(); ok {
		from = sort.Search(len(r.heights), func(i int) bool { return r.heights[i] >= least })
	}
	if above, ok := bounds.Lookup("$gt").AsInt64OK(); ok {
		from = sort.Search(len(r.heights), func(i int) bool { return r.heights[i] > above })
	}
	if most, ok := bounds.Lookup("$lte").AsInt64OK(); ok {
		to = sort.Search(len(r.heights), func(i int) bool { return r.heights[i] > most })
	}
	if limit, ok := command.Lookup("limit").AsInt64OK(); ok && limit > 0 {
		to = min(to, from+int(limit))
	}
	return r.batch(dst, "firstBatch", 0, from, to)
}

func (r *replay) more(dst []byte, id int64) []byte {
	r.mu.Lock()
	at := r.cursors[id]
	r.mu.Unlock()
	return r.batch(dst, "nextBatch", id, at[0], at[1])
}

// batch appends documents up to the size of a batch; the rest waits under a cursor's id.
func (r *replay) batch(dst []byte, name string, id int64, from, to int) []byte {
	end := sort.Search(to-from, func(i int) bool { return r.offsets[from+i+1]-r.offsets[from] > batchBytes }) + from
	end = min(max(end, from+1), to)
	r.mu.Lock()
	if end < to {
		if id == 0 {
			id, r.next = r.next, r.next+1
		}
		r.cursors[id] = [2]int{end, to}
	} else {
		delete(r.cursors, id)
		id = 0
	}
	r.mu.Unlock()
	return appendCursor(dst, id, name, r.documents[r.offsets[from]:r.offsets[end]])
}

// appendCursor appends a cursor with a batch of documents that lie one after the other.
func appendCursor(dst []byte, id int64, name string, documents []byte) []byte {
	start, dst := bsoncore.AppendDocumentElementStart(dst, "cursor")
	dst = bsoncore.AppendInt64Element(dst, "id", id)
	dst = bsoncore.AppendStringElement(dst, "ns", "concordium_mainnet.transactions")
	list, dst := bsoncore.AppendArrayElementStart(dst, name)
	for i := 0; len(documents) > 0; i++ {
		length := binary.LittleEndian.Uint32(documents)
		dst = append(dst, byte(bsoncore.TypeEmbeddedDocument))
		dst = append(strconv.AppendInt(dst, int64(i), 10), 0)
		dst = append(dst, documents[:length]...)
		documents = documents[length:]
	}
	// Both were started above.
	dst, _ = bsoncore.AppendArrayEnd(dst, list)
	dst, _ = bsoncore.AppendDocumentEnd(dst, start)
	return dst
}
