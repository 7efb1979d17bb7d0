package engine

import (
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	shipped "github.com/ccdexplorer/nightrunner/sql"
)

// FuzzParseModel: whatever a file says, its header is read or refused with file and line, and its SQL keeps its lines.
func FuzzParseModel(f *testing.F) {
	for _, text := range seeds(f) {
		for _, folder := range []string{"stat", "mid", "checks"} {
			f.Add(folder, text)
		}
	}
	f.Fuzz(func(t *testing.T, folder, text string) {
		switch folder {
		case "stg", "mid", "stat", "checks":
		default:
			t.Skip("not a folder of models")
		}
		file := folder + "/fuzzed.sql"
		m, errs := parseModel(file, folder+".fuzzed", text)
		placed(t, file, text, errs)
		if rest, ok := strings.CutPrefix(text, m.SQL); !ok || strings.Trim(rest, "; \t\r\n") != "" {
			t.Errorf("SQL is not the file's text up to its last statement: %q", m.SQL)
		}
		for _, line := range lostKeys(text, m, errs) {
			t.Errorf("line %d is a key that is neither used nor an error", line)
		}
		sameFromProject(t, file, text, m, errs)
		sameWithOtherLineEnds(t, file, text, m, errs)
	})
}

// placed: every error names the file and a line within it, or the file as a whole.
func placed(t *testing.T, file, text string, errs ModelErrors) {
	lines := strings.Count(text, "\n") + 1
	for _, one := range errs {
		if one.File != file || one.Line < 0 || one.Line > lines || one.Err == nil {
			t.Errorf("%+v does not lead to a line of %s, which has %d", one, file, lines)
		}
	}
}

var keyAtStart = regexp.MustCompile(`^[ \t]*--[ \t]*([a-z]+):`)

// lostKeys are the lines with a known key, before the first empty comment line or SQL, that had no effect.
func lostKeys(text string, m *Model, errs ModelErrors) []int {
	told := map[int]bool{}
	for _, one := range errs {
		told[one.Line] = true
	}
	var lost []int
	started := false
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" && !started {
			continue
		}
		if !strings.HasPrefix(trimmed, "--") || started && trimmed == "--" {
			break
		}
		started = true
		found := keyAtStart.FindStringSubmatch(line)
		if found == nil || told[i+1] {
			continue
		}
		if _, known := headerKeys()[found[1]]; known && m.keyLines[found[1]] == 0 {
			lost = append(lost, i+1)
		}
	}
	return lost
}

// sameFromProject: a folder with this file alone says the same.
func sameFromProject(t *testing.T, file, text string, m *Model, errs ModelErrors) {
	project, err := ReadProject(fstest.MapFS{file: {Data: []byte(text)}})
	var all ModelErrors
	if err != nil && !errors.As(err, &all) {
		t.Fatalf("ReadProject: %v", err)
	}
	if diff := cmp.Diff(errs.Error(), all.Error()); diff != "" {
		t.Errorf("errors of the file and of its folder differ (-file +folder):\n%s", diff)
	}
	models := slices.Concat(project.Models, project.Checks)
	if len(models) != 1 {
		t.Fatalf("%d models of one file", len(models))
	}
	want := *m
	if path.Dir(file) == "checks" && want.Severity == "" {
		want.Severity = SeverityError
	}
	if diff := cmp.Diff(&want, models[0], cmp.AllowUnexported(Model{})); diff != "" {
		t.Errorf("the model of the file and of its folder differ (-file +folder):\n%s", diff)
	}
}

// sameWithOtherLineEnds: what a header says does not depend on the editor.
func sameWithOtherLineEnds(t *testing.T, file, text string, m *Model, errs ModelErrors) {
	if strings.Contains(text, "\r") {
		return
	}
	other, otherErrs := parseModel(file, m.Name, strings.ReplaceAll(text, "\n", "\r\n"))
	if diff := cmp.Diff(errs.Error(), otherErrs.Error()); diff != "" {
		t.Errorf("errors with \\n and with \\r\\n differ:\n%s", diff)
	}
	other.SQL = m.SQL
	if diff := cmp.Diff(m, other, cmp.AllowUnexported(Model{})); diff != "" {
		t.Errorf("the model with \\n and with \\r\\n differ:\n%s", diff)
	}
}

// seeds are the shipped files and headers that are broken in one way each.
func seeds(f *testing.F) []string {
	list := []string{
		"", "\n", "--", "--\n", "-- ", "select 1", ";", "-- grain: day", "-- grain: day\n;", "\ufeff-- export: a\nselect 1", "\n\n-- export: a\nselect 1",
		"-- exprot: a\n-- materialize: tabel\n--\n-- Prose.\nselect 1",
		"-- export: a\n-- export: b\nselect 1", "-- export:\nselect 1", "-- export: a b\nselect 1",
		"-- Prose first.\n-- export: a\n--\nselect 1", "  -- export: a\nselect 1", "-- Export: a\nselect 1",
		"-- lookback: -1\nselect 1", "-- lookback: 99999999999999999999\n-- materialize: incremental\n-- grain: day\nselect 1",
		"-- materialize: state\n-- grain: day\nselect 1", "-- materialize: incremental\nselect 1", "-- columns: a int\nselect 1",
		"-- check: unique\n-- check: range a 1\n-- check: warn expect a > 0\n-- check: warn\n-- check: not_null a, , b\nselect 1",
		"-- match: a on b in c\n-- match: raw.a on b in mid.c\nselect 1", "-- requires: raw.a\n-- requires: A\nselect 1",
		"-- severity: fatal\nselect 1", "-- spread: a\nselect 1", "-- column: a\n-- column: b text\nselect 1",
		"--\n-- export: a\nselect 1", "-- export: a\r\n--\r\n-- Prose.\r\nselect 1;\r\n", "-- grain: day\x00\nselect 1", "-- owner: \xff\nselect 1", "--\u00a0export: a\nselect 1",
	}
	err := fs.WalkDir(shipped.Files, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || path.Ext(file) != ".sql" {
			return err
		}
		text, err := fs.ReadFile(shipped.Files, file)
		list = append(list, string(text))
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return list
}
