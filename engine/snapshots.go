package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/internal/durable"
)

// ErrNoSnapshot marks a snapshot that is not there.
var ErrNoSnapshot = errors.New("no such snapshot")

const (
	snapshotSuffix = ".duckdb"
	currentName    = "current" + snapshotSuffix
	// ownerName is a file that names the warehouse whose snapshots a folder holds, as a path from there.
	ownerName = "warehouse.txt"
)

// A Snapshot is a published, read-only copy of a warehouse as a run left it.
type Snapshot struct {
	Run       int64     `json:"run"`
	Path      string    `json:"path"`
	Bytes     int64     `json:"bytes"`
	Published time.Time `json:"published"`
	// Current: it is what readers get.
	Current bool `json:"current"`
}

// Snapshots are those of one warehouse: a folder of RUN.duckdb, where current.duckdb is a symbolic link to one of them.
type Snapshots struct {
	Dir string
	// owner is the warehouse's path from Dir.
	owner string
}

// FindSnapshots is the folder for a warehouse's snapshots: dir, by default `snapshots` beside it. Where that holds those
// of another warehouse, it is a folder within, named after this one. Nothing is made.
func FindSnapshots(warehouse, dir string) (Snapshots, error) {
	if dir == "" {
		dir = filepath.Join(filepath.Dir(warehouse), "snapshots")
	}
	for {
		owner, err := pathFrom(dir, warehouse)
		if err != nil {
			return Snapshots{}, fmt.Errorf("find snapshots of %s: %w", warehouse, err)
		}
		text, err := os.ReadFile(filepath.Join(dir, ownerName))
		if ignoreGone(err) != nil {
			return Snapshots{}, fmt.Errorf("find snapshots of %s: %w", warehouse, err)
		}
		if known := strings.TrimSpace(string(text)); known == "" || known == owner {
			return Snapshots{Dir: dir, owner: owner}, nil
		}
		name := filepath.Base(warehouse)
		dir = filepath.Join(dir, strings.TrimSuffix(name, filepath.Ext(name)))
	}
}

// pathFrom is the way from a folder to a file, whatever links lead to them.
func pathFrom(dir, file string) (string, error) {
	from, err := realPath(dir)
	if err != nil {
		return "", err
	}
	to, err := realPath(file)
	if err != nil {
		return "", err
	}
	return filepath.Rel(from, to)
}

// realPath is the absolute path without symbolic links, as far as it exists.
func realPath(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(absolute)
	if errors.Is(err, fs.ErrNotExist) && absolute != filepath.Dir(absolute) {
		parent, err := realPath(filepath.Dir(absolute))
		return filepath.Join(parent, filepath.Base(absolute)), err
	}
	return resolved, err
}

// Path is where the snapshot of a run is, or would be.
func (s Snapshots) Path(run int64) string { return filepath.Join(s.Dir, snapshotName(run)) }

func snapshotName(run int64) string { return strconv.FormatInt(run, 10) + snapshotSuffix }

// CurrentPath is the stable name of the snapshot that readers get.
func (s Snapshots) CurrentPath() string { return filepath.Join(s.Dir, currentName) }

// List are all snapshots, the newest first.
func (s Snapshots) List() ([]Snapshot, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	target, err := os.Readlink(s.CurrentPath())
	if err != nil {
		target = ""
	}
	var list []Snapshot
	for _, entry := range entries {
		run, is := snapshotRun(entry.Name())
		if !is || !entry.Type().IsRegular() {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list snapshots: %w", err)
		}
		list = append(list, Snapshot{run, s.Path(run), info.Size(), info.ModTime().UTC(), entry.Name() == target})
	}
	slices.SortFunc(list, func(a, b Snapshot) int { return int(b.Run - a.Run) })
	return list, nil
}

// snapshotRun is the run in a snapshot's name.
func snapshotRun(name string) (int64, bool) {
	digits, is := strings.CutSuffix(name, snapshotSuffix)
	run, err := strconv.ParseInt(digits, 10, 64)
	return run, is && err == nil && run > 0 && snapshotName(run) == name
}

// Current is the snapshot that readers get. It returns ErrNoSnapshot when none has been published.
func (s Snapshots) Current() (Snapshot, error) {
	return s.pick(func(one Snapshot) bool { return one.Current }, "none is published in "+s.Dir)
}

// Of is the snapshot of a run. It returns ErrNoSnapshot when there is none.
func (s Snapshots) Of(run int64) (Snapshot, error) {
	return s.pick(func(one Snapshot) bool { return one.Run == run }, fmt.Sprintf("run %d has none in %s", run, s.Dir))
}

func (s Snapshots) pick(wanted func(Snapshot) bool, missing string) (Snapshot, error) {
	list, err := s.List()
	if err != nil {
		return Snapshot{}, err
	}
	if i := slices.IndexFunc(list, wanted); i >= 0 {
		return list[i], nil
	}
	return Snapshot{}, WithHint(fmt.Errorf("%w: %s", ErrNoSnapshot, missing), "nightrunner snapshots list shows what there is")
}

// newest is the highest run with a snapshot, 0 for none.
func (s Snapshots) newest() (int64, error) {
	list, err := s.List()
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return list[0].Run, nil
}

// own makes the folder and writes into it whose it is.
func (s Snapshots) own() error {
	if err := os.MkdirAll(s.Dir, 0o777); err != nil {
		return err
	}
	path := filepath.Join(s.Dir, ownerName)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	folder, err := os.Stat(s.Dir)
	if err != nil {
		return err
	}
	return durable.Write(path, folder.Mode()&0o666, func(beside string) error { return os.WriteFile(beside, []byte(s.owner+"\n"), 0o600) })
}

// surplus are the snapshots that go when the newest keep may stay, within a budget in bytes (0: no limit). The current one
// stays.
func surplus(list []Snapshot, keep int, budget int64) []Snapshot {
	var gone []Snapshot
	var bytes int64
	for i, one := range list {
		bytes += one.Bytes
		if !one.Current && (i >= keep || budget > 0 && bytes > budget) {
			bytes -= one.Bytes
			gone = append(gone, one)
		}
	}
	return gone
}

// prune removes what is too much and returns what it removed.
func (s Snapshots) prune(keep int, budget int64) ([]Snapshot, error) {
	list, err := s.List()
	if err != nil {
		return nil, err
	}
	gone := surplus(list, keep, budget)
	for i, one := range gone {
		if err := os.Remove(one.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return gone[:i], fmt.Errorf("remove snapshot: %w", err)
		}
	}
	return gone, nil
}

// removeAll removes every snapshot and the stable name.
func (s Snapshots) removeAll() error {
	if err := os.Remove(s.CurrentPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, err := s.prune(0, 0)
	return err
}
