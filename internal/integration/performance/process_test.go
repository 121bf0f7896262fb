package performance

import (
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
)

// cost is the resource usage of a process.
type cost struct {
	wall, cpu time.Duration
	resident  float64 // MB of 1,000,000 bytes
}

// run runs a program and returns its cost.
func run(b *testing.B, program programs.Program, env []string, args ...string) cost {
	b.Helper()
	binary, err := program()
	require.NoError(b, err)
	costBinary, err := programs.Cost()
	require.NoError(b, err)
	cmd := exec.Command(costBinary, append([]string{binary}, args...)...)
	cmd.Env = append([]string{"HOME=" + b.TempDir()}, env...)
	out, err := cmd.Output()
	if failed, ok := err.(*exec.ExitError); ok {
		require.Fail(b, "the program failed", "%s", failed.Stderr)
	}
	require.NoError(b, err)
	var c cost
	var resident int64
	_, err = fmt.Sscan(string(out), &c.wall, &c.cpu, &resident)
	require.NoError(b, err)
	c.resident = float64(resident) / 1e6
	return c
}

// middle returns the median of each figure, and the maximum of the memory.
func middle(costs []cost) cost {
	median := func(of func(cost) time.Duration) time.Duration {
		var all []time.Duration
		for _, c := range costs {
			all = append(all, of(c))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	most := slices.MaxFunc(costs, func(a, b cost) int { return int(a.resident*1000) - int(b.resident*1000) })
	return cost{
		wall:     median(func(c cost) time.Duration { return c.wall }),
		cpu:      median(func(c cost) time.Duration { return c.cpu }),
		resident: most.resident,
	}
}

// ratio returns the median of the ratios of runs that alternated, so that a machine that
// is temporarily slow affects both.
func ratio(costs, others []cost, of func(cost) float64) float64 {
	var all []float64
	for i := range costs {
		all = append(all, of(costs[i])/of(others[i]))
	}
	slices.Sort(all)
	return all[len(all)/2]
}
