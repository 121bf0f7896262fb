package nat_test

import (
	"encoding/json"
	"net/netip"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// TestVersions has what each version does with a pool for LoadBalancers, with
// natOutgoingExclusions, and whether it is known.
func TestVersions(t *testing.T) {
	t.Parallel()
	f := families[0]
	for version, want := range map[string]struct{ loadBalancer, host, assumed string }{
		"v3.30.1":                    {"no", "yes", ""},
		"3.30.1":                     {"no", "yes", ""},
		"v3.30.1-12-gdeadbeef":       {"no", "yes", ""},
		"v3.30.1-12-gdeadbeef-dirty": {"no", "yes", ""},
		"v3.27.3-rancher1":           {"no", "yes", ""},
		"v2.6.12":                    {"no", "yes", ""},
		"v3.30.99":                   {"no", "yes", ""},
		"v3.31.0-rc1":                {"no", "no", ""},
		"v3.31.0":                    {"no", "no", ""},
		"v3.31.5":                    {"no", "no", ""},
		"v3.31.5-7-g0123456":         {"no", "no", ""},
		"v3.31.6":                    {"yes", "no", ""},
		"v3.31.12":                   {"yes", "no", ""},
		"v3.32.0":                    {"no", "no", ""},
		"v3.32.0-0.dev-310-gabcdef0": {"no", "no", ""},
		"v3.32.1":                    {"yes", "no", ""},
		"v3.32.1+build":              {"yes", "no", ""},
		" v3.32.1\n":                 {"yes", "no", ""},
		"v4.0.0":                     {"yes", "no", ""},
		"":                           {"yes", "no", "Calico's version is unknown, and the newest is assumed: "},
		"master":                     {"yes", "no", `Calico's version "master" is unknown, and the newest is assumed: `},
		"vX":                         {"yes", "no", `Calico's version "vX" is unknown, and the newest is assumed: `},
		"v3.20.0-1.0":                {"yes", "no", `Calico's version "v3.20.0-1.0" is unknown, and the newest is assumed: `}, // Calico Enterprise
		"v3.31":                      {"yes", "no", `Calico's version "v3.31" is unknown, and the newest is assumed: `},
		"v99999.0.0":                 {"yes", "no", `Calico's version "v99999.0.0" is unknown, and the newest is assumed: `},
	} {
		model := nat.New(nat.Cluster{
			Pools: []*v3.IPPool{newPool("pods", f.pods, natted), newPool("lb", f.loadBalancers, forLoadBalancers)},
			Nodes: f.nodes(), Version: version, FelixConfigurations: felix(nat.FelixSpec{NATOutgoingExclusions: "IPPoolsAndHostIPs"}),
		})
		overview, err := model.Overview("")
		require.NoError(t, err)
		assert.Equal(t, want.assumed != "", overview.VersionAssumed, version)
		assert.Equal(t, version, overview.Version)
		for destination, answer := range map[string]string{f.loadBalancer: want.loadBalancer, f.node2: want.host} {
			verdict, err := model.Explain(netip.MustParseAddr(f.pod), netip.MustParseAddr(destination), nat.Options{Node: "n1"})
			require.NoError(t, err)
			assert.Equal(t, nat.Answer(answer), verdict.Masqueraded, "%q: %s", version, destination)
			assumed := ""
			for _, reason := range verdict.Reasons {
				if reason.Code == nat.VersionAssumed {
					assumed = reason.Text()
				}
			}
			if want.assumed == "" {
				assert.Empty(t, assumed)
			} else {
				assert.Contains(t, assumed, want.assumed)
			}
		}
	}
}

// The JSON of a FelixConfiguration's spec, as any datastore has it.
func TestFelixSpecJSON(t *testing.T) {
	t.Parallel()
	for ports, want := range map[string]nat.PortRange{`"1024:65535"`: {First: 1024, Last: 65535}, `4000`: {First: 4000, Last: 4000}, `"4000"`: {First: 4000, Last: 4000}, `"none"`: {}, `"0"`: {}} {
		var spec nat.FelixSpec
		require.NoError(t, json.Unmarshal([]byte(`{"natPortRange": `+ports+`, "natOutgoingAddress": "192.0.2.1", "bpfEnabled": false, "iptablesNATOutgoingInterfaceFilter": "none",
			"externalNodesList": ["198.51.100.0/24", "203.0.113.7"], "natOutgoingExclusions": "ippoolsandhostips", "nftablesMode": "Auto", "logSeverityScreen": "Info"}`), &spec))
		model := nat.New(nat.Cluster{Pools: []*v3.IPPool{newPool("pods", "10.244.0.0/16", natted)}, FelixConfigurations: felix(spec)})
		assert.Empty(t, model.Problems())
		for destination, answer := range map[string]nat.Answer{"198.51.100.1": nat.No, "203.0.113.7": nat.No, "203.0.113.8": nat.Yes} {
			verdict, err := model.Explain(netip.MustParseAddr("10.244.0.1"), netip.MustParseAddr(destination), nat.Options{})
			require.NoError(t, err)
			assert.Equal(t, answer, verdict.Masqueraded)
			if answer == nat.Yes {
				assert.Equal(t, nat.As{Address: netip.MustParseAddr("192.0.2.1"), Ports: want}, verdict.As)
			}
		}
	}
}

// natPortRange applies to TCP and UDP, natOutgoingAddress to IPv4.
func TestAs(t *testing.T) {
	t.Parallel()
	spec := nat.FelixSpec{NATOutgoingAddress: "192.0.2.1", NATPortRange: text("1024:2047")}
	for _, f := range families {
		for protocol, ports := range map[nat.Protocol]string{"": ", TCP and UDP with ports 1024-2047", nat.TCP: ", TCP and UDP with ports 1024-2047", nat.UDP: ", TCP and UDP with ports 1024-2047", nat.ICMP: "", nat.ICMPv6: "", nat.SCTP: ""} {
			cluster := nat.Cluster{Pools: []*v3.IPPool{newPool("pods", f.pods, natted)}, FelixConfigurations: felix(spec)}
			want := map[string]string{"IPv4": "192.0.2.1", "IPv6": "the address of the interface by which it leaves the node"}[f.name] + ports
			assert.Equal(t, want, ask(t, cluster, f.pod, f.external, nat.Options{Protocol: protocol}).As.String(), protocol)
		}
	}
}

// A field of the node wins over default, even if it is invalid or none, as in Felix.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	for own, want := range map[string]string{
		"":                 "192.0.2.1",
		"192.0.2.9":        "192.0.2.9",
		"::ffff:192.0.2.9": "192.0.2.9",
		"none":             "the address of the interface by which it leaves the node",
		"NONE":             "the address of the interface by which it leaves the node",
		"fd00::1":          "the address of the interface by which it leaves the node",
	} {
		model := nat.New(nat.Cluster{
			Pools: []*v3.IPPool{newPool("pods", "10.244.0.0/16", natted)},
			FelixConfigurations: append(felix(nat.FelixSpec{NATOutgoingAddress: "192.0.2.1"}),
				nat.FelixConfiguration{Name: "node.n1", Spec: nat.FelixSpec{NATOutgoingAddress: own}}),
		})
		verdict, err := model.Explain(netip.MustParseAddr("10.244.0.1"), netip.MustParseAddr("203.0.113.1"), nat.Options{Node: "n1"})
		require.NoError(t, err)
		assert.Equal(t, want, verdict.As.String(), own)
		assert.Len(t, model.Problems(), map[bool]int{true: 1}[own == "fd00::1"])
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	model := nat.New(nat.Cluster{
		Pools: []*v3.IPPool{newPool("a", "10.0.0.0"), newPool("b", "::ffff:10.0.0.0/104"), newPool("c", ""), newPool("host-bits", "10.1.2.3/16"), nil},
		Nodes: []nat.Node{
			{Name: "n1", HostIPs: []string{"10.0.0", "10.9.0.1/24", ""}}, {Name: "n2", HostIPs: []string{"10.9.0.1"}, OtherAddresses: []string{"::ffff:10.9.0.2", "fe80::1%eth0"}},
			{Name: "n3", OtherAddresses: []string{"x/24"}},
		},
		ServiceCIDRs: []string{"10.96.0.0", "10.96.0.0/12"},
		FelixConfigurations: []nat.FelixConfiguration{
			{Name: "default", Spec: nat.FelixSpec{
				NATOutgoingExclusions: "Pools", NATOutgoingAddress: "fd00::1", NATPortRange: text("2000:1000"), InterfaceFilter: "eth 0",
				ExternalNodesList: []string{"198.51.100.0/24", "all"}, NFTablesMode: "On",
			}},
			{Name: "node.n9"}, {Name: "nodes"}, {Name: "node."}, {Name: "default"},
			{Name: "node.n1", Spec: nat.FelixSpec{NATPortRange: text("70000")}},
		},
	})
	var all []string
	for _, problem := range model.Problems() {
		all = append(all, problem.Error())
	}
	assert.Equal(t, []string{
		`FelixConfiguration default: metadata.name: Invalid value: "default": must be unique; the first one applies`,
		`FelixConfiguration default: spec.externalNodesList: Invalid value: "198.51.100.0/24,all": must be IPv4 addresses and CIDRs such as 192.0.2.0/24; Felix ends on every node that reads it`,
		`FelixConfiguration default: spec.iptablesNATOutgoingInterfaceFilter: Invalid value: "eth 0": must be the name of an interface such as eth0 or eth+, of at most 15 characters; Felix's default is assumed`,
		`FelixConfiguration default: spec.natOutgoingAddress: Invalid value: "fd00::1": must be an IPv4 address such as 192.0.2.10; Felix's default is assumed`,
		`FelixConfiguration default: spec.natOutgoingExclusions: Invalid value: "Pools": must be IPPoolsOnly or IPPoolsAndHostIPs; Felix's default is assumed`,
		`FelixConfiguration default: spec.natPortRange: Invalid value: "2000:1000": must be a port or a range of ports such as 1024:65535; Felix's default is assumed`,
		`FelixConfiguration default: spec.nftablesMode: Invalid value: "On": must be Enabled, Disabled or Auto; Felix's default is assumed`,
		`FelixConfiguration node.: metadata.name: Invalid value: "node.": must be default, or node. and the name of a node; Felix ignores it`,
		`FelixConfiguration node.n1: spec.natPortRange: Invalid value: "70000": must be a port or a range of ports such as 1024:65535; Felix's default is assumed`,
		`FelixConfiguration node.n9: metadata.name: Invalid value: "node.n9": must have the name of a node after node.; no node uses it`,
		`FelixConfiguration nodes: metadata.name: Invalid value: "nodes": must be default, or node. and the name of a node; Felix ignores it`,
		`IPPool a: spec.cidr: Invalid value: "10.0.0.0": must be a CIDR: an address without a prefix length such as /16; the pool is ignored`,
		`IPPool b: spec.cidr: Invalid value: "::ffff:10.0.0.0/104": must be a CIDR: an IPv4-mapped IPv6 CIDR: write it as IPv4; the pool is ignored`,
		`IPPool c: spec.cidr: Invalid value: "": must be a CIDR: not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64; the pool is ignored`,
		`Node n1: hostIPs: Invalid value: "10.0.0": must be an address such as 192.0.2.10 or 192.0.2.10/24; it is ignored`,
		`Node n2: hostIPs: Invalid value: "10.9.0.1": must not be an address of node n1, too; it counts as that node's`,
		`Node n3: otherAddresses: Invalid value: "x/24": must be an address such as 192.0.2.10 or 192.0.2.10/24; it is ignored`,
		`Service CIDR: cidr: Invalid value: "10.96.0.0": must be a CIDR such as 10.96.0.0/12; it is ignored`,
	}, all)
}

// Felix trims no value: one with spaces around it is invalid, as is the word none.
func TestSpacesAroundValues(t *testing.T) {
	t.Parallel()
	for field, spec := range map[string]nat.FelixSpec{
		"natOutgoingExclusions":              {NATOutgoingExclusions: "IPPoolsAndHostIPs "},
		"natOutgoingAddress":                 {NATOutgoingAddress: " 192.0.2.1"},
		"natPortRange":                       {NATPortRange: text("1024:2047\n")},
		"iptablesNATOutgoingInterfaceFilter": {InterfaceFilter: " none"},
		"nftablesMode":                       {NFTablesMode: "\tEnabled"},
	} {
		cluster := nat.Cluster{Pools: []*v3.IPPool{newPool("pods", "10.244.0.0/16", natted)}, FelixConfigurations: felix(spec)}
		model := nat.New(cluster)
		problems := model.Problems()
		require.Len(t, problems, 1, field)
		assert.Equal(t, "spec."+field, problems[0].Field)
		assert.Contains(t, problems[0].Error(), ", without spaces around it; Felix's default is assumed")
		verdict, err := model.Explain(netip.MustParseAddr("10.244.0.1"), netip.MustParseAddr("203.0.113.1"), nat.Options{})
		require.NoError(t, err)
		assert.Equal(t, nat.As{Interface: true}, verdict.As, field)
		assert.Empty(t, model.Findings(), field)
	}
}

// externalNodesList is read as Felix reads it: IPv4 alone, with spaces around the entries.
func TestExternalNodesList(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		list   []string
		ranges []string // none: Felix ends
	}{
		{[]string{"192.0.2.1"}, []string{"192.0.2.1/32"}},
		{[]string{" 192.0.2.1 ", "", "198.51.100.9/24"}, []string{"192.0.2.1/32", "198.51.100.0/24"}},
		{[]string{"192.0.2.1,198.51.100.0/24"}, []string{"192.0.2.1/32", "198.51.100.0/24"}},
		{[]string{"::ffff:192.0.2.1"}, []string{"192.0.2.1/32"}},
		{[]string{"::ffff:10.1.0.0/104"}, []string{"10.0.0.0/8"}},
		{[]string{"fd00::1"}, nil},
		{[]string{"192.0.2.1", "fd00::/64"}, nil},
		{[]string{"192.0.2.1", "node-1"}, nil},
		{[]string{"192.0.2.0/33"}, nil},
		{[]string{"192.0.2.1\t"}, nil},
		{[]string{" none"}, nil},
		{[]string{"192.0.2.1%eth0"}, nil},
	} {
		model := nat.New(nat.Cluster{FelixConfigurations: felix(nat.FelixSpec{NATOutgoingExclusions: "IPPoolsAndHostIPs", ExternalNodesList: tt.list})})
		overview, err := model.Overview("")
		require.NoError(t, err)
		var exempt []string
		for _, exemption := range overview.Families[0].Exemptions {
			exempt = append(exempt, exemption.Range.String())
		}
		assert.Equal(t, tt.ranges, exempt, "%q", tt.list)
		assert.Equal(t, tt.ranges == nil, len(model.Problems()) == 1, "%q", tt.list)
		assert.Equal(t, tt.ranges == nil, len(model.Findings()) == 1, "%q", tt.list)
	}
}

// An address counts once, for the first node by name, and as a host's if it is one anywhere.
func TestAddressesOfNodes(t *testing.T) {
	t.Parallel()
	const pod, destination = "10.244.0.1", "192.0.2.7"
	for name, tt := range map[string]struct {
		nodes []nat.Node
		owner string
		host  bool
	}{
		"a host's":                      {[]nat.Node{{Name: "n1", HostIPs: []string{destination}}}, "n1", true},
		"another one":                   {[]nat.Node{{Name: "n1", OtherAddresses: []string{destination}}}, "n1", false},
		"mapped":                        {[]nat.Node{{Name: "n1", HostIPs: []string{"::ffff:" + destination}}}, "n1", true},
		"mapped, with a length":         {[]nat.Node{{Name: "n1", HostIPs: []string{"::ffff:" + destination + "/120"}}}, "n1", true},
		"both":                          {[]nat.Node{{Name: "n1", HostIPs: []string{destination}, OtherAddresses: []string{destination}}}, "n1", true},
		"two entries of a node":         {[]nat.Node{{Name: "n1", OtherAddresses: []string{destination}}, {Name: "n1", HostIPs: []string{destination}}}, "n1", true},
		"two nodes, the second as host": {[]nat.Node{{Name: "n2", HostIPs: []string{destination}}, {Name: "n1", OtherAddresses: []string{destination}}}, "n1", true},
		"two nodes, the first as host":  {[]nat.Node{{Name: "n2", OtherAddresses: []string{destination}}, {Name: "n1", HostIPs: []string{destination}}}, "n1", true},
		"two nodes, neither as host":    {[]nat.Node{{Name: "n2", OtherAddresses: []string{destination}}, {Name: "n1", OtherAddresses: []string{destination}}}, "n1", false},
	} {
		model := nat.New(nat.Cluster{
			Pools: []*v3.IPPool{newPool("pods", "10.244.0.0/16", natted)}, Nodes: append(tt.nodes, nat.Node{Name: "n9"}),
			FelixConfigurations: felix(nat.FelixSpec{NATOutgoingExclusions: "IPPoolsAndHostIPs"}),
		})
		verdict, err := model.Explain(netip.MustParseAddr(pod), netip.MustParseAddr(destination), nat.Options{Node: tt.owner})
		require.NoError(t, err)
		assert.Equal(t, 4, verdict.Row, name)
		verdict, err = model.Explain(netip.MustParseAddr(pod), netip.MustParseAddr(destination), nat.Options{Node: "n9"})
		require.NoError(t, err)
		assert.Equal(t, map[bool]int{true: 6, false: 8}[tt.host], verdict.Row, name)
	}
}

func TestParseWords(t *testing.T) {
	t.Parallel()
	dataplane, err := nat.ParseDataplane("eBPF")
	require.NoError(t, err)
	assert.Equal(t, nat.EBPF, dataplane)
	dataplane, err = nat.ParseDataplane("")
	require.NoError(t, err)
	assert.Empty(t, dataplane)
	_, err = nat.ParseDataplane("ipvs")
	assert.EqualError(t, err, `dataplane: Invalid value: "ipvs": must be one of nftables, iptables, ebpf`)
	dataplane, err = nat.ParseDataplane("BPF")
	require.NoError(t, err)
	assert.Equal(t, nat.EBPF, dataplane)
	protocol, err := nat.ParseProtocol("TCP")
	require.NoError(t, err)
	assert.Equal(t, nat.TCP, protocol)
	_, err = nat.ParseProtocol("http")
	assert.EqualError(t, err, `protocol: Invalid value: "http": must be one of tcp, udp, sctp, icmp, icmpv6`)
}
