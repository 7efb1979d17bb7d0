package jsonlines

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Probe looks which files of a folder are there, for people who check a configuration.
func Probe(source, dir string, tables ...Table) (what string, err error) {
	if err := checkFolder(source, dir, tables); err != nil {
		return "", err
	}
	var there []string
	for _, table := range tables {
		file, err := os.Open(filepath.Join(dir, table.File))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		there = append(there, table.File)
		file.Close()
	}
	if len(there) == 0 {
		return "", missing(source, fmt.Errorf("%s has no such file", dir), tables)
	}
	return strings.Join(there, ", "), nil
}
