package balances

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/ccdexplorer/nightrunner/engine"
)

var fileName = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})(\.plts)?\.csv(\.gz|\.zst)?$`)

// source is a file of the store.
type source struct {
	// name is YYYY-MM-DD.csv and so on, also where the store calls it otherwise.
	name     string
	day      time.Time
	tokens   bool
	bytes    int64
	modified time.Time
	// hash of the content, where the store knows it without reading: git's blob.
	hash string
}

// same reports whether the file is as it was when it was loaded: by its content or, unread, by size and time.
func (s source) same(known engine.SourceFile) bool {
	if s.hash != "" {
		return known.Status == engine.FileLoaded && known.Hash == s.hash
	}
	return known.Same(s.bytes, s.modified)
}

// folder is a store of files YYYY-MM-DD.csv.
type folder struct{ dir string }

func (f folder) close() error { return nil }

func (f folder) empty() error {
	return engine.WithHint(fmt.Errorf("%s has no file YYYY-MM-DD.csv: nothing is read and nothing removed", f.dir), "--balances names the folder of snapshots; is it mounted?")
}

// list finds the files of a folder, in the order of their days. Two files of one day and kind are both left out.
func (f folder) list(_ context.Context, l *load) ([]source, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, engine.WithHint(err, "--balances names the folder of YYYY-MM-DD.csv files")
	}
	var all []source
	for _, entry := range entries {
		match := fileName.FindStringSubmatch(entry.Name())
		if match == nil || entry.IsDir() {
			continue
		}
		day, err := time.Parse(time.DateOnly, match[1])
		if err != nil {
			l.in.Note("%s is ignored: %s is no date", entry.Name(), match[1])
			continue
		}
		info, err := os.Stat(filepath.Join(f.dir, entry.Name()))
		if err != nil {
			// It is there, whatever it is: its day is not gone.
			l.twins[day] = true
			l.in.Unreadable(entry.Name(), err)
			continue
		}
		all = append(all, source{name: entry.Name(), day: day, tokens: match[2] != "", bytes: info.Size(), modified: info.ModTime()})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })
	return l.dropTwins(all), nil
}

func (l *load) dropTwins(all []source) []source {
	type key struct {
		day    time.Time
		tokens bool
	}
	byKey := map[key][]string{}
	for _, one := range all {
		k := key{one.day, one.tokens}
		byKey[k] = append(byKey[k], one.name)
	}
	kept := all[:0]
	for _, one := range all {
		names := byKey[key{one.day, one.tokens}]
		if len(names) == 1 {
			kept = append(kept, one)
			continue
		}
		l.twins[one.day] = true
		if one.name == names[0] {
			l.in.Unreadable(strings.Join(names, ", "), errors.New("several files for one day: none is read; remove all but one"))
		}
	}
	return kept
}

func (f folder) read(s source) ([]byte, error) { return os.ReadFile(filepath.Join(f.dir, s.name)) }

// read reads a file: the hash of its content as it lies in the store, and its text.
func (l *load) read(s source) (hash string, text []byte, err error) {
	raw, err := l.store.read(s)
	if err != nil {
		return "", nil, err
	}
	if text, err = expand(s.name, raw); err != nil {
		return "", nil, fmt.Errorf("the file is cut off or damaged: %w; copy it again", err)
	}
	if s.hash != "" {
		return s.hash, text, nil
	}
	return contentHash(raw), text, nil
}

// expand undoes the compression that the name tells.
func expand(name string, raw []byte) ([]byte, error) {
	switch filepath.Ext(name) {
	case ".gz":
		if len(raw) == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		reader, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(reader)
	case ".zst":
		if len(raw) == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		defer decoder.Close()
		return decoder.DecodeAll(raw, nil)
	}
	return raw, nil
}

func sortSources(list []source) {
	sort.Slice(list, func(i, j int) bool { return list[i].day.Before(list[j].day) })
}
