package machine

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ResetPeak makes Peak tell what this process takes from now on. It reports whether the system can do that.
func ResetPeak() bool { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil }

// Peak is the most memory in bytes that this process has taken since ResetPeak, 0 where that is not known.
func Peak() uint64 { return PeakOf(os.Getpid()) }

// PeakOf is Peak of a process.
func PeakOf(pid int) uint64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "VmHWM:" {
			kib, err := strconv.ParseUint(fields[1], 10, 64)
			if err == nil {
				return kib << 10
			}
		}
	}
	return 0
}
