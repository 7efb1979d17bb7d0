package balances

import (
	"bytes"
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

// source is a file of the folder.
type source struct {
	name     string
	day      time.Time
	tokens   bool
	bytes    int64
	modified time.Time
}

// list finds the files of a folder, in the order of their days. Two files of one day and kind are both left out.
func (l *load) list() ([]source, error) {
	entries, err := os.ReadDir(l.dir)
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
		info, err := os.Stat(filepath.Join(l.dir, entry.Name()))
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

// read reads a file as it lies on disk and its text.
func (l *load) read(s source) (raw, text []byte, err error) {
	raw, err = os.ReadFile(filepath.Join(l.dir, s.name))
	if err != nil {
		return nil, nil, err
	}
	if text, err = expand(s.name, raw); err != nil {
		return nil, nil, fmt.Errorf("the file is cut off or damaged: %w; copy it again", err)
	}
	return raw, text, nil
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
