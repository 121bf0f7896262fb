package kubetest

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// tick is the unit of time in /proc, which is the same on every architecture of Go.
const tick = time.Second / 100

// cpuTime reads /proc/PID/stat: utime and stime are the 12th and 13th fields after the
// name, which is in parentheses and may have spaces.
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	return time.Duration(user+system) * tick, nil
}
