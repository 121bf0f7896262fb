//go:build host && linux

package natpackets

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// natAddresses are values of natOutgoingAddress. No interface has them.
var natAddresses = []string{"192.0.2.1", "192.0.2.2"}

// randomCluster returns a cluster that does not end Felix, and its model.
func randomCluster(r *rand.Rand, d nat.Dataplane) (nat.Cluster, *nat.Model) {
	for {
		cluster := drawCluster(r, d)
		model := nat.New(cluster)
		if !slices.ContainsFunc(model.Findings(), func(f nat.Finding) bool { return f.EndsFelix }) {
			return cluster, model
		}
	}
}

func drawCluster(r *rand.Rand, d nat.Dataplane) nat.Cluster {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	maybe := func() bool { return r.IntN(2) == 0 }
	c := nat.Cluster{Dataplane: d, Version: pick("", "v3.30.1", "v3.30.1", "v3.31.5", "v3.31.6", "v3.32.0", "v3.32.1")}
	for _, f := range families {
		c.ServiceCIDRs = append(c.ServiceCIDRs, netip.PrefixFrom(f.address(serviceNet, 0), f.netBits).String())
		for i := range 1 + r.IntN(4) {
			// All addresses, two nets, one net, a few or one of its addresses.
			bits := []int{f.netBits - 2, f.netBits - 1, f.netBits, f.netBits, f.netBits, f.bits - 2, f.bits}[r.IntN(7)]
			pool := &v3.IPPool{}
			pool.Name = fmt.Sprintf("pool-%s-%d", f.nft, i)
			pool.Spec.CIDR = netip.PrefixFrom(f.address(r.IntN(nets), 1+r.IntN(len(placeNames)-1)), bits).Masked().String()
			pool.Spec.NATOutgoing, pool.Spec.Disabled, pool.Spec.DisableBGPExport = r.IntN(4) > 0, maybe(), maybe()
			pool.Spec.AllowedUses = [][]v3.IPPoolAllowedUse{nil, {"Workload"}, {"Tunnel"}, {"LoadBalancer"}, {"LoadBalancer"}, {"LoadBalancer", "Workload"}}[r.IntN(6)]
			c.Pools = append(c.Pools, pool)
		}
	}
	for i, p := range []place{node, otherNode} {
		n := nat.Node{Name: fmt.Sprintf("n%d", i+1)}
		for _, f := range families {
			n.HostIPs = append(n.HostIPs, f.addresses(p)[0].String())
			n.OtherAddresses = append(n.OtherAddresses, f.addresses(p)[1].String())
		}
		c.Nodes = append(c.Nodes, n)
	}
	filters := []string{"", "", "", "none", "eth0", "eth1"}
	if d == nat.IPTables {
		filters = append(filters, "eth+", "cali+")
	}
	for _, name := range []string{"default", "node.n1", "node.n2"} {
		if r.IntN(3) == 0 {
			continue
		}
		spec := nat.FelixSpec{
			NATOutgoingExclusions: pick("", "IPPoolsOnly", "IPPoolsAndHostIPs", "IPPoolsAndHostIPs"), InterfaceFilter: pick(filters...),
			NATOutgoingAddress: pick(append([]string{"", "", "", "none"}, natAddresses...)...),
		}
		if maybe() {
			spec.ExternalNodesList = []string{pick("10.3.0.0/30", "10.2.0.2", "10.0.0.0/8")}
		}
		if r.IntN(3) == 0 {
			ports := intstr.FromString(pick("1024:2047", "20000:29999"))
			spec.NATPortRange = &ports
		}
		c.FelixConfigurations = append(c.FelixConfigurations, nat.FelixConfiguration{Name: name, Spec: spec})
	}
	return c
}

// randomProbe returns a probe that passes the node. The port is one that no other probe of
// the test has, as the node remembers connections.
//
// The node sends no probe to itself: see TestNodeToItself.
func randomProbe(r *rand.Rand, f family, port uint16) *probe {
	all := []place{pod, pod, pod, pod, outside, outside, backend, neighbour, node, node, otherNode, otherNode}
	for {
		p := &probe{family: f, from: all[r.IntN(len(all))], to: all[r.IntN(len(all))], service: r.IntN(3) == 0}
		behind := (p.from == backend || p.from == otherNode) && (p.to == backend || p.to == otherNode)
		if p.from == p.to || behind {
			continue
		}
		p.protocol = []nat.Protocol{nat.UDP, nat.UDP, nat.TCP, f.icmp}[r.IntN(4)]
		sources, targets := f.addresses(p.from), f.addresses(p.to)
		p.source = netip.AddrPortFrom(sources[r.IntN(len(sources))], port)
		p.target = targets[r.IntN(len(targets))]
		return p
	}
}
