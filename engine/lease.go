package engine

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lease is the one-writer lock: an flock on FILE.lock that tells who holds it. The kernel drops it with the process, so
// a killed run leaves no lock behind. The file itself stays: removing it would race with the next taker.
type lease struct{ file *os.File }

func leasePath(path string) string { return path + ".lock" }

func takeLease(path, command string, now time.Time) (*lease, error) {
	file, err := os.OpenFile(leasePath(path), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("take the lease of %s: %w", path, err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder := readLease(path)
		closeErr := file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, WithHint(fmt.Errorf("%s: %w: %s", path, ErrInUse, holder), "wait for it to end, or use another file with --warehouse")
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", leasePath(path), err), closeErr)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	text := fmt.Sprintf("nightrunner %s (pid %d on %s, since %s)\n", command, os.Getpid(), host, now.UTC().Format("2006-01-02 15:04:05 UTC"))
	if err := errors.Join(file.Truncate(0), writeAt(file, text)); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", leasePath(path), err), file.Close())
	}
	return &lease{file: file}, nil
}

func writeAt(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text), 0)
	return err
}

// readLease is the holder's own words, or "" when there is none.
func readLease(path string) string {
	text, err := os.ReadFile(leasePath(path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func (l *lease) release() error {
	if l == nil {
		return nil
	}
	return errors.Join(l.file.Truncate(0), l.file.Close())
}
