package nat

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/ranges"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Overview is what is masqueraded on a node, and what is exempt.
type Overview struct {
	Node           string           // empty: nodes without a FelixConfiguration of their own
	Version        string           // of Calico, as given
	VersionAssumed bool             // the version is unknown, and the newest is assumed
	EBPF           bool             // only workloads are masqueraded
	Settings       []Setting        // those about NAT that FelixConfigurations set, in a fixed order
	Families       []FamilyOverview // IPv4, then IPv6
	OtherNodes     []NodeSettings   // those with a FelixConfiguration of their own, sorted
}

// NodeSettings are the settings of the FelixConfiguration of one node.
type NodeSettings struct {
	Node     string    // its name
	Settings []Setting // in a fixed order
}

// FamilyOverview is the part of an [Overview] about a family.
type FamilyOverview struct {
	Family       ippool.Family  // of all ranges below
	Sources      []Source       // the pools with natOutgoing, sorted by range
	Exemptions   []Exemption    // pools, then nodes, then externalNodesList, each sorted by range
	NotExempting []Pool         // pools to which traffic is masqueraded, sorted by range
	ServiceCIDRs []netip.Prefix // traffic to these depends on the backend
	ServiceIPs   []netip.Prefix // the same, of Services' external and LoadBalancer IPs
}

// Source is a pool that has natOutgoing.
type Source struct {
	Pool        Pool   // it has natOutgoing
	Masqueraded Answer // Yes; Depends with an interface filter; No with eBPF for a pool without workloads, and for IPv6 without ipv6Support
	As          As     // zero for No
}

// Exemption is a range to which traffic is not masqueraded.
type Exemption struct {
	Range netip.Prefix // the destinations
	Pool  Pool         // if a pool exempts
	Node  string       // if it is the address of a node
	By    Setting      // that exempts nodes and externalNodesList; zero for a pool and for the own node
}

// Why returns why the range is exempt.
func (e Exemption) Why() string {
	switch {
	case e.Pool.CIDR.IsValid():
		return "pool " + shown(e.Pool.Name) + ": " + e.Pool.Why()
	case e.Node != "" && e.By.Field == "":
		return "the own addresses of node " + shown(e.Node)
	case e.Node != "":
		return "node " + shown(e.Node) + ": " + e.By.String()
	default:
		return e.By.Field + " (FelixConfiguration " + shown(e.By.Configuration) + "), with natOutgoingExclusions " + poolsAndHostIPs
	}
}

// Overview returns what is masqueraded on the node, and what is exempt. Without a node it
// is that of the nodes that have no FelixConfiguration of their own. A pool whose answer is
// Yes is masqueraded to every address of its family that is in no exemption and in no
// range of Services. The error is an [*InputError] about the node.
func (m *Model) Overview(node string) (Overview, error) {
	m = m.orEmpty()
	e := &m.effective[0]
	if node != "" {
		if !m.mayExist(node) {
			return Overview{}, m.unknownNode(node)
		}
		e = &m.effective[m.byNode[node]]
	}
	o := Overview{
		Node: node, Version: m.version.text, VersionAssumed: !m.version.known, EBPF: m.ebpf(e),
		Settings: set(e.from, ""),
		Families: []FamilyOverview{m.family(ippool.IPv4, e, node), m.family(ippool.IPv6, e, node)},
	}
	for _, other := range m.effective[1:] {
		if other.nodes > 0 {
			o.OtherNodes = append(o.OtherNodes, NodeSettings{other.node, set(other.from, "node."+other.node)})
		}
	}
	return o, nil
}

// set returns the settings of a FelixConfiguration; of any, if its name is empty.
func set(from [fieldCount]Setting, configuration string) []Setting {
	var settings []Setting
	for _, setting := range from {
		if setting.Configuration != "" && (configuration == "" || setting.Configuration == configuration) {
			settings = append(settings, setting)
		}
	}
	return settings
}

func (m *Model) family(family ippool.Family, e *effective, node string) FamilyOverview {
	o := FamilyOverview{Family: family}
	for _, pool := range m.pools {
		if ippool.FamilyOf(pool.CIDR) != family {
			continue
		}
		if pool.Exempts {
			o.Exemptions = append(o.Exemptions, Exemption{Range: pool.CIDR, Pool: pool})
		} else {
			o.NotExempting = append(o.NotExempting, pool)
		}
		if !pool.NATOutgoing {
			continue
		}
		source := Source{Pool: pool, Masqueraded: Yes, As: e.as(family == ippool.IPv4, "")}
		switch {
		case m.ebpf(e) && pool.Use == ForLoadBalancers, e.noIPv6 && family == ippool.IPv6:
			source.Masqueraded, source.As = No, As{}
		case e.filter != "":
			source.Masqueraded = Depends
		}
		o.Sources = append(o.Sources, source)
	}
	o.Exemptions = append(o.Exemptions, m.hosts(family, e, node)...)
	other := func(prefix netip.Prefix) bool { return ippool.FamilyOf(prefix) != family }
	o.ServiceCIDRs = slices.DeleteFunc(slices.Clone(m.services.Prefixes), other)
	o.ServiceIPs = slices.DeleteFunc(slices.Clone(m.others.Prefixes), other)
	return o
}

// hosts returns the exempt addresses of nodes, and externalNodesList.
func (m *Model) hosts(family ippool.Family, e *effective, node string) []Exemption {
	var exempt []Exemption
	for addr, of := range m.addresses {
		own := node != "" && m.nodes[of.node].Name == node
		if addr.Is4() != (family == ippool.IPv4) || !own && !(of.hostIP && m.exemptsHosts(e)) {
			continue
		}
		exemption := Exemption{Range: netip.PrefixFrom(addr, addr.BitLen()), Node: m.nodes[of.node].Name}
		if !own {
			exemption.By = e.from[exclusions]
		}
		exempt = append(exempt, exemption)
	}
	slices.SortFunc(exempt, func(a, b Exemption) int { return ranges.Compare(a.Range, b.Range) })
	if family == ippool.IPv4 && m.exemptsHosts(e) {
		for _, prefix := range e.external.Prefixes {
			exempt = append(exempt, Exemption{Range: prefix, By: e.from[externalNodes]})
		}
	}
	return exempt
}

// unknownNode is the error for a node that does not exist.
func (m *Model) unknownNode(name string) *InputError {
	names := make([]string, len(m.nodes))
	for i, node := range m.nodes {
		names[i] = node.Name
	}
	return &InputError{"node", name, "must be the name of a node: " + few(slices.Compact(names), text.MaxNamed)}
}

// String returns the node and its settings.
func (n NodeSettings) String() string {
	texts := make([]string, len(n.Settings))
	for i, setting := range n.Settings {
		texts[i] = setting.String()
	}
	return shown(n.Node) + ": " + strings.Join(texts, "; ")
}
