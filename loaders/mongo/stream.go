package mongo

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

const (
	// maxDocument is MongoDB's limit of a document, with the 16 KiB that internal ones may have on top.
	maxDocument = 16<<20 + 16<<10
	// minDocument is a length and an end.
	minDocument = 5
)

// A stream reads the documents of a .bson file one after the other, as mongodump writes them. A document is valid until
// the next call: the buffer is reused.
type stream struct {
	in     *bufio.Reader
	close  func() error
	buffer []byte
	// offset of the next document in the (uncompressed) stream, count of those read.
	offset, count int64
}

// openStream opens DIR/db/collection.bson or .bson.gz; the error is fs.ErrNotExist when neither is there.
func openStream(path string) (*stream, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if filepath.Ext(path) != ".gz" {
		return newStream(file, file.Close), nil
	}
	unzip, err := gzip.NewReader(file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("offset 0: %w", err), file.Close())
	}
	return newStream(unzip, file.Close), nil
}

func newStream(in io.Reader, closing func() error) *stream {
	return &stream{in: bufio.NewReaderSize(in, 1<<20), close: closing}
}

// next returns the next document, io.EOF after the last. A stream that ends within a document is an error: never an end.
func (s *stream) next() (bsoncore.Document, error) {
	if cap(s.buffer) < 4 {
		s.buffer = make([]byte, 64<<10)
	}
	head := s.buffer[:4]
	n, err := io.ReadFull(s.in, head)
	if n == 0 && errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, s.fail("the file ends within a document's length: %w", noEOF(err))
	}
	length := int64(int32(binary.LittleEndian.Uint32(head)))
	if length < minDocument || length > maxDocument {
		return nil, s.fail("a document of %d bytes: the file is damaged", length)
	}
	if int64(cap(s.buffer)) < length {
		s.buffer = append(make([]byte, 0, length*2), head...)
	}
	document := s.buffer[:length]
	if _, err := io.ReadFull(s.in, document[4:]); err != nil {
		return nil, s.fail("the file ends within a document of %d bytes: %w", length, noEOF(err))
	}
	if err := bsoncore.Document(document).Validate(); err != nil {
		return nil, s.fail("a damaged document: %w", err)
	}
	s.offset += length
	s.count++
	return document, nil
}

// fail names the place of the document that cannot be read.
func (s *stream) fail(format string, args ...any) error {
	return fmt.Errorf("document %d at byte %d: %w", s.count+1, s.offset, fmt.Errorf(format, args...))
}

// noEOF: callers take io.EOF for a good end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
