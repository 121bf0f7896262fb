package nat

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/ranges"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Model answers questions about the NAT of a cluster. It does not change, and is safe for
// concurrent use. The pools of the [Cluster] must not change while it is used. The zero Model
// is that of the zero Cluster.
type Model struct {
	pools    []Pool       // sorted by range, then by name
	stored   []*v3.IPPool // the same pools
	index    ranges.Index // of their ranges
	first    []int        // for each range of the index, its first pool in pools
	traits   []traits     // for each range of the index, those of its pools and of all around
	services ranges.Index // ServiceCIDRs
	others   ranges.Index // ServiceIPs

	nodes     []Node // sorted by name
	addresses map[netip.Addr]nodeAddress

	effective []effective    // first that of the nodes without a FelixConfiguration of their own
	byNode    map[string]int // the others
	settings  []int          // those of each of nodes, in effective
	groups    []group        // of the settings that apply, by what changes an answer
	outcomes  []group        // the same, by what changes an Outcome; each is in one of groups

	dataplane Dataplane
	version   version
	problems  []Problem
}

// Pool is an IPPool as Felix uses it for NAT.
type Pool struct {
	Name             string       // of the IPPool
	CIDR             netip.Prefix // without host bits
	NATOutgoing      bool         // its addresses are masqueraded
	Exempts          bool         // traffic to it is not masqueraded
	Disabled         bool         // no new address is taken from it
	DisableBGPExport bool         // BGP does not export its routes
	Use              Use          // by its allowedUses
}

// Use is what Calico takes a pool's addresses for.
type Use string

// The uses. A pool for workloads may serve tunnels, too.
const (
	ForWorkloads     Use = "Workload"
	ForTunnels       Use = "Tunnel"
	ForLoadBalancers Use = "LoadBalancer" // and for nothing else
)

// traits are of a range, and of an address in it.
type traits struct {
	natSource bool // in a pool with natOutgoing
	exempt    bool
	workloads bool // in a pool with natOutgoing that is not only for LoadBalancers
}

type nodeAddress struct {
	node   int // in nodes
	hostIP bool
}

// New returns the model of a cluster. It ignores what is invalid, as [Model.Problems] lists.
func New(cluster Cluster) *Model {
	m := &Model{dataplane: cluster.Dataplane, version: parseVersion(cluster.Version)}
	m.addPools(cluster.Pools)
	m.addNodes(cluster.Nodes)
	m.addConfigurations(cluster.FelixConfigurations)
	m.services, m.others = m.parseRanges("Service CIDR", cluster.ServiceCIDRs), m.parseRanges("range of Services", cluster.ServiceIPs)
	return m
}

func (m *Model) parseRanges(kind string, cidrs []string) ranges.Index {
	var prefixes []netip.Prefix
	for _, cidr := range cidrs {
		prefix, err := ippool.ParseCIDR(cidr)
		if err != nil {
			m.problem(kind, "cidr", cidr, "must be a CIDR such as 10.96.0.0/12", "it is ignored")
			continue
		}
		prefixes = append(prefixes, prefix)
	}
	return ranges.New(prefixes)
}

// orEmpty returns the model, and that of the zero Cluster for a zero or nil Model.
func (m *Model) orEmpty() *Model {
	if m == nil || len(m.effective) == 0 {
		return New(Cluster{})
	}
	return m
}

func (m *Model) problem(object, field, value, reason, effect string) {
	m.problems = append(m.problems, Problem{object, field, value, reason, effect})
}

// Problems returns what the model ignores because it is invalid, in a fixed order, in a new
// slice.
func (m *Model) Problems() []Problem {
	sorted := slices.Clone(m.orEmpty().problems)
	slices.SortStableFunc(sorted, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Object, b.Object), strings.Compare(a.Field, b.Field), strings.Compare(a.Value, b.Value))
	})
	return sorted
}

func (m *Model) addPools(pools []*v3.IPPool) {
	type entry struct {
		pool   Pool
		stored *v3.IPPool
	}
	entries := make([]entry, 0, len(pools))
	prefixes := make([]netip.Prefix, 0, len(pools))
	for _, stored := range pools {
		if stored == nil {
			continue
		}
		prefix, err := ippool.ParseCIDR(stored.Spec.CIDR)
		if err != nil {
			m.problem("IPPool "+stored.Name, "spec.cidr", stored.Spec.CIDR, "must be a CIDR: "+err.Error(), "the pool is ignored")
			continue
		}
		pool := Pool{
			Name: stored.Name, CIDR: prefix.Masked(), NATOutgoing: stored.Spec.NATOutgoing, Disabled: stored.Spec.Disabled,
			DisableBGPExport: stored.Spec.DisableBGPExport, Use: useOf(stored.Spec.AllowedUses),
		}
		pool.Exempts = pool.Use != ForLoadBalancers || m.version.known && m.version.loadBalancersExempt
		entries = append(entries, entry{pool, stored})
		prefixes = append(prefixes, pool.CIDR)
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(ranges.Compare(a.pool.CIDR, b.pool.CIDR), strings.Compare(a.pool.Name, b.pool.Name))
	})
	m.index = ranges.New(prefixes)
	m.traits = make([]traits, len(m.index.Prefixes))
	m.pools, m.stored, m.first = make([]Pool, 0, len(entries)), make([]*v3.IPPool, 0, len(entries)), make([]int, 0, len(m.index.Prefixes))
	for _, e := range entries {
		m.pools, m.stored = append(m.pools, e.pool), append(m.stored, e.stored)
	}
	next := 0
	for i, prefix := range m.index.Prefixes { // A range comes after those around it.
		m.first = append(m.first, next)
		t := &m.traits[i]
		if around := m.index.Around(i); around >= 0 {
			*t = m.traits[around]
		}
		for ; next < len(m.pools) && m.pools[next].CIDR == prefix; next++ {
			pool := m.pools[next]
			t.natSource = t.natSource || pool.NATOutgoing
			t.exempt = t.exempt || pool.Exempts
			t.workloads = t.workloads || pool.NATOutgoing && pool.Use != ForLoadBalancers
		}
	}
}

// useOf returns the use of a pool with these allowedUses. As in Calico, a pool without any is
// for workloads and tunnels.
func useOf(uses []v3.IPPoolAllowedUse) Use {
	switch {
	case len(uses) == 0 || slices.Contains(uses, v3.IPPoolAllowedUseWorkload):
		return ForWorkloads
	case ippool.OnlyForLoadBalancers(uses):
		return ForLoadBalancers
	default:
		return ForTunnels
	}
}

// poolsOf returns the pools that contain the address and for which holds is true, from
// narrow to wide.
func (m *Model) poolsOf(addr netip.Addr, holds func(Pool) bool) []Pool {
	var found []Pool
	for i := m.index.Narrowest(addr); i >= 0; i = m.index.Around(i) {
		for j := m.first[i]; j < len(m.pools) && m.pools[j].CIDR == m.index.Prefixes[i]; j++ {
			if holds(m.pools[j]) {
				found = append(found, m.pools[j])
			}
		}
	}
	return found
}

func (m *Model) traitsOf(addr netip.Addr) traits {
	if i := m.index.Narrowest(addr); i >= 0 {
		return m.traits[i]
	}
	return traits{}
}

func (m *Model) addNodes(nodes []Node) {
	m.nodes = slices.Clone(nodes)
	slices.SortStableFunc(m.nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	m.addresses = make(map[netip.Addr]nodeAddress, 2*len(nodes))
	for _, node := range m.nodes {
		i := m.nodeIndex(node.Name)
		add := func(field string, addresses []string, hostIP bool) {
			for _, value := range addresses {
				if value == "" {
					continue // A node without an address of one family.
				}
				prefix, err := parseAddress(value)
				if err != nil || !prefix.IsValid() {
					m.problem("Node "+node.Name, field, value, "must be an address such as 192.0.2.10 or 192.0.2.10/24", "it is ignored")
					continue
				}
				addr := prefix.Addr().Unmap()
				previous, used := m.addresses[addr]
				if used && previous.node != i {
					m.problem("Node "+node.Name, field, value, "must not be an address of node "+shown(m.nodes[previous.node].Name)+", too", "it counts as that node's")
					previous.hostIP = previous.hostIP || hostIP
					m.addresses[addr] = previous
					continue
				}
				m.addresses[addr] = nodeAddress{i, hostIP || previous.hostIP}
			}
		}
		add("hostIPs", node.HostIPs, true)
		add("otherAddresses", node.OtherAddresses, false)
	}
}

// nodeIndex returns the index of the first node of that name, -1 if there is none.
func (m *Model) nodeIndex(name string) int {
	i, found := slices.BinarySearchFunc(m.nodes, name, func(node Node, name string) int { return strings.Compare(node.Name, name) })
	if !found {
		return -1
	}
	return i
}

// mayExist reports whether the node exists, as far as the nodes are known.
func (m *Model) mayExist(name string) bool { return len(m.nodes) == 0 || m.nodeIndex(name) >= 0 }

func (m *Model) addConfigurations(configurations []FelixConfiguration) {
	var common FelixConfiguration
	byName, fatal := map[string]FelixConfiguration{}, map[string]Setting{}
	for _, c := range configurations {
		node, ofNode := strings.CutPrefix(c.Name, "node.")
		_, twice := byName[c.Name]
		switch {
		case !ofNode && c.Name != global || ofNode && node == "":
			m.problem("FelixConfiguration "+c.Name, "metadata.name", c.Name, "must be default, or node. and the name of a node", "Felix ignores it")
			continue
		case twice:
			m.problem("FelixConfiguration "+c.Name, "metadata.name", c.Name, "must be unique", "the first one applies")
			continue
		case ofNode && !m.mayExist(node):
			m.problem("FelixConfiguration "+c.Name, "metadata.name", c.Name, "must have the name of a node after node.", "no node uses it")
		}
		byName[c.Name] = c
		if c.Name == global {
			common = c
		}
		alone, problems := parse(merge(c, FelixConfiguration{}))
		m.problems = append(m.problems, problems...)
		if alone.fatal != (Setting{}) {
			fatal[c.Name] = alone.fatal
		}
	}
	base, _ := parse(merge(FelixConfiguration{}, common))
	m.effective = []effective{base}
	m.byNode = map[string]int{}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range byName {
			if name != global && !yield(name) {
				return
			}
		}
	}) {
		e, _ := parse(merge(byName[name], common))
		e.fatal = base.fatal // Felix reads default first, and also what a node overrides.
		if e.fatal == (Setting{}) {
			e.fatal = fatal[name]
		}
		e.node = strings.TrimPrefix(name, "node.")
		m.byNode[e.node] = len(m.effective)
		m.effective = append(m.effective, e)
	}
	for i, node := range m.nodes {
		settings := m.byNode[node.Name] // the first, without a FelixConfiguration of its own
		m.settings = append(m.settings, settings)
		if i == 0 || node.Name != m.nodes[i-1].Name {
			m.effective[settings].nodes++
		}
	}
	groups, outcomes := map[deciding]int{}, map[becoming]int{}
	for i := range m.effective {
		e := &m.effective[i]
		if len(m.nodes) == 0 {
			e.nodes = 1
		}
		if e.nodes == 0 {
			continue
		}
		key := deciding{m.ebpf(e), e.hostIPs, e.filter != "", e.noIPv6, e.from[externalNodes].Value}
		e.group = addTo(&m.groups, groups, key, i, e)
		addTo(&m.outcomes, outcomes, becoming{key, e.address, e.ports}, i, e)
	}
	for _, ipv4 := range []bool{false, true} {
		for _, protocol := range []Protocol{TCP, ICMP} {
			numbers := map[As]int{}
			for i := range m.outcomes {
				as := m.effective[m.outcomes[i].settings[0]].as(ipv4, protocol)
				if _, found := numbers[as]; !found {
					numbers[as] = len(numbers)
				}
				m.outcomes[i].becomes[kindOf(ipv4, protocol)] = numbers[as]
			}
		}
	}
}

// group are settings that the same is true of.
type group struct {
	settings []int    // in effective, ascending; at least one
	names    []string // the nodes with a FelixConfiguration of their own, sorted
	nodes    int      // how many nodes have any of them
	becomes  [4]int   // by kind of question, a number for what a source becomes
}

// deciding are the settings that change an answer, in a form that can be compared.
type deciding struct {
	ebpf, hostIPs, filter, noIPv6 bool
	external                      string
}

// becoming are the settings that change an Outcome.
type becoming struct {
	deciding
	address netip.Addr
	ports   PortRange
}

// addTo adds settings to the group of the key, and returns its place in groups.
func addTo[K comparable](groups *[]group, byKey map[K]int, key K, settings int, e *effective) int {
	place, found := byKey[key]
	if !found {
		place = len(*groups)
		byKey[key] = place
		*groups = append(*groups, group{})
	}
	g := &(*groups)[place]
	g.settings, g.nodes = append(g.settings, settings), g.nodes+e.nodes
	if e.node != "" {
		g.names = append(g.names, e.node)
	}
	return place
}

// Dataplane returns the dataplane of the node, as far as it is known; empty: unknown. Without
// a node it is that of the nodes without a FelixConfiguration of their own, and unknown if
// the others differ.
func (m *Model) Dataplane(node string) Dataplane {
	m = m.orEmpty()
	if node != "" {
		return m.dataplaneOf(&m.effective[m.byNode[node]])
	}
	dataplane := m.dataplaneOf(&m.effective[0])
	for i := range m.effective {
		if e := &m.effective[i]; e.nodes > 0 && m.dataplaneOf(e) != dataplane {
			return ""
		}
	}
	return dataplane
}

func (m *Model) dataplaneOf(e *effective) Dataplane {
	switch {
	case m.dataplane != "":
		return m.dataplane
	case e.bpf:
		return EBPF
	case e.nftables == "enabled":
		return NFTables
	case e.nftables == "disabled":
		return IPTables
	default:
		return ""
	}
}

func (m *Model) ebpf(e *effective) bool {
	return m.dataplane == EBPF || m.dataplane == "" && e.bpf
}
