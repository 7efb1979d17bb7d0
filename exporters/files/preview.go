package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/exporters"
)

// Preview compares with the statistic's file, the first one when there are several formats.
func (e *Exporter) Preview(_ context.Context, p *engine.Publication, o engine.PreviewOptions) (engine.Writer, error) {
	s := &stored{path: e.path(p.Name, e.formats[0]), binary: e.formats[0] == BSON}
	// A file is ours alone: nothing in it is protected.
	unprotected := *p
	unprotected.Protect = ""
	v := exporters.NewPreviewer(&unprotected, o)
	v.Find, v.Done, v.Notes = s.find, s.close, s.notes
	var err error
	if s.file, err = os.Open(s.path); errors.Is(err, fs.ErrNotExist) {
		s.ended = true
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	if e.formats[0] == JSONL && p.First != "" {
		start, err := prefixBefore(s.file, p.First)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		if _, err := s.file.Seek(start, io.SeekStart); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	s.in = bufio.NewReaderSize(s.file, 1<<20)
	return v, nil
}

// A stored file is read once, from its start to its end.
type stored struct {
	path   string
	binary bool
	file   *os.File
	in     *bufio.Reader
	// at is the document that was read last, none when its id is "".
	at    document
	ended bool
	// broken is why the rest could not be read: it counts as not there, and a write replaces it.
	broken error
}

// find goes on to the documents with these keys, which are larger than those before.
func (s *stored) find(_ context.Context, ids []string, found exporters.Found) error {
	for _, id := range ids {
		for !s.ended && s.at.id < id {
			one, err := s.next()
			if err != nil {
				s.ended, s.at = true, document{}
				if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
					s.broken = err
				}
				break
			}
			s.at = one
		}
		var was map[string]bson.Raw
		if s.at.id == id {
			raw, err := s.raw()
			if err != nil {
				return err
			}
			was = map[string]bson.Raw{id: raw}
		}
		if err := found([]string{id}, was); err != nil {
			return err
		}
	}
	return nil
}

func (s *stored) next() (document, error) {
	if s.binary {
		return nextDocument(s.in)
	}
	return nextLine(s.in)
}

func (s *stored) raw() (bson.Raw, error) {
	if s.binary {
		return bson.Raw(s.at.bytes), nil
	}
	var raw bson.Raw
	err := bson.UnmarshalExtJSON(s.at.bytes, false, &raw)
	return raw, err
}

func (s *stored) notes() []string {
	if s.broken == nil {
		return nil
	}
	return []string{fmt.Sprintf("%s cannot be read to its end: %v; what follows counts as not there", s.path, s.broken)}
}

func (s *stored) close() error {
	if s.file == nil {
		return nil
	}
	file := s.file
	s.file = nil
	return file.Close()
}
