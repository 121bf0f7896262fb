// Package preflight checks the pools of a plan against the host and the cluster,
// and finds what Calico takes though something else suffers. It is made of pure
// functions: nothing here does I/O.
package preflight

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// premises are what the preflight holds pools against.
type input struct {
	networks, routes []facts.Located       // of this host
	podCIDRs         []facts.PodCIDRSource // that the cluster knows
	survey           facts.Survey
	pools            []checkedPool // all that stand or will

	// unreadable are the families of pools that stand and of which no more can
	// be read.
	unreadable []ippool.Family
}

// checkedPool is a pool as the preflight sees it.
type checkedPool struct {
	name   string
	family ippool.Family
	spec   v3.IPPoolSpec

	// values are those behind a pool that is created. stands says that it is
	// in the datastore instead, byDefault that the settings of the default
	// pool are behind it.
	values    []plan.Value
	existing  bool
	byDefault bool
	manager   string // who else looks after one that stands; empty: nobody that is known
	deleted   bool   // it has a deletion timestamp

	// drawn says that the CIDR is not known yet, and will be a random one.
	randomRange bool

	// updated is where the fields that are changed in a pool that stands get
	// their values from.
	updated map[string]origin.Origin
}

// check is one way of judging a pool that is in use. It is given no pool
// without a CIDR, but for one whose CIDR will be drawn.
type check struct {
	code FindingCode
	run  func(input, checkedPool) []Finding
	of   func(checkedPool) bool // the pools that it makes sense for
}

// checks are in the order of the codes.
//
// A disabled pool gets none: nobody is given its addresses, and a disabled pool
// over the nodes' networks is the way to keep pods' traffic to nodes from being
// masqueraded. A pool for LoadBalancers gives its addresses to Services, not to
// nodes and pods; that may well be addresses of the hosts' own networks, but not
// those of a node.
var checks = []check{
	{HostInterfaceOverlap, input.onInterfaces, forNodes},
	{HostRouteOverlap, input.onRoutes, forNodes},
	{NodeAddressOverlap, input.onNodes, anyUse},
	{ServiceCIDROverlap, input.onServices, anyUse},
	{OutsidePodCIDR, input.outsidePodCIDR, forPods},
	{OutsideNodePodCIDR, input.outsideNodePodCIDR, forPods},
	{ULAWithoutNAT, input.localWithoutNAT, forPods},
	{PrivateWithoutNAT, input.privateWithoutNAT, forPods},
	{FewerBlocksThanNodes, input.fewerBlocks, forNodes},
	{NodeSelectorMatchesNoNode, input.noNode, forNodes},
}

// findings judges the pools, in their order, and then each family as a whole.
// The findings of a pool are in the order of their codes and then of what the
// pool clashes with.
func (p input) findings(pools []checkedPool, families []ippool.Family) []Finding {
	var found []Finding
	for _, pool := range pools {
		if pool.spec.Disabled || !pool.ranged() {
			continue
		}
		for _, check := range checks {
			if !check.of(pool) {
				continue
			}
			for _, finding := range check.run(p, pool) {
				finding.Code, finding.Pool = check.code, pool.name
				found = append(found, finding)
			}
		}
	}
	for _, family := range families {
		found = append(found, p.terminating(family)...)
		found = append(found, p.noUsablePool(family)...)
	}
	return found
}

// terminating finds pools that are being deleted, and count until they are gone.
func (p input) terminating(family ippool.Family) []Finding {
	var found []Finding
	for _, pool := range p.pools {
		if pool.family == family && pool.deleted {
			found = append(found, Finding{
				Code: PoolTerminating, Pool: pool.name, CIDR: pool.located(),
				Text: fmt.Sprintf("IPPool %q is being deleted and counts as an %s pool until it is gone; run again afterwards", pool.name, family),
			})
		}
	}
	return found
}

// prefix is the pool's range; not valid if it is still to be drawn, or no CIDR
// at all.
func (p checkedPool) prefix() netip.Prefix {
	prefix, err := ippool.ParseCIDR(p.spec.CIDR)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix.Masked()
}

// drawnFrom is the range that random ULAs come from (RFC 4193, L=1).
var randomRanges = netip.MustParsePrefix("fd00::/8")

// isIn reports whether the pool's range is certain to overlap the other. Of a
// random range that is not drawn yet, it is where every random range does.
func (p checkedPool) isIn(other netip.Prefix) bool {
	if p.randomRange {
		return ippool.Contains(other, randomRanges)
	}
	return other.Overlaps(p.prefix())
}

func (p checkedPool) ranged() bool { return p.randomRange || p.prefix().IsValid() }

func anyUse(checkedPool) bool { return true }

func forPods(pool checkedPool) bool {
	uses := pool.spec.AllowedUses
	return len(uses) == 0 || slices.Contains(uses, v3.IPPoolAllowedUseWorkload)
}

// forNodes is for what takes blocks: pods and the nodes' tunnels.
func forNodes(pool checkedPool) bool {
	return forPods(pool) || slices.Contains(pool.spec.AllowedUses, v3.IPPoolAllowedUseTunnel)
}

// source is where a field came from.
func (p checkedPool) source(field string) origin.Origin {
	if source, changed := p.updated[field]; changed {
		return source
	}
	if p.existing {
		return origin.Datastore
	}
	for _, value := range p.values {
		if value.Field == field {
			return value.Source
		}
	}
	return origin.Default
}

// says begins a text with the pool and the field that it is about.
func (p checkedPool) describe(field, value string) string {
	return fmt.Sprintf("IPPool %q: %s %s (%s)", p.name, field, value, p.source(field))
}

// saysCIDR is for texts about the range.
func (p checkedPool) describeCIDR() string {
	if p.randomRange {
		return fmt.Sprintf("IPPool %q: the random ULA /48 that is generated for it", p.name)
	}
	return p.describe("cidr", text.Quote(p.spec.CIDR))
}

// located is the pool's own range, and where it came from.
func (p checkedPool) located() *facts.Located {
	if p.randomRange {
		return nil
	}
	return &facts.Located{Prefix: p.prefix(), Source: p.source("cidr")}
}

// elsewhere says how pods come to another range.
func (p checkedPool) moveRemedy() string {
	switch {
	case p.existing:
		return "a CIDR is not updatable in place, so add another pool and disable this one"
	case p.byDefault:
		return fmt.Sprintf("set another range with %s", origin.Flag(fmt.Sprintf("ipv%d-pool-cidr", p.family)))
	default:
		return "set another range there"
	}
}

// set says how a field gets another value.
func (p checkedPool) set(field, to, flag string) string {
	_, changed := p.updated[field]
	switch {
	case p.manager != "":
		return fmt.Sprintf("have %s set %s to %s", p.manager, field, to)
	case p.byDefault && p.existing && !changed:
		return fmt.Sprintf("set %s to %s with %s and --on-drift=update", field, to, origin.Flag(fmt.Sprintf("ipv%d-pool-%s", p.family, flag)))
	case p.byDefault:
		return fmt.Sprintf("set %s to %s with %s", field, to, origin.Flag(fmt.Sprintf("ipv%d-pool-%s", p.family, flag)))
	case p.existing && !changed:
		return fmt.Sprintf("set %s to %s in the IPPool", field, to)
	default:
		return fmt.Sprintf("set %s to %s there", field, to)
	}
}

// noUsablePool finds that no pod gets an address of the family unless it names
// the pool: which is easily so where a pool exists for something else, since no
// default pool is created beside it.
func (p input) noUsablePool(family ippool.Family) []Finding {
	if slices.Contains(p.unreadable, family) {
		return nil
	}
	var why []string
	for _, pool := range p.pools {
		if pool.family != family {
			continue
		}
		reason := pool.unusable()
		if reason == "" {
			return nil
		}
		why = append(why, fmt.Sprintf("%q %s", pool.name, reason))
	}
	if why == nil {
		return nil
	}
	return []Finding{{
		Code: NoUsablePool,
		Text: fmt.Sprintf("no %s pool is available for automatic assignment: %s: make one of them available, or add an %s pool; while any exists, no default pool is created",
			family, named(why), family),
	}}
}

// unusable says why pods don't get addresses of the pool by themselves; empty:
// they do.
func (p checkedPool) unusable() string {
	mode := p.spec.AssignmentMode
	switch {
	case p.spec.Disabled:
		return "is disabled"
	case !forPods(p):
		return fmt.Sprintf("is for %s only", text.Join(p.spec.AllowedUses))
	case mode != nil && *mode == v3.Manual:
		return "has assignmentMode Manual"
	}
	return ""
}

// named lists the first few, and how many there are beside them.
func named(all []string) string {
	first := all[:min(len(all), text.MaxNamed)]
	if more := len(all) - len(first); more > 0 {
		first = append(slices.Clone(first), fmt.Sprintf("%d more", more))
	}
	return strings.Join(first, ", ")
}
