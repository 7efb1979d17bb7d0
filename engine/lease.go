package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ccdexplorer/nightrunner/internal/machine"
)

// A Holder is who writes a warehouse, and where it is.
type Holder struct {
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Started time.Time `json:"started"`
	// Run is 0 before it has an id.
	Run int64 `json:"run,omitempty"`
	// LastRun is the last run of holders before: its id may be nowhere else, when the warehouse is lost.
	LastRun int64 `json:"last_run,omitempty"`
	// Phase and Step it is at, step Position of Total; StepStarted is since when.
	Phase       string    `json:"phase,omitempty"`
	Step        string    `json:"step,omitempty"`
	Position    int       `json:"position,omitempty"`
	Total       int       `json:"total,omitempty"`
	StepStarted time.Time `json:"step_started,omitzero"`
}

// String is "run 812 (pid 4711, since 02:00:04 UTC) is at build 14/31, stat.daily".
func (h Holder) String() string {
	text := h.name() + " is at work"
	if h.Phase != "" {
		text = h.name() + " is at " + h.at()
	}
	return text
}

func (h Holder) name() string {
	name := "nightrunner " + h.Command
	if h.Run > 0 {
		name = fmt.Sprintf("run %d", h.Run)
	}
	where := ""
	if host, err := os.Hostname(); err == nil && host != h.Host {
		where = " on " + h.Host
	}
	return fmt.Sprintf("%s (pid %d%s, since %s UTC)", name, h.PID, where, h.Started.UTC().Format("2006-01-02 15:04:05"))
}

// where the holder was, with a word before it; "" when that is not known.
func (h Holder) where() string {
	if h.Phase == "" {
		return ""
	}
	return " at " + h.at()
}

func (h Holder) at() string {
	text := h.Phase
	if h.Total > 1 {
		text += fmt.Sprintf(" %d/%d", h.Position, h.Total)
	}
	if h.Step != "" {
		text += ", " + h.Step
	}
	return text
}

// lease is the one-writer lock: an flock on FILE.lock that tells who holds it and where that is. The kernel drops it with
// the process, so a killed run leaves its words behind and no lock. The file itself stays: removing it would race with the
// next taker.
type lease struct {
	file   *os.File
	holder Holder
	now    func() time.Time
}

func leasePath(path string) string { return path + ".lock" }

// leaseSize is what words of a holder are filled up to with spaces, so that one write replaces them. Longer ones are cut.
const leaseSize = 1024

// patience is how long the lock is tried for: who looks whether it is held has it for a moment.
const patience = 500 * time.Millisecond

// takeLease locks. before is the holder that was killed while it held the lease, nil for none.
func takeLease(path, command string, now func() time.Time) (taken *lease, before *Holder, err error) {
	file, err := os.OpenFile(leasePath(path), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, nil, fmt.Errorf("take the lease of %s: %w", path, err)
	}
	if err := lock(file, unix.LOCK_EX, patience); err != nil {
		closeErr := file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, nil, WithHint(fmt.Errorf("%s: %w: %s", path, ErrInUse, holderOf(path)), "wait for it to end, or use another file with --warehouse")
		}
		return nil, nil, errors.Join(fmt.Errorf("lock %s: %w", leasePath(path), err), closeErr)
	}
	before = readHolder(path)
	var last int64
	if before != nil {
		last = max(before.Run, before.LastRun)
	}
	if before.gaveBack() {
		before = nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	l := &lease{file: file, now: now, holder: Holder{Host: host, PID: os.Getpid(), Command: command, Started: now().UTC(), LastRun: last}}
	if err := l.write(); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("write %s: %w", leasePath(path), err), file.Close())
	}
	return l, before, nil
}

// lock tries for a while: time is the machine's, a test's clock does not make anyone give a lock back.
func lock(file *os.File, how int, patience time.Duration) error {
	for tries := patience / (20 * time.Millisecond); ; tries-- {
		err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
		if tries <= 0 || !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (l *lease) write() error { return l.say(l.holder) }

// say replaces the words in the file.
func (l *lease) say(words any) error {
	text, err := json.Marshal(words)
	if err != nil {
		return err
	}
	if len(text) < leaseSize {
		text = append(text, bytes.Repeat([]byte(" "), leaseSize-len(text))...)
	}
	_, err = l.file.WriteAt(text, 0)
	return err
}

// at says where the holder is. That it cannot be written is no reason to stop.
func (l *lease) at(run int64, phase, step string, position, total int) {
	if l == nil {
		return
	}
	h := &l.holder
	h.Run, h.Phase, h.Step, h.Position, h.Total, h.StepStarted = run, phase, step, position, total, l.now().UTC()
	_ = l.write()
}

// gaveBack: what is left of a holder that ended by itself is its run.
func (h *Holder) gaveBack() bool { return h != nil && h.PID == 0 }

// readHolder is who wrote the lease last, nil when nobody did.
func readHolder(path string) *Holder {
	text, err := os.ReadFile(leasePath(path))
	if err != nil {
		return nil
	}
	var h Holder
	// Words of a holder are replaced while they are read: the first value is whole.
	if err := json.NewDecoder(strings.NewReader(string(text))).Decode(&h); err != nil {
		return nil
	}
	return &h
}

// WhoHolds is who writes the warehouse at path now; nil when nobody does.
func WhoHolds(path string) (*Holder, error) {
	file, err := os.OpenFile(leasePath(path), os.O_RDONLY, 0)
	if err != nil {
		// No lease was ever taken, or it is not for us to see.
		return nil, nil //nolint:nilerr // as said
	}
	defer file.Close()
	switch err := lock(file, unix.LOCK_SH, 0); {
	case err == nil:
		return nil, nil
	case !errors.Is(err, unix.EWOULDBLOCK):
		return nil, fmt.Errorf("look at %s: %w", leasePath(path), err)
	}
	if h := readHolder(path); h != nil && !h.gaveBack() {
		return h, nil
	}
	return &Holder{Command: "run"}, nil
}

// WhoWasKilled is who held the lease last and did not give it back; nil when nobody did, or somebody holds it.
func WhoWasKilled(path string) *Holder {
	if holds, err := WhoHolds(path); err != nil || holds != nil {
		return nil
	}
	if h := readHolder(path); h != nil && !h.gaveBack() {
		return h
	}
	return nil
}

// Killed says that it was, and where.
func (h Holder) Killed() string { return h.name() + " was killed" + h.where() }

func (l *lease) release() error {
	if l == nil {
		return nil
	}
	words := struct {
		LastRun int64 `json:"last_run"`
	}{max(l.holder.Run, l.holder.LastRun)}
	return errors.Join(l.say(words), l.file.Close())
}

// leaseObserver writes into the lease where a run is.
type leaseObserver struct {
	Observer
	lease *lease
	run   int64
}

// Begin notes the step.
func (o leaseObserver) Begin(phase, name string, position, total int) {
	o.lease.at(o.run, phase, name, position, total)
	o.Observer.Begin(phase, name, position, total)
}

// takeLease makes this process the one that writes, and tells of one that was killed.
func (w *Warehouse) takeLease(command string) error {
	if !w.options.AllowNetworkDisk {
		if err := refuseNetworkDisk(w.Path, machine.NetworkDisk); err != nil {
			return err
		}
	}
	var before *Holder
	var err error
	if w.lease, before, err = takeLease(w.Path, command, w.now); err != nil {
		return err
	}
	w.highestRun = w.lease.holder.LastRun
	if before != nil {
		w.note("%s; its lease was taken over, and this goes on from the last step that was done", before.Killed())
	}
	return nil
}

// refuseNetworkDisk: two machines could both believe to be the one that writes.
func refuseNetworkDisk(path string, networkDisk func(dir string) (string, error)) error {
	name, err := networkDisk(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("look at the disk of %s: %w", path, err)
	}
	if name == "" {
		return nil
	}
	return WithHint(fmt.Errorf("%w: %s is on %w (%s), where locks between machines may not hold: two runs could write at the same time", ErrUsage, path, ErrNetworkDisk, name),
		"put the warehouse on a local disk (--warehouse) and only the snapshots there (--snapshots); --allow-network-disk goes ahead nevertheless")
}
