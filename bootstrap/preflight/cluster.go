package preflight

import (
	"fmt"
	"net/netip"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Checks of a family against the configuration of the cluster.

// familyNotInCluster finds default pools to create, without a configured CIDR, of a family
// of which the cluster has no pod CIDR, neither in its configuration nor in podCIDRs of
// nodes, although its configuration has one of the other.
func (c *checker) familyNotInCluster(pool checkedPool) []Finding {
	if pool.existing || !pool.byDefault || !pool.randomRange && pool.source("cidr").Kind() != origin.KindDefault {
		return nil
	}
	var (
		others []string
		family ippool.Family
	)
	for _, source := range c.podCIDRs {
		for _, prefix := range source.Prefixes {
			if family = ippool.FamilyOf(prefix); family == pool.family {
				return nil
			}
			others = append(others, fmt.Sprintf("%s (%s)", prefix, source.Name))
		}
	}
	ofFamily := func(prefix netip.Prefix) bool { return ippool.FamilyOf(prefix) == pool.family }
	if others == nil || slices.ContainsFunc(c.nodes, func(node facts.Node) bool { return slices.ContainsFunc(node.PodCIDRs, ofFamily) }) {
		return nil
	}
	return []Finding{{
		CIDR: pool.located(),
		Text: fmt.Sprintf("%s is %s, but the cluster's pod CIDRs are %s only: %s: its nodes and Services may have no %s addresses; if %s is not used, leave the pool out with %s",
			pool.describeCIDR(), pool.family, family, named(others), pool.family, pool.family, pool.names.With(origin.PoolSetting(pool.family, "cidr"), "none")),
	}}
}

// besideOperator finds pools to create beside those of the Tigera operator.
func (p input) besideOperator(family ippool.Family) []Finding {
	var pools []string
	for _, pool := range p.pools {
		if p.installation.CreatesPools && pool.family == family && !pool.existing {
			pools = append(pools, fmt.Sprintf("%q", pool.name))
		}
	}
	if pools == nil {
		return nil
	}
	creates := "creates its default pools, unless a pool exists when it starts"
	if all := p.installation.Pools; len(all) > 0 {
		creates = "creates pools as well: " + text.Clip(named(all), text.MaxProblem)
	}
	return []Finding{{
		Code: OperatorManagesPools,
		Text: fmt.Sprintf("%s pool(s) %s: the Tigera operator (%s) %s; it does not manage pools of others; set all pools in spec.calicoNetwork.ipPools there, or set it to an empty list, so that the operator creates none",
			family, named(pools), p.installation.Name, creates),
	}}
}

// widest is the prefix length of the widest range that is proposed for pods.
func widest(family ippool.Family) int {
	if family == ippool.IPv6 {
		return 44
	}
	return 12
}

// proposal returns the smallest range that contains the podCIDRs of all nodes, if a pool of
// it is valid and clashes with nothing else that is known.
func (c *checker) proposal(pool checkedPool) (netip.Prefix, bool) {
	var all []netip.Prefix
	for _, node := range c.nodes {
		for _, prefix := range node.PodCIDRs {
			if ippool.FamilyOf(prefix) == pool.family {
				all = append(all, prefix)
			}
		}
	}
	covering := covering(all)
	if !covering.IsValid() || covering.Bits() < widest(pool.family) {
		return netip.Prefix{}, false
	}
	proposed := &v3.IPPool{Spec: pool.object.Spec}
	proposed.Name, proposed.Spec.CIDR = pool.name, covering.String()
	overlaps := func(ranges []facts.Located) bool {
		return slices.ContainsFunc(ranges, func(one facts.Located) bool { return covering.Overlaps(one.Prefix) })
	}
	another := func(other checkedPool) bool { return other.name != pool.name && covering.Overlaps(other.prefix()) }
	clash := len(ippool.Validate(proposed)) > 0 || overlaps(c.survey.ServiceCIDRs) || len(c.nodesIn(covering)) > 0 ||
		slices.ContainsFunc(slices.Concat(c.checked, c.pools), another)
	return covering, !clash
}

// covering returns the smallest prefix that contains all of the same family; not valid if
// there are none.
func covering(all []netip.Prefix) netip.Prefix {
	var whole netip.Prefix
	for _, prefix := range all {
		if !whole.IsValid() {
			whole = prefix.Masked()
		}
		for bits := min(whole.Bits(), prefix.Bits()); !whole.Contains(prefix.Addr()) || whole.Bits() > prefix.Bits(); bits-- {
			whole = netip.PrefixFrom(whole.Addr(), bits).Masked()
		}
	}
	return whole
}
