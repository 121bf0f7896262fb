package nat_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// TestSpeed measures the CPU time of its thread: other processes use the machine, too. The
// best of several rounds counts. The limits leave room for the race detector; the
// benchmarks measure 10 ms and 0.2 µs.
func TestSpeed(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cluster := largeCluster(10_000)
	built, decided := time.Hour, time.Hour
	for range 5 {
		var model *nat.Model
		built = min(built, cpuTime(t, func() { model = nat.New(cluster) }))
		const rounds = 10_000
		decided = min(decided, cpuTime(t, func() {
			for i := range rounds {
				q := &questions[i%len(questions)]
				_, _ = model.Decide(q.source, q.destination, q.options)
			}
		})/rounds)
	}
	t.Logf("10,000 pools: built in %s, %s a decision", built, decided)
	assert.Less(t, built, 150*time.Millisecond)
	assert.Less(t, decided, 5*time.Microsecond)
}

func cpuTime(t *testing.T, call func()) time.Duration {
	t.Helper()
	used := func() time.Duration {
		var usage unix.Rusage
		require.NoError(t, unix.Getrusage(unix.RUSAGE_THREAD, &usage))
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	before := used()
	call()
	return used() - before
}
