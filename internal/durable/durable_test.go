package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range list {
		names = append(names, one.Name())
	}
	return names
}

func TestWriteLeavesTheOldOrTheNew(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	put := func(text string, then error) func(string) error {
		return func(beside string) error { return errors.Join(os.WriteFile(beside, []byte(text), 0o600), then) }
	}
	if err := Write(path, 0o640, put("old", nil)); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("disk full")
	if err := Write(path, 0o640, put("half", broken)); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	content, err := os.ReadFile(path)
	if err != nil || string(content) != "old" {
		t.Errorf("content %q %v, want the old", content, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	if names := entries(t, dir); len(names) != 1 {
		t.Errorf("left %v", names)
	}
}

func TestLinkIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "current")
	for _, target := range []string{"1", "2"} {
		if err := Link(target, path); err != nil {
			t.Fatal(err)
		}
		if got, err := os.Readlink(path); err != nil || got != target {
			t.Errorf("link to %q %v, want %q", got, err, target)
		}
	}
}

func TestRemoveUnfinished(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]*")
	if err := RemoveUnfinished(dir); err != nil {
		t.Errorf("a folder that is not there: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, "kept")
	for _, path := range []string{kept, Beside(kept), Beside(kept) + ".wal"} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveUnfinished(dir); err != nil {
		t.Fatal(err)
	}
	if names := entries(t, dir); len(names) != 1 || names[0] != "kept" {
		t.Errorf("left %v", names)
	}
}
