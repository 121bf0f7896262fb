package performance

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/benchmark/parse"
)

// BenchmarkNAT runs the benchmarks of ippool/nat. Its times are medians.
func BenchmarkNAT(b *testing.B) {
	const sizes = 3 // 100, 1,000 and 10,000 in these benchmarks
	for b.Loop() {
		t := newTable("nat", "operation", "cluster of", "100", "1,000", "10,000", "ratio, 10,000 to 1,000", "allocations (10,000)", "allocated (10,000)")
		results := natBenchmarks(b)
		require.NotEmpty(b, results)
		for growth := range slices.Chunk(results, sizes) {
			require.Len(b, growth, sizes)
			name := strings.Split(strings.TrimPrefix(growth[0].Name, "Benchmark"), "/")
			cells := []any{name[0], strings.ReplaceAll(name[1], "_", " ")}
			for _, result := range growth {
				cells = append(cells, time.Duration(result.NsPerOp))
			}
			last := growth[sizes-1]
			t.row(append(cells, times(last.NsPerOp/growth[sizes-2].NsPerOp), last.AllocsPerOp, size(int64(last.AllocedBytesPerOp)))...)
		}
		t.publish(b)
	}
}

// natBenchmarks returns the median of each benchmark of ippool/nat, in their order.
func natBenchmarks(b *testing.B) []*parse.Benchmark {
	b.Helper()
	out, err := exec.Command("go", "test", module+"/ippool/nat",
		"-run", "^$", "-bench", ".", "-benchtime", "50ms", "-count", "5", "-cpu", "1").CombinedOutput()
	require.NoError(b, err, "%s", out)
	repeated, err := parse.ParseSet(bytes.NewReader(out))
	require.NoError(b, err)
	var medians []*parse.Benchmark
	for _, all := range repeated {
		first := all[0].Ord
		slices.SortFunc(all, func(a, b *parse.Benchmark) int { return int(a.NsPerOp - b.NsPerOp) })
		median := all[len(all)/2]
		median.Ord = first
		medians = append(medians, median)
	}
	slices.SortFunc(medians, func(a, b *parse.Benchmark) int { return a.Ord - b.Ord })
	return medians
}
