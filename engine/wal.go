package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// A write-ahead log is a head and entries: the size and the checksum of what follows, 8 bytes each, and that. A transaction ends with
// an entry that says so. DuckDB takes an entry whose size goes beyond the file, or a head that it does not know, for the end of
// a log that was cut off by a crash, and drops the rest without a word: what was committed there, too.

// walHead begins a log of the version that is known here.
func walHead() []byte { return []byte{0x64, 0x00, 0x62, 0x65, 0x00, 0x02, 0xff, 0xff} }

// walCommit is the entry that ends a transaction.
func walCommit() []byte {
	return []byte{5, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0xfe, 0x7d, 0x72, 0x2f, 0xed, 0x3d, 0x5e, 0x64, 0x00, 0x64, 0xff, 0xff}
}

// walVersion is where the head has its version.
const walVersion = 5

// checkLog returns ErrDamaged when DuckDB would drop more of a warehouse's log than a crash leaves unfinished.
func checkLog(path string) (err error) {
	file, err := os.Open(walPath(path))
	if err != nil {
		return ignoreGone(err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	at, dropped, err := droppedCommit(file, info.Size())
	if dropped {
		return WithHint(fmt.Errorf("%s: %w: %w", walPath(path), ErrDamaged, cause(fmt.Sprintf("its write-ahead log cannot be read from byte %d on", at))), damageHint)
	}
	return err
}

// droppedCommit reports whether a log is none, or holds something committed behind the place from which on DuckDB drops it.
func droppedCommit(log io.ReaderAt, size int64) (at int64, dropped bool, err error) {
	head := make([]byte, len(walHead()))
	if n, err := log.ReadAt(head, 0); n < len(head) {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return 0, false, err
	}
	switch {
	case bytes.Equal(head, walHead()):
		if at, err = lastEntry(log, size); err != nil {
			return 0, false, err
		}
	case bytes.Equal(head[:walVersion], walHead()[:walVersion]) && head[walVersion] != walHead()[walVersion]:
		// Of another version nothing is known here.
		return 0, false, nil
	case len(bytes.Trim(head, "\x00")) > 0:
		return 0, true, nil
	}
	dropped, err = contains(io.NewSectionReader(log, at, size-at), walCommit())
	return at, dropped, err
}

// lastEntry is where the entries end that are whole by their sizes.
func lastEntry(log io.ReaderAt, size int64) (int64, error) {
	const before = 16
	end := int64(len(walHead()))
	for {
		length := make([]byte, 8)
		if _, err := log.ReadAt(length, end); errors.Is(err, io.EOF) {
			return end, nil
		} else if err != nil {
			return 0, err
		}
		n := binary.LittleEndian.Uint64(length)
		if n > uint64(size) || end+before+int64(n) > size {
			return end, nil
		}
		end += before + int64(n)
	}
}

// contains looks for bytes in what is read.
func contains(r io.Reader, wanted []byte) (bool, error) {
	buffer := make([]byte, 0, 1<<20)
	for {
		n, err := io.ReadFull(r, buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		if bytes.Contains(buffer, wanted) {
			return true, nil
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		kept := copy(buffer, buffer[len(buffer)-len(wanted):])
		buffer = buffer[:kept]
	}
}
