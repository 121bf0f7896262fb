//go:build host && linux

package natpackets

import (
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// rules are what Felix programs on the node n1 for one family. They are derived from
// the documented rules, not from package nat.
type rules struct {
	family   family
	sources  []string        // ranges of the pools with natOutgoing
	exempt   []string        // ranges of the pools that exempt
	hosts    []string        // nodes and externalNodesList, if they are exempt
	address  string          // natOutgoingAddress; empty for masquerading
	ports    string          // such as 1024-2047; empty for any
	device   string          // the interface filter; empty for any
	services [][2]netip.Addr // the addresses of a Service and of its backend
}

// newRules returns the rules of a cluster for node n1.
func newRules(c nat.Cluster, f family) rules {
	r := rules{family: f}
	for _, p := range []place{pod, outside, backend, neighbour, node, otherNode} {
		for _, addr := range f.addresses(p) {
			r.services = append(r.services, [2]netip.Addr{f.service(addr), addr})
		}
	}
	for _, pool := range c.Pools {
		if !f.has(pool.Spec.CIDR) {
			continue
		}
		if pool.Spec.NATOutgoing {
			r.sources = append(r.sources, pool.Spec.CIDR)
		}
		loadBalancers := slices.Equal(pool.Spec.AllowedUses, []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseLoadBalancer})
		if !loadBalancers || slices.Contains([]string{"v3.30.1", "v3.31.5", "v3.32.0"}, c.Version) {
			r.exempt = append(r.exempt, pool.Spec.CIDR)
		}
	}
	// The node's own value wins.
	value := func(get func(nat.FelixSpec) string) string {
		for _, name := range []string{"node.n1", "default"} {
			for _, configuration := range c.FelixConfigurations {
				if configuration.Name == name && get(configuration.Spec) != "" {
					return strings.TrimPrefix(get(configuration.Spec), "none")
				}
			}
		}
		return ""
	}
	r.device = value(func(s nat.FelixSpec) string { return s.InterfaceFilter })
	r.address = value(func(s nat.FelixSpec) string { return s.NATOutgoingAddress })
	r.ports = strings.Replace(value(func(s nat.FelixSpec) string {
		if s.NATPortRange == nil {
			return ""
		}
		return s.NATPortRange.String()
	}), ":", "-", 1)
	if value(func(s nat.FelixSpec) string { return s.NATOutgoingExclusions }) == "IPPoolsAndHostIPs" && c.Version != "v3.30.1" {
		for _, node := range c.Nodes {
			for _, hostIP := range node.HostIPs {
				if f.has(hostIP) {
					r.hosts = append(r.hosts, hostIP)
				}
			}
		}
		external := value(func(s nat.FelixSpec) string { return strings.Join(s.ExternalNodesList, " ") })
		for _, cidr := range strings.Fields(external) {
			if f.bits == 32 && f.has(cidr) {
				r.hosts = append(r.hosts, cidr)
			}
		}
	}
	return r
}

func (f family) has(cidr string) bool { return strings.Contains(cidr, ":") == (f.bits == 128) }

// matches reports whether the interface filter matches a device.
func (r rules) matches(device string) bool {
	prefix, wildcard := strings.CutSuffix(r.device, "+")
	return r.device == "" || r.device == device || wildcard && strings.HasPrefix(device, prefix)
}

// protocols returns those that have a rule of their own, and "" for all others.
func (r rules) protocols() []string {
	switch {
	case len(r.sources) == 0:
		return nil
	case r.ports == "":
		return []string{""}
	default:
		return []string{"tcp", "udp", ""}
	}
}

// dataplane is a way to program the node.
type dataplane struct {
	name    string
	answers nat.Dataplane
	needs   [][]string // commands that must succeed in a namespace
	program func(t *testing.T, namespace string, all []rules)
}

var dataplanes = []dataplane{
	{"nftables", nat.NFTables, [][]string{{"nft", "list", "ruleset"}}, programNFTables},
	{"iptables-nft", nat.IPTables, iptablesNeeds("nft"), programIPTables("nft")},
	{"iptables-legacy", nat.IPTables, iptablesNeeds("legacy"), programIPTables("legacy")},
}

func iptablesNeeds(variant string) [][]string {
	return [][]string{
		{"iptables-" + variant, "-t", "nat", "-S"}, {"ip6tables-" + variant, "-t", "nat", "-S"},
		{"ipset", "create", "probe", "hash:net"}, {"iptables-" + variant, "-t", "nat", "-A", "POSTROUTING", "-m", "set", "--match-set", "probe", "src", "-j", "MASQUERADE"},
	}
}

// need skips the test where the host or its kernel lacks the dataplane.
func (d dataplane) need(t *testing.T) {
	t.Helper()
	namespace := firewalldtest.NewNamespace(t)
	for _, command := range d.needs {
		if _, err := exec.LookPath(command[0]); err != nil {
			t.Skipf("%s is not installed", command[0])
		}
		if out, err := inNamespace(namespace, command...).CombinedOutput(); err != nil {
			t.Skipf("%s: %v: %s", strings.Join(command, " "), err, out)
		}
	}
}

func inNamespace(namespace string, command ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", namespace}, command...)...)
}

func programNFTables(t *testing.T, namespace string, all []rules) {
	t.Helper()
	feed(t, nftables(all), "ip", "netns", "exec", namespace, "nft", "-f", "-")
}

func nftables(all []rules) string {
	var b strings.Builder
	fmt.Fprintln(&b, "flush ruleset")
	for _, r := range all {
		ip, set := r.family.nft, func(name, flags string, elements []string) {
			fmt.Fprintf(&b, "add set %[1]s calico %[2]s { type %[3]s_addr; flags interval; %[4]s }\n", r.family.nft, name, map[int]string{32: "ipv4", 128: "ipv6"}[r.family.bits], flags)
			if len(elements) > 0 {
				fmt.Fprintf(&b, "add element %s calico %s { %s }\n", r.family.nft, name, strings.Join(elements, ", "))
			}
		}
		fmt.Fprintf(&b, "add table %s calico\n", ip)
		set("sources", "", r.sources)
		set("exempt", "", r.exempt)
		set("hosts", "auto-merge;", r.hosts)
		var services []string
		for _, service := range r.services {
			services = append(services, fmt.Sprintf("%s : %s", service[0], service[1]))
		}
		for _, hook := range []string{"prerouting", "output"} {
			fmt.Fprintf(&b, "add chain %s calico %s { type nat hook %s priority -100; }\n", ip, hook, hook)
			fmt.Fprintf(&b, "add rule %s calico %s dnat to %s daddr map { %s }\n", ip, hook, ip, strings.Join(services, ", "))
		}
		fmt.Fprintf(&b, "add chain %s calico postrouting { type nat hook postrouting priority 100; }\n", ip)
		for _, protocol := range r.protocols() {
			rule := fmt.Sprintf("add rule %[1]s calico postrouting %[1]s saddr @sources %[1]s daddr != @exempt", ip)
			if len(r.hosts) > 0 {
				rule += fmt.Sprintf(" %s daddr != @hosts", ip)
			}
			if r.device != "" {
				rule += fmt.Sprintf(" oifname %q", r.device)
			}
			ports := ""
			if protocol != "" {
				rule, ports = rule+" meta l4proto "+protocol, ":"+r.ports
			}
			switch {
			case r.address != "":
				rule += " snat to " + r.address + ports
			case ports != "":
				rule += " masquerade to " + ports
			default:
				rule += " masquerade"
			}
			fmt.Fprintln(&b, rule)
		}
	}
	return b.String()
}

// programIPTables returns the function that programs the node with ipset and a variant of
// iptables.
func programIPTables(variant string) func(t *testing.T, namespace string, all []rules) {
	return func(t *testing.T, namespace string, all []rules) {
		t.Helper()
		for _, r := range all {
			sets, table := iptables(r)
			feed(t, sets, "ip", "netns", "exec", namespace, "ipset", "restore", "-exist")
			command := map[int]string{32: "iptables", 128: "ip6tables"}[r.family.bits]
			feed(t, table, "ip", "netns", "exec", namespace, command+"-"+variant+"-restore")
		}
	}
}

// iptables returns the inputs of ipset restore and of iptables-restore.
func iptables(r rules) (sets, table string) {
	var s, b strings.Builder
	name := func(set string) string { return set + "-" + r.family.nft }
	for _, set := range []struct {
		name     string
		elements []string
	}{{"sources", r.sources}, {"exempt", r.exempt}, {"hosts", r.hosts}} {
		fmt.Fprintf(&s, "create %[1]s hash:net family %[2]s\nflush %[1]s\n", name(set.name), r.family.ipset)
		for _, element := range set.elements {
			fmt.Fprintf(&s, "add %s %s\n", name(set.name), element)
		}
	}
	fmt.Fprintln(&b, "*nat")
	for _, service := range r.services {
		for _, chain := range []string{"PREROUTING", "OUTPUT"} {
			fmt.Fprintf(&b, "-A %s -d %s -j DNAT --to-destination %s\n", chain, service[0], service[1])
		}
	}
	for _, protocol := range r.protocols() {
		rule := fmt.Sprintf("-A POSTROUTING -m set --match-set %s src -m set ! --match-set %s dst", name("sources"), name("exempt"))
		if len(r.hosts) > 0 {
			rule += fmt.Sprintf(" -m set ! --match-set %s dst", name("hosts"))
		}
		if r.device != "" {
			rule += " -o " + r.device
		}
		ports := ""
		if protocol != "" {
			rule, ports = rule+" -p "+protocol, r.ports
		}
		switch {
		case r.address != "" && ports != "":
			rule += " -j SNAT --to-source " + r.address + ":" + ports
		case r.address != "":
			rule += " -j SNAT --to-source " + r.address
		case ports != "":
			rule += " -j MASQUERADE --to-ports " + ports
		default:
			rule += " -j MASQUERADE"
		}
		fmt.Fprintln(&b, rule)
	}
	fmt.Fprintln(&b, "COMMIT")
	return s.String(), b.String()
}
