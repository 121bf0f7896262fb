package main

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

func TestExpectationMet(t *testing.T) {
	t.Parallel()
	for _, answer := range []nat.Answer{nat.Yes, nat.No, nat.Depends} {
		assert.Equal(t, answer == nat.Yes, expectMasqueraded.met(answer))
		assert.Equal(t, answer == nat.No, expectNotMasqueraded.met(answer))
		assert.True(t, expectation("").met(answer))
	}
}

// Every text that is not an address says what it is; nothing is resolved.
func TestParseHost(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"10.244.0.7": "", "fd00::7": "", "2001:DB8::1": "",
		"": "empty", "db": "a host name, which is not resolved", "db.example.com": "a host name, which is not resolved", "localhost": "a host name",
		"10.0.0.0/8": "a CIDR", "fd00::/64": "a CIDR", "10.0.0.1:80": "has a port; must be the address alone: 10.0.0.1",
		"[fd00::1]:80": "has a port; must be the address alone: fd00::1", "[fd00::1]": "has brackets; must be written as fd00::1",
		"https://db.example.com": "a URL", "::ffff:10.0.0.1": "must be written as 10.0.0.1", "fe80::1%eth0": "must be written as fe80::1",
		"0.0.0.0": "the unspecified address, which no node forwards", "::": "the unspecified address", "224.0.0.1": "a multicast address", "ff02::1": "a multicast address",
		"127.0.0.1": "a loopback address", "::1": "a loopback address", "169.254.169.254": "a link-local address", "fe80::1": "a link-local address", "255.255.255.255": "the limited broadcast address",
		"10.0.0.300": "not an address", "10.0.0": "not an address", "010.0.0.1": "not an address", " 10.0.0.1": "not an address",
	} {
		_, problem := parseHost(value)
		if want == "" {
			assert.Empty(t, problem, value)
			continue
		}
		assert.Contains(t, problem, want, value)
	}
}

func adviceWorld(cli datastore.CLI, changes ...func(*nat.Cluster)) natWorld {
	pool := func(name, cidr string, change func(*v3.IPPool)) *v3.IPPool {
		p := &v3.IPPool{}
		p.Name, p.Spec.CIDR = name, cidr
		change(p)
		return p
	}
	world := natWorld{cli: cli, cluster: nat.Cluster{
		Pools: []*v3.IPPool{
			pool("default-ipv4-ippool", "10.244.0.0/16", func(p *v3.IPPool) { p.Spec.NATOutgoing = true }),
			pool("plain", "10.99.0.0/16", func(*v3.IPPool) {}),
			pool("corporate", "10.16.0.0/12", func(p *v3.IPPool) { p.Spec.Disabled = true }),
			pool("lb", "192.0.2.128/25", func(p *v3.IPPool) { p.Spec.AllowedUses = []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseLoadBalancer} }),
			pool("six", "fd00::/64", func(p *v3.IPPool) { p.Spec.NATOutgoing = true }),
		},
		Nodes:        []nat.Node{{Name: "n1", HostIPs: []string{"172.16.0.1/24"}}, {Name: "n2", HostIPs: []string{"172.16.0.2"}}},
		ServiceCIDRs: []string{"10.96.0.0/12"},
	}}
	for _, change := range changes {
		change(&world.cluster)
	}
	world.model = nat.New(world.cluster)
	return world
}

var (
	calicoctl = datastore.CLI{Program: datastore.Calicoctl, Resource: "ippool"}
	kubectlV1 = datastore.CLI{Program: datastore.Kubectl, Resource: "ippools.crd.projectcalico.org"}
	kubectlV3 = datastore.CLI{Program: datastore.Kubectl, Resource: "ippools.projectcalico.org"}
)

func pointerTo[T any](value T) *T { return &value }

func ofVersion(of string) func(*nat.Cluster) { return func(c *nat.Cluster) { c.Version = of } }

func withDefault(spec nat.FelixSpec) func(*nat.Cluster) {
	return func(c *nat.Cluster) {
		c.FelixConfigurations = append(c.FelixConfigurations, nat.FelixConfiguration{Name: "default", Spec: spec})
	}
}

// Each kind of verdict has its advice, with commands of the datastore's client.
func TestAdvice(t *testing.T) {
	t.Parallel()
	hosts := withDefault(nat.FelixSpec{NATOutgoingExclusions: "IPPoolsAndHostIPs", ExternalNodesList: []string{"198.51.100.0/24"}})
	tests := []struct {
		name, source, destination, node string
		cli                             datastore.CLI
		change                          func(*nat.Cluster)
		want                            []string // parts of the advice
		without                         string
	}{
		{"masqueraded", "10.244.0.7", "198.18.0.7", "", calicoctl, nil, []string{
			"CALICO_IPPOOLS_NO_NAT_TO", "calico-bootstrap --no-default-pools --no-nat-to 198.18.0.7/32", `calicoctl patch ippool default-ipv4-ippool -p '{"spec":{"natOutgoing":false}}'`, "--ipv4-pool-nat-outgoing=false",
			"a route to 10.244.0.0/16", "nft list chain ip calico nat-cali-nat-outgoing", "iptables -t nat -S cali-nat-outgoing", "| grep -o 'cali40[a-z-]*' | xargs -n1 ipset list", "kube-proxy",
		}, "kubectl"},
		{"masqueraded, on Kubernetes", "10.244.0.7", "203.0.113.7", "", kubectlV1, nil, []string{"kubectl patch ippools.crd.projectcalico.org default-ipv4-ippool --type merge"}, "calicoctl"},
		{"masqueraded, in the newer group", "10.244.0.7", "203.0.113.7", "", kubectlV3, nil, []string{"kubectl patch ippools.projectcalico.org "}, "crd."},
		{"IPv6", "fd00::7", "2600::1", "", calicoctl, ofVersion("v3.31.5"), []string{"nft list chain ip6 calico", "ip6tables", "cali60all-ipam-pools", "--no-nat-to 2600::1/128"}, "cali40"},
		{"a range of which apply warns", "10.244.0.7", "203.0.113.7", "", calicoctl, nil, []string{": masquerade nothing from pool default-ipv4-ippool"}, "no-nat-to"},
		{"a range of which apply warns, IPv6", "fd00::7", "2001:db8::1", "", calicoctl, nil, []string{": masquerade nothing from pool"}, "no-nat-to"},
		{"a range that apply refuses", "10.244.0.7", "169.254.169.254", "", calicoctl, nil, []string{": masquerade nothing from pool default-ipv4-ippool"}, "no-nat-to"},
		{"nftables", "10.244.0.7", "203.0.113.7", "", calicoctl, func(c *nat.Cluster) { c.Dataplane = nat.NFTables }, []string{"nft list chain"}, "iptables -t"},
		{"nftables by FelixConfiguration", "10.244.0.7", "203.0.113.7", "", calicoctl, withDefault(nat.FelixSpec{NFTablesMode: "Enabled"}), []string{"nft list chain"}, "iptables -t"},
		{"iptables", "10.244.0.7", "203.0.113.7", "", calicoctl, func(c *nat.Cluster) { c.Dataplane, c.Version = nat.IPTables, "v3.32.1" }, []string{"ipset list cali40masq-ipam-pools; ipset list cali40network-ip-pools"}, "nft list"},
		{"iptables by FelixConfiguration", "10.244.0.7", "203.0.113.7", "", calicoctl, withDefault(nat.FelixSpec{NFTablesMode: "Disabled"}), []string{"ipset list"}, "nft list"},
		{"the sets of 3.32.0", "10.244.0.7", "203.0.113.7", "", calicoctl, ofVersion("v3.32.0"), []string{"cali40all-ipam-pools"}, "network-ip-pools"},
		{"the sets of 3.31.6", "10.244.0.7", "203.0.113.7", "", calicoctl, ofVersion("v3.31.6"), []string{"cali40network-ip-pools"}, "all-ipam-pools"},
		{"eBPF", "10.244.0.7", "203.0.113.7", "", calicoctl, func(c *nat.Cluster) { c.Dataplane = nat.EBPF }, []string{"calico-node -bpf routes dump"}, "nft list"},
		{"eBPF by FelixConfiguration", "10.244.0.7", "203.0.113.7", "", calicoctl, withDefault(nat.FelixSpec{BPFEnabled: pointerTo(true)}), []string{"calico-node -bpf routes dump"}, "kube-proxy"},
		{"an egress address", "10.244.0.7", "203.0.113.7", "", calicoctl, withDefault(nat.FelixSpec{NATOutgoingAddress: "192.0.2.10"}), []string{"it is set for all nodes, so only pods of one node get replies"}, ""},
		{"a node, with a FelixConfiguration", "10.244.0.7", "172.16.0.2", "n1", kubectlV1, withDefault(nat.FelixSpec{}), []string{`natOutgoingExclusions":"IPPoolsAndHostIPs"`, "(Calico 3.31.0 or newer)", "node n2 needs a route"}, ""},
		{"a node, without", "10.244.0.7", "172.16.0.2", "n1", calicoctl, ofVersion("v3.31.0"), []string{`"natOutgoingExclusions":"IPPoolsAndHostIPs"`, "| calicoctl apply -f -"}, "or newer"},
		{"a node, and unknown FelixConfigurations", "10.244.0.7", "172.16.0.2", "n1", calicoctl, nil, []string{`"natOutgoingExclusions":"IPPoolsAndHostIPs"}}' || echo '{"apiVersion":"projectcalico.org/v3","kind":"FelixConfiguration"`, "calicoctl create"}, ""},
		{"a node, before 3.31.0", "10.244.0.7", "172.16.0.2", "n1", calicoctl, ofVersion("v3.30.9"), []string{"--no-nat-to 172.16.0.2/32"}, "natOutgoingExclusions"},
		{"an exempt node", "10.244.0.7", "172.16.0.2", "n1", calicoctl, hosts, []string{`"natOutgoingExclusions":"IPPoolsOnly"`}, ""},
		{"an external node", "10.244.0.7", "198.51.100.9", "", calicoctl, hosts, []string{`"natOutgoingExclusions":"IPPoolsOnly"`, "needs a route to 10.244.0.0/16"}, ""},
		{"the own node", "10.244.0.7", "172.16.0.1", "n1", calicoctl, nil, []string{"no setting does: the traffic does not leave the node"}, "route to 10"},
		{"a disabled pool", "10.244.0.7", "10.20.0.5", "", calicoctl, nil, []string{"calicoctl delete ippool corporate", "needs a route to 10.244.0.0/16 by the nodes"}, ""},
		{"a pool of pods", "10.244.0.7", "10.244.9.9", "", calicoctl, nil, []string{"no setting does: pool default-ipv4-ippool exempts"}, "delete"},
		{"a pool without NAT, to a pool of pods", "10.99.0.7", "10.244.9.9", "", calicoctl, nil, []string{"no setting does: pool default-ipv4-ippool exempts"}, "patch"},
		{"a pool without NAT, to a disabled pool", "10.99.0.7", "10.20.0.5", "", calicoctl, nil, []string{`patch ippool plain -p '{"spec":{"natOutgoing":true}}'`, "and also delete pool corporate", "calicoctl delete ippool corporate"}, ""},
		{"a pool without NAT, with a filter", "10.99.0.7", "203.0.113.7", "", calicoctl, withDefault(nat.FelixSpec{InterfaceFilter: "eth0"}), []string{`patch ippool plain`, "and also remove the interface filter"}, ""},
		{"a pool for LoadBalancers", "10.244.0.7", "192.0.2.130", "", calicoctl, nil, []string{"does not exempt, and no other pool may overlap pool lb 192.0.2.128/25"}, "no-nat-to"},
		{"a pool for LoadBalancers that exempts", "10.244.0.7", "192.0.2.130", "", calicoctl, ofVersion("v3.30.0"), []string{"upgrade Calico"}, ""},
		{"a pool without NAT, to the internet", "10.99.0.7", "203.0.113.7", "", calicoctl, nil, []string{`calicoctl patch ippool plain -p '{"spec":{"natOutgoing":true}}'`, "the internet has none", "a route to 10.99.0.0/16"}, "--ipv4-pool"},
		{"no pool", "10.1.1.1", "203.0.113.7", "", calicoctl, nil, []string{"none of Calico's pools"}, ""},
		{"no pool, to a pod", "203.0.113.7", "10.244.0.7", "", calicoctl, nil, []string{"they follow the connection; are 203.0.113.7 and 10.244.0.7 swapped?", "calico-bootstrap nat 10.244.0.7 203.0.113.7"}, "patch"},
		{"a node's own address", "172.16.0.1", "203.0.113.7", "", calicoctl, nil, []string{"the address is one of node n1"}, "tunnel"},
		{"a node's own address, with encapsulation", "172.16.0.1", "203.0.113.7", "", calicoctl, func(c *nat.Cluster) { c.Pools[1].Spec.VXLANMode = v3.VXLANModeCrossSubnet }, []string{"Felix gives the node's own traffic the tunnel's address"}, "never"},
		{"a Service's own address", "10.96.0.1", "203.0.113.7", "", calicoctl, nil, []string{"a Service's address, which no packet has as its source"}, ""},
		{"a Service", "10.244.0.7", "10.96.0.1", "", calicoctl, nil, []string{"address of a backend", "kube-proxy masquerades, not Calico"}, ""},
		{"a Service, with eBPF", "10.244.0.7", "10.96.0.1", "", calicoctl, withDefault(nat.FelixSpec{BPFEnabled: pointerTo(true)}), []string{"address of a backend"}, "kube-proxy"},
		{"an interface filter", "10.244.0.7", "198.18.0.7", "", calicoctl, withDefault(nat.FelixSpec{InterfaceFilter: "eth0"}), []string{"ip route get 198.18.0.7", `"iptablesNATOutgoingInterfaceFilter":"none"`, "calico-bootstrap --no-default-pools --no-nat-to"}, ""},
		{"nodes that differ", "10.244.0.7", "172.16.0.2", "", calicoctl, func(c *nat.Cluster) {
			c.Nodes = append(c.Nodes, nat.Node{Name: "n3"})
			c.FelixConfigurations = []nat.FelixConfiguration{{Name: "node.n1", Spec: nat.FelixSpec{NATOutgoingExclusions: "IPPoolsAndHostIPs"}}}
		}, []string{"--node NODE", "(FelixConfiguration node.n1)", `"natOutgoingExclusions":"IPPoolsOnly"`, "--no-nat-to 172.16.0.2/32", "nft list chain"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			world := adviceWorld(tt.cli, func(c *nat.Cluster) {
				if tt.change != nil {
					tt.change(c)
				}
			})
			world.felixKnown = tt.name != "a node, and unknown FelixConfigurations"
			verdict, err := world.model.Explain(netip.MustParseAddr(tt.source), netip.MustParseAddr(tt.destination), nat.Options{Node: tt.node})
			require.NoError(t, err)
			var all []string
			for _, advice := range world.advice(verdict, nat.Options{Node: tt.node}) {
				all = append(all, advice.When+": "+advice.Text)
				all = append(all, advice.Commands...)
			}
			text := strings.Join(all, "\n")
			for _, line := range all {
				_, line, _ = strings.Cut(line, ": ")
				if !strings.Contains(line, "{") { // a patch may be longer
					assert.LessOrEqual(t, len(line), 115, line)
				}
			}
			for _, want := range tt.want {
				assert.Contains(t, text, want)
			}
			if tt.without != "" {
				assert.NotContains(t, text, tt.without)
			}
		})
	}
}

const exportedPools = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: crd.projectcalico.org/v1, kind: IPPool, metadata: {name: a}, spec: {cidr: 10.244.0.0/16, natOutgoing: true}}\n- {apiVersion: crd.projectcalico.org/v1, kind: IPPool, metadata: {name: b}, spec: {cidr: 10.244.0.0/24}}\n"

// natWith runs nat on exports with these contents; an empty one has no file.
func natWith(t *testing.T, felix, nodes string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	folder := t.TempDir()
	command := []string{"nat", "--pools-file", filepath.Join(folder, "pools")}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "pools"), []byte(exportedPools), 0o600))
	for name, content := range map[string]string{"felix": felix, "nodes": nodes} {
		if content != "" {
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
			command = append(command, "--"+name+"-file", filepath.Join(folder, name))
		}
	}
	var out, errs bytes.Buffer
	code = run(t.Context(), append(command, args...), &out, &errs)
	return code, out.String(), errs.String()
}

// Exports in YAML and JSON, single objects, documents and lists give the same answer.
// Overlapping pools are reported, not refused: the datastore has them.
func TestNATExports(t *testing.T) {
	t.Parallel()
	const felix = `{"kind":"FelixConfiguration","metadata":{"name":"default"},"spec":{"natOutgoingExclusions":"IPPoolsAndHostIPs"}}`
	const node = `{"kind":"Node","metadata":{"name":"n1"},"spec":{"bgp":{"ipv4Address":"172.16.0.1/24"}}}`
	for _, felixFile := range []string{
		felix, `{"kind":"List","items":[` + felix + `]}`, `{"kind":"FelixConfigurationList","items":[` + felix + `]}`,
		"kind: FelixConfiguration\nmetadata:\n  name: default\nspec:\n  natOutgoingExclusions: IPPoolsAndHostIPs\n---\nkind: ClusterInformation\nmetadata: {name: default}\nspec: {calicoVersion: v3.32.1}\n",
		"---\nkind: FelixConfigurationList\nitems:\n- kind: FelixConfiguration\n  metadata: {name: default}\n  spec: {natOutgoingExclusions: IPPoolsAndHostIPs}\n",
	} {
		code, stdout, stderr := natWith(t, felixFile, `{"kind":"NodeList","items":[`+node+`]}`, "10.244.0.7", "172.16.0.1")
		require.Zero(t, code, stderr)
		assert.Contains(t, stdout, "no: 10.244.0.7 to 172.16.0.1 is not masqueraded", felixFile)
		assert.Contains(t, stdout, "OverlappingPools: ")
	}
	code, stdout, _ := natWith(t, felix, node)
	assert.Zero(t, code)
	assert.Contains(t, stdout, "172.16.0.1/32  node n1: natOutgoingExclusions is IPPoolsAndHostIPs (FelixConfiguration default)")
}

// An invalid export is one clear line.
func TestInvalidNATExports(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		" ": "has no objects", "{": "not an export of kubectl or calicoctl with ClusterInformation and FelixConfiguration: ", "a: [b": "not an export", "[]": "has no objects",
		`{"kind":"Pod","metadata":{"name":"x"}}`: `has an object of the kind "Pod"`, `{"kind":"FelixConfiguration"}`: "has a FelixConfiguration without a name",
		`{"kind":"FelixConfiguration","metadata":{"name":"default"},"spec":{"bpfEnabled":"x"}}`: `FelixConfiguration "default": spec.bpfEnabled: must be true or false`,
		"a: " + strings.Repeat("[1,1,1,1,1],", 100_000):                                         "too large for YAML; must be JSON",
	} {
		code, stdout, stderr := natWith(t, content, "", "10.244.0.7", "203.0.113.7")
		assert.Equal(t, exitSettings, code, content)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, want)
		assert.Contains(t, stderr, "error: flag --felix-file: ")
		assert.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
}
