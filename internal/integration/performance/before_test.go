package performance

import (
	"testing"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
)

// BenchmarkBefore alternates between runs of an older program (`make bench BEFORE=COMMIT`)
// and of this one.
func BenchmarkBefore(b *testing.B) {
	if *before == "" {
		b.Skip("no older program: -before")
	}
	older := func() (string, error) { return *before, nil }
	for b.Loop() {
		t := newTable("before", "datastore", "run", "time before", "after", "ratio", "CPU time before", "after", "ratio", "memory before", "after", "ratio")
		for _, s := range openSites(b) {
			compare := func(what string, runs int, prepare func(*testing.B)) {
				var was, is []cost
				for range runs {
					prepare(b)
					was = append(was, run(b, older, s.env))
					prepare(b)
					is = append(is, run(b, programs.CalicoBootstrap, s.env))
				}
				t.change(was, is, s.name, what)
			}
			steady := func(*testing.B) {}
			compare("creates pools", 30, s.removePools)
			compare("pools exist", 60, steady)
			s.putPools(b, 0, 100)
			compare("pools exist, 100 others", 30, steady)
			s.putPools(b, 100, 5_000)
			compare("pools exist, 5000 others", 15, steady)
			s.empty(b)
			s.putBlocks(b, 0, 50_000)
			compare("creates pools, 50,000 IPAM blocks", 8, s.removePools)
			s.empty(b)
		}
		t.publish(b)
	}
}

// change adds a row with the medians of two programs whose runs alternated.
func (t *table) change(was, is []cost, cells ...any) {
	a, b := middle(was), middle(is)
	t.row(append(cells,
		a.wall, b.wall, times(ratio(is, was, func(c cost) float64 { return c.wall.Seconds() })),
		a.cpu, b.cpu, times(ratio(is, was, func(c cost) float64 { return c.cpu.Seconds() })),
		digits(a.resident)+" MB", digits(b.resident)+" MB", times(b.resident/a.resident))...)
}
