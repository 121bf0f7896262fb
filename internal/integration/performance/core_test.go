package performance

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/selector"
)

// BenchmarkCore measures code without servers for growing numbers of pools.
func BenchmarkCore(b *testing.B) {
	numbers := []int{1, 100, 10_000}
	for b.Loop() {
		t := newTable("core", "operation", "1 pool", "100 pools", "10,000 pools", "per pool (10,000)", "allocations per pool")
		for _, benchmark := range []struct {
			name    string
			prepare func(b *testing.B, n int) func() error
		}{
			{"ippool.DecodeRecord, each record", decodeRecords},
			{"ippool.ValidateSet", validateSet},
			{"Settings.Resolve, pools file", resolveFile},
			{"plan.Compute, default pool; other pools exist", planDefaults},
			{"plan.Compute, pools file; no pool exists", planNew},
			{"plan.Compute, pools file; all pools exist", planExisting},
		} {
			cells := []any{benchmark.name}
			var last effort
			for _, n := range numbers {
				last = measure(b, benchmark.prepare(b, n))
				cells = append(cells, time.Duration(last.nanoseconds))
			}
			most := numbers[len(numbers)-1]
			cells = append(cells, time.Duration(last.nanoseconds/most), digits(float64(last.allocations)/float64(most)))
			t.row(cells...)
		}
		t.publish(b)
	}
}

// BenchmarkSelector measures selectors with growing numbers of terms.
func BenchmarkSelector(b *testing.B) {
	for b.Loop() {
		t := newTable("selector", "terms", "Parse", "per term", "allocations", "Matches", "per term", "allocations")
		for _, terms := range []int{1, 10, 100, 1_000, 10_000} {
			text := strings.Repeat("zone != 'a' && ", terms-1) + "zone != 'a'"
			parsed, err := selector.Parse(text)
			require.NoError(b, err)
			labels := map[string]string{"zone": "b"} // so that every term is evaluated
			parse := measure(b, func() error {
				_, err := selector.Parse(text)
				return err
			})
			match := measure(b, func() error {
				if !parsed.Matches(labels) {
					return fmt.Errorf("no match")
				}
				return nil
			})
			t.row(terms,
				time.Duration(parse.nanoseconds), time.Duration(parse.nanoseconds/terms), parse.allocations,
				time.Duration(match.nanoseconds), time.Duration(match.nanoseconds/terms), match.allocations)
		}
		t.publish(b)
	}
}

// effort is the time and the number of allocations of a call.
type effort struct{ nanoseconds, allocations int }

// measure calls a function for a third of a second, at least twice. It does not use
// testing.Benchmark, which can't be called in a benchmark.
func measure(b *testing.B, call func() error) effort {
	b.Helper()
	require.NoError(b, call())
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin, calls := time.Now(), 0
	for calls == 0 || time.Since(begin) < time.Second/3 {
		require.NoError(b, call())
		calls++
	}
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	return effort{int(took) / calls, int(after.Mallocs-before.Mallocs) / calls}
}

// poolsOf returns n disjoint pools.
func poolsOf(n int) []*v3.IPPool {
	var pools []*v3.IPPool
	for i := range n {
		pool := ippool.New(fmt.Sprintf("pool-%05d", i))
		pool.Spec.CIDR = fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)
		pool.Spec.NATOutgoing = true
		ippool.Default(pool)
		pools = append(pools, pool)
	}
	return pools
}

func recordsOf(b *testing.B, n int) [][]byte {
	b.Helper()
	var records [][]byte
	for _, pool := range poolsOf(n) {
		record, err := ippool.NewRecord(pool).Encode()
		require.NoError(b, err)
		records = append(records, record)
	}
	return records
}

func snapshotOf(b *testing.B, n int) datastore.Snapshot {
	b.Helper()
	var snapshot datastore.Snapshot
	for _, data := range recordsOf(b, n) {
		record, err := ippool.DecodeRecord(data)
		require.NoError(b, err)
		snapshot.Pools = append(snapshot.Pools, record)
	}
	return snapshot
}

// settingsOf returns settings with a file of n pools.
func settingsOf(b *testing.B, n int) settings.Settings {
	b.Helper()
	path := filepath.Join(b.TempDir(), "pools.yaml")
	var text strings.Builder
	for _, pool := range poolsOf(n) {
		fmt.Fprintf(&text, "---\napiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: %s}\nspec: {cidr: %s, natOutgoing: true}\n",
			pool.Name, pool.Spec.CIDR)
	}
	require.NoError(b, os.WriteFile(path, []byte(text.String()), 0o600))
	settings := settings.Settings{PoolsFile: settings.Given(path, origin.Caller("benchmark"))}
	require.NoError(b, settings.ReadPoolsFile())
	return settings
}

func desiredOf(b *testing.B, settings settings.Settings) plan.Desired {
	b.Helper()
	config, err := settings.Resolve()
	require.NoError(b, err)
	return config.Desired
}

func decodeRecords(b *testing.B, n int) func() error {
	records := recordsOf(b, n)
	return func() error {
		for _, record := range records {
			if _, err := ippool.DecodeRecord(record); err != nil {
				return err
			}
		}
		return nil
	}
}

func validateSet(_ *testing.B, n int) func() error {
	pools := poolsOf(n)
	return func() error { return ippool.ValidateSet(pools).ToAggregate() }
}

func resolveFile(b *testing.B, n int) func() error {
	settings := settingsOf(b, n)
	return func() error {
		_, err := settings.Resolve()
		return err
	}
}

func planDefaults(b *testing.B, n int) func() error {
	var s settings.Settings
	s.IPv6.CIDR = settings.Given("fd00:10:244::/64", origin.Caller("benchmark"))
	return computed(desiredOf(b, s), snapshotOf(b, n))
}

func planNew(b *testing.B, n int) func() error {
	return computed(desiredOf(b, settingsOf(b, n)), datastore.Snapshot{})
}

func planExisting(b *testing.B, n int) func() error {
	return computed(desiredOf(b, settingsOf(b, n)), snapshotOf(b, n))
}

func computed(desired plan.Desired, snapshot datastore.Snapshot) func() error {
	return func() error {
		_, err := plan.Compute(desired, snapshot, plan.DriftReport)
		return err
	}
}
