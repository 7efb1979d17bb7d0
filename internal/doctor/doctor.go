// Package doctor looks whether a run could work: places, limits, sources, destinations. It changes nothing, and asks
// nothing of a warehouse that a run may be writing.
package doctor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/machine"
)

// What a finding says.
const (
	OK   = "ok"
	Warn = "warn" // a run works, and something is worth a look
	Fail = "fail" // a run would fail
)

// A Finding is one thing that was looked at.
type Finding struct {
	Check  string `json:"check"`
	Status string `json:"status"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

// Worst is the worst status of findings.
func Worst(findings []Finding) string {
	worst := OK
	for _, one := range findings {
		if one.Status == Fail || one.Status == Warn && worst == OK {
			worst = one.Status
		}
	}
	return worst
}

// Failed is a finding about an error, with its hint.
func Failed(check string, err error) Finding {
	return Finding{check, Fail, err.Error(), engine.HintOf(err)}
}

// A Prober looks whether it can be read, or written. what says in words what is there; at is the other side's time, zero
// where it has none.
type Prober interface {
	Probe(ctx context.Context) (what string, at time.Time, err error)
}

// A Place is a source or a destination by its name.
type Place struct {
	Name  string
	Thing any
}

// askTimeout bounds one question.
const askTimeout = 10 * time.Second

// grace is for a place that says why it did not answer in time.
const grace = 2 * time.Second

// Probe asks all places at once. skew is the largest difference between their clocks and ours.
func Probe(ctx context.Context, places []Place) (findings []Finding, skew time.Duration) {
	findings = make([]Finding, len(places))
	skews := make([]time.Duration, len(places))
	var all errgroup.Group
	for i, place := range places {
		all.Go(func() error {
			findings[i], skews[i] = probe(ctx, place)
			return nil
		})
	}
	// No probe returns an error: what fails is a finding.
	_ = all.Wait()
	for _, one := range skews {
		if one.Abs() > skew.Abs() {
			skew = one
		}
	}
	return findings, skew
}

func probe(ctx context.Context, place Place) (Finding, time.Duration) {
	prober, is := place.Thing.(Prober)
	if !is {
		return Finding{place.Name, OK, "not asked: a run does", ""}, 0
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	type answer struct {
		what string
		at   time.Time
		err  error
	}
	answered := make(chan answer, 1)
	before := time.Now()
	go func() {
		what, at, err := prober.Probe(ctx)
		answered <- answer{what, at, err}
	}()
	select {
	case <-time.After(askTimeout + grace):
		return Failed(place.Name, engine.WithHint(fmt.Errorf("no answer within %s", askTimeout), "is it reachable from this machine?")), 0
	case a := <-answered:
		if a.err != nil {
			return Failed(place.Name, a.err), 0
		}
		skew := time.Duration(0)
		if !a.at.IsZero() {
			// The answer was written somewhere between question and answer.
			skew = a.at.Sub(before.Add(time.Since(before) / 2))
		}
		return Finding{place.Name, OK, a.what, ""}, skew
	}
}

// Clock looks at the difference to other clocks and whether the kernel says that ours is synchronized.
func Clock(now time.Time, skew time.Duration) Finding {
	const check = "clock"
	const sanity, day = 2025, "yesterday (UTC) is the day that a run wants"
	detail := now.UTC().Format("2006-01-02 15:04:05 UTC")
	switch {
	case now.Year() < sanity:
		return Finding{check, Fail, detail, "set the clock: " + day}
	case skew.Abs() > time.Hour:
		return Finding{check, Fail, fmt.Sprintf("%s, %s off a source's clock", detail, skew.Round(time.Second).Abs()), "set the clock: " + day}
	case skew.Abs() > time.Minute:
		return Finding{check, Warn, fmt.Sprintf("%s, %s off a source's clock", detail, skew.Round(time.Second).Abs()), "is the clock synchronized?"}
	}
	var adjustment unix.Timex
	state, err := unix.Adjtimex(&adjustment)
	const unsynchronized = 5
	if err == nil && state == unsynchronized {
		return Finding{check, Warn, detail + ", not synchronized", "systemctl enable --now systemd-timesyncd, or another NTP client"}
	}
	return Finding{check, OK, detail, ""}
}

// Memory compares the limit with what the machine or its cgroup has. limit and threads are the flags' values.
func Memory(dir, limit string, threads int) []Finding {
	has, err := machine.Read(dir)
	if err != nil {
		return []Finding{Failed("memory", err)}
	}
	memory := Finding{"memory", OK, fmt.Sprintf("70 %% of %s", size(has.Memory)), ""}
	if limit != "" {
		wanted, err := humanize.ParseBytes(limit)
		memory.Detail = fmt.Sprintf("%s of %s", limit, size(has.Memory))
		switch {
		case err != nil:
			memory = Finding{"memory", Fail, limit + " is no size", "--memory-limit 1GB"}
		case wanted > has.Memory:
			memory.Status, memory.Hint = Fail, "--memory-limit is more than there is: the kernel would end the run"
		case wanted > has.Memory/10*9:
			memory.Status, memory.Hint = Warn, "DuckDB needs some memory beside its limit: leave a tenth"
		}
	}
	const least = 1 << 30
	if memory.Status == OK && has.Memory < least {
		memory.Status, memory.Hint = Warn, "below 1 GiB large days may not fit"
	}
	cores := Finding{"threads", OK, fmt.Sprintf("%d of %d", max(threads, 0), has.Threads), ""}
	if threads == 0 {
		cores.Detail = fmt.Sprintf("all %d", has.Threads)
	}
	if threads > has.Threads {
		cores.Status, cores.Hint = Warn, "more than there are: each takes memory and none is faster"
	}
	return []Finding{memory, cores}
}

// Disk compares the free space with what a run needs: as much as the warehouse for a snapshot, and as much for spilling.
func Disk(sizes *engine.Sizes) Finding {
	free, warehouse := uint64(sizes.FreeDisk), uint64(sizes.Warehouse)
	f := Finding{"disk", OK, fmt.Sprintf("%s free; warehouse %s, snapshots %s", size(free), size(warehouse), size(uint64(sizes.Snapshots))), ""}
	const least = 1 << 30
	switch {
	case free < warehouse, free < least/10:
		f.Status, f.Hint = Fail, "a run needs room for a copy of the warehouse: free some, or lower --keep-snapshots"
	case free < 2*warehouse+least:
		f.Status, f.Hint = Warn, "a run may need twice the warehouse: for a snapshot and for spilling"
	}
	return f
}

// Folder looks whether a folder, or the one in which it would be made, can be written.
func Folder(check, dir string) Finding {
	detail := dir
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) {
			detail = dir + ", to be made"
			continue
		}
		if err != nil {
			return Failed(check, err)
		}
		if !info.IsDir() {
			return Finding{check, Fail, at + " is no folder", ""}
		}
		if err := unix.Access(at, unix.W_OK|unix.X_OK); err != nil {
			return Finding{check, Fail, fmt.Sprintf("%s cannot be written: %v", at, err), "who owns it? the run's user must write there"}
		}
		return Finding{check, OK, detail, ""}
	}
}

// Locks looks whether the file system of a folder keeps two processes from writing one file. allowed: a run goes ahead on a network
// file system.
func Locks(dir string, allowed bool) Finding {
	const check = "locks"
	network, err := machine.NetworkDisk(dir)
	if err != nil {
		return Failed(check, fmt.Errorf("%s: %w", dir, err))
	}
	// An unnamed file: nothing is left behind.
	file, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err == nil {
		err = errors.Join(unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB), file.Close())
	}
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EACCES) {
		return Failed(check, engine.WithHint(fmt.Errorf("%s: %w", dir, err), "put the warehouse on a local disk"))
	}
	if network != "" {
		found := Finding{check, Fail, dir + " is on " + network, "put the warehouse on a local disk: locks between machines may not hold; --allow-network-disk goes ahead"}
		if allowed {
			found.Status, found.Hint = Warn, "--allow-network-disk: locks between machines may not hold"
		}
		return found
	}
	return Finding{check, OK, "the file system keeps two runs apart", ""}
}

// Secrecy looks whether other users of the machine can read a file.
func Secrecy(check, path string) (Finding, bool) {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o004 == 0 {
		return Finding{}, false
	}
	return Finding{check, Warn, fmt.Sprintf("every user of this machine can read %s", path), "chmod o-r " + path}, true
}

// headBytes hold what a DuckDB file says of itself: the storage version at byte 12, the library that made it at 52.
const headBytes = 84

// Storage says what a DuckDB file says of itself, without opening it as a database.
func Storage(path string) (storage uint64, library string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	head := make([]byte, headBytes)
	if _, err := io.ReadFull(file, head); err != nil || !bytes.Equal(head[8:12], []byte("DUCK")) {
		return 0, "", engine.ErrNotWarehouse
	}
	return binary.LittleEndian.Uint64(head[12:]), string(bytes.TrimRight(head[52:84], "\x00")), nil
}

func size(bytes uint64) string { return humanize.IBytes(bytes) }
