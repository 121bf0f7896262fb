package preflight

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Checks of the range of a pool.

func (c *checker) onInterfaces(pool checkedPool) []Finding {
	return pool.overlaps(c.networks, "networks of this host", func(network facts.Located) string {
		return fmt.Sprintf("overlaps %s (%s on this host): hosts there become unreachable from pods, and traffic from pods to them is not masqueraded",
			network.Prefix, network.Source)
	})
}

func (c *checker) onRoutes(pool checkedPool) []Finding {
	return pool.overlaps(c.routes, "routes of this host", func(route facts.Located) string {
		return fmt.Sprintf("overlaps %s (%s on this host): pods can't reach addresses there, and nodes can't reach those that a pod has",
			route.Prefix, route.Source)
	})
}

func (c *checker) onServices(pool checkedPool) []Finding {
	return pool.overlaps(c.services, "Service CIDRs", func(services facts.Located) string {
		return fmt.Sprintf("overlaps the Service CIDR %s (%s): a pod may get the address of a Service and then be unreachable",
			services.Prefix, services.Source)
	})
}

// overlaps returns findings for the first ranges that overlap the pool and counts the
// others in the last finding: a routing table can have thousands of routes. A future
// random range overlaps those that every random range overlaps.
func (p checkedPool) overlaps(with located, called string, describe func(facts.Located) string) []Finding {
	positions, from, to := with.Overlapping(p.prefix())
	if p.randomRange {
		positions, from, _ = with.Overlapping(randomRanges)
		to = from // those inside overlap only some random ranges
	}
	total := len(positions) + to - from
	for ; from < to && len(positions) < text.MaxNamed; from++ {
		positions = append(positions, from)
	}
	var found []Finding
	for i, position := range positions[:min(len(positions), text.MaxNamed)] {
		other := facts.Located{Prefix: with.Prefixes[position], Source: with.sources[position]}
		sentence := describe(other)
		if more := total - text.MaxNamed; more > 0 && i == text.MaxNamed-1 {
			sentence += fmt.Sprintf("; %d more %s overlap it", more, called)
		}
		found = append(found, Finding{
			CIDR: p.located(), Other: &other,
			Text: fmt.Sprintf("%s %s; %s", p.describeCIDR(), sentence, p.moveRemedy()),
		})
	}
	return found
}

func (c *checker) onNodes(pool checkedPool) []Finding {
	hit := c.nodesIn(pool.prefix())
	if len(hit) == 0 {
		return nil
	}
	first := facts.Located{Prefix: netip.PrefixFrom(hit[0].addr, hit[0].addr.BitLen()), Source: origin.Cluster("node " + hit[0].node)}
	return []Finding{{
		CIDR: pool.located(), Other: &first,
		Text: fmt.Sprintf("%s holds the addresses of %d of the cluster's %d node(s): %s: a pod may get the address of a node; %s",
			pool.describeCIDR(), len(hit), len(c.survey.Nodes), named(hit), pool.moveRemedy()),
	}}
}

// outsidePodCIDR finds pools that are not inside the cluster's pod CIDRs: those of the
// first source with a CIDR of the family.
func (c *checker) outsidePodCIDR(pool checkedPool) []Finding {
	prefix, pods := pool.prefix(), c.podRanges(pool.family)
	if !prefix.IsValid() || len(pods.known) == 0 || pods.index.Covers(prefix) {
		return nil
	}
	how, other := "is outside", pods.known[0]
	if _, from, to := pods.index.Overlapping(prefix); from < to {
		how, other = "extends beyond", pods.known[slices.IndexFunc(pods.known, prefix.Overlaps)]
	}
	users := "kube-proxy and others"
	if slices.ContainsFunc(c.podCIDRs, func(source facts.PodCIDRSource) bool { return source.DetectLocalMode != "" }) {
		users = "cloud controllers and others" // kube-proxy identifies pods in another way
	}
	return []Finding{{
		CIDR: pool.located(), Other: &facts.Located{Prefix: other, Source: pods.source},
		Text: fmt.Sprintf("%s %s the cluster's pod CIDR, %s (%s): %s do not treat addresses outside of it as pod addresses; %s",
			pool.describeCIDR(), how, named(pods.known), pods.source, users, pool.moveRemedy()),
	}}
}

// outsideNodePodCIDR is outsidePodCIDR for clusters whose configuration has no pod CIDR: it
// checks the podCIDRs that kube-controller-manager assigned to nodes. It ignores those
// inside another pool for pods, and inside the pod CIDR of the settings.
func (c *checker) outsideNodePodCIDR(pool checkedPool) []Finding {
	pods := c.podRanges(pool.family)
	given := len(pods.known) > 0
	if !pool.ranged() || given && pods.source.Kind() == origin.KindCluster {
		return nil
	}
	hit := slices.DeleteFunc(slices.Clone(c.uncovered(pool.family)), func(of nodeRange) bool { return given && pods.index.Covers(of.prefix) })
	if len(hit) == 0 {
		return nil
	}
	const smallest = "the smallest range that contains those of all nodes, or a wider one, or the cluster CIDR of kube-controller-manager"
	remedy := pool.moveRemedy() + "; the matching range is the cluster CIDR of kube-controller-manager"
	proposed, ok := c.proposal(pool)
	switch {
	case given:
		remedy = fmt.Sprintf("the pod CIDR %s (%s) does not contain them either; correct the %s CIDR of %s", named(pods.known), pods.source, pool.family, c.names.Of(origin.SettingClusterCIDR))
		if ok {
			remedy += fmt.Sprintf(", to %s, %s", proposed, smallest)
		}
	case ok && pool.byDefault && !pool.existing:
		remedy = fmt.Sprintf("set %s, %s", pool.names.With(origin.PoolSetting(pool.family, "cidr"), proposed.String()), smallest)
	}
	return []Finding{{
		CIDR: pool.located(), Other: &facts.Located{Prefix: hit[0].prefix, Source: origin.Cluster("podCIDRs of node " + hit[0].node)},
		Text: fmt.Sprintf("%s does not contain the podCIDRs that kube-controller-manager assigned to nodes, such as %s: Calico ignores them, but kube-proxy and cloud routes use them; %s",
			pool.describeCIDR(), named(hit), remedy),
	}}
}
