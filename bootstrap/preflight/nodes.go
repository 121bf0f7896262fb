package preflight

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// nodesWithoutPool finds nodes that no pool for automatic assignment selects: Calico's IPAM
// has "no configured Calico pools" for them. A pod that names a pool gets an address
// whatever the nodeSelector is. It checks families of which a pool is checked. It finds
// nothing while other pools of the family are unknown, and does not repeat NoUsablePool, or
// NodeSelectorMatchesNoNode of every pool.
func (c *checker) nodesWithoutPool(family ippool.Family) []Finding {
	checked := map[string]bool{}
	for _, pool := range c.checked {
		if pool.family == family {
			checked[pool.name] = true
		}
	}
	if len(checked) == 0 || len(c.nodes) == 0 || c.installation.CreatesPools || slices.Contains(c.unreadable, family) {
		return nil
	}
	served, labels, repeated := newNodeSet(len(c.nodes)), map[string]bool{}, true // NodeSelectorMatchesNoNode says it of each pool
	for _, pool := range c.pools {
		if pool.family != family || plan.Unusable(pool.object.Spec) != "" {
			continue
		}
		found := c.picked(pool)
		if !found.ok {
			return nil
		}
		served.addAll(found.set)
		if served.len() == len(c.nodes) {
			return nil
		}
		for _, label := range found.chosen.Labels() {
			labels[label] = true
		}
		repeated = repeated && checked[pool.name]
	}
	if served.len() == 0 && repeated { // or no pool is for automatic assignment
		return nil
	}
	var left []facts.Node
	for i, node := range c.nodes {
		if !served.has(i) {
			left = append(left, node)
		}
	}
	return []Finding{{
		Code: NodesWithoutPool,
		Text: fmt.Sprintf("%d of the cluster's %d node(s) have no %s pool for automatic assignment, because no nodeSelector matches their labels: %s: pods there get no %s address; label these nodes, or add an %s pool with a nodeSelector that matches them",
			len(left), len(c.nodes), family, text.Clip(byLabels(left, slices.Sorted(maps.Keys(labels))), text.MaxCause), family, family),
	}}
}

// byLabels lists nodes by their values of the labels, of which the first are used.
func byLabels(nodes []facts.Node, labels []string) string {
	var all []string
	names := map[string][]string{}
	for _, node := range nodes {
		var values []string
		for _, label := range labels[:min(len(labels), text.MaxNamed)] {
			if value, has := node.Labels[label]; has {
				values = append(values, fmt.Sprintf("%s=%q", label, value))
			} else {
				values = append(values, "no "+label)
			}
		}
		group := strings.Join(values, " and ")
		if names[group] == nil {
			all = append(all, group)
		}
		names[group] = append(names[group], node.Name)
	}
	for i, group := range all {
		if all[i] = named(names[group]); group != "" {
			all[i] = fmt.Sprintf("%s (%s)", group, all[i])
		}
	}
	return named(all)
}
