package performance

import (
	"testing"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
)

// BenchmarkStartUp alternates between runs of the program that create the pools, runs whose
// pools exist, and runs of a client that only lists the pools, so that the load of the
// machine is the same for all.
func BenchmarkStartUp(b *testing.B) {
	const runs = 60
	for b.Loop() {
		t := newTable("start-up", "datastore", "run", "time", "ratio", "CPU time", "ratio", "memory", "ratio")
		for _, s := range openSites(b) {
			lister := programs.DynamicList
			if s.config == nil {
				lister = programs.EtcdList
			}
			var bare, steady, fresh []cost
			for range runs {
				s.removePools(b)
				fresh = append(fresh, run(b, programs.CalicoBootstrap, s.env))
				steady = append(steady, run(b, programs.CalicoBootstrap, s.env))
				bare = append(bare, run(b, lister, s.env))
			}
			for _, kind := range []struct {
				name  string
				costs []cost
			}{{"lists only", bare}, {"pools exist", steady}, {"creates pools", fresh}} {
				t.compare(kind.costs, bare, s.name, kind.name)
			}
		}
		t.publish(b)
	}
}

// compare adds a row with the medians of runs and their ratios to runs that alternated with
// them.
func (t *table) compare(costs, base []cost, cells ...any) {
	c := middle(costs)
	t.row(append(cells,
		c.wall, times(ratio(costs, base, func(c cost) float64 { return c.wall.Seconds() })),
		c.cpu, times(ratio(costs, base, func(c cost) float64 { return c.cpu.Seconds() })),
		digits(c.resident)+" MB", times(c.resident/middle(base).resident))...)
}

func times(ratio float64) string { return digits(ratio) + "×" }
