package preflight

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// naive compares every pool with every range. FuzzNaive expects the same findings of it.
type naive struct{ input }

func (n naive) overlapping(all []facts.Located, pool checkedPool) []facts.Located {
	var found []facts.Located
	for _, one := range all {
		in := one.Prefix.Overlaps(pool.prefix())
		if pool.randomRange {
			in = ippool.Contains(one.Prefix, randomRanges)
		}
		if in {
			found = append(found, one)
		}
	}
	slices.SortFunc(found, func(a, b facts.Located) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()), cmp.Compare(a.Source.String(), b.Source.String()))
	})
	var merged []facts.Located
	for _, one := range slices.Compact(found) {
		if last := len(merged) - 1; last >= 0 && merged[last].Prefix == one.Prefix {
			merged[last].Source = merged[last].Source.And(one.Source)
			continue
		}
		merged = append(merged, one)
	}
	return merged
}

func (n naive) routesOf(pool checkedPool) []facts.Located {
	reported := n.overlapping(n.networks, pool)
	return slices.DeleteFunc(n.overlapping(n.input.routes, pool), func(route facts.Located) bool {
		return slices.ContainsFunc(reported, func(network facts.Located) bool { return ippool.Contains(network.Prefix, route.Prefix) })
	})
}

func (n naive) nodesOf(pool checkedPool) []string {
	var hit []string
	for _, node := range n.survey.Nodes {
		i := slices.IndexFunc(node.Addresses, func(addr netip.Addr) bool { return pool.prefix().Contains(addr.Unmap()) })
		if i >= 0 {
			hit = append(hit, fmt.Sprintf("%s (%s)", node.Name, node.Addresses[i].Unmap()))
		}
	}
	return hit
}

func (n naive) podCIDRsOf(pool checkedPool) []string {
	var hit []string
	for _, node := range n.survey.Nodes {
		for _, pods := range node.PodCIDRs {
			within := func(other checkedPool) bool {
				return !other.object.Spec.Disabled && forPods(other) && ippool.Contains(other.prefix(), pods)
			}
			if ippool.FamilyOf(pods) == pool.family && !slices.ContainsFunc(n.pools, within) {
				hit = append(hit, fmt.Sprintf("%s (%s)", node.Name, pods))
			}
		}
	}
	return hit
}

// FuzzNaive compares the findings about ranges with those of comparing all pairs: which
// ranges they name, in which order and with which sources, and how many more there are.
func FuzzNaive(f *testing.F) {
	f.Add([]byte{0, 8, 2, 16}, []byte{0, 8, 64, 200, 1, 1, 33, 50}, []byte{4, 9, 0, 8, 3, 40, 0, 9}, []byte{0, 24, 1, 120, 2, 24, 2, 24, 0, 22})
	f.Add([]byte{0, 0}, []byte{0, 24, 32, 24, 64, 24, 96, 24, 128, 24, 160, 24, 0, 23}, []byte{0, 24, 0, 24, 0, 23}, []byte{0, 0})
	f.Add([]byte{1, 0, 1, 56}, []byte{1, 0, 1, 200}, []byte{1, 0, 1, 1, 1, 2}, []byte{1, 56, 1, 60, 1, 0})
	f.Fuzz(func(t *testing.T, poolBytes, networkBytes, routeBytes, nodeBytes []byte) {
		n := naive{input{
			networks: factstest.Locate(origin.Host("interface eth0"), prefixesFrom(networkBytes)...),
			routes:   slices.Concat(factstest.Locate(origin.Host("route dev eth1"), prefixesFrom(routeBytes)...), factstest.Locate(origin.Host("route dev eth0"), prefixesFrom(networkBytes)...)),
		}}
		for i, prefix := range prefixesFrom(nodeBytes) {
			n.survey.Nodes = append(n.survey.Nodes, facts.Node{
				Name: fmt.Sprintf("n%03d", i/2), Addresses: []netip.Addr{prefix.Addr().Next(), prefix.Addr()}, PodCIDRs: []netip.Prefix{prefix},
			})
		}
		for _, prefix := range prefixesFrom(poolBytes) {
			n.pools = append(n.pools, pool(prefix.String(), prefix.String()))
		}
		n.pools = append(n.pools, created("random", ""))
		found := n.findings(n.pools, nil)
		for _, p := range n.pools {
			of := func(code FindingCode) []Finding {
				return slices.DeleteFunc(slices.Clone(found), func(f Finding) bool { return f.Code != code || f.Pool != p.name })
			}
			same := 0
			for _, other := range n.pools {
				if other.name == p.name {
					same++
				}
			}
			for code, with := range map[FindingCode][]facts.Located{HostInterfaceOverlap: n.overlapping(n.networks, p), HostRouteOverlap: n.routesOf(p)} {
				reported := of(code)
				assert.Len(t, reported, same*min(len(with), 5), "%s: %s", p.name, code)
				for i, finding := range reported {
					assert.Equal(t, with[i%min(len(with), 5)], *finding.Other)
				}
				if more := len(with) - 5; more > 0 {
					assert.Contains(t, reported[4].Text, fmt.Sprintf("; %d more ", more))
				}
			}
			for code, hit := range map[FindingCode][]string{NodeAddressOverlap: n.nodesOf(p), OutsideNodePodCIDR: n.podCIDRsOf(p)} {
				if p.randomRange && code == NodeAddressOverlap {
					hit = nil
				}
				reported := of(code)
				assert.Len(t, reported, same*min(len(hit), 1), "%s: %s", p.name, code)
				for _, finding := range reported {
					assert.Contains(t, finding.Text, " "+named(hit)+": ")
				}
			}
		}
	})
}
