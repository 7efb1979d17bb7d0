// Package machine reads what this process may use: its cgroup's limits where there are some, else the machine's.
package machine

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits in bytes and threads.
type Limits struct {
	Memory   uint64
	FreeDisk uint64
	Threads  int
}

// Read reads the limits; FreeDisk is that of the file system of dir.
func Read(dir string) (Limits, error) {
	memory, err := totalMemory("/proc/meminfo")
	if err != nil {
		return Limits{}, err
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if limit, ok := cgroupLimit(file); ok && limit < memory {
			memory = limit
		}
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return Limits{}, fmt.Errorf("free disk of %s: %w", dir, err)
	}
	// GOMAXPROCS follows the cgroup's CPU quota.
	return Limits{Memory: memory, FreeDisk: stat.Bavail * uint64(stat.Bsize), Threads: runtime.GOMAXPROCS(0)}, nil
}

func totalMemory(file string) (uint64, error) {
	info, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer info.Close()
	lines := bufio.NewScanner(info)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			kib, err := strconv.ParseUint(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("%s: no MemTotal", file)
}

func cgroupLimit(file string) (uint64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	limit, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return limit, err == nil
}
