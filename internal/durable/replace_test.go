package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func say(text string) func(*os.File) error {
	return func(file *os.File) error {
		_, err := file.WriteString(text)
		return err
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "a"), filepath.Join(dir, "link")
	if err := errors.Join(Replace(path, 0o600, say("one")), os.Symlink(path, link), Replace(link, 0o644, say("two"))); err != nil {
		t.Fatal(err)
	}
	oops := errors.New("oops")
	err := Replace(path, 0o600, func(file *os.File) error { return errors.Join(say("three")(file), oops) })
	if !errors.Is(err, oops) {
		t.Errorf("got %v", err)
	}
	content, err := os.ReadFile(path)
	if err != nil || string(content) != "two" {
		t.Errorf("got %s, %v", content, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestWriteThrough(t *testing.T) {
	if err := Replace(os.DevNull, 0o600, say("gone")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
}

func TestWriteNowhere(t *testing.T) {
	if err := Replace(filepath.Join(t.TempDir(), "none", "a"), 0o600, say("")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestDatabasesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.duckdb")
	head := append([]byte("12345678DUCK"), make([]byte, 100)...)
	if err := os.WriteFile(path, head, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, 0o600, say("gone")); !errors.Is(err, ErrDatabase) {
		t.Errorf("got %v", err)
	}
	if content, err := os.ReadFile(path); err != nil || len(content) != len(head) {
		t.Errorf("%d bytes, %v", len(content), err)
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.b")
	one, err := Create(path, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Create(path, 0o644)
	if err := errors.Join(err, say("other")(other.File), other.Abort(), other.Abort(), say("one")(one.File), one.Commit(), one.Abort()); err != nil {
		t.Fatal(err)
	}
	if err := one.Commit(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("committed twice: %v", err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "one" {
		t.Errorf("%s, %v", content, err)
	}
	killed, err := Create(path, 0o600)
	if err := errors.Join(err, killed.Close(), os.WriteFile(filepath.Join(dir, ".a.c.X"+Unfinished), nil, 0o600), RemoveLeftovers(path)); err != nil {
		t.Fatal(err)
	}
	if names := entries(t, dir); len(names) != 2 || names[0] != ".a.c.X"+Unfinished {
		t.Errorf("left %v", names)
	}
	if err := RemoveLeftovers(filepath.Join(dir, "none", "a")); err != nil {
		t.Error(err)
	}
}
