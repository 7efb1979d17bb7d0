package mongo

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/zeebo/xxh3"
)

// A file reads the documents of a .bson or .bson.gz file, as mongodump writes them.
type file struct {
	in      io.Reader
	closing func() error
	// rest is the start of a document whose end has not been read yet.
	rest []byte
	// offset and count of the first document that has not been given.
	offset, count int64
	ended         bool
}

// openHashed opens a .bson or .bson.gz file; hash is of the bytes as they lie on disk, known after the last document.
func openHashed(path string) (from documents, hash func() string, err error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	hasher := xxh3.New()
	in := io.TeeReader(opened, hasher)
	hash = func() string { return hashText(hasher) }
	if filepath.Ext(path) != ".gz" {
		return newFile(in, opened.Close), hash, nil
	}
	unzip, err := gzip.NewReader(in)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("byte 0: %w", err), opened.Close())
	}
	return newFile(unzip, opened.Close), hash, nil
}

func newFile(in io.Reader, closing func() error) *file { return &file{in: in, closing: closing} }

func (f *file) close() error { return f.closing() }

func (f *file) next(_ context.Context, buffer []byte) (chunk, error) {
	if cap(buffer) < chunkBytes {
		buffer = make([]byte, 0, chunkBytes)
	}
	buffer = append(buffer[:0], f.rest...)
	for !f.ended {
		var err error
		if buffer, err = f.fill(buffer); err != nil {
			return chunk{}, fmt.Errorf("document %d at byte %d: %w", f.count+1, f.offset, err)
		}
		whole, documents, err := wholeDocuments(buffer)
		if err != nil {
			return chunk{}, fmt.Errorf("document %d at byte %d is damaged: %w", f.count+documents+1, f.offset+int64(whole), err)
		}
		if documents > 0 {
			return f.cut(buffer, whole, documents), nil
		}
		// The document is larger than the buffer.
		if len(buffer) == cap(buffer) {
			buffer = append(make([]byte, 0, 2*cap(buffer)), buffer...)
		}
	}
	if len(buffer) > 0 {
		return chunk{}, fmt.Errorf("document %d at byte %d: the file ends within it: %w", f.count+1, f.offset, io.ErrUnexpectedEOF)
	}
	return chunk{}, io.EOF
}

// fill reads until the buffer is full or the file ends.
func (f *file) fill(buffer []byte) ([]byte, error) {
	for len(buffer) < cap(buffer) {
		n, err := f.in.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		if errors.Is(err, io.EOF) {
			f.ended = true
			return buffer, nil
		}
		if err != nil {
			return buffer, err
		}
	}
	return buffer, nil
}

// cut takes the whole documents at the start of the buffer and keeps what follows.
func (f *file) cut(buffer []byte, whole int, documents int64) chunk {
	f.rest = append(f.rest[:0], buffer[whole:]...)
	one := chunk{data: buffer[:whole], offset: f.offset, count: f.count}
	f.offset += int64(whole)
	f.count += documents
	return one
}

// wholeDocuments is how many bytes at the start of data are whole documents, and how many these are.
func wholeDocuments(data []byte) (size int, documents int64, err error) {
	for len(data)-size >= 4 {
		length := int64(int32(binary.LittleEndian.Uint32(data[size:])))
		if length < minDocument || length > maxDocument {
			return size, documents, fmt.Errorf("a length of %d bytes", length)
		}
		if length > int64(len(data)-size) {
			break
		}
		size += int(length)
		documents++
	}
	return size, documents, nil
}
