package modeltest

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"

	"golang.org/x/tools/txtar"
)

// Update puts what models have into the wanted sections that differ. It returns the new texts of the files that change,
// by their names below the SQL folder; results without rows to compare change nothing.
func (s *Suite) Update(results []Result) (map[string][]byte, error) {
	texts := map[string][]byte{}
	for _, f := range s.files {
		changed := false
		for _, r := range results {
			if r.Case.File != f.name {
				continue
			}
			for want, got := range r.got {
				data := &f.archive.Files[want.at].Data
				text, err := writeTable(want.columns, got)
				if err != nil {
					return nil, fmt.Errorf("%s:%d: %w", f.name, want.line, err)
				}
				*data = []byte(text + emptyEnd(*data))
				changed = true
			}
		}
		if changed {
			texts[f.name] = txtar.Format(f.archive)
		}
	}
	return texts, nil
}

func writeTable(columns []string, rows [][]string) (string, error) {
	var out bytes.Buffer
	writer := csv.NewWriter(&out)
	for _, row := range append([][]string{columns}, rows...) {
		if err := writer.Write(row); err != nil {
			return "", err
		}
		writer.Flush()
		if len(row) == 1 && row[0] == "" {
			// An empty line would be no row.
			out.Truncate(out.Len() - 1)
			out.WriteString("\"\"\n")
		}
	}
	return out.String(), writer.Error()
}

// emptyEnd are the empty lines that stand before the next section.
func emptyEnd(data []byte) string {
	kept := bytes.TrimRight(data, "\n")
	return strings.Repeat("\n", max(len(data)-len(kept)-1, 0))
}
