// Package scaffold makes a team's own folder of SQL files from those that ship, and tells later what has changed on either
// side. The files as they were shipped are kept in .nightrunner: they are the base that both sides are compared with.
//
// What the team has written is never lost: a file that it has changed is only replaced by a merge that holds all of it,
// and what it was is kept.
package scaffold

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed all:template
var template embed.FS

// Where things are kept in the team's folder.
const (
	keepFolder   = ".nightrunner"
	manifestFile = keepFolder + "/manifest.json"
	shipFolder   = keepFolder + "/shipped"
	beforeFolder = keepFolder + "/before"
)

// Errors that callers branch on.
var (
	// ErrOther marks a folder that holds files of other content.
	ErrOther = errors.New("the folder holds files of its own")
	// ErrDamaged marks what is kept in .nightrunner and cannot be read or was changed.
	ErrDamaged = errors.New("what is kept of the shipped files was changed")
)

// Shipped are the files that a folder gets: those of sql below sql/, and what a team needs beside them.
func Shipped(sql fs.FS) (map[string][]byte, error) {
	files := map[string][]byte{}
	own, err := fs.Sub(template, "template")
	if err != nil {
		return nil, err
	}
	return files, errors.Join(readAll(own, "", files), readAll(sql, "sql/", files))
}

func readAll(from fs.FS, prefix string, into map[string][]byte) error {
	return fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		into[prefix+name], err = fs.ReadFile(from, name)
		return err
	})
}

// A manifest says what was shipped when a file was last taken over. Hashes are SHA-256.
type manifest struct {
	Version string            `json:"version"`
	Files   map[string]string `json:"files"`
}

// A Folder is a team's.
type Folder struct {
	Dir string
	// New: nothing has been shipped to it yet. Was is the version that was shipped last.
	New bool
	Was string

	version  string
	shipped  map[string][]byte
	manifest manifest
}

// Open looks at a folder, which need not exist; version is that of what is shipped now. A folder that was not made by
// Write must hold nothing but what Write would write (ErrOther); .git, LICENSE and the like are no matter.
func Open(dir string, shipped map[string][]byte, version string) (*Folder, error) {
	f := &Folder{Dir: dir, version: version, shipped: shipped, manifest: manifest{Files: map[string]string{}}}
	text, err := os.ReadFile(f.path(manifestFile))
	if err == nil {
		if err := json.Unmarshal(text, &f.manifest); err != nil || f.manifest.Files == nil {
			return nil, fmt.Errorf("%s: %w", f.path(manifestFile), errors.Join(ErrDamaged, err))
		}
		f.Was = f.manifest.Version
		return f, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f.New = true
	return f, f.refuseOthers()
}

func (f *Folder) path(name string) string { return filepath.Join(f.Dir, filepath.FromSlash(name)) }

// refuseOthers: what was half written before is fine, whatever else is there is somebody's.
func (f *Folder) refuseOthers() error {
	var others []string
	err := filepath.WalkDir(f.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(f.Dir, path)
		name = filepath.ToSlash(name)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == ".git" || name == keepFolder):
			return fs.SkipDir
		case entry.IsDir() || strings.HasPrefix(name, "LICENSE") || name == ".gitattributes" || name == ".editorconfig" || name == ".git":
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(content, f.shipped[name]) || f.shipped[name] == nil {
			others = append(others, name)
		}
		if len(others) > 3 {
			return fs.SkipAll
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(others) > 0 {
		err = fmt.Errorf("%s: %w: %s", f.Dir, ErrOther, strings.Join(others[:min(3, len(others))], ", "))
	}
	return err
}

// Write fills a new folder. Run again after it was cut off, it goes on.
func (f *Folder) Write() error {
	for _, name := range f.names() {
		if err := f.write(name, f.shipped[name]); err != nil {
			return err
		}
		if err := f.keepBase(name); err != nil {
			return err
		}
	}
	f.New = false
	return f.saveManifest()
}

// names of all files that are or were shipped, sorted.
func (f *Folder) names() []string {
	all := map[string]bool{}
	for name := range f.shipped {
		all[name] = true
	}
	for name := range f.manifest.Files {
		all[name] = true
	}
	list := make([]string, 0, len(all))
	for name := range all {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// keepBase remembers a file as it is shipped now, or forgets it when it is no more.
func (f *Folder) keepBase(name string) error {
	content, there := f.shipped[name]
	if !there {
		delete(f.manifest.Files, name)
		return removed(os.Remove(f.path(shipFolder + "/" + name)))
	}
	f.manifest.Files[name] = hash(content)
	return f.write(shipFolder+"/"+name, content)
}

func (f *Folder) saveManifest() error {
	f.manifest.Version = f.version
	text, err := json.MarshalIndent(f.manifest, "", "  ")
	if err != nil {
		return err
	}
	return f.write(manifestFile, append(text, '\n'))
}

// base is a file as it was shipped when it was taken over, nil if it was not.
func (f *Folder) base(name string) ([]byte, error) {
	want, there := f.manifest.Files[name]
	if !there {
		return nil, nil
	}
	content, err := os.ReadFile(f.path(shipFolder + "/" + name))
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err == nil && hash(content) == want:
		return content, nil
	case hash(f.shipped[name]) == want:
		return f.shipped[name], nil
	}
	return nil, fmt.Errorf("%s: %w", f.path(shipFolder+"/"+name), ErrDamaged)
}

// write puts a file in place whole: beside its place first, then renamed.
func (f *Folder) write(name string, content []byte) error {
	path := f.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if strings.HasSuffix(name, ".sh") {
		mode = 0o755
	}
	beside := path + ".part"
	if err := os.WriteFile(beside, content, mode); err != nil {
		return err
	}
	return os.Rename(beside, path)
}

func hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// removed: a file that is gone already is removed.
func removed(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
