package mongo

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/engine"
)

// An archive is a file that mongodump --archive wrote, gzipped or not. Its collections lie in it in pieces, mixed: they
// are put together in a temporary folder when the first one is read. The format is that of the MongoDB tools: a magic
// number, a prelude that lists the collections, then blocks of one collection each, with a checksum per collection.
type archive struct {
	options Options
	info    fs.FileInfo
	// has are the collections of the prelude, as db/collection.
	has map[string]bool
	// unpacked is the temporary folder, "" before it is needed.
	unpacked string
}

const (
	archiveMagic = 0x8199e26d
	// terminator ends the prelude and each block.
	terminator = 0xffffffff
)

var errArchive = errors.New("the archive is damaged or cut off; copy it again")

func openArchive(o Options) (*archive, error) {
	a := &archive{options: o, has: map[string]bool{}}
	var err error
	if a.info, err = os.Stat(o.URI); err != nil {
		return nil, err
	}
	in, closing, err := a.start()
	if err != nil {
		return nil, err
	}
	defer closing()
	for {
		document, err := readArchived(in)
		if err != nil {
			return nil, fmt.Errorf("%s: prelude: %w", o.URI, err)
		}
		if document == nil {
			return a, nil
		}
		if name, ok := document.Lookup("collection").StringValueOK(); ok {
			database, _ := document.Lookup("db").StringValueOK()
			a.has[filepath.Join(database, name)] = true
		}
	}
}

// start opens the file behind its magic number.
func (a *archive) start() (*bufio.Reader, func(), error) {
	opened, err := os.Open(a.options.URI)
	if err != nil {
		return nil, nil, err
	}
	closing := func() { opened.Close() }
	in := bufio.NewReaderSize(opened, 1<<20)
	if head, err := in.Peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		unzip, err := gzip.NewReader(in)
		if err != nil {
			closing()
			return nil, nil, fmt.Errorf("%s: %w", a.options.URI, err)
		}
		in = bufio.NewReaderSize(unzip, 1<<20)
	}
	var magic [4]byte
	if _, err := io.ReadFull(in, magic[:]); err != nil || binary.LittleEndian.Uint32(magic[:]) != archiveMagic {
		closing()
		return nil, nil, engine.WithHint(fmt.Errorf("%s is neither a folder nor an archive of mongodump", a.options.URI), hintURI)
	}
	return in, closing, nil
}

// readArchived reads a document; nil at a terminator.
func readArchived(in io.Reader) (bson.Raw, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, fmt.Errorf("%w: %w", errArchive, err)
	}
	length := binary.LittleEndian.Uint32(head[:])
	if length == terminator {
		return nil, nil
	}
	if length < minDocument || length > maxDocument {
		return nil, fmt.Errorf("%w: a document of %d bytes", errArchive, length)
	}
	document := make(bson.Raw, length)
	copy(document, head[:])
	if _, err := io.ReadFull(in, document[4:]); err != nil {
		return nil, fmt.Errorf("%w: %w", errArchive, err)
	}
	return document, nil
}

func (a *archive) find(c *Collection) (engine.SourceFile, error) {
	name := filepath.Join(a.options.databaseOf(c), c.Name)
	if !a.has[name] {
		return engine.SourceFile{}, fs.ErrNotExist
	}
	return engine.SourceFile{Name: filepath.Base(a.options.URI) + ":" + name, Bytes: a.info.Size(), Modified: a.info.ModTime()}, nil
}

func (a *archive) open(c *Collection) (documents, func() string, error) {
	if err := a.unpack(); err != nil {
		return nil, nil, err
	}
	return openHashed(a.path(a.options.databaseOf(c), c.Name))
}

func (a *archive) hash(c *Collection) (string, error) {
	if err := a.unpack(); err != nil {
		return "", err
	}
	return hashFile(a.path(a.options.databaseOf(c), c.Name))
}

func (a *archive) close() error {
	if a.unpacked == "" {
		return nil
	}
	return os.RemoveAll(a.unpacked)
}

func (a *archive) path(database, collection string) string {
	return filepath.Join(a.unpacked, database, collection+".bson")
}

// unpack writes the collections that are mapped into a temporary folder.
func (a *archive) unpack() (err error) {
	if a.unpacked != "" {
		return nil
	}
	if a.unpacked, err = os.MkdirTemp(a.options.TempDirectory, "nightrunner-archive-"); err != nil {
		return err
	}
	pieces := map[string]*piece{}
	for i := range a.options.Collections {
		c := &a.options.Collections[i]
		database := a.options.databaseOf(c)
		one, err := newPiece(a.path(database, c.Name))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, one.file.Close()) }()
		pieces[filepath.Join(database, c.Name)] = one
	}
	if err := a.blocks(pieces); err != nil {
		return errors.Join(err, a.forget())
	}
	for name, one := range pieces {
		if err := one.out.Flush(); err != nil {
			return err
		}
		if a.has[name] && !one.ended {
			return errors.Join(fmt.Errorf("%w: the end of %s is missing", errArchive, name), a.forget())
		}
	}
	return nil
}

// forget removes what was unpacked, so that the next collection fails for the same reason.
func (a *archive) forget() error {
	unpacked := a.unpacked
	a.unpacked = ""
	return os.RemoveAll(unpacked)
}

// A piece is a collection on its way out of the archive.
type piece struct {
	file  *os.File
	out   *bufio.Writer
	sum   hash.Hash64
	ended bool
}

func newPiece(path string) (*piece, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &piece{file: file, out: bufio.NewWriterSize(file, 256<<10), sum: crc64.New(crc64.MakeTable(crc64.ECMA))}, nil
}

// blocks reads all blocks to the end of the archive.
func (a *archive) blocks(pieces map[string]*piece) error {
	in, closing, err := a.start()
	if err != nil {
		return err
	}
	defer closing()
	for {
		if document, err := readArchived(in); err != nil {
			return err
		} else if document == nil {
			break
		}
	}
	for {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			return nil
		}
		header, err := readArchived(in)
		if err != nil {
			return err
		}
		if header == nil {
			return fmt.Errorf("%w: a block without a header", errArchive)
		}
		if err := block(in, header, pieces); err != nil {
			return err
		}
	}
}

// block takes the documents of one block; the last block of a collection is empty and tells the checksum of all.
func block(in io.Reader, header bson.Raw, pieces map[string]*piece) error {
	database, _ := header.Lookup("db").StringValueOK()
	collection, _ := header.Lookup("collection").StringValueOK()
	one := pieces[filepath.Join(database, collection)]
	for {
		document, err := readArchived(in)
		if err != nil {
			return fmt.Errorf("%s: %w", collection, err)
		}
		if document == nil {
			break
		}
		if one == nil {
			continue
		}
		// Writing to a hash never fails.
		_, _ = one.sum.Write(document)
		if _, err := one.out.Write(document); err != nil {
			return err
		}
	}
	if ended, _ := header.Lookup("EOF").BooleanOK(); !ended || one == nil {
		return nil
	}
	one.ended = true
	if sum, ok := header.Lookup("CRC").AsInt64OK(); ok && uint64(sum) != one.sum.Sum64() {
		return fmt.Errorf("%w: the checksum of %s is another one", errArchive, collection)
	}
	return nil
}
