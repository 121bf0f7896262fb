package nat_test

import (
	"fmt"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

func notExported(spec *v3.IPPoolSpec) { spec.DisableBGPExport = true }

func TestFindings(t *testing.T) {
	t.Parallel()
	pods, pods6 := newPool("pods", "10.244.0.0/16", natted), newPool("pods6", "fd00:244::/48", natted)
	own := func(name string, spec nat.FelixSpec) nat.FelixConfiguration {
		return nat.FelixConfiguration{Name: name, Spec: spec}
	}
	snat, wildcard := nat.FelixSpec{NATOutgoingAddress: "192.0.2.1"}, nat.FelixSpec{InterfaceFilter: "eth+"}
	nodes := []nat.Node{{Name: "n1"}, {Name: "n2"}}
	pair := []*v3.IPPool{pods, newPool("part", "10.244.8.0/24")}
	const surprise = "GlobalNATAddress: natOutgoingAddress is 192.0.2.1 (FelixConfiguration default), for every node: replies return to the one node that has the address, so only its pods get them"
	tests := []struct {
		name    string
		cluster nat.Cluster
		want    []string
	}{
		{"nothing", nat.Cluster{}, nil},
		{"usual", nat.Cluster{Pools: []*v3.IPPool{pods, newPool("pods6", "fd00:244::/48"), newPool("other", "10.9.0.0/16", disabled, notExported)}, FelixConfigurations: felix(nat.FelixSpec{InterfaceFilter: "eth0"})}, nil},

		{"address and IPv6", nat.Cluster{Pools: []*v3.IPPool{pods6}, FelixConfigurations: felix(snat)},
			[]string{"ends Felix: NATAddressWithIPv6: natOutgoingAddress is 192.0.2.1 (FelixConfiguration default), an IPv4 address, with natOutgoing in IPv6 pool pods6 fd00:244::/48: ends Felix on every node, again and again"}},
		{"address of a node and IPv6", nat.Cluster{Pools: []*v3.IPPool{pods6, pods}, Nodes: nodes, FelixConfigurations: []nat.FelixConfiguration{own("node.n1", snat)}},
			[]string{"ends Felix: NATAddressWithIPv6: natOutgoingAddress is 192.0.2.1 (FelixConfiguration node.n1), an IPv4 address, with natOutgoing in IPv6 pool pods6 fd00:244::/48: ends Felix on node n1, again and again"}},
		{"address of default, inherited", nat.Cluster{Pools: []*v3.IPPool{pods6}, Nodes: nodes[:1], FelixConfigurations: append(felix(snat), own("node.n1", nat.FelixSpec{NFTablesMode: "Enabled"}))},
			[]string{"ends Felix: NATAddressWithIPv6: natOutgoingAddress is 192.0.2.1 (FelixConfiguration default), an IPv4 address, with natOutgoing in IPv6 pool pods6 fd00:244::/48: ends Felix on every node, again and again"}},
		{"address of default, overridden everywhere", nat.Cluster{Pools: []*v3.IPPool{pods6, pods}, Nodes: nodes[:1], FelixConfigurations: append(felix(snat), own("node.n1", nat.FelixSpec{NATOutgoingAddress: "none"}))}, nil},
		{"address of a node that does not exist", nat.Cluster{Pools: []*v3.IPPool{pods6}, Nodes: nodes, FelixConfigurations: []nat.FelixConfiguration{own("node.n9", snat)}}, nil},
		{"address, no IPv6 NAT", nat.Cluster{Pools: []*v3.IPPool{pods, newPool("pods6", "fd00:244::/48")}, FelixConfigurations: felix(snat)}, []string{surprise}},
		{"address of a node alone", nat.Cluster{Pools: []*v3.IPPool{pods}, FelixConfigurations: []nat.FelixConfiguration{own("node.n1", snat)}}, nil},

		{"address of default, overridden on some nodes", nat.Cluster{Pools: []*v3.IPPool{pods6, pods}, Nodes: nodes, FelixConfigurations: append(felix(snat), own("node.n2", nat.FelixSpec{NATOutgoingAddress: "none"}))},
			[]string{
				"ends Felix: NATAddressWithIPv6: natOutgoingAddress is 192.0.2.1 (FelixConfiguration default), an IPv4 address, with natOutgoing in IPv6 pool pods6 fd00:244::/48: ends Felix on every node except n2, again and again",
				"GlobalNATAddress: natOutgoingAddress is 192.0.2.1 (FelixConfiguration default), for every node except n2: replies return to the one node that has the address, so only its pods get them",
			}},
		{"addresses of nodes", nat.Cluster{Pools: []*v3.IPPool{pods6}, FelixConfigurations: []nat.FelixConfiguration{own("node.n2", nat.FelixSpec{NATOutgoingAddress: "192.0.2.2"}), own("node.n1", snat), own("node.n3", nat.FelixSpec{})}},
			[]string{"ends Felix: NATAddressWithIPv6: natOutgoingAddress is 192.0.2.1 (FelixConfiguration node.n1) and such a value in 1 other FelixConfiguration, an IPv4 address, with natOutgoing in IPv6 pool pods6 fd00:244::/48: ends Felix on nodes n1, n2, again and again"}},
		{"addresses of all nodes", nat.Cluster{Pools: []*v3.IPPool{pods6}, Nodes: nodes, FelixConfigurations: []nat.FelixConfiguration{own("node.n2", snat), own("node.n1", snat)}},
			[]string{"ends Felix: NATAddressWithIPv6: natOutgoingAddress is 192.0.2.1 (FelixConfiguration node.n1) and such a value in 1 other FelixConfiguration, an IPv4 address, with natOutgoing in IPv6 pool pods6 fd00:244::/48: ends Felix on every node, again and again"}},
		{"address, mapped to IPv6", nat.Cluster{Pools: []*v3.IPPool{pods}, FelixConfigurations: felix(nat.FelixSpec{NATOutgoingAddress: "::ffff:192.0.2.1"})},
			[]string{strings.Replace(surprise, "192.0.2.1", "::ffff:192.0.2.1", 1)}},
		{"address, IPv6 is off", nat.Cluster{Pools: []*v3.IPPool{pods6}, FelixConfigurations: felix(nat.FelixSpec{NATOutgoingAddress: "192.0.2.1", IPv6Support: pointer(false)})}, nil},
		{"address, IPv6 is off on one node", nat.Cluster{Pools: []*v3.IPPool{pods6}, FelixConfigurations: append(felix(snat), own("node.n1", nat.FelixSpec{IPv6Support: pointer(false)}))},
			[]string{"ends Felix: NATAddressWithIPv6: natOutgoingAddress is 192.0.2.1 (FelixConfiguration default), an IPv4 address, with natOutgoing in IPv6 pool pods6 fd00:244::/48: ends Felix on every node except n1, again and again"}},

		{"invalid externalNodesList", nat.Cluster{FelixConfigurations: felix(nat.FelixSpec{ExternalNodesList: []string{"192.0.2.0/24", "x"}})},
			[]string{"ends Felix: InvalidExternalNodes: externalNodesList is 192.0.2.0/24,x (FelixConfiguration default), with an entry that is no IPv4 address or CIDR: ends Felix on every node, again and again, even where another value overrides it"}},
		{"invalid externalNodesList, overridden", nat.Cluster{Nodes: nodes, FelixConfigurations: append(felix(nat.FelixSpec{ExternalNodesList: []string{"fd00::1"}}), own("node.n1", nat.FelixSpec{ExternalNodesList: []string{"192.0.2.1"}}))},
			[]string{"ends Felix: InvalidExternalNodes: externalNodesList is fd00::1 (FelixConfiguration default), with an entry that is no IPv4 address or CIDR: ends Felix on every node, again and again, even where another value overrides it"}},
		{"invalid externalNodesList of a node", nat.Cluster{Nodes: nodes, FelixConfigurations: append(felix(nat.FelixSpec{ExternalNodesList: []string{"192.0.2.1"}}), own("node.n1", nat.FelixSpec{ExternalNodesList: []string{"fd00::/64"}}))},
			[]string{"ends Felix: InvalidExternalNodes: externalNodesList is fd00::/64 (FelixConfiguration node.n1), with an entry that is no IPv4 address or CIDR: ends Felix on node n1, again and again, even where another value overrides it"}},

		{"overlap, nftables against nftablesMode Disabled", nat.Cluster{Pools: pair, Dataplane: nat.NFTables, FelixConfigurations: felix(nat.FelixSpec{NFTablesMode: "Disabled"})},
			[]string{"ends Felix: OverlappingPools: pools pods 10.244.0.0/16, part 10.244.8.0/24 overlap: in nftables mode ends Felix on every node, again and again"}},
		{"overlap, iptables against nftablesMode Enabled", nat.Cluster{Pools: pair, Dataplane: nat.IPTables, FelixConfigurations: felix(nat.FelixSpec{NFTablesMode: "Enabled"})}, nil},
		{"overlap of IPv6, which is off", nat.Cluster{Pools: []*v3.IPPool{pods6, newPool("part6", "fd00:244::/64")}, Dataplane: nat.NFTables, FelixConfigurations: felix(nat.FelixSpec{IPv6Support: pointer(false)})}, nil},
		{"overlap, modes of nodes", nat.Cluster{Pools: pair, FelixConfigurations: []nat.FelixConfiguration{own("node.n1", nat.FelixSpec{NFTablesMode: "Enabled"}), own("node.n2", nat.FelixSpec{NFTablesMode: "Disabled"}), own("node.n3", nat.FelixSpec{NFTablesMode: "Auto"})}},
			[]string{
				"ends Felix: OverlappingPools: pools pods 10.244.0.0/16, part 10.244.8.0/24 overlap: in nftables mode ends Felix on node n1, again and again",
				"may end Felix: OverlappingPools: pools pods 10.244.0.0/16, part 10.244.8.0/24 overlap: in nftables mode, which the nodes may use, ends Felix on every node except n1, n2, again and again",
			}},
		{"overlap, nftables", nat.Cluster{Pools: pair, Dataplane: nat.NFTables},
			[]string{"ends Felix: OverlappingPools: pools pods 10.244.0.0/16, part 10.244.8.0/24 overlap: in nftables mode ends Felix on every node, again and again"}},
		{"overlap, nftables by configuration", nat.Cluster{Pools: pair, FelixConfigurations: felix(nat.FelixSpec{NFTablesMode: "enabled"})},
			[]string{"ends Felix: OverlappingPools: pools pods 10.244.0.0/16, part 10.244.8.0/24 overlap: in nftables mode ends Felix on every node, again and again"}},
		{"overlap, dataplane unknown", nat.Cluster{Pools: pair},
			[]string{"may end Felix: OverlappingPools: pools pods 10.244.0.0/16, part 10.244.8.0/24 overlap: in nftables mode, which the nodes may use, ends Felix on every node, again and again"}},
		{"overlap, Auto", nat.Cluster{Pools: pair, FelixConfigurations: felix(nat.FelixSpec{NFTablesMode: "Auto"})},
			[]string{"may end Felix: OverlappingPools: pools pods 10.244.0.0/16, part 10.244.8.0/24 overlap: in nftables mode, which the nodes may use, ends Felix on every node, again and again"}},
		{"overlap, iptables", nat.Cluster{Pools: pair, Dataplane: nat.IPTables}, nil},
		{"overlap, nftables disabled", nat.Cluster{Pools: pair, FelixConfigurations: felix(nat.FelixSpec{NFTablesMode: "Disabled"})}, nil},

		{"wildcard, nftables", nat.Cluster{Pools: []*v3.IPPool{pods6}, Dataplane: nat.NFTables, FelixConfigurations: felix(wildcard)},
			[]string{"ends Felix: WildcardInterfaceFilter: iptablesNATOutgoingInterfaceFilter is eth+ (FelixConfiguration default), a wildcard, with natOutgoing in pool pods6 fd00:244::/48: in nftables mode ends Felix on every node, again and again"}},
		{"wildcard of a node, dataplane unknown", nat.Cluster{Pools: []*v3.IPPool{pods}, FelixConfigurations: []nat.FelixConfiguration{own("node.n1", wildcard)}},
			[]string{"may end Felix: WildcardInterfaceFilter: iptablesNATOutgoingInterfaceFilter is eth+ (FelixConfiguration node.n1), a wildcard, with natOutgoing in pool pods 10.244.0.0/16: in nftables mode, which the nodes may use, ends Felix on node n1, again and again"}},
		{"wildcard, IPv6 is off", nat.Cluster{Pools: []*v3.IPPool{pods6}, Dataplane: nat.NFTables, FelixConfigurations: felix(nat.FelixSpec{InterfaceFilter: "eth+", IPv6Support: pointer(false)})}, nil},
		{"wildcard, iptables", nat.Cluster{Pools: []*v3.IPPool{pods}, Dataplane: nat.IPTables, FelixConfigurations: felix(wildcard)}, nil},
		{"wildcard, no NAT", nat.Cluster{Pools: []*v3.IPPool{newPool("pods", "10.244.0.0/16")}, Dataplane: nat.NFTables, FelixConfigurations: felix(wildcard)}, nil},
		{"wildcard, disabled on the node that has it", nat.Cluster{Pools: []*v3.IPPool{pods}, Nodes: nodes, FelixConfigurations: append(felix(nat.FelixSpec{NFTablesMode: "Enabled"}), own("node.n1", nat.FelixSpec{InterfaceFilter: "eth+", NFTablesMode: "Disabled"}))}, nil},
		{"a plus inside is no wildcard", nat.Cluster{Pools: []*v3.IPPool{pods}, Dataplane: nat.NFTables, FelixConfigurations: felix(nat.FelixSpec{InterfaceFilter: "e+th"})}, nil},

		{"LoadBalancer pool to exempt", nat.Cluster{Pools: []*v3.IPPool{newPool("corporate", "10.9.0.0/16", disabled, forLoadBalancers)}},
			[]string{"LoadBalancerExemption: pool corporate 10.9.0.0/16 is disabled and for LoadBalancers only: traffic to it is masqueraded; set allowedUses to [Workload, Tunnel] to exempt it"}},
		{"LoadBalancer pool to exempt, old", nat.Cluster{Version: "v3.31.5", Pools: []*v3.IPPool{newPool("corporate", "10.9.0.0/16", disabled, forLoadBalancers, notExported)}}, nil},
		{"LoadBalancer pool in use", nat.Cluster{Pools: []*v3.IPPool{newPool("lb", "10.9.0.0/16", forLoadBalancers)}}, nil},
		{"exemption with natOutgoing", nat.Cluster{Pools: []*v3.IPPool{newPool("corporate", "10.9.0.0/16", disabled, natted)}},
			[]string{"ExemptionWithNAT: pool corporate 10.9.0.0/16 is disabled and has natOutgoing: traffic from it is masqueraded; natOutgoing is not needed to exempt traffic to it"}},
		{"exemption that BGP exports", nat.Cluster{Pools: []*v3.IPPool{newPool("corporate", "10.9.0.0/16", disabled)}},
			[]string{"ExemptionExportedByBGP: pool corporate 10.9.0.0/16 is disabled and BGP exports its routes: set disableBGPExport if it is there only to exempt"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, finding := range nat.New(tt.cluster).Findings() {
				ends := ""
				if finding.EndsFelix {
					ends = "ends Felix: "
				}
				if finding.Assumed {
					ends = "may end Felix: "
				}
				got = append(got, fmt.Sprintf("%s%s: %s", ends, finding.Code, finding.Text()))
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

// A caller selects the findings of a node.
func TestNodeSet(t *testing.T) {
	t.Parallel()
	for want, tt := range map[string]struct {
		set nat.NodeSet
		has []string // of n1, n2 and n3
	}{
		"every node":                      {nat.NodeSet{}, []string{"n1", "n2", "n3"}},
		"every node except n2":            {nat.NodeSet{Names: []string{"n2"}}, []string{"n1", "n3"}},
		"node n2":                         {nat.NodeSet{Only: true, Names: []string{"n2"}}, []string{"n2"}},
		"nodes n1, n3":                    {nat.NodeSet{Only: true, Names: []string{"n1", "n3"}}, []string{"n1", "n3"}},
		"nodes a, b, c, d, e and 1 other": {nat.NodeSet{Only: true, Names: []string{"a", "b", "c", "d", "e", "n1"}}, []string{"n1"}},
	} {
		assert.Equal(t, want, tt.set.String())
		var has []string
		for _, node := range []string{"n1", "n2", "n3"} {
			if tt.set.Has(node) {
				has = append(has, node)
			}
		}
		assert.Equal(t, tt.has, has, want)
	}
}

func TestOverview(t *testing.T) {
	t.Parallel()
	for _, f := range families {
		cluster := nat.Cluster{
			Pools: []*v3.IPPool{
				newPool("pods", f.pods, natted), newPool("lb", f.loadBalancers, natted, forLoadBalancers),
				newPool("exempt", f.exempt, disabled), newPool("tunnels", f.external+map[string]string{"IPv4": "/32", "IPv6": "/128"}[f.name], uses(v3.IPPoolAllowedUseTunnel)),
			},
			Nodes: f.nodes(), ServiceCIDRs: []string{f.services}, Version: "v3.32.1",
			FelixConfigurations: []nat.FelixConfiguration{
				{Name: "default", Spec: nat.FelixSpec{NATOutgoingExclusions: "IPPoolsAndHostIPs", ExternalNodesList: []string{"198.51.100.0/24"}}},
				{Name: "node.n1", Spec: nat.FelixSpec{BPFEnabled: pointer(true), NATOutgoingExclusions: "IPPoolsOnly"}},
				{Name: "node.n9", Spec: nat.FelixSpec{BPFEnabled: pointer(true)}},
			},
		}
		model := nat.New(cluster)
		lines := func(node string) (lines []string) {
			o, err := model.Overview(node)
			require.NoError(t, err)
			of, other := o.Families[0], o.Families[1]
			if f.name == "IPv6" {
				of, other = other, of
			}
			assert.Empty(t, other.Sources)
			assert.Len(t, of.ServiceCIDRs, 1)
			for _, s := range of.Sources {
				lines = append(lines, fmt.Sprint(s.Pool.Name, " ", s.Masqueraded, " ", s.As))
			}
			for _, e := range of.Exemptions {
				lines = append(lines, e.Why())
			}
			for _, pool := range of.NotExempting {
				lines = append(lines, pool.Name+" is "+pool.Why())
			}
			for _, other := range o.OtherNodes {
				lines = append(lines, other.String())
			}
			return lines
		}
		const interfaces = "the address of the interface by which it leaves the node"
		const setting = "natOutgoingExclusions is IPPoolsAndHostIPs (FelixConfiguration default)"
		exempt := []string{"pool exempt: disabled, and exempts nevertheless", "pool pods: for workloads", "pool tunnels: for tunnels"}
		if f.name == "IPv6" {
			exempt = []string{"pool tunnels: for tunnels", "pool exempt: disabled, and exempts nevertheless", "pool pods: for workloads"}
		}
		last := []string{"lb is for LoadBalancers only", "n1: natOutgoingExclusions is IPPoolsOnly (FelixConfiguration node.n1); bpfEnabled is true (FelixConfiguration node.n1)"}
		want := append([]string{"lb yes " + interfaces, "pods yes " + interfaces}, exempt...)
		if f.name == "IPv4" {
			want[0], want[1] = want[1], want[0]
		}
		want = append(want, "node n1: "+setting, "node n2: "+setting)
		if f.name == "IPv4" {
			want = append(want, "externalNodesList (FelixConfiguration default), with natOutgoingExclusions IPPoolsAndHostIPs")
		}
		assert.ElementsMatch(t, append(want, last...), lines(""), f.name)

		want = append([]string{"lb no ", "pods yes " + interfaces}, exempt...)
		want = append(want, "the own addresses of node n1", "the own addresses of node n1")
		assert.ElementsMatch(t, append(want, last...), lines("n1"), f.name)
	}
}
