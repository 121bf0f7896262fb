package nat_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// newPool returns a pool; each change modifies its spec.
func newPool(name, cidr string, changes ...func(*v3.IPPoolSpec)) *v3.IPPool {
	pool := &v3.IPPool{}
	pool.Name, pool.Spec.CIDR = name, cidr
	for _, change := range changes {
		change(&pool.Spec)
	}
	return pool
}

func natted(spec *v3.IPPoolSpec)   { spec.NATOutgoing = true }
func disabled(spec *v3.IPPoolSpec) { spec.Disabled = true }

func uses(all ...v3.IPPoolAllowedUse) func(*v3.IPPoolSpec) {
	return func(spec *v3.IPPoolSpec) { spec.AllowedUses = all }
}

var forLoadBalancers = uses(v3.IPPoolAllowedUseLoadBalancer)

func text(value string) *intstr.IntOrString { return pointer(intstr.FromString(value)) }

func pointer[T any](value T) *T { return &value }

// naive decides with the sentences of the specification, one after the other, and with
// nothing of the package but its inputs. The inputs must be valid. The row is that of the
// sentence; 0 if it depends on the node.
func naive(c nat.Cluster, source, destination netip.Addr, o nat.Options) (nat.Answer, int) {
	in := func(addr netip.Addr, cidr string) bool {
		prefix, err := netip.ParsePrefix(cidr)
		return err == nil && prefix.Contains(addr)
	}
	nodeOf := func(addr netip.Addr, all bool) string {
		for _, node := range c.Nodes {
			addresses := node.HostIPs
			if all {
				addresses = slices.Concat(node.HostIPs, node.OtherAddresses)
			}
			for _, address := range addresses {
				address, _, _ = strings.Cut(address, "/")
				if address == addr.String() {
					return node.Name
				}
			}
		}
		return ""
	}
	own := o.Node
	if own == "" {
		own = nodeOf(source, true)
	}
	if own == "" && len(c.Nodes) > 0 && !slices.ContainsFunc(c.Nodes, func(node nat.Node) bool { return node.Name != c.Nodes[0].Name }) {
		own = c.Nodes[0].Name
	}
	oldLoadBalancers := slices.Contains([]string{"v3.30.1", "v3.31.0", "v3.31.5", "v3.32.0"}, c.Version)

	onNode := func(node string) (nat.Answer, int) {
		value := func(get func(nat.FelixSpec) string) string {
			for _, name := range []string{"node." + node, "default"} {
				for _, configuration := range c.FelixConfigurations {
					if configuration.Name == name && get(configuration.Spec) != "" {
						return get(configuration.Spec)
					}
				}
			}
			return ""
		}
		for _, cidr := range c.ServiceCIDRs {
			if in(destination, cidr) {
				return nat.Depends, 1
			}
		}
		natSource, workload := false, false
		for _, pool := range c.Pools {
			if in(source, pool.Spec.CIDR) && pool.Spec.NATOutgoing {
				natSource = true
				workload = workload || !slices.Equal(pool.Spec.AllowedUses, []v3.IPPoolAllowedUse{"LoadBalancer"})
			}
		}
		if !natSource || source.Is6() && value(func(s nat.FelixSpec) string { return enabled(s.IPv6Support) }) == "false" {
			return nat.No, 2
		}
		bpf := c.Dataplane == nat.EBPF || c.Dataplane == "" && value(func(s nat.FelixSpec) string { return enabled(s.BPFEnabled) }) == "true"
		if bpf && (o.NotWorkload || nodeOf(source, true) != "" || !workload) {
			return nat.No, 3
		}
		if own != "" && nodeOf(destination, true) == own {
			return nat.No, 4
		}
		for _, pool := range c.Pools {
			if in(destination, pool.Spec.CIDR) && (oldLoadBalancers || !slices.Equal(pool.Spec.AllowedUses, []v3.IPPoolAllowedUse{"LoadBalancer"})) {
				return nat.No, 5
			}
		}
		if value(func(s nat.FelixSpec) string { return s.NATOutgoingExclusions }) == "IPPoolsAndHostIPs" && c.Version != "v3.30.1" {
			if nodeOf(destination, false) != "" {
				return nat.No, 6
			}
			for _, cidr := range strings.Split(value(func(s nat.FelixSpec) string { return strings.Join(s.ExternalNodesList, " ") }), " ") {
				if in(destination, cidr) {
					return nat.No, 6
				}
			}
		}
		if filter := value(func(s nat.FelixSpec) string { return s.InterfaceFilter }); filter != "" && filter != "none" {
			return nat.Depends, 7
		}
		return nat.Yes, 8
	}
	if own != "" {
		return onNode(own)
	}
	var candidates []string
	for _, node := range c.Nodes {
		if node.Name != nodeOf(destination, true) {
			candidates = append(candidates, node.Name)
		}
	}
	if len(candidates) == 0 {
		candidates = []string{""} // one without a FelixConfiguration of its own
	}
	if len(c.Nodes) == 0 {
		for _, configuration := range c.FelixConfigurations {
			if name, ok := strings.CutPrefix(configuration.Name, "node."); ok {
				candidates = append(candidates, name)
			}
		}
	}
	answer, row := onNode(candidates[0])
	for _, candidate := range candidates[1:] {
		other, otherRow := onNode(candidate)
		if otherRow != row {
			row = 0
		}
		if other != answer {
			answer = nat.Depends
		}
	}
	return answer, row
}

func enabled(b *bool) string {
	if b == nil {
		return ""
	}
	return fmt.Sprint(*b)
}

// randomCluster returns a small cluster in a few ranges, so that pools nest and overlap.
func randomCluster(r *rand.Rand) nat.Cluster {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	maybe := func() bool { return r.IntN(2) == 0 }
	var c nat.Cluster
	for i := range r.IntN(6) {
		cidr := netip.PrefixFrom(randomAddress(r, maybe()), 0)
		bits := []int{8, 14, 15, 16, 32}
		if cidr.Addr().Is6() {
			bits = []int{16, 46, 47, 48, 128}
		}
		cidr = netip.PrefixFrom(cidr.Addr(), bits[r.IntN(5)]).Masked()
		pool := newPool(fmt.Sprint("pool", i), cidr.String())
		pool.Spec.NATOutgoing, pool.Spec.Disabled, pool.Spec.DisableBGPExport = maybe(), maybe(), maybe()
		pool.Spec.AllowedUses = [][]v3.IPPoolAllowedUse{nil, {"Workload"}, {"Tunnel"}, {"LoadBalancer"}, {"LoadBalancer", "Workload"}}[r.IntN(5)]
		c.Pools = append(c.Pools, pool)
	}
	configurations := []string{"default"}
	for i := range r.IntN(4) {
		name := fmt.Sprint("n", i)
		configurations = append(configurations, "node."+name)
		c.Nodes = append(c.Nodes, nat.Node{
			Name: name, HostIPs: []string{fmt.Sprintf("10.1.0.%d/24", i), netip.AddrFrom16([16]byte{0xfd, 5: 1, 15: byte(i)}).String()},
			OtherAddresses: []string{fmt.Sprintf("10.2.0.%d", i)},
		})
	}
	for _, name := range configurations {
		if maybe() {
			continue
		}
		spec := nat.FelixSpec{
			NATOutgoingExclusions: pick("", "IPPoolsOnly", "IPPoolsAndHostIPs"), InterfaceFilter: pick("", "", "eth+", "none"),
			NATOutgoingAddress: pick("", "192.0.2.1", "192.0.2.2"),
		}
		if maybe() {
			spec.ExternalNodesList = []string{pick("10.3.0.0/30", "10.0.0.0/8", "10.1.0.2/32")}
		}
		if maybe() {
			spec.BPFEnabled = pointer(maybe())
		}
		if r.IntN(4) == 0 {
			spec.IPv6Support = pointer(maybe())
		}
		if maybe() {
			spec.NATPortRange = text("1024:2047")
		}
		c.FelixConfigurations = append(c.FelixConfigurations, nat.FelixConfiguration{Name: name, Spec: spec})
	}
	if r.IntN(3) == 0 {
		c.ServiceCIDRs = []string{pick("10.2.0.0/30", "fd00:0:2::/126")}
	}
	c.Version = pick("", "v3.30.1", "v3.31.0", "v3.31.5", "v3.31.6", "v3.32.0", "v3.32.1", "master")
	c.Dataplane = nat.Dataplane(pick("", "", "nftables", "iptables", "ebpf"))
	return c
}

// randomAddress returns one of 16 addresses of each family.
func randomAddress(r *rand.Rand, ipv4 bool) netip.Addr {
	net, host := byte(r.IntN(4)), byte(r.IntN(4))
	if ipv4 {
		return netip.AddrFrom4([4]byte{10, net, 0, host})
	}
	return netip.AddrFrom16([16]byte{0xfd, 5: net, 15: host})
}

// randomOptions returns options, often with a node of the cluster.
func randomOptions(r *rand.Rand, c nat.Cluster) nat.Options {
	o := nat.Options{NotWorkload: r.IntN(4) == 0, Protocol: []nat.Protocol{"", nat.TCP, nat.ICMP}[r.IntN(3)]}
	if len(c.Nodes) > 0 && r.IntN(2) == 0 {
		o.Node = c.Nodes[r.IntN(len(c.Nodes))].Name
	}
	return o
}
