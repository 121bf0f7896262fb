package nat_test

import (
	"fmt"
	"net/netip"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// family has addresses of one family that play the same parts.
type family struct {
	name                                           string
	pods, exempt, loadBalancers, services          string
	pod, exempted, loadBalancer, service, external string
	node1, node2, tunnel1                          string
	wider                                          string // around pods
}

var families = []family{
	{
		"IPv4", "10.244.0.0/16", "10.9.0.0/16", "192.0.2.128/25", "10.96.0.0/12",
		"10.244.1.2", "10.9.1.2", "192.0.2.130", "10.96.0.1", "203.0.113.7",
		"172.16.0.1", "172.16.0.2", "10.244.0.1", "10.0.0.0/8",
	},
	{
		"IPv6", "fd00:244::/48", "fd00:9::/48", "2001:db8:2::/112", "fd00:96::/108",
		"fd00:244::1:2", "fd00:9::1:2", "2001:db8:2::82", "fd00:96::1", "2001:db8:9::7",
		"2001:db8:1::1", "2001:db8:1::2", "fd00:244::1", "fd00::/16",
	},
}

func (f family) nodes() []nat.Node {
	return []nat.Node{{Name: "n1", HostIPs: []string{f.node1}, OtherAddresses: []string{f.tunnel1}}, {Name: "n2", HostIPs: []string{f.node2 + "/24"}}}
}

func felix(spec nat.FelixSpec) []nat.FelixConfiguration {
	return []nat.FelixConfiguration{{Name: "default", Spec: spec}}
}

// question asks about the model of a cluster with the pools of the family: pods with
// natOutgoing, a disabled exempting pool, and one for LoadBalancers.
func ask(t *testing.T, cluster nat.Cluster, source, destination string, options nat.Options) nat.Verdict {
	t.Helper()
	model := nat.New(cluster)
	require.Empty(t, model.Problems())
	from, to := netip.MustParseAddr(source), netip.MustParseAddr(destination)
	verdict, err := model.Explain(from, to, options)
	require.NoError(t, err)
	answer, err := model.Decide(from, to, options)
	require.NoError(t, err)
	require.Equal(t, verdict.Masqueraded, answer)
	want, row := naive(cluster, from, to, options)
	require.Equal(t, want, answer)
	if verdict.Row != 0 {
		require.Equal(t, row, verdict.Row)
	}
	checkReasons(t, verdict)
	return verdict
}

func codes(verdict nat.Verdict) []nat.Code {
	var all []nat.Code
	for _, reason := range verdict.Reasons {
		all = append(all, reason.Code)
	}
	return all
}

// TestRows has each row of the table, and its neighbours.
func TestRows(t *testing.T) {
	t.Parallel()
	for _, f := range families {
		hosts := nat.FelixSpec{NATOutgoingExclusions: "IPPoolsAndHostIPs"}
		tests := []struct {
			name                string
			source, destination string
			felix               nat.FelixSpec
			options             nat.Options
			dataplane           nat.Dataplane
			version             string
			answer              nat.Answer
			row                 int
			codes               []nat.Code
		}{
			{"Service", f.pod, f.service, hosts, nat.Options{}, "", "v3.32.1", nat.Depends, 1, []nat.Code{nat.ServiceCIDR}},
			{"Service, source in no pool", f.external, f.service, hosts, nat.Options{}, "", "v3.32.1", nat.Depends, 1, []nat.Code{nat.ServiceCIDR}},
			{"source in no pool", f.external, f.pod, hosts, nat.Options{}, "", "v3.32.1", nat.No, 2, []nat.Code{nat.SourceInNoPool, nat.DestinationExempt}},
			{"source without natOutgoing, to a pod", f.exempted, f.pod, hosts, nat.Options{}, "", "v3.32.1", nat.No, 2, []nat.Code{nat.SourceWithoutNAT, nat.DestinationExempt}},
			{"source without natOutgoing, to a host", f.exempted, f.node2, hosts, nat.Options{Node: "n1"}, "", "v3.32.1", nat.No, 2, []nat.Code{nat.SourceWithoutNAT, nat.DestinationIsHost}},
			{"another node's source", f.node1, f.external, hosts, nat.Options{Node: "n2"}, "", "v3.32.1", nat.No, 2, []nat.Code{nat.SourceOfOtherNode, nat.SourceInNoPool}},
			{"source without natOutgoing", f.exempted, f.external, hosts, nat.Options{}, "", "v3.32.1", nat.No, 2, []nat.Code{nat.SourceWithoutNAT}},
			{"eBPF, a workload", f.pod, f.external, nat.FelixSpec{}, nat.Options{}, nat.EBPF, "v3.32.1", nat.Yes, 8, []nat.Code{nat.SourceInNATPool, nat.DestinationInNoPool, nat.Masqueraded}},
			{"eBPF, no workload", f.pod, f.external, nat.FelixSpec{}, nat.Options{NotWorkload: true}, nat.EBPF, "v3.32.1", nat.No, 3, []nat.Code{nat.SourceInNATPool, nat.SourceNotWorkload}},
			{"eBPF by configuration, a tunnel", f.tunnel1, f.external, nat.FelixSpec{BPFEnabled: pointer(true)}, nat.Options{}, "", "v3.32.1", nat.No, 3, []nat.Code{nat.SourceInNATPool, nat.SourceNotWorkload}},
			{"eBPF, a pool for LoadBalancers", f.loadBalancer, f.external, nat.FelixSpec{}, nat.Options{}, nat.EBPF, "v3.32.1", nat.No, 3, []nat.Code{nat.SourceInNATPool, nat.SourceNotWorkload}},
			{"a pool for LoadBalancers is a source", f.loadBalancer, f.external, nat.FelixSpec{}, nat.Options{}, nat.NFTables, "v3.32.1", nat.Yes, 8, []nat.Code{nat.SourceInNATPool, nat.DestinationInNoPool, nat.Masqueraded}},
			{"no workload, dataplane unknown", f.tunnel1, f.external, nat.FelixSpec{}, nat.Options{}, "", "v3.32.1", nat.Yes, 8, []nat.Code{nat.SourceInNATPool, nat.DataplaneAssumed, nat.DestinationInNoPool, nat.Masqueraded}},
			{"no workload, not eBPF", f.tunnel1, f.external, nat.FelixSpec{BPFEnabled: pointer(false)}, nat.Options{}, "", "v3.32.1", nat.Yes, 8, []nat.Code{nat.SourceInNATPool, nat.DestinationInNoPool, nat.Masqueraded}},
			{"own node", f.pod, f.node1, nat.FelixSpec{}, nat.Options{Node: "n1"}, "", "v3.32.1", nat.No, 4, []nat.Code{nat.SourceInNATPool, nat.OwnNode}},
			{"own node's tunnel", f.pod, f.tunnel1, nat.FelixSpec{}, nat.Options{Node: "n1"}, "", "v3.32.1", nat.No, 4, []nat.Code{nat.SourceInNATPool, nat.OwnNode, nat.DestinationExempt}},
			{"eBPF, no workload, own node", f.tunnel1, f.node1, nat.FelixSpec{}, nat.Options{}, nat.EBPF, "v3.32.1", nat.No, 3, []nat.Code{nat.SourceInNATPool, nat.SourceNotWorkload, nat.OwnNode}},
			{"own node, known by the source", f.tunnel1, f.node1, nat.FelixSpec{}, nat.Options{}, nat.IPTables, "v3.32.1", nat.No, 4, []nat.Code{nat.SourceInNATPool, nat.OwnNode}},
			{"another node", f.pod, f.node2, nat.FelixSpec{}, nat.Options{Node: "n1"}, "", "v3.32.1", nat.Yes, 8, []nat.Code{nat.SourceInNATPool, nat.DestinationInNoPool, nat.HostsNotExempt, nat.Masqueraded}},
			{"a node, own node unknown", f.pod, f.node2, nat.FelixSpec{}, nat.Options{}, "", "v3.32.1", nat.Yes, 8, []nat.Code{nat.SourceInNATPool, nat.OtherNodeAssumed, nat.DestinationInNoPool, nat.HostsNotExempt, nat.Masqueraded}},
			{"exempt", f.pod, f.exempted, nat.FelixSpec{InterfaceFilter: "eth0"}, nat.Options{}, "", "v3.32.1", nat.No, 5, []nat.Code{nat.SourceInNATPool, nat.DestinationExempt}},
			{"pod to pod", f.pod, f.pod, nat.FelixSpec{}, nat.Options{}, "", "v3.32.1", nat.No, 5, []nat.Code{nat.SourceInNATPool, nat.DestinationExempt}},
			{"another node's tunnel", f.pod, f.tunnel1, nat.FelixSpec{}, nat.Options{Node: "n2"}, "", "v3.32.1", nat.No, 5, []nat.Code{nat.SourceInNATPool, nat.DestinationExempt}},
			{"LoadBalancer", f.pod, f.loadBalancer, nat.FelixSpec{}, nat.Options{}, "", "v3.32.1", nat.Yes, 8, []nat.Code{nat.SourceInNATPool, nat.LoadBalancerPool, nat.Masqueraded}},
			{"LoadBalancer, version unknown", f.pod, f.loadBalancer, nat.FelixSpec{}, nat.Options{}, "", "master", nat.Yes, 8, []nat.Code{nat.SourceInNATPool, nat.LoadBalancerPool, nat.VersionAssumed, nat.Masqueraded}},
			{"LoadBalancer, old", f.pod, f.loadBalancer, nat.FelixSpec{}, nat.Options{}, "", "v3.31.5", nat.No, 5, []nat.Code{nat.SourceInNATPool, nat.DestinationExempt}},
			{"version unknown does not matter", f.pod, f.external, nat.FelixSpec{}, nat.Options{}, "", "", nat.Yes, 8, []nat.Code{nat.SourceInNATPool, nat.DestinationInNoPool, nat.Masqueraded}},
			{"host", f.pod, f.node2, hosts, nat.Options{}, "", "v3.32.1", nat.No, 6, []nat.Code{nat.SourceInNATPool, nat.OtherNodeAssumed, nat.DestinationInNoPool, nat.DestinationIsHost}},
			{"host, version unknown", f.pod, f.node2, hosts, nat.Options{Node: "n1"}, "", "", nat.No, 6, []nat.Code{nat.SourceInNATPool, nat.DestinationInNoPool, nat.DestinationIsHost, nat.VersionAssumed}},
			{"host, before 3.31.0", f.pod, f.node2, hosts, nat.Options{Node: "n1"}, "", "v3.30.1", nat.Yes, 8, []nat.Code{nat.SourceInNATPool, nat.DestinationInNoPool, nat.ExclusionsIgnored, nat.Masqueraded}},
			{"interface filter", f.pod, f.external, nat.FelixSpec{InterfaceFilter: "eth0"}, nat.Options{}, "", "v3.32.1", nat.Depends, 7, []nat.Code{nat.SourceInNATPool, nat.DestinationInNoPool, nat.InterfaceFilter}},
			{"masqueraded", f.pod, f.external, hosts, nat.Options{}, "", "v3.32.1", nat.Yes, 8, []nat.Code{nat.SourceInNATPool, nat.DestinationInNoPool, nat.Masqueraded}},
		}
		for _, tt := range tests {
			t.Run(f.name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				cluster := nat.Cluster{
					Pools:               []*v3.IPPool{newPool("pods", f.pods, natted), newPool("exempt", f.exempt, disabled), newPool("lb", f.loadBalancers, natted, forLoadBalancers)},
					FelixConfigurations: felix(tt.felix), Nodes: f.nodes(), ServiceCIDRs: []string{f.services},
					Version: tt.version, Dataplane: tt.dataplane,
				}
				verdict := ask(t, cluster, tt.source, tt.destination, tt.options)
				assert.Equal(t, tt.answer, verdict.Masqueraded)
				assert.Equal(t, tt.row, verdict.Row)
				assert.Equal(t, tt.codes, codes(verdict))
			})
		}
	}
}

// change is a field of a pool with one value. Only natOutgoing of the source and
// allowedUses of the destination matter.
type change struct {
	field  string
	value  string
	change func(*v3.IPPoolSpec)
}

var changes = []change{
	{"natOutgoing", "true", natted},
	{"disabled", "true", disabled},
	{"disableBGPExport", "true", func(s *v3.IPPoolSpec) { s.DisableBGPExport = true }},
	{"ipipMode", "Always", func(s *v3.IPPoolSpec) { s.IPIPMode = v3.IPIPModeAlways }},
	{"vxlanMode", "CrossSubnet", func(s *v3.IPPoolSpec) { s.VXLANMode = v3.VXLANModeCrossSubnet }},
	{"blockSize", "28", func(s *v3.IPPoolSpec) { s.BlockSize = 28 }},
	{"nodeSelector", "!all()", func(s *v3.IPPoolSpec) { s.NodeSelector = "!all()" }},
	{"namespaceSelector", "a == 'b'", func(s *v3.IPPoolSpec) { s.NamespaceSelector = "a == 'b'" }},
	{"assignmentMode", "Manual", func(s *v3.IPPoolSpec) { s.AssignmentMode = pointer(v3.Manual) }},
	{"allowedUses", "[Workload]", uses(v3.IPPoolAllowedUseWorkload)},
	{"allowedUses", "[Tunnel]", uses(v3.IPPoolAllowedUseTunnel)},
	{"allowedUses", "[LoadBalancer]", forLoadBalancers},
	{"allowedUses", "[LoadBalancer, Workload]", uses(v3.IPPoolAllowedUseLoadBalancer, v3.IPPoolAllowedUseWorkload)},
}

// TestFieldsOfPools has every field alone and in pairs, for the source's and for the
// destination's pool.
func TestFieldsOfPools(t *testing.T) {
	t.Parallel()
	none := change{change: func(*v3.IPPoolSpec) {}}
	for _, f := range families {
		for version, old := range map[string]bool{"v3.30.1": true, "v3.31.5": true, "v3.31.6": false, "v3.32.0": true, "v3.32.1": false, "": false} {
			for _, one := range append([]change{none}, changes...) {
				for _, two := range append([]change{none}, changes...) {
					if one.field == two.field && one.field != "" {
						continue
					}
					has := func(value string) bool { return one.value == value || two.value == value }
					// Of the source's pool.
					cluster := nat.Cluster{Version: version, Pools: []*v3.IPPool{newPool("a", f.pods, one.change, two.change)}}
					want := nat.No
					if one.field == "natOutgoing" || two.field == "natOutgoing" {
						want = nat.Yes
					}
					assert.Equal(t, want, ask(t, cluster, f.pod, f.external, nat.Options{}).Masqueraded, "source: %s %s, %s %s", one.field, one.value, two.field, two.value)

					// Of the destination's, and of one around the source's.
					cluster.Pools = []*v3.IPPool{newPool("pods", f.pods, natted), newPool("a", f.exempt, one.change, two.change)}
					want = nat.No
					if has("[LoadBalancer]") && !old {
						want = nat.Yes
					}
					assert.Equal(t, want, ask(t, cluster, f.pod, f.exempted, nat.Options{}).Masqueraded, "destination: %s %s, %s %s, %s", one.field, one.value, two.field, two.value, version)
					cluster.Pools[1] = newPool("a", f.wider, one.change, two.change)
					assert.Equal(t, want, ask(t, cluster, f.pod, f.exempted, nat.Options{}).Masqueraded, "around: %s %s, %s %s, %s", one.field, one.value, two.field, two.value, version)
				}
			}
		}
	}
}

// TestFieldsOfFelix has every field of a FelixConfiguration alone and in pairs, in default
// and of the node; ask compares with the naive decision.
func TestFieldsOfFelix(t *testing.T) {
	t.Parallel()
	fields := []func(*nat.FelixSpec){
		func(*nat.FelixSpec) {},
		func(s *nat.FelixSpec) { s.NATOutgoingExclusions = "IPPoolsAndHostIPs" },
		func(s *nat.FelixSpec) { s.NATOutgoingExclusions = "IPPoolsOnly" },
		func(s *nat.FelixSpec) { s.NATOutgoingAddress = "192.0.2.1" },
		func(s *nat.FelixSpec) { s.NATPortRange = text("1024:2047") },
		func(s *nat.FelixSpec) { s.InterfaceFilter = "eth+" },
		func(s *nat.FelixSpec) { s.InterfaceFilter = "none" },
		func(s *nat.FelixSpec) { s.ExternalNodesList = []string{"203.0.113.0/24"} },
		func(s *nat.FelixSpec) { s.IPv6Support = pointer(false) },
		func(s *nat.FelixSpec) { s.IPv6Support = pointer(true) },
		func(s *nat.FelixSpec) { s.BPFEnabled = pointer(true) },
		func(s *nat.FelixSpec) { s.BPFEnabled = pointer(false) },
		func(s *nat.FelixSpec) { s.NFTablesMode = "Enabled" },
	}
	for _, f := range families {
		for _, version := range []string{"v3.30.1", "v3.31.0", "v3.32.1"} {
			for i, one := range fields {
				for j, two := range fields {
					var common, own, both nat.FelixSpec
					one(&common)
					two(&own)
					one(&both)
					two(&both)
					for _, configurations := range [][]nat.FelixConfiguration{felix(both), append(felix(common), nat.FelixConfiguration{Name: "node.n1", Spec: own})} {
						cluster := nat.Cluster{Version: version, Nodes: f.nodes(), Pools: []*v3.IPPool{newPool("pods", f.pods, natted)}, FelixConfigurations: configurations}
						for _, destination := range []string{f.external, f.node1, f.node2, f.pod} {
							for _, options := range []nat.Options{{}, {Node: "n1"}, {Node: "n2"}, {NotWorkload: true}} {
								verdict := ask(t, cluster, f.pod, destination, options)
								if row := verdict.Row; row == 2 {
									assert.Equal(t, []nat.Code{nat.SourceInNATPool, nat.IPv6Unsupported}, codes(verdict)[:2])
								} else if row >= 7 && options.Node == "n1" {
									wantAddress := f.name == "IPv4" && (common.NATOutgoingAddress+own.NATOutgoingAddress != "" || both.NATOutgoingAddress != "")
									assert.Equal(t, wantAddress, verdict.As.Address.IsValid(), "%d %d", i, j)
								}
							}
						}
					}
				}
			}
		}
	}
}

func TestInputErrors(t *testing.T) {
	t.Parallel()
	model := nat.New(nat.Cluster{Nodes: families[0].nodes()})
	for _, tt := range []struct {
		source, destination netip.Addr
		node, want          string
	}{
		{netip.Addr{}, netip.MustParseAddr("10.0.0.1"), "", `source: Invalid value: "": must be an address such as 10.244.0.7 or fd00:10:244::7`},
		{netip.MustParseAddr("10.0.0.1"), netip.Addr{}, "", `destination: Invalid value: "": must be an address such as 10.244.0.7 or fd00:10:244::7`},
		{netip.MustParseAddr("::ffff:10.0.0.1"), netip.MustParseAddr("10.0.0.1"), "", `source: Invalid value: "::ffff:10.0.0.1": must be written as IPv4: 10.0.0.1`},
		{netip.MustParseAddr("::ffff:10.0.0.1%eth0"), netip.MustParseAddr("10.0.0.1"), "", `source: Invalid value: "::ffff:10.0.0.1%eth0": must be written as IPv4: 10.0.0.1`},
		{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.1"), "", `destination: Invalid value: "::ffff:10.0.0.1": must be written as IPv4: 10.0.0.1`},
		{netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("fd00::1"), "", `source: Invalid value: "fe80::1%eth0": must be an address without a zone: fe80::1`},
		{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1"), "", `destination: Invalid value: "fd00::1": must be an address of the source's family, IPv4`},
		{netip.MustParseAddr("fd00::1"), netip.MustParseAddr("10.0.0.1"), "", `destination: Invalid value: "10.0.0.1": must be an address of the source's family, IPv6`},
		{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), "N1", `node: Invalid value: "N1": must be the name of a node: n1, n2`},
	} {
		_, err := model.Decide(tt.source, tt.destination, nat.Options{Node: tt.node})
		assert.EqualError(t, err, tt.want)
		_, err = model.Explain(tt.source, tt.destination, nat.Options{Node: tt.node})
		var input *nat.InputError
		require.ErrorAs(t, err, &input)
		assert.EqualError(t, err, tt.want)
	}
	_, err := model.Overview("n3")
	assert.EqualError(t, err, `node: Invalid value: "n3": must be the name of a node: n1, n2`)
}

// Without nodes every name is accepted: it selects the FelixConfiguration.
func TestNodesUnknown(t *testing.T) {
	t.Parallel()
	f := families[0]
	cluster := nat.Cluster{Pools: []*v3.IPPool{newPool("pods", f.pods, natted)}, FelixConfigurations: []nat.FelixConfiguration{
		{Name: "node.n7", Spec: nat.FelixSpec{InterfaceFilter: "eth0"}},
	}}
	assert.Equal(t, nat.Depends, ask(t, cluster, f.pod, f.external, nat.Options{Node: "n7"}).Masqueraded)
	assert.Equal(t, nat.Yes, ask(t, cluster, f.pod, f.external, nat.Options{Node: "n8"}).Masqueraded)
	verdict := ask(t, cluster, f.pod, f.external, nat.Options{})
	assert.Equal(t, nat.Depends, verdict.Masqueraded)
	assert.Equal(t, nat.NodesDiffer, verdict.Reasons[len(verdict.Reasons)-1].Code)
}

// A nil and a zero Model are those of a cluster without pools.
func TestZeroModel(t *testing.T) {
	t.Parallel()
	from, to := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	for _, model := range []*nat.Model{nil, {}, nat.New(nat.Cluster{}), nat.New(nat.Cluster{Pools: []*v3.IPPool{nil}})} {
		answer, err := model.Decide(from, to, nat.Options{Node: "any"})
		require.NoError(t, err)
		assert.Equal(t, nat.No, answer)
		verdict, err := model.Explain(from, to, nat.Options{})
		require.NoError(t, err)
		assert.Equal(t, []nat.Code{nat.SourceInNoPool}, codes(verdict))
		overview, err := model.Overview("")
		require.NoError(t, err)
		assert.Len(t, overview.Families, 2)
		assert.Empty(t, model.Findings())
		assert.Empty(t, model.Problems())
	}
}

// What only the destination's own node has does not matter for a source on another node.
func TestNodesDiffer(t *testing.T) {
	t.Parallel()
	f := families[0]
	cluster := nat.Cluster{
		Pools: []*v3.IPPool{newPool("pods", f.pods, natted)}, Nodes: append(f.nodes(), nat.Node{Name: "n3"}), Version: "v3.32.1",
		FelixConfigurations: []nat.FelixConfiguration{{Name: "node.n2", Spec: nat.FelixSpec{NATOutgoingExclusions: "IPPoolsAndHostIPs", NATOutgoingAddress: "192.0.2.2"}}},
	}
	verdict := ask(t, cluster, f.pod, f.node2, nat.Options{})
	assert.Equal(t, []any{nat.Yes, 8}, []any{verdict.Masqueraded, verdict.Row})

	verdict = ask(t, cluster, f.pod, f.node1, nat.Options{})
	assert.Equal(t, []any{nat.Depends, 0, nat.As{PerNode: true}}, []any{verdict.Masqueraded, verdict.Row, verdict.As})
	assert.Equal(t, []nat.Outcome{
		{Masqueraded: nat.Yes, As: nat.As{Interface: true}, Row: 8},
		{Masqueraded: nat.No, Row: 6, Nodes: []string{"n2"}},
	}, verdict.Reasons[len(verdict.Reasons)-1].Outcomes)

	// The same answer, but another address.
	verdict = ask(t, cluster, f.pod, f.external, nat.Options{})
	assert.Equal(t, []any{nat.Yes, 0, "an address that depends on the node"}, []any{verdict.Masqueraded, verdict.Row, verdict.As.String()})
	assert.Equal(t, "it depends on the source's node, because the FelixConfigurations differ: on n2: yes, as 192.0.2.2; on all other nodes: yes, as the address of the interface by which it leaves the node",
		verdict.Reasons[len(verdict.Reasons)-1].Text())
	assert.Equal(t, "192.0.2.2", ask(t, cluster, f.pod, f.external, nat.Options{Node: "n2"}).As.String())

	// The only other node has settings of its own.
	cluster.Nodes = f.nodes()
	assert.Equal(t, nat.No, ask(t, cluster, f.pod, f.node1, nat.Options{}).Masqueraded)

	// One node: every source is on it.
	cluster.Nodes = f.nodes()[1:]
	verdict = ask(t, cluster, f.pod, f.node2, nat.Options{})
	assert.Equal(t, []any{nat.No, 4}, []any{verdict.Masqueraded, verdict.Row})
	cluster.Nodes = append(cluster.Nodes, nat.Node{Name: "n2", OtherAddresses: []string{"192.0.2.77"}}) // the same one
	assert.Equal(t, 4, ask(t, cluster, f.pod, "192.0.2.77", nat.Options{}).Row)
	assert.Equal(t, "192.0.2.2", ask(t, cluster, f.pod, f.external, nat.Options{}).As.String())
}

// A message names a few pools and nodes, and no text of others controls a terminal.
func TestTextsAreShort(t *testing.T) {
	t.Parallel()
	f := families[0]
	cluster := nat.Cluster{Version: "v3.32.1"}
	for i := range 5000 {
		name := fmt.Sprintf("n%04d", i)
		cluster.Nodes = append(cluster.Nodes, nat.Node{Name: name})
		cluster.FelixConfigurations = append(cluster.FelixConfigurations, nat.FelixConfiguration{Name: "node." + name, Spec: nat.FelixSpec{
			NATOutgoingAddress: fmt.Sprintf("192.0.2.%d", i%250),
		}})
		cluster.Pools = append(cluster.Pools, newPool(name+"\x1b[2J\n", f.pods, natted), newPool(name, f.exempt))
	}
	model := nat.New(cluster)
	for _, destination := range []string{f.external, f.exempted} {
		verdict, err := model.Explain(netip.MustParseAddr(f.pod), netip.MustParseAddr(destination), nat.Options{})
		require.NoError(t, err)
		for _, reason := range verdict.Reasons {
			assert.Less(t, len(reason.Text()), 1000)
			assert.NotContains(t, reason.Text(), "\x1b")
			assert.NotContains(t, reason.Text(), "\n")
		}
	}
	_, err := model.Explain(netip.MustParseAddr(f.pod), netip.MustParseAddr(f.external), nat.Options{Node: "n5000"})
	assert.EqualError(t, err, `node: Invalid value: "n5000": must be the name of a node: n0000, n0001, n0002, n0003, n0004 and 4995 others`)
}
