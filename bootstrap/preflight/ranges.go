package preflight

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Checks of the range of a pool.

func (p input) onInterfaces(pool checkedPool) []Finding {
	return pool.overlaps(overlapping(p.networks, pool), "networks of this host", func(network facts.Located) string {
		return fmt.Sprintf("overlaps %s (%s on this host): hosts there become unreachable from pods, and traffic from pods to them is not masqueraded",
			network.Prefix, network.Source)
	})
}

// onRoutes omits routes within a network that onInterfaces reports: the same remedy
// fixes both.
func (p input) onRoutes(pool checkedPool) []Finding {
	reported := overlapping(p.networks, pool)
	routes := slices.DeleteFunc(overlapping(p.routes, pool), func(route facts.Located) bool {
		return slices.ContainsFunc(reported, func(network facts.Located) bool { return ippool.Contains(network.Prefix, route.Prefix) })
	})
	return pool.overlaps(routes, "routes of this host", func(route facts.Located) string {
		return fmt.Sprintf("overlaps %s (%s on this host): pods can't reach addresses there, and nodes can't reach those that a pod has",
			route.Prefix, route.Source)
	})
}

func (p input) onServices(pool checkedPool) []Finding {
	return pool.overlaps(overlapping(p.survey.ServiceCIDRs, pool), "Service CIDRs", func(services facts.Located) string {
		return fmt.Sprintf("overlaps the Service CIDR %s (%s): a pod may get the address of a Service and then be unreachable",
			services.Prefix, services.Source)
	})
}

// overlapping returns the ranges that overlap the pool, sorted, each prefix once.
func overlapping(all []facts.Located, pool checkedPool) []facts.Located {
	var found []facts.Located
	for _, located := range all {
		if prefix := located.Prefix.Masked(); pool.isIn(prefix) {
			found = append(found, facts.Located{Prefix: prefix, Source: located.Source})
		}
	}
	slices.SortFunc(found, func(a, b facts.Located) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()), cmp.Compare(a.Source.String(), b.Source.String()))
	})
	found = slices.Compact(found)
	var merged []facts.Located
	for _, located := range found {
		if last := len(merged) - 1; last >= 0 && merged[last].Prefix == located.Prefix {
			merged[last].Source = merged[last].Source.And(located.Source)
			continue
		}
		merged = append(merged, located)
	}
	return merged
}

// overlaps returns findings for the first ranges and counts the others in the last
// finding: a routing table can have thousands of routes.
func (p checkedPool) overlaps(with []facts.Located, called string, describe func(facts.Located) string) []Finding {
	var found []Finding
	for i, other := range with[:min(len(with), text.MaxNamed)] {
		sentence := describe(other)
		if more := len(with) - text.MaxNamed; more > 0 && i == text.MaxNamed-1 {
			sentence += fmt.Sprintf("; %d more %s overlap it", more, called)
		}
		found = append(found, Finding{
			CIDR: p.located(), Other: &other,
			Text: fmt.Sprintf("%s %s; %s", p.describeCIDR(), sentence, p.moveRemedy()),
		})
	}
	return found
}

func (p input) onNodes(pool checkedPool) []Finding {
	prefix := pool.prefix()
	var (
		first *facts.Located
		hit   []string
	)
	for _, node := range p.nodes() {
		i := slices.IndexFunc(node.Addresses, func(addr netip.Addr) bool { return prefix.Contains(addr.Unmap()) })
		if i < 0 {
			continue
		}
		addr := node.Addresses[i].Unmap()
		if first == nil {
			first = &facts.Located{Prefix: netip.PrefixFrom(addr, addr.BitLen()), Source: origin.Cluster("node " + node.Name)}
		}
		hit = append(hit, fmt.Sprintf("%s (%s)", node.Name, addr))
	}
	if first == nil {
		return nil
	}
	return []Finding{{
		CIDR: pool.located(), Other: first,
		Text: fmt.Sprintf("%s holds the addresses of %d of the cluster's %d node(s): %s: a pod may get the address of a node; %s",
			pool.describeCIDR(), len(hit), len(p.survey.Nodes), named(hit), pool.moveRemedy()),
	}}
}

// nodes returns the nodes sorted by name.
func (p input) nodes() []facts.Node {
	return slices.SortedStableFunc(slices.Values(p.survey.Nodes), func(a, b facts.Node) int { return cmp.Compare(a.Name, b.Name) })
}

// outsidePodCIDR finds pools that are not inside the cluster's pod CIDRs: those of the
// first source with a CIDR of the family.
func (p input) outsidePodCIDR(pool checkedPool) []Finding {
	prefix := pool.prefix()
	first, name := facts.FirstPodCIDR(p.podCIDRs, pool.family)
	if !prefix.IsValid() || !first.IsValid() {
		return nil
	}
	var known []netip.Prefix
	for _, source := range p.podCIDRs {
		for _, pods := range source.Prefixes {
			if source.Name == name && ippool.FamilyOf(pods) == pool.family {
				known = append(known, pods)
			}
		}
	}
	if slices.ContainsFunc(known, func(pods netip.Prefix) bool { return ippool.Contains(pods, prefix) }) {
		return nil
	}
	how, other := "is outside", first
	if i := slices.IndexFunc(known, prefix.Overlaps); i >= 0 {
		how, other = "extends beyond", known[i]
	}
	texts := make([]string, len(known))
	for i, pods := range known {
		texts[i] = pods.String()
	}
	return []Finding{{
		CIDR: pool.located(), Other: &facts.Located{Prefix: other, Source: name},
		Text: fmt.Sprintf("%s %s the cluster's pod CIDR, %s (%s): kube-proxy and others do not treat addresses outside of it as pod addresses; %s",
			pool.describeCIDR(), how, strings.Join(texts, ", "), name, pool.moveRemedy()),
	}}
}

// outsideNodePodCIDR is outsidePodCIDR for clusters without a configured pod CIDR: it
// checks the podCIDRs that kube-controller-manager assigned to nodes. It ignores those
// inside another pool for pods.
func (p input) outsideNodePodCIDR(pool checkedPool) []Finding {
	if first, _ := facts.FirstPodCIDR(p.podCIDRs, pool.family); first.IsValid() || !pool.ranged() {
		return nil
	}
	var pools []netip.Prefix
	for _, other := range append([]checkedPool{pool}, p.pools...) {
		if !other.spec.Disabled && forPods(other) {
			pools = append(pools, other.prefix())
		}
	}
	var (
		first *facts.Located
		hit   []string
	)
	for _, node := range p.nodes() {
		for _, pods := range node.PodCIDRs {
			within := func(pool netip.Prefix) bool { return ippool.Contains(pool, pods) }
			if ippool.FamilyOf(pods) != pool.family || slices.ContainsFunc(pools, within) {
				continue
			}
			if first == nil {
				first = &facts.Located{Prefix: pods, Source: origin.Cluster("podCIDRs of node " + node.Name)}
			}
			hit = append(hit, fmt.Sprintf("%s (%s)", node.Name, pods))
		}
	}
	if first == nil {
		return nil
	}
	return []Finding{{
		CIDR: pool.located(), Other: first,
		Text: fmt.Sprintf("%s does not contain the podCIDRs that kube-controller-manager assigned to nodes, such as %s: Calico ignores them, but kube-proxy and cloud routes use them; %s, or kube-controller-manager's --cluster-cidr",
			pool.describeCIDR(), named(hit), pool.moveRemedy()),
	}}
}
