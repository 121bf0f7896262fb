package preflight

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// Checks of what is masqueraded.

// natRemedies are the remedies that the text of a nat.Finding does not have.
var natRemedies = map[nat.FindingCode]string{
	nat.InvalidExternalNodes:    "; set IPv4 addresses and CIDRs only",
	nat.NATAddressWithIPv6:      "; set natOutgoing to false in the IPv6 pools, or remove natOutgoingAddress",
	nat.OverlappingPools:        "; delete one of them",
	nat.WildcardInterfaceFilter: "; set the name of one interface, or remove the filter",
	nat.GlobalNATAddress:        "; set the address of each node in a FelixConfiguration named node.NAME",
}

// EndsFelix returns the combinations that the plan causes and that end Felix, again and again,
// whatever its dataplane is. Calico accepts them, but a run must not carry them out unless
// they are allowed. The FelixConfiguration of a node counts even if the node does not exist:
// nodes are not read for this. It is a pure function.
func EndsFelix(p plan.Plan, known facts.Facts) []Finding {
	if !checksAny(p, false) || len(known.FelixConfigurations) == 0 { // Felix does not end with its defaults
		return nil
	}
	world, written := checkedIn(p, known, false)
	before := nat.Cluster{FelixConfigurations: known.FelixConfigurations}
	for _, existing := range p.Existing {
		before.Pools = append(before.Pools, existing.Pool)
	}
	type combination struct {
		code    nat.FindingCode
		setting nat.Setting
		only    bool
		nodes   string
	}
	of := func(f nat.Finding) combination {
		return combination{f.Code, f.Setting, f.Nodes.Only, strings.Join(f.Nodes.Names, ",")}
	}
	had := map[combination]bool{}
	for _, finding := range nat.New(before).Findings() {
		had[of(finding)] = true
	}
	var found []Finding
	world.natFindings(written, func(finding nat.Finding, converted Finding) {
		if finding.EndsFelix && !finding.Assumed && !had[of(finding)] {
			found = append(found, converted)
		}
	})
	return found
}

// natModel returns the NAT of the pools. A range that will be random is a ULA /48.
func natModel(pools []checkedPool, configurations []nat.FelixConfiguration) *nat.Model {
	cluster := nat.Cluster{FelixConfigurations: configurations, Pools: make([]*v3.IPPool, 0, len(pools))}
	for _, pool := range pools {
		one := pool.object
		if pool.randomRange {
			one = one.DeepCopy()
			one.Spec.CIDR = plan.DefaultRange(ippool.IPv6).String()
		}
		cluster.Pools = append(cluster.Pools, one)
	}
	return nat.New(cluster)
}

// natFindings passes on the findings of package nat that concern checked pools, or any, and
// those about no pool.
func (p input) natFindings(checked []checkedPool, use func(nat.Finding, Finding)) {
	if p.all {
		checked = p.pools
	}
	if len(checked) == 0 {
		return
	}
	byName := map[string]checkedPool{}
	for _, pool := range checked {
		byName[pool.name] = pool
	}
	random := func(pool nat.Pool) bool { return byName[pool.Name].randomRange }
	for _, finding := range natModel(p.pools, p.felix).Findings() {
		text := finding.Text()
		if finding.Nodes.Only {
			text += ", if the nodes of the FelixConfigurations exist"
		}
		text += natRemedies[finding.Code]
		if len(finding.Pools) == 0 {
			use(finding, Finding{Code: FindingCode(finding.Code), Text: text})
			continue
		}
		i := slices.IndexFunc(finding.Pools, func(pool nat.Pool) bool { _, is := byName[pool.Name]; return is })
		if i < 0 || finding.Code == nat.OverlappingPools && slices.ContainsFunc(finding.Pools, random) {
			continue
		}
		pool := byName[finding.Pools[i].Name]
		if pool.existing && (finding.Code == nat.ExemptionWithNAT || finding.Code == nat.ExemptionExportedByBGP) {
			continue // it may have pods, which need natOutgoing and routes until they are gone
		}
		use(finding, Finding{
			Code: FindingCode(finding.Code), Pool: pool.name, CIDR: pool.located(), Text: text,
		})
	}
}

// nat returns the findings about NAT: those of package nat, then those about pools that hold
// nodes, then those of each family as a whole.
func (c *checker) nat(families []ippool.Family) []Finding {
	var found []Finding
	c.natFindings(c.checked, func(_ nat.Finding, finding Finding) { found = append(found, finding) })
	for _, pool := range c.checked {
		found = append(found, c.natCoversNodes(pool)...)
	}
	for _, family := range families {
		exempting := slices.DeleteFunc(slices.Clone(c.checked), func(pool checkedPool) bool {
			return pool.family != family || !exempts(pool)
		})
		found = append(found, c.encapsulatedToNodes(family, exempting)...)
		found = append(found, c.noReturnRoute(family, exempting)...)
	}
	return found
}

// exempts reports whether the pool is there to exempt traffic to it from masquerading.
func exempts(pool checkedPool) bool {
	return pool.object.Spec.Disabled && !ippool.OnlyForLoadBalancers(pool.object.Spec.AllowedUses) && pool.prefix().IsValid()
}

// holdsNodes returns what the range has of the nodes or of this host's networks, as part of a
// sentence; empty: nothing that is known.
func (c *checker) holdsNodes(prefix netip.Prefix) string {
	if hit := c.nodesIn(prefix); len(hit) > 0 {
		return fmt.Sprintf("holds the addresses of %d node(s): %s", len(hit), named(hit))
	}
	if around, from, to := c.networks.Overlapping(prefix); len(around) > 0 || from < to {
		i := from
		if len(around) > 0 {
			i = around[0]
		}
		return fmt.Sprintf("overlaps %s (%s on this host)", c.networks.Prefixes[i], c.networks.sources[i])
	}
	return ""
}

// natCoversNodes finds pools with natOutgoing over the nodes' network. Enabled pools for pods
// have other findings there.
func (c *checker) natCoversNodes(pool checkedPool) []Finding {
	if !pool.object.Spec.NATOutgoing || forNodes(pool) && !pool.object.Spec.Disabled || !pool.ranged() {
		return nil
	}
	holds := c.holdsNodes(pool.prefix())
	if holds == "" {
		return nil
	}
	return []Finding{{
		Code: NATPoolCoversNodes, Pool: pool.name, CIDR: pool.located(),
		Text: fmt.Sprintf("%s %s, and natOutgoing is true: traffic that nodes forward for hosts there is masqueraded; %s", pool.describeCIDR(), holds, pool.set("natOutgoing", "false")),
	}}
}

// encapsulatedToNodes finds ranges of nodes to which traffic of encapsulated pods is not
// masqueraded.
func (c *checker) encapsulatedToNodes(family ippool.Family, exempting []checkedPool) []Finding {
	i := slices.IndexFunc(c.pools, func(pool checkedPool) bool {
		return pool.family == family && masqueraded(pool) && encapsulation(pool) != ""
	})
	if i < 0 {
		return nil
	}
	for _, pool := range exempting {
		if holds := c.holdsNodes(pool.prefix()); holds != "" {
			return []Finding{{
				Code: EncapsulatedToNodes, Pool: pool.name, CIDR: pool.located(),
				Text: fmt.Sprintf("%s %s: traffic of pods to nodes is not encapsulated (IPPool %q: %s) and keeps the pods' addresses, which the nodes' network must route; set a range without the nodes",
					pool.describeCIDR(), holds, c.pools[i].name, encapsulation(c.pools[i])),
			}}
		}
	}
	return nil
}

// masqueraded reports whether the pool is an enabled one for pods with natOutgoing.
func masqueraded(pool checkedPool) bool {
	return pool.object.Spec.NATOutgoing && !pool.object.Spec.Disabled && forPods(pool)
}

// encapsulation returns the mode of a pool that encapsulates; empty: none does.
func encapsulation(pool checkedPool) string {
	switch ipip, vxlan := ippool.OrNever(pool.object.Spec.IPIPMode), ippool.OrNever(pool.object.Spec.VXLANMode); {
	case ipip != v3.IPIPModeNever:
		return fmt.Sprintf("ipipMode %s", ipip)
	case vxlan != v3.VXLANModeNever:
		return fmt.Sprintf("vxlanMode %s", vxlan)
	}
	return ""
}

// noReturnRoute finds ranges to which pods keep their addresses although BGP does not export
// routes to these. Of each family it reports the first pool of pods.
func (c *checker) noReturnRoute(family ippool.Family, exempting []checkedPool) []Finding {
	if len(exempting) == 0 {
		return nil
	}
	for _, pool := range c.pools {
		why := ""
		switch {
		case pool.family != family || !masqueraded(pool):
		case pool.object.Spec.DisableBGPExport:
			why = "disableBGPExport is true"
		case ippool.OrNever(pool.object.Spec.VXLANMode) != v3.VXLANModeNever:
			why = encapsulation(pool) + " is usually without BGP"
		}
		if why == "" {
			continue
		}
		names := make([]string, len(exempting))
		for i, one := range exempting {
			names[i] = fmt.Sprintf("%q", one.name)
		}
		return []Finding{{
			Code: NoReturnRoute, Pool: exempting[0].name, CIDR: exempting[0].located(),
			Text: fmt.Sprintf("traffic to IPPool(s) %s is not masqueraded, but routes to the pods of IPPool %q may be unknown there (%s): hosts there can't reply; add routes to its range via the nodes, or leave the range out",
				named(names), pool.name, why),
		}}
	}
	return nil
}

// exclusionsNote returns that Felix can exempt the addresses of nodes alone, where the plan
// creates a pool for a range that holds some; empty: it creates none.
func (c *checker) exclusionsNote(cli datastore.CLI, felixKnown bool) string {
	exists := slices.ContainsFunc(c.felix, func(felix nat.FelixConfiguration) bool { return felix.Name == "default" })
	for _, pool := range c.checked {
		if hit := c.nodesIn(pool.prefix()); pool.noNAT && !pool.existing && len(hit) > 0 {
			return fmt.Sprintf("IPPool %q holds the addresses of nodes: %s; to exempt nodes alone, Calico 3.31 and later need no pool: set natOutgoingExclusions in the FelixConfiguration default: %s",
				pool.name, named(hit), cli.SetFelixConfiguration("default", `{"natOutgoingExclusions":"IPPoolsAndHostIPs"}`, datastore.ExistenceOf(exists, felixKnown)))
		}
	}
	return ""
}
