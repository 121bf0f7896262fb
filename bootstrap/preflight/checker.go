package preflight

import (
	"cmp"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/ranges"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/selector"
)

// checker has the input in the form in which a pool is checked without a look at
// everything else: ranges are sorted, and what only depends on the family, the range or
// the selector of a pool is computed once.
type checker struct {
	input
	checked                    []checkedPool
	networks, routes, services located

	nodes     []facts.Node // sorted by name
	addresses ranges.Index // of the nodes
	at        [][]nodeAddr // the nodes of each of the addresses

	pods  map[ippool.Family]podRanges
	bare  map[ippool.Family][]nodeRange
	held  map[netip.Prefix][]nodeAddr
	picks map[string]pick
}

// located are ranges with their sources.
type located struct {
	ranges.Index
	sources []origin.Origin // of each of the prefixes
}

// nodeAddr is an address of a node.
type nodeAddr struct {
	node    string
	addr    netip.Addr
	i, rank int // positions of the node and of the address in it
}

func (n nodeAddr) String() string { return fmt.Sprintf("%s (%s)", n.node, n.addr) }

// nodeRange is a podCIDR of a node.
type nodeRange struct {
	node   string
	prefix netip.Prefix
}

func (n nodeRange) String() string { return fmt.Sprintf("%s (%s)", n.node, n.prefix) }

// podRanges are the configured pod CIDRs of a family.
type podRanges struct {
	known  []netip.Prefix // in the order of the source
	index  ranges.Index
	source origin.Origin
}

// pick is the nodes that a selector matches; it is not ok if that is unknown.
type pick struct {
	chosen *selector.Selector
	set    nodeSet
	ok     bool
}

// newChecker returns a checker of the pools.
func newChecker(p input, pools []checkedPool) *checker {
	c := &checker{
		input: p, checked: pools, networks: locate(p.networks), services: locate(p.survey.ServiceCIDRs),
		pods: map[ippool.Family]podRanges{}, bare: map[ippool.Family][]nodeRange{}, held: map[netip.Prefix][]nodeAddr{}, picks: map[string]pick{},
	}
	// A pool that overlaps a route within a network overlaps the network, too: the same
	// remedy fixes both.
	c.routes = locate(slices.DeleteFunc(slices.Clone(p.routes), func(route facts.Located) bool {
		return c.networks.Covers(route.Prefix)
	}))
	c.nodes = slices.SortedStableFunc(slices.Values(p.survey.Nodes), func(a, b facts.Node) int { return cmp.Compare(a.Name, b.Name) })
	c.indexAddresses()
	return c
}

// locate sorts ranges. Each prefix is there once, with all its sources.
func locate(all []facts.Located) located {
	sorted := slices.Clone(all)
	for i := range sorted {
		sorted[i].Prefix = sorted[i].Prefix.Masked()
	}
	slices.SortFunc(sorted, func(a, b facts.Located) int {
		return cmp.Or(ranges.Compare(a.Prefix, b.Prefix), cmp.Compare(a.Source.String(), b.Source.String()))
	})
	var (
		prefixes []netip.Prefix
		sources  []origin.Origin
	)
	for _, one := range slices.Compact(sorted) {
		last := len(prefixes) - 1
		switch {
		case !one.Prefix.IsValid():
		case last >= 0 && prefixes[last] == one.Prefix:
			sources[last] = sources[last].And(one.Source)
		default:
			prefixes, sources = append(prefixes, one.Prefix), append(sources, one.Source)
		}
	}
	return located{ranges.New(prefixes), sources}
}

// indexAddresses sorts the addresses of the nodes.
func (c *checker) indexAddresses() {
	var (
		prefixes []netip.Prefix
		of       = map[netip.Prefix][]nodeAddr{}
	)
	for i, node := range c.nodes {
		for rank, addr := range node.Addresses {
			if addr = addr.Unmap(); addr.Zone() != "" {
				continue // in no prefix
			}
			prefix := netip.PrefixFrom(addr, addr.BitLen())
			prefixes = append(prefixes, prefix)
			of[prefix] = append(of[prefix], nodeAddr{node.Name, addr, i, rank})
		}
	}
	c.addresses = ranges.New(prefixes)
	for _, prefix := range c.addresses.Prefixes {
		c.at = append(c.at, of[prefix])
	}
}

// nodesIn returns the nodes that have an address in the range, sorted by name, each with
// the first of these addresses.
func (c *checker) nodesIn(prefix netip.Prefix) []nodeAddr {
	if found, known := c.held[prefix]; known {
		return found
	}
	var found []nodeAddr
	around, from, to := c.addresses.Overlapping(prefix)
	if len(around) > 0 { // the range is that one address
		from--
	}
	for _, nodes := range c.at[from:to] {
		found = append(found, nodes...)
	}
	slices.SortFunc(found, func(a, b nodeAddr) int { return cmp.Or(cmp.Compare(a.i, b.i), cmp.Compare(a.rank, b.rank)) })
	found = slices.CompactFunc(found, func(a, b nodeAddr) bool { return a.i == b.i })
	c.held[prefix] = found
	return found
}

// podRanges returns the pod CIDRs of the family: those of the first source that has one.
// kube-proxy's clusterCIDR is none if its detectLocalMode does not use it.
func (c *checker) podRanges(family ippool.Family) podRanges {
	if pods, known := c.pods[family]; known {
		return pods
	}
	var pods podRanges
	inUse := slices.DeleteFunc(slices.Clone(c.podCIDRs), func(source facts.PodCIDRSource) bool { return source.DetectLocalMode != "" })
	first, name := facts.FirstPodCIDR(inUse, family)
	for _, source := range inUse {
		for _, prefix := range source.Prefixes {
			if first.IsValid() && source.Name == name && ippool.FamilyOf(prefix) == family {
				pods.known = append(pods.known, prefix)
			}
		}
	}
	pods.index, pods.source = ranges.New(pods.known), name
	c.pods[family] = pods
	return pods
}

// uncovered returns the podCIDRs of nodes that no enabled pool for pods contains, in the
// order of the nodes.
func (c *checker) uncovered(family ippool.Family) []nodeRange {
	if found, known := c.bare[family]; known {
		return found
	}
	if len(c.nodes) == 0 {
		return nil
	}
	var enabled []netip.Prefix
	for _, pools := range [...][]checkedPool{c.checked, c.pools} {
		for _, pool := range pools {
			if !pool.object.Spec.Disabled && forPods(pool) {
				enabled = append(enabled, pool.prefix())
			}
		}
	}
	index := ranges.New(enabled)
	var found []nodeRange
	for _, node := range c.nodes {
		for _, pods := range node.PodCIDRs {
			if ippool.FamilyOf(pods) == family && !index.Covers(pods) {
				found = append(found, nodeRange{node.Name, pods})
			}
		}
	}
	c.bare[family] = found
	return found
}

// picked returns the nodes that the pool's selector matches: those that may take blocks.
func (c *checker) picked(pool checkedPool) pick {
	found, known := c.picks[pool.object.Spec.NodeSelector]
	if !known {
		chosen, err := selector.Parse(pool.object.Spec.NodeSelector)
		found = pick{chosen, newNodeSet(len(c.nodes)), err == nil && len(c.nodes) > 0}
		for i, node := range c.nodes {
			if found.ok && chosen.Matches(node.Labels) {
				found.set.add(i)
			}
		}
		c.picks[pool.object.Spec.NodeSelector] = found
	}
	return found
}

// matched returns how many nodes may take blocks of the pool; ok is false if that is
// unknown.
func (c *checker) matched(pool checkedPool) (nodes int, ok bool) {
	found := c.picked(pool)
	return found.set.len(), found.ok
}

// nodeSet is a set of positions of nodes, a bit each: there may be thousands of selectors
// and of nodes.
type nodeSet []uint64

func newNodeSet(nodes int) nodeSet { return make(nodeSet, (nodes+63)/64) }

func (s nodeSet) add(i int) { s[i/64] |= 1 << (i % 64) }

func (s nodeSet) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// addAll adds the positions of a set of the same nodes.
func (s nodeSet) addAll(other nodeSet) {
	for i := range s {
		s[i] |= other[i]
	}
}

func (s nodeSet) len() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}
