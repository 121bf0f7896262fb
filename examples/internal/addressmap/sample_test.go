package addressmap_test

import (
	"errors"
	"fmt"
	"net/netip"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func prefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }

func located(source origin.Origin, prefixes ...string) (all []facts.Located) {
	for _, text := range prefixes {
		all = append(all, facts.Located{Prefix: prefix(text), Source: source})
	}
	return all
}

func newPool(name, cidr string, change ...func(*v3.IPPool)) *v3.IPPool {
	pool := ippool.New(name)
	pool.Spec.CIDR = cidr
	for _, f := range change {
		f(pool)
	}
	return pool
}

func records(pools ...*v3.IPPool) (all []*ippool.Record) {
	for _, pool := range pools {
		all = append(all, ippool.NewRecord(pool))
	}
	return all
}

func blocksIn(cidr string, bits, n int) (all []netip.Prefix) {
	addr := prefix(cidr).Addr()
	for range n {
		block := netip.PrefixFrom(addr, bits)
		all = append(all, block)
		last := block
		for addr = last.Addr(); last.Contains(addr); {
			addr = addr.Next()
		}
	}
	return all
}

// sample is a dual-stack cluster with everything: existing and planned pools, overlaps,
// many nodes.
func sample() bootstrap.Inventory {
	label := func(pool *v3.IPPool) { pool.Labels = map[string]string{plan.NoNATLabel: "172-20-0-0-14"} }
	disabled := func(pool *v3.IPPool) { pool.Spec.Disabled = true }
	balancer := func(pool *v3.IPPool) {
		pool.Spec.AllowedUses = []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseLoadBalancer}
	}
	var nodes []facts.Node
	for i := range 120 {
		nodes = append(nodes, facts.Node{
			Name:      fmt.Sprintf("worker-%03d", i),
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(1 + i/100), byte(10 + i%100)}), netip.MustParseAddr(fmt.Sprintf("fd20:0:0:1::%x", 16+i))},
			PodCIDRs:  []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, byte(i), 0}), 24), prefix(fmt.Sprintf("fd00:10:244:%x::/64", i))},
		})
	}
	nodes = append(nodes, facts.Node{Name: "edge <1>", Addresses: []netip.Addr{netip.MustParseAddr("203.0.113.7")}})
	return bootstrap.Inventory{
		Datastore: datastore.Kubernetes,
		Snapshot: datastore.Snapshot{
			Pools: records(
				newPool("default-ipv4-ippool", "10.244.0.0/16"), newPool("old", "10.96.128.0/17", disabled),
				newPool("no-nat-to-172-20-0-0-14", "172.20.0.0/14", label), newPool("services", "192.168.100.0/24", balancer),
				newPool("broken", "10.0.0.0/33"),
			),
			Unreadable: []datastore.Unreadable{{Name: "unreadable", CIDR: "10.200.0.0/16", Err: errors.New("no JSON")}},
		},
		Planned: []*v3.IPPool{newPool("default-ipv6-ippool", "fd00:10:244::/56"), newPool("drawn", "")},
		Facts: facts.Facts{
			Networks: located(origin.Host("interface eth0"), "10.0.0.0/16", "fd20:0:0:1::/64", "fe80::/64", "127.0.0.0/8"),
			Routes:   append(located(origin.Host("route dev eth0"), "10.0.0.0/16"), located(origin.Host("route via 10.0.0.1 dev eth0"), "192.168.0.0/18", "10.244.192.0/18")...),
			PodCIDRs: []facts.PodCIDRSource{{Name: origin.Cluster("kubeadm-config"), Prefixes: []netip.Prefix{prefix("10.244.0.0/16"), prefix("fd00:10:244::/56")}}},
			Survey: facts.Survey{
				Nodes:        nodes,
				ServiceCIDRs: located(origin.Cluster("ServiceCIDR kubernetes"), "10.96.0.0/12", "fd00:10:96::/112"),
			},
			Blocks: append(blocksIn("10.244.0.0/16", 26, 312), blocksIn("10.1.0.0/24", 26, 2)...),
		},
		BlocksRead: true,
	}
}
