package nat_test

import (
	"fmt"
	"net/netip"
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

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			model := nat.New(largeCluster(n))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				q := &questions[i%len(questions)]
				if _, err := model.Decide(q.source, q.destination, q.options); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkExplain(b *testing.B) {
	model := nat.New(largeCluster(10_000))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q := &questions[i%len(questions)]
		if _, err := model.Explain(q.source, q.destination, q.options); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			cluster := largeCluster(n)
			b.ReportAllocs()
			for b.Loop() {
				nat.New(cluster)
			}
		})
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	model := nat.New(largeCluster(10_000))
	for _, q := range questions {
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			_, _ = model.Decide(q.source, q.destination, q.options)
		}), "%+v", q)
	}
}
