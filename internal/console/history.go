package console

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/internal/durable"
)

// mostLines is how many lines a history holds; its file is cut to them when it is twice as long.
const mostLines = 2000

// A history is the lines that people entered, each once, the latest last, and the file that keeps them. Shells that run at
// the same time add to the same file. It is the line editor's source of history.
type history struct {
	path  string
	lines []string
	now   func() time.Time
}

// A historyLine is a line of the file.
type historyLine struct {
	Time time.Time `json:"datetime"`
	Text string    `json:"block"`
}

// openHistory reads the file, or makes it, for its owner only.
func openHistory(path string, now func() time.Time) (*history, error) {
	h := &history{path: path, now: now}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Mode().Perm()&0o077 != 0 {
		if err := file.Chmod(0o600); err != nil {
			return nil, err
		}
	}
	count := 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for ; lines.Scan(); count++ {
		var one historyLine
		// What no shell has written is left out, and there is nobody to tell.
		if json.Unmarshal(lines.Bytes(), &one) == nil && one.Text != "" {
			h.lines = append(h.lines, one.Text)
		}
	}
	h.lines = lastOnes(h.lines)
	if count > 2*mostLines {
		return h, errors.Join(lines.Err(), h.rewrite())
	}
	return h, lines.Err()
}

// lastOnes keeps each line's last place, and the last mostLines of them.
func lastOnes(lines []string) []string {
	seen := make(map[string]bool)
	var kept []string
	for _, line := range slices.Backward(lines) {
		if !seen[line] && len(kept) < mostLines {
			kept = append(kept, line)
		}
		seen[line] = true
	}
	slices.Reverse(kept)
	return kept
}

func (h *history) rewrite() error {
	return durable.Replace(h.path, 0o600, func(file *os.File) error {
		out := bufio.NewWriter(file)
		for _, line := range h.lines {
			encoded, err := h.encode(line)
			if err != nil {
				return err
			}
			if _, err := out.Write(encoded); err != nil {
				return err
			}
		}
		return out.Flush()
	})
}

func (h *history) encode(line string) ([]byte, error) {
	encoded, err := json.Marshal(historyLine{h.now().UTC().Truncate(time.Second), line})
	return append(encoded, '\n'), err
}

// Write adds a line. One that starts with a blank is not kept, as in other shells.
func (h *history) Write(line string) (int, error) {
	kept := strings.TrimSpace(line)
	if kept == "" || strings.HasPrefix(line, " ") {
		return h.Len(), nil
	}
	h.lines = lastOnes(append(h.lines, kept))
	if h.path == "" {
		return h.Len(), nil
	}
	encoded, err := h.encode(kept)
	if err != nil {
		return h.Len(), err
	}
	file, err := os.OpenFile(h.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return h.Len(), err
	}
	_, err = file.Write(encoded)
	return h.Len(), errors.Join(err, file.Close())
}

// GetLine returns a line, the oldest is 0.
func (h *history) GetLine(at int) (string, error) {
	if at < 0 || at >= len(h.lines) {
		return "", fs.ErrNotExist
	}
	return h.lines[at], nil
}

// Len is the count of lines.
func (h *history) Len() int { return len(h.lines) }

// Dump returns all lines.
func (h *history) Dump() any { return h.lines }
