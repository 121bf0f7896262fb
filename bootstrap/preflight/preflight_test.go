package preflight

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// pool returns an existing pool. It has NAT, so that a private range is no finding.
func pool(name, cidr string, changes ...func(*v3.IPPool)) checkedPool {
	record := poolstest.Stored(name, cidr, append([]func(*v3.IPPool){func(p *v3.IPPool) { p.Spec.NATOutgoing = true }}, changes...)...)
	family := ippool.IPv6
	if prefix, err := ippool.ParseCIDR(cidr); err == nil {
		family = ippool.FamilyOf(prefix)
	}
	return checkedPool{name: name, family: family, object: &record, existing: true}
}

func value(field string, value any, source origin.Origin) plan.Value {
	return plan.Value{Field: field, Value: value, Source: source}
}

// managed returns the pool as a default pool that Helm manages.
func managed(pool checkedPool) checkedPool {
	pool.byDefault, pool.manager = true, "Helm"
	return pool
}

// created returns a default pool to create. Without a CIDR, its range is random and not
// drawn yet.
func created(name, cidr string, changes ...func(*v3.IPPool)) checkedPool {
	p := pool(name, cidr, changes...)
	p.existing, p.byDefault, p.randomRange = false, true, cidr == ""
	p.values = []plan.Value{value("cidr", cidr, origin.Env("C")), value("natOutgoing", true, origin.Env("N")), value("nodeSelector", "", origin.Env("S"))}
	return p
}

// existingDefault returns an existing default pool.
func existingDefault(name, cidr string, changes ...func(*v3.IPPool)) checkedPool {
	p := pool(name, cidr, changes...)
	p.byDefault = true
	return p
}

func ofFile(p checkedPool) checkedPool {
	p.byDefault = false
	return p
}

// terminating returns the pool with a deletion timestamp.
func terminating(p checkedPool) checkedPool {
	p.deleted = true
	return p
}

func withoutNAT(pool *v3.IPPool) { pool.Spec.NATOutgoing = false }

func blockSize(size int) func(*v3.IPPool) {
	return func(pool *v3.IPPool) { pool.Spec.BlockSize = size }
}

func nodeSelector(text string) func(*v3.IPPool) {
	return func(pool *v3.IPPool) { pool.Spec.NodeSelector = text }
}

func forTunnels(pool *v3.IPPool) {
	pool.Spec.AllowedUses = []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseTunnel}
}

func manual(pool *v3.IPPool) {
	mode := v3.Manual
	pool.Spec.AssignmentMode = &mode
}

func nodes(n int, changes ...func(int, *facts.Node)) facts.Survey {
	var survey facts.Survey
	for i := range n {
		node := factstest.Node(fmt.Sprintf("n%d", n-i)) // in reverse: their order is not guaranteed
		for _, change := range changes {
			change(n-i, &node)
		}
		survey.Nodes = append(survey.Nodes, node)
	}
	return survey
}

func TestFindings(t *testing.T) {
	t.Parallel()
	const (
		move     = "; a CIDR is not updatable in place, so add another pool and disable this one"
		atPods   = `IPPool "p": cidr "10.0.0.0/16" (datastore)`
		onHost   = " on this host): hosts there become unreachable from pods, and traffic from pods to them is not masqueraded"
		noReach  = " on this host): pods can't reach addresses there, and nodes can't reach those that a pod has"
		services = "): a pod may get the address of a Service and then be unreachable"
		noPods   = ": kube-proxy and others do not treat addresses outside of it as pod addresses"
	)
	const random = `IPPool "p": the random ULA /48 that is generated for it`
	p := pool("p", "10.0.0.0/16")
	eth := factstest.At(origin.Host("interface eth0"), "10.0.5.0/24")
	tests := []struct {
		name  string
		code  FindingCode
		pool  checkedPool
		known input
		want  []string // texts
		other []string // "prefix of source" of those that overlap
	}{
		{"interface inside", HostInterfaceOverlap, p, input{networks: eth},
			[]string{atPods + " overlaps 10.0.5.0/24 (interface eth0" + onHost + move}, []string{"10.0.5.0/24 of interface eth0"}},
		{"interface around", HostInterfaceOverlap, p, input{networks: factstest.At(origin.Host("interface eth0"), "10.0.0.0/8")},
			[]string{atPods + " overlaps 10.0.0.0/8 (interface eth0" + onHost + move}, []string{"10.0.0.0/8 of interface eth0"}},
		{"interfaces outside, and of the other family", HostInterfaceOverlap, p, input{networks: factstest.At(origin.Host("interface eth0"), "10.1.0.0/16", "9.255.0.0/16", "::/0", "fe80::/64")}, nil, nil},
		{"the same network twice, in no order", HostInterfaceOverlap, p,
			input{networks: slices.Concat(factstest.At(origin.Host("interface eth1"), "10.0.9.0/24", "10.0.5.0/24"), eth, eth)},
			[]string{
				atPods + " overlaps 10.0.5.0/24 (interface eth0, interface eth1" + onHost + move,
				atPods + " overlaps 10.0.9.0/24 (interface eth1" + onHost + move,
			}, []string{"10.0.5.0/24 of interface eth0, interface eth1", "10.0.9.0/24 of interface eth1"}},
		{"a default pool is moved by its flag", HostInterfaceOverlap, created("p", "10.0.0.0/16"), input{networks: eth},
			[]string{`IPPool "p": cidr "10.0.0.0/16" (env C) overlaps 10.0.5.0/24 (interface eth0` + onHost + "; set another range with ipv4.pool.cidr"}, []string{"10.0.5.0/24 of interface eth0"}},
		{"a pool of a file is moved there", HostInterfaceOverlap, ofFile(created("p", "10.0.0.0/16")), input{networks: eth},
			[]string{`IPPool "p": cidr "10.0.0.0/16" (env C) overlaps 10.0.5.0/24 (interface eth0` + onHost + "; set another range in env C"}, []string{"10.0.5.0/24 of interface eth0"}},
		{"interface, disabled", HostInterfaceOverlap, pool("p", "10.0.0.0/16", poolstest.Disabled), input{networks: eth}, nil, nil},
		{"interface, for load balancers", HostInterfaceOverlap, pool("p", "10.0.0.0/16", poolstest.ForLoadBalancers), input{networks: eth}, nil, nil},
		{"interface, for tunnels", HostInterfaceOverlap, pool("p", "10.0.0.0/16", forTunnels), input{networks: eth},
			[]string{atPods + " overlaps 10.0.5.0/24 (interface eth0" + onHost + move}, []string{"10.0.5.0/24 of interface eth0"}},
		{"interface, invalid CIDR", HostInterfaceOverlap, pool("p", "010.0.0.0/16"), input{networks: eth}, nil, nil},
		{"interface, not drawn yet", HostInterfaceOverlap, created("p", ""), input{networks: factstest.At(origin.Host("interface eth0"), "fd00::/8", "fd00::/9", "fd80::/9", "fd00::/48", "10.0.0.0/8")},
			[]string{random + " overlaps fd00::/8 (interface eth0" + onHost + "; set another range with ipv6.pool.cidr"}, []string{"fd00::/8 of interface eth0"}},
		{"interface outside, not drawn yet", HostInterfaceOverlap, created("p", ""), input{networks: factstest.At(origin.Host("interface eth0"), "fc00::/8", "fd00::/9", "2001:db8::/32", "0.0.0.0/0")}, nil, nil},

		{"route", HostRouteOverlap, p, input{routes: factstest.At(origin.Host("route dev tun0"), "10.0.0.0/8", "10.1.0.0/16")},
			[]string{atPods + " overlaps 10.0.0.0/8 (route dev tun0" + noReach + move}, []string{"10.0.0.0/8 of route dev tun0"}},
		{"routes to a reported interface", HostRouteOverlap, p,
			input{networks: eth, routes: factstest.At(origin.Host("route dev eth0"), "10.0.5.0/24", "10.0.5.1/32", "10.0.4.0/23")},
			[]string{atPods + " overlaps 10.0.4.0/23 (route dev eth0" + noReach + move}, []string{"10.0.4.0/23 of route dev eth0"}},
		{"route to an interface outside of the pool", HostRouteOverlap, pool("p", "10.0.5.0/26"),
			input{networks: factstest.At(origin.Host("interface eth0"), "10.0.5.128/25"), routes: factstest.At(origin.Host("route dev eth1"), "10.0.5.0/24")},
			[]string{`IPPool "p": cidr "10.0.5.0/26" (datastore) overlaps 10.0.5.0/24 (route dev eth1` + noReach + move}, []string{"10.0.5.0/24 of route dev eth1"}},
		{"many routes", HostRouteOverlap, p, input{routes: factstest.At(origin.Host("route dev eth1"), "10.0.7.0/24", "10.0.6.0/24", "10.0.5.0/24", "10.0.4.0/24", "10.0.3.0/24", "10.0.2.0/24", "10.0.1.0/24")},
			[]string{
				atPods + " overlaps 10.0.1.0/24 (route dev eth1" + noReach + move,
				atPods + " overlaps 10.0.2.0/24 (route dev eth1" + noReach + move,
				atPods + " overlaps 10.0.3.0/24 (route dev eth1" + noReach + move,
				atPods + " overlaps 10.0.4.0/24 (route dev eth1" + noReach + move,
				atPods + " overlaps 10.0.5.0/24 (route dev eth1" + noReach + "; 2 more routes of this host overlap it" + move,
			}, []string{"10.0.1.0/24 of route dev eth1", "10.0.2.0/24 of route dev eth1", "10.0.3.0/24 of route dev eth1", "10.0.4.0/24 of route dev eth1", "10.0.5.0/24 of route dev eth1"}},
		{"route, not drawn yet", HostRouteOverlap, created("p", ""), input{routes: factstest.At(origin.Host("route dev tun0"), "fd00::/8", "fc00::/7", "fd12::/16", "fd00::/9", "0.0.0.0/0")},
			[]string{
				random + " overlaps fc00::/7 (route dev tun0" + noReach + "; set another range with ipv6.pool.cidr",
				random + " overlaps fd00::/8 (route dev tun0" + noReach + "; set another range with ipv6.pool.cidr",
			}, []string{"fc00::/7 of route dev tun0", "fd00::/8 of route dev tun0"}},
		{"routes to a part of the random range, not drawn yet", HostRouteOverlap, created("p", ""), input{routes: factstest.At(origin.Host("route dev tun0"), "fd00::/9", "fd80::/9")}, nil, nil},
		{"route to a reported interface, not drawn yet", HostRouteOverlap, created("p", ""),
			input{networks: factstest.At(origin.Host("interface eth0"), "fc00::/7"), routes: factstest.At(origin.Host("route dev eth0"), "fd00::/8")}, nil, nil},
		{"route, disabled", HostRouteOverlap, pool("p", "10.0.0.0/16", poolstest.Disabled), input{routes: eth}, nil, nil},
		{"route, for load balancers", HostRouteOverlap, pool("p", "10.0.0.0/16", poolstest.ForLoadBalancers), input{routes: eth}, nil, nil},

		{"nodes", NodeAddressOverlap, p, input{survey: facts.Survey{Nodes: []facts.Node{factstest.Node("b", "fd00::2", "10.0.0.2"), factstest.Node("a", "10.0.0.3", "10.0.0.1"), factstest.Node("c", "10.1.0.0")}}},
			[]string{atPods + " holds the addresses of 2 of the cluster's 3 node(s): a (10.0.0.3), b (10.0.0.2): a pod may get the address of a node" + move}, []string{"10.0.0.3/32 of node a"}},
		{"many nodes", NodeAddressOverlap, pool("p", "fd00::/64"), input{survey: nodes(7, func(i int, n *facts.Node) {
			n.Addresses = []netip.Addr{netip.MustParseAddr(fmt.Sprintf("fd00::%d", i))}
		})},
			[]string{`IPPool "p": cidr "fd00::/64" (datastore) holds the addresses of 7 of the cluster's 7 node(s): n1 (fd00::1), n2 (fd00::2), n3 (fd00::3), n4 (fd00::4), n5 (fd00::5), 2 more: a pod may get the address of a node` + move}, []string{"fd00::1/128 of node n1"}},
		{"a mapped address", NodeAddressOverlap, p, input{survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "::ffff:10.0.0.1")}}},
			[]string{atPods + " holds the addresses of 1 of the cluster's 1 node(s): a (10.0.0.1): a pod may get the address of a node" + move}, []string{"10.0.0.1/32 of node a"}},
		{"nodes outside", NodeAddressOverlap, p, input{survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.1.0.1", "fd00::1"), factstest.Node("b")}}}, nil, nil},
		{"nodes, disabled", NodeAddressOverlap, pool("p", "10.0.0.0/16", poolstest.Disabled), input{survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.0.0.1")}}}, nil, nil},
		{"nodes, not drawn yet", NodeAddressOverlap, created("p", ""), input{survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "fd00::1")}}}, nil, nil},
		{"nodes, for load balancers", NodeAddressOverlap, pool("p", "10.0.0.0/16", poolstest.ForLoadBalancers), input{survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.0.0.1")}}},
			[]string{atPods + " holds the addresses of 1 of the cluster's 1 node(s): a (10.0.0.1): a pod may get the address of a node" + move}, []string{"10.0.0.1/32 of node a"}},

		{"Services", ServiceCIDROverlap, p, input{survey: facts.Survey{ServiceCIDRs: factstest.At(origin.Cluster("servicecidrs/kubernetes"), "10.0.0.0/12", "10.1.0.0/16", "fd00::/108")}},
			[]string{atPods + " overlaps the Service CIDR 10.0.0.0/12 (servicecidrs/kubernetes" + services + move}, []string{"10.0.0.0/12 of servicecidrs/kubernetes"}},
		{"Services, for load balancers", ServiceCIDROverlap, pool("p", "10.0.0.0/16", poolstest.ForLoadBalancers), input{survey: facts.Survey{ServiceCIDRs: factstest.At(origin.Cluster("s"), "10.0.1.0/24")}},
			[]string{atPods + " overlaps the Service CIDR 10.0.1.0/24 (s" + services + move}, []string{"10.0.1.0/24 of s"}},
		{"Services, not drawn yet", ServiceCIDROverlap, created("p", ""), input{survey: facts.Survey{ServiceCIDRs: factstest.At(origin.Cluster("s"), "fd00::/8", "fd00::/108")}},
			[]string{random + " overlaps the Service CIDR fd00::/8 (s" + services + "; set another range with ipv6.pool.cidr"}, []string{"fd00::/8 of s"}},
		{"Services, disabled", ServiceCIDROverlap, pool("p", "10.0.0.0/16", poolstest.Disabled), input{survey: facts.Survey{ServiceCIDRs: factstest.At(origin.Cluster("s"), "10.0.1.0/24")}}, nil, nil},

		{"inside the pod CIDR", OutsidePodCIDR, p, input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.0.0.0/8")}}, nil, nil},
		{"the pod CIDR itself", OutsidePodCIDR, p, input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.0.0.0/16")}}, nil, nil},
		{"inside the second", OutsidePodCIDR, p, input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16", "10.0.0.0/16")}}, nil, nil},
		{"outside", OutsidePodCIDR, p, input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("first"), "fd01::/48"), factstest.Source(origin.Cluster("second"), "10.1.0.0/16", "fd02::/48", "10.3.0.0/16"), factstest.Source(origin.Cluster("third"), "10.0.0.0/16")}},
			[]string{atPods + " is outside the cluster's pod CIDR, 10.1.0.0/16, 10.3.0.0/16 (second)" + noPods + move}, []string{"10.1.0.0/16 of second"}},
		{"beyond", OutsidePodCIDR, p, input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16", "10.0.3.0/24")}},
			[]string{atPods + " extends beyond the cluster's pod CIDR, 10.1.0.0/16, 10.0.3.0/24 (kubeadm-config)" + noPods + move}, []string{"10.0.3.0/24 of kubeadm-config"}},
		{"outside of kube-proxy's, which doesn't use it", OutsidePodCIDR, p, input{podCIDRs: []facts.PodCIDRSource{byInterface("10.1.0.0/16")}}, nil, nil},
		{"outside, kube-proxy doesn't use it", OutsidePodCIDR, p, input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.2.0.0/16"), byInterface("10.1.0.0/16")}},
			[]string{atPods + " is outside the cluster's pod CIDR, 10.2.0.0/16 (kubeadm-config): cloud controllers and others do not treat addresses outside of it as pod addresses" + move}, []string{"10.2.0.0/16 of kubeadm-config"}},
		{"no pod CIDR is known", OutsidePodCIDR, p, input{}, nil, nil},
		{"no pod CIDR of the family is known", OutsidePodCIDR, p, input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "fd01::/48")}}, nil, nil},
		{"outside, disabled", OutsidePodCIDR, pool("p", "10.0.0.0/16", poolstest.Disabled), input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("k"), "10.1.0.0/16")}}, nil, nil},
		{"outside, for load balancers", OutsidePodCIDR, pool("p", "10.0.0.0/16", poolstest.ForLoadBalancers), input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("k"), "10.1.0.0/16")}}, nil, nil},
		{"outside, for tunnels", OutsidePodCIDR, pool("p", "10.0.0.0/16", forTunnels), input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("k"), "10.1.0.0/16")}}, nil, nil},

		{"nodes' CIDRs inside", OutsideNodePodCIDR, p, input{survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.0.1.0/24", "fd00::/64")}}}, nil, nil},
		{"nodes' CIDRs outside", OutsideNodePodCIDR, p, input{survey: facts.Survey{Nodes: []facts.Node{factstest.Node("b", "10.1.2.0/24"), factstest.Node("a", "10.1.1.0/24", "fd00::/64"), factstest.Node("c", "10.0.1.0/24")}}},
			[]string{atPods + " does not contain the podCIDRs that kube-controller-manager assigned to nodes, such as a (10.1.1.0/24), b (10.1.2.0/24): Calico ignores them, but kube-proxy and cloud routes use them" + move + "; the matching range is the cluster CIDR of kube-controller-manager"},
			[]string{"10.1.1.0/24 of podCIDRs of node a"}},
		{"nodes' CIDRs, where kube-proxy doesn't use the cluster's", OutsideNodePodCIDR, pool("p", "10.0.0.0/16"),
			input{podCIDRs: []facts.PodCIDRSource{byInterface("10.0.0.0/8")}, survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.0.1.0/24")}}}, nil, nil},
		{"nodes' CIDRs, where the cluster's is known", OutsideNodePodCIDR, p,
			input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("k"), "10.0.0.0/8")}, survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.1.1.0/24")}}}, nil, nil},
		{"nodes' CIDRs outside of the settings' CIDR", OutsideNodePodCIDR, p,
			input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Flag("cluster-cidr"), "10.0.0.0/16")}, survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.42.1.0/24")}}},
			[]string{atPods + " does not contain the podCIDRs that kube-controller-manager assigned to nodes, such as a (10.42.1.0/24): Calico ignores them, but kube-proxy and cloud routes use them; the pod CIDR 10.0.0.0/16 (flag --cluster-cidr) does not contain them either; correct the IPv4 CIDR of clusterCIDR, to 10.42.1.0/24, the smallest range that contains those of all nodes, or a wider one, or the cluster CIDR of kube-controller-manager"},
			[]string{"10.42.1.0/24 of podCIDRs of node a"}},
		{"nodes' CIDRs inside the settings' CIDR", OutsideNodePodCIDR, p,
			input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Flag("cluster-cidr"), "10.0.0.0/8")}, survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.42.1.0/24")}}}, nil, nil},
		{"nodes' CIDRs in another pool", OutsideNodePodCIDR, p,
			input{pools: []checkedPool{pool("q", "10.1.0.0/16")}, survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.1.1.0/24")}}}, nil, nil},
		{"nodes' CIDRs in a disabled pool", OutsideNodePodCIDR, p,
			input{pools: []checkedPool{pool("q", "10.1.0.0/16", poolstest.Disabled)}, survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.1.1.0/24")}}},
			[]string{atPods + " does not contain the podCIDRs that kube-controller-manager assigned to nodes, such as a (10.1.1.0/24): Calico ignores them, but kube-proxy and cloud routes use them" + move + "; the matching range is the cluster CIDR of kube-controller-manager"},
			[]string{"10.1.1.0/24 of podCIDRs of node a"}},

		{"nodes' CIDRs, not drawn yet", OutsideNodePodCIDR, created("p", ""),
			input{survey: facts.Survey{Nodes: []facts.Node{factstest.Node("b", "10.1.2.0/24", "fd01:0:0:2::/64"), factstest.Node("a", "fd01:0:0:1::/64"), factstest.Node("c")}}},
			[]string{random + " does not contain the podCIDRs that kube-controller-manager assigned to nodes, such as a (fd01:0:0:1::/64), b (fd01:0:0:2::/64): Calico ignores them, but kube-proxy and cloud routes use them; set ipv6.pool.cidr=fd01::/62, the smallest range that contains those of all nodes, or a wider one, or the cluster CIDR of kube-controller-manager"},
			[]string{"fd01:0:0:1::/64 of podCIDRs of node a"}},
		{"nodes' CIDRs of the other family, not drawn yet", OutsideNodePodCIDR, created("p", ""), input{survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.1.2.0/24", "fe80::1")}}}, nil, nil},
		{"nodes' CIDRs in another pool, not drawn yet", OutsideNodePodCIDR, created("p", ""),
			input{pools: []checkedPool{pool("q", "fd01::/48")}, survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "fd01:0:0:1::/64")}}}, nil, nil},
		{"nodes' CIDRs, invalid CIDR", OutsideNodePodCIDR, pool("p", ""), input{survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "fd01:0:0:1::/64")}}}, nil, nil},

		{"unique local", ULAWithoutNAT, created("p", "fd00::/64", withoutNAT), input{},
			[]string{`IPPool "p": cidr "fd00::/64" (env C) is unique local, and natOutgoing is false (env N): such addresses are not routed on the internet, so pods can't reach IPv6 hosts outside the cluster; set natOutgoing to true with ipv6.pool.natOutgoing, or set a global range`}, nil},
		{"unique local, existing", ULAWithoutNAT, pool("p", "fdff::/64", withoutNAT), input{},
			[]string{`IPPool "p": cidr "fdff::/64" (datastore) is unique local, and natOutgoing is false (datastore): such addresses are not routed on the internet, so pods can't reach IPv6 hosts outside the cluster; set natOutgoing to true in the IPPool, or set a global range`}, nil},
		{"unique local, existing default pool", ULAWithoutNAT, existingDefault("p", "fdff::/64", withoutNAT), input{},
			[]string{`IPPool "p": cidr "fdff::/64" (datastore) is unique local, and natOutgoing is false (datastore): such addresses are not routed on the internet, so pods can't reach IPv6 hosts outside the cluster; set natOutgoing to true with ipv6.pool.natOutgoing and onDrift=update, or set a global range`}, nil},
		{"unique local, not drawn yet", ULAWithoutNAT, created("p", "", withoutNAT), input{},
			[]string{`IPPool "p": the random ULA /48 that is generated for it is unique local, and natOutgoing is false (env N): such addresses are not routed on the internet, so pods can't reach IPv6 hosts outside the cluster; set natOutgoing to true with ipv6.pool.natOutgoing, or set a global range`}, nil},
		{"unique local with NAT", ULAWithoutNAT, pool("p", "fd00::/64"), input{}, nil, nil},
		{"not drawn yet, with NAT", ULAWithoutNAT, created("p", ""), input{}, nil, nil},
		{"an existing pool without a CIDR", ULAWithoutNAT, pool("p", "", withoutNAT), input{}, nil, nil},
		{"global", ULAWithoutNAT, pool("p", "2600:1f14::/64", withoutNAT), input{}, nil, nil},
		{"IPv4", ULAWithoutNAT, pool("p", "8.8.0.0/16", withoutNAT), input{}, nil, nil},
		{"unique local, disabled", ULAWithoutNAT, pool("p", "fd00::/64", withoutNAT, poolstest.Disabled), input{}, nil, nil},
		{"unique local, for load balancers", ULAWithoutNAT, pool("p", "fd00::/64", withoutNAT, poolstest.ForLoadBalancers), input{}, nil, nil},

		{"private", PrivateWithoutNAT, created("p", "10.0.0.0/16", withoutNAT), input{},
			[]string{`IPPool "p": cidr "10.0.0.0/16" (env C) is private, and natOutgoing is false (env N): pods reach only hosts with a return route to them, such as by BGP; set natOutgoing to true with ipv4.pool.natOutgoing, or ensure that return routes exist`}, nil},
		{"private with NAT", PrivateWithoutNAT, pool("p", "10.0.0.0/16"), input{}, nil, nil},
		{"public", PrivateWithoutNAT, pool("p", "100.128.0.0/16", withoutNAT), input{}, nil, nil},
		{"wider than private", PrivateWithoutNAT, pool("p", "172.0.0.0/8", withoutNAT), input{}, nil, nil},
		{"private, disabled", PrivateWithoutNAT, pool("p", "10.0.0.0/16", withoutNAT, poolstest.Disabled), input{}, nil, nil},

		{"fewer blocks", FewerBlocksThanNodes, pool("p", "10.0.0.0/24"), input{survey: nodes(5)},
			[]string{`IPPool "p": cidr "10.0.0.0/24" (datastore) has 4 block(s) of /26 (blockSize: datastore) for 5 node(s): pods on the other nodes get no address, or a borrowed one; CIDR and block size are not updatable in place, so add another pool with a wider range, or smaller blocks`}, nil},
		{"one block", FewerBlocksThanNodes, created("p", "10.0.0.0/26"), input{survey: nodes(2)},
			[]string{`IPPool "p": cidr "10.0.0.0/26" (env C) has 1 block(s) of /26 (blockSize: default) for 2 node(s): pods on the other nodes get no address, or a borrowed one; set another range with ipv4.pool.cidr, a wider one, or smaller blocks`}, nil},
		{"as many blocks", FewerBlocksThanNodes, pool("p", "10.0.0.0/24"), input{survey: nodes(4)}, nil, nil},
		{"fewer blocks than all nodes", FewerBlocksThanNodes, pool("p", "10.0.0.0/24", nodeSelector("name != 'n1'")), input{survey: nodes(5)}, nil, nil},
		{"smaller blocks", FewerBlocksThanNodes, pool("p", "10.0.0.0/24", blockSize(28)), input{survey: nodes(16)}, nil, nil},
		{"an unset block size is the default", FewerBlocksThanNodes, pool("p", "10.0.0.0/25", blockSize(0)), input{survey: nodes(3)},
			[]string{`IPPool "p": cidr "10.0.0.0/25" (datastore) has 2 block(s) of /26 (blockSize: datastore) for 3 node(s): pods on the other nodes get no address, or a borrowed one; CIDR and block size are not updatable in place, so add another pool with a wider range, or smaller blocks`}, nil},
		{"2^63 blocks", FewerBlocksThanNodes, pool("p", "fd00::/59"), input{survey: nodes(5)}, nil, nil},
		{"2^64 blocks", FewerBlocksThanNodes, pool("p", "fd00::/58"), input{survey: nodes(5)}, nil, nil},
		{"2^120 blocks", FewerBlocksThanNodes, pool("p", "fd00::/8", blockSize(128)), input{survey: nodes(5)}, nil, nil},
		{"2^29 blocks", FewerBlocksThanNodes, pool("p", "64.0.0.0/3", blockSize(32)), input{survey: nodes(5)}, nil, nil},
		{"a block wider than the pool", FewerBlocksThanNodes, pool("p", "10.0.0.0/28"), input{survey: nodes(5)}, nil, nil},
		{"blocks, not drawn yet", FewerBlocksThanNodes, created("p", ""), input{survey: nodes(5)}, nil, nil},
		{"fewer blocks, disabled", FewerBlocksThanNodes, pool("p", "10.0.0.0/24", poolstest.Disabled), input{survey: nodes(5)}, nil, nil},
		{"fewer blocks, for load balancers", FewerBlocksThanNodes, pool("p", "10.0.0.0/24", poolstest.ForLoadBalancers), input{survey: nodes(5)}, nil, nil},

		{"no node", NodeSelectorMatchesNoNode, created("p", "10.0.0.0/16", nodeSelector("zone == 'a'")), input{survey: nodes(3)},
			[]string{`IPPool "p": nodeSelector "zone == 'a'" (env S) matches none of the cluster's 3 node(s), so no pod gets an address from the pool; set nodeSelector to one that matches with ipv4.pool.nodeSelector, or label nodes`}, nil},
		{"no node, managed by Helm", NodeSelectorMatchesNoNode, managed(pool("p", "10.0.0.0/16", nodeSelector("zone == 'a'"))), input{survey: nodes(3)},
			[]string{`IPPool "p": nodeSelector "zone == 'a'" (datastore) matches none of the cluster's 3 node(s), so no pod gets an address from the pool; have Helm set nodeSelector to one that matches, or label nodes`}, nil},
		{"a node", NodeSelectorMatchesNoNode, pool("p", "10.0.0.0/16", nodeSelector("name == 'n2'")), input{survey: nodes(3)}, nil, nil},
		{"no nodes at all", NodeSelectorMatchesNoNode, pool("p", "10.0.0.0/16", nodeSelector("zone == 'a'")), input{}, nil, nil},
		{"an invalid selector", NodeSelectorMatchesNoNode, pool("p", "10.0.0.0/16", nodeSelector("zone = 'a'")), input{survey: nodes(3)}, nil, nil},
		{"an empty selector", NodeSelectorMatchesNoNode, pool("p", "10.0.0.0/16", nodeSelector("")), input{survey: nodes(3)}, nil, nil},
		{"no node, not drawn yet", NodeSelectorMatchesNoNode, ofFile(created("p", "", nodeSelector("zone == 'a'"))), input{survey: nodes(3)},
			[]string{`IPPool "p": nodeSelector "zone == 'a'" (env S) matches none of the cluster's 3 node(s), so no pod gets an address from the pool; set nodeSelector to one that matches in env S, or label nodes`}, nil},
		{"no node, disabled", NodeSelectorMatchesNoNode, pool("p", "10.0.0.0/16", poolstest.Disabled, nodeSelector("zone == 'a'")), input{survey: nodes(3)}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(string(tt.code)+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			found := tt.known.findings([]checkedPool{tt.pool}, nil)
			var texts, others []string
			for _, finding := range found {
				if tt.code == HostRouteOverlap && finding.Code == HostInterfaceOverlap {
					continue // the interface that the routes are compared with
				}
				require.Equal(t, tt.code, finding.Code, finding.Text)
				assert.Equal(t, "p", finding.Pool)
				texts = append(texts, finding.Text)
				if finding.Other != nil {
					others = append(others, fmt.Sprintf("%s of %s", finding.Other.Prefix, finding.Other.Source))
				}
				if tt.pool.object.Spec.CIDR == "" {
					assert.Nil(t, finding.CIDR)
				} else {
					assert.Equal(t, &facts.Located{Prefix: netip.MustParsePrefix(tt.pool.object.Spec.CIDR), Source: tt.pool.source("cidr")}, finding.CIDR)
				}
			}
			assert.Equal(t, tt.want, texts)
			assert.Equal(t, tt.other, others)
		})
	}
}

// Findings have the order of pools, codes and prefixes. Those about all pools of a family
// come last.
func TestOrderOfFindings(t *testing.T) {
	t.Parallel()
	known := input{
		networks: factstest.At(origin.Host("interface eth0"), "10.0.9.0/24", "10.0.1.0/24"),
		routes:   factstest.At(origin.Host("route dev eth1"), "10.0.0.0/8"),
		podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "172.16.0.0/16")},
		survey:   facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.0.0.1"), factstest.Node("b")}, ServiceCIDRs: factstest.At(origin.Cluster("s"), "10.0.0.0/12")},
		pools:    []checkedPool{terminating(pool("off", "10.9.0.0/16", poolstest.Disabled)), terminating(pool("lb6", "fd00::/64", poolstest.ForLoadBalancers))},
	}
	z, a := pool("z", "10.0.0.0/16", withoutNAT, blockSize(20)), pool("a", "10.0.9.0/26", nodeSelector("x == 'y'"))
	var order []string
	for _, finding := range known.findings([]checkedPool{z, a}, poolstest.BothFamilies) {
		line := finding.Pool + " " + string(finding.Code)
		if finding.Other != nil {
			line += " " + finding.Other.Prefix.String()
		}
		order = append(order, line)
	}
	assert.Equal(t, []string{
		"z HostInterfaceOverlap 10.0.1.0/24", "z HostInterfaceOverlap 10.0.9.0/24", "z HostRouteOverlap 10.0.0.0/8",
		"z NodeAddressOverlap 10.0.0.1/32", "z ServiceCIDROverlap 10.0.0.0/12", "z OutsidePodCIDR 172.16.0.0/16", "z PrivateWithoutNAT",
		"a HostInterfaceOverlap 10.0.9.0/24", "a HostRouteOverlap 10.0.0.0/8", "a ServiceCIDROverlap 10.0.0.0/12", "a OutsidePodCIDR 172.16.0.0/16",
		"a NodeSelectorMatchesNoNode",
		"off PoolTerminating", " NoUsablePool", "lb6 PoolTerminating", " NoUsablePool",
	}, order)
	codes := make([]FindingCode, len(checks))
	for i, check := range checks {
		codes[i] = check.code
	}
	codes = append(codes, PoolTerminating, NoUsablePool, NodesWithoutPool, OperatorManagesPools)
	assert.Equal(t, FindingCodes()[:len(codes)], codes, "the order of the checks is that of the codes")
}

// byInterface is kube-proxy's source with a detectLocalMode that doesn't use the CIDRs.
func byInterface(cidrs ...string) facts.PodCIDRSource {
	source := factstest.Source(origin.Cluster("kube-proxy"), cidrs...)
	source.Uncertain, source.DetectLocalMode = true, "InterfaceNamePrefix"
	return source
}
