package nat_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// largeCluster has n pools in 10.0.0.0/8, every second one with natOutgoing, one node for
// every second pool, and a FelixConfiguration of its own for one in a hundred nodes.
func largeCluster(n int) nat.Cluster {
	c := nat.Cluster{
		Version: "v3.32.1", ServiceCIDRs: []string{"10.96.0.0/12"},
		FelixConfigurations: []nat.FelixConfiguration{{Name: "default", Spec: nat.FelixSpec{NATOutgoingExclusions: "IPPoolsAndHostIPs", ExternalNodesList: []string{"198.51.100.0/24"}}}},
	}
	for i := range n {
		cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 10), byte(i >> 2), byte(i) << 6}), 26)
		c.Pools = append(c.Pools, newPool(fmt.Sprint("pool", i), cidr.String(), func(spec *v3.IPPoolSpec) { spec.NATOutgoing = i%2 == 0 }))
		if i%2 == 0 {
			c.Nodes = append(c.Nodes, nat.Node{Name: fmt.Sprint("n", i), HostIPs: []string{netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)}).String()}})
		}
		if i%200 == 0 {
			c.FelixConfigurations = append(c.FelixConfigurations, nat.FelixConfiguration{Name: fmt.Sprint("node.n", i), Spec: nat.FelixSpec{
				NATOutgoingAddress: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String(),
			}})
		}
	}
	return c
}

// nestedCluster has n pools of both families; of each 8, each is inside the one before it.
func nestedCluster(n int) nat.Cluster {
	c := nat.Cluster{Version: "v3.32.1"}
	for i := range n {
		group, depth := i/16, i%16/2
		cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(group >> 8), byte(group)}), 24+depth)
		if i%2 == 1 {
			cidr = netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 4: byte(group >> 8), 5: byte(group)}), 48+8*depth)
		}
		c.Pools = append(c.Pools, newPool(fmt.Sprint("pool", i), cidr.String(), func(spec *v3.IPPoolSpec) { spec.NATOutgoing = depth == 0 }))
	}
	return c
}

// clusterOfNodes has n nodes, each with a FelixConfiguration of its own, with one of so many
// values of natOutgoingAddress.
func clusterOfNodes(n, values int) nat.Cluster {
	c := nat.Cluster{Version: "v3.32.1", Pools: []*v3.IPPool{newPool("pods", "10.0.0.0/16", natted), newPool("pods6", "fd00::/48", natted)}}
	for i := range n {
		name := fmt.Sprintf("n%05d", i)
		c.Nodes = append(c.Nodes, nat.Node{Name: name, HostIPs: []string{netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)}).String()}})
		c.FelixConfigurations = append(c.FelixConfigurations, nat.FelixConfiguration{Name: "node." + name, Spec: nat.FelixSpec{
			NATOutgoingAddress: netip.AddrFrom4([4]byte{192, 0, byte(i % values >> 8), byte(i % values)}).String(), InterfaceFilter: "eth+",
		}})
	}
	return c
}

var questions = []struct {
	source, destination netip.Addr
	options             nat.Options
}{
	{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("203.0.113.1"), nat.Options{}},
	{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.70"), nat.Options{}},
	{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("172.16.0.2"), nat.Options{Node: "n0"}},
	{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("198.51.100.7"), nat.Options{}},
	{netip.MustParseAddr("10.255.0.2"), netip.MustParseAddr("198.51.100.7"), nat.Options{}},
}

// clusters are those of the benchmarks, by what there are n of.
var clusters = []struct {
	name string
	of   func(n int) nat.Cluster
}{
	{"pools", largeCluster},
	{"nested pools", nestedCluster},
	{"nodes, one natOutgoingAddress", func(n int) nat.Cluster { return clusterOfNodes(n, 1) }},
	{"nodes, each with its own natOutgoingAddress", func(n int) nat.Cluster { return clusterOfNodes(n, n) }},
}

// benchmark measures an operation for each kind of cluster, as it grows.
func benchmark(b *testing.B, prepare func(cluster nat.Cluster) (operation func() error)) {
	for _, cluster := range clusters {
		for _, n := range []int{100, 1000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", cluster.name, n), func(b *testing.B) {
				operation := prepare(cluster.of(n))
				b.ReportAllocs()
				for b.Loop() {
					if err := operation(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkNew(b *testing.B) {
	benchmark(b, func(cluster nat.Cluster) func() error {
		return func() error {
			nat.New(cluster)
			return nil
		}
	})
}

// BenchmarkDecide and BenchmarkExplain are of traffic from a pod to the internet.
func BenchmarkDecide(b *testing.B) {
	benchmark(b, func(cluster nat.Cluster) func() error {
		model := nat.New(cluster)
		return func() error {
			_, err := model.Decide(questions[0].source, questions[0].destination, nat.Options{})
			return err
		}
	})
}

func BenchmarkExplain(b *testing.B) {
	benchmark(b, func(cluster nat.Cluster) func() error {
		model := nat.New(cluster)
		return func() error {
			_, err := model.Explain(questions[0].source, questions[0].destination, nat.Options{})
			return err
		}
	})
}

func BenchmarkOverview(b *testing.B) {
	benchmark(b, func(cluster nat.Cluster) func() error {
		model := nat.New(cluster)
		return func() error {
			_, err := model.Overview("")
			return err
		}
	})
}

func BenchmarkFindings(b *testing.B) {
	benchmark(b, func(cluster nat.Cluster) func() error {
		model := nat.New(cluster)
		return func() error {
			model.Findings()
			return nil
		}
	})
}

// Allocations and allocated bytes grow in proportion with pools and nodes, whatever the time
// on this machine is: of a new model, of an explanation, and of the findings.
func TestAllocations(t *testing.T) {
	source, destination := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("203.0.113.1")
	for name, tt := range map[string]struct {
		cluster           func(n int) nat.Cluster
		build, more       float64 // allocations for each of n: of New, and of Explain and Findings
		buildBytes, bytes uint64  // the same in bytes
	}{
		"pools":               {largeCluster, 8, 0.5, 3000, 300},
		"nested pools":        {nestedCluster, 3, 3, 1500, 1500},
		"nodes, one address":  {func(n int) nat.Cluster { return clusterOfNodes(n, 1) }, 30, 0.2, 9000, 800},
		"nodes, each another": {func(n int) nat.Cluster { return clusterOfNodes(n, n) }, 30, 0.5, 9000, 1500},
	} {
		for _, n := range []int{1000, 4000} {
			cluster := tt.cluster(n)
			var model *nat.Model
			allocations, bytes := allocated(func() { model = nat.New(cluster) })
			assert.Less(t, allocations/float64(n), tt.build, "%s: New of %d", name, n)
			assert.Less(t, bytes/uint64(n), tt.buildBytes, "%s: New of %d", name, n)
			allocations, bytes = allocated(func() {
				_, _ = model.Explain(source, destination, nat.Options{})
				_, _ = model.Explain(netip.MustParseAddr("fd00::2"), netip.MustParseAddr("2001:db8::1"), nat.Options{})
				model.Findings()
			})
			assert.Less(t, allocations/float64(n), tt.more, "%s: Explain and Findings of %d", name, n)
			assert.Less(t, bytes/uint64(n), tt.bytes, "%s: Explain and Findings of %d", name, n)
		}
	}
}

// allocated returns the allocations and the bytes of a call.
func allocated(call func()) (allocations float64, bytes uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs - before.Mallocs), after.TotalAlloc - before.TotalAlloc
}

func TestDecideAllocatesNothing(t *testing.T) {
	model := nat.New(largeCluster(10_000))
	for _, q := range questions {
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			_, _ = model.Decide(q.source, q.destination, q.options)
		}), "%+v", q)
	}
}
