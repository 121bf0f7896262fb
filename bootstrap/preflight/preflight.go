// Package preflight checks the pools of a plan against facts of the host and the
// cluster.
//
// [Check] returns a [Finding] for each problem that Calico accepts but that breaks or
// limits something else, such as a pool that overlaps the Service CIDR. [FindingCode]
// lists the kinds. The [Mode] determines whether findings are reported or are errors;
// [Allowed] separates those that the settings allow. All functions are pure: nothing in
// this package does I/O.
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
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// input is what pools are checked against.
type input struct {
	networks, routes []facts.Located // of this host
	podCIDRs         []facts.PodCIDRSource
	survey           facts.Survey
	installation     facts.Installation
	backend          facts.Backend
	felix            []nat.FelixConfiguration
	all              bool          // findings of package nat about pools without a step count
	pools            []checkedPool // all existing and planned pools
	names            origin.Names  // of settings, in remedies

	// unreadable are the families of malformed existing pools.
	unreadable []ippool.Family
}

// checkedPool has the data of a pool that checks use.
type checkedPool struct {
	name   string
	family ippool.Family
	object *v3.IPPool   // not modified
	names  origin.Names // of settings, in remedies

	values    []plan.Value // values of a pool to create
	existing  bool         // the pool exists in the datastore
	byDefault bool         // the settings of the default pool apply to it
	ofFile    bool         // a file names it
	manager   string       // what manages an existing pool; empty: unknown
	deleted   bool         // it has a deletion timestamp
	noNAT     bool         // it has plan.NoNATLabel

	// randomRange reports whether the CIDR is unknown and will be random.
	randomRange bool

	// drawn reports whether the CIDR is or will be random: no setting or
	// cluster names it.
	drawn bool

	// updated has the sources of the fields that are updated in an existing
	// pool.
	updated map[string]origin.Origin
}

// check is a check of an enabled pool with a CIDR or a future random CIDR.
type check struct {
	code FindingCode
	run  func(*checker, checkedPool) []Finding
	of   func(checkedPool) bool // the pools that it applies to
}

// checks are in the order of the codes.
//
// Disabled pools are not checked: their addresses are not assigned, and a disabled pool
// over the nodes' networks is the way to exempt traffic from pods to nodes from
// masquerading. The addresses of a LoadBalancer pool are assigned to Services, not to
// nodes and pods: they may be in the hosts' networks, but must not be those of a node.
var checks = []check{
	{HostInterfaceOverlap, (*checker).onInterfaces, forNodes},
	{HostRouteOverlap, (*checker).onRoutes, forNodes},
	{NodeAddressOverlap, (*checker).onNodes, anyUse},
	{ServiceCIDROverlap, (*checker).onServices, anyUse},
	{OutsidePodCIDR, (*checker).outsidePodCIDR, forPods},
	{OutsideNodePodCIDR, (*checker).outsideNodePodCIDR, forPods},
	{FamilyNotInCluster, (*checker).familyNotInCluster, forPods},
	{UnroutableRange, (*checker).unroutable, anyUse},
	{ULAWithoutNAT, (*checker).localWithoutNAT, forPods},
	{PrivateWithoutNAT, (*checker).privateWithoutNAT, forPods},
	{FewerBlocksThanNodes, (*checker).fewerBlocks, forNodes},
	{NodeSelectorMatchesNoNode, (*checker).noNode, forNodes},
	{NoRoutesWithoutBIRD, (*checker).noRoutes, forPods},
	{BIRDNotNeeded, (*checker).birdNotNeeded, forPods},
	{EncapsulationPolicyOnly, (*checker).policyOnly, forPods},
}

// findings checks the pools, in order, and then each family as a whole. The findings of
// a pool are sorted by code and by the range that it conflicts with.
func (p input) findings(pools []checkedPool, families []ippool.Family) []Finding {
	var found []Finding
	c := newChecker(p, pools)
	for _, pool := range pools {
		if pool.object.Spec.Disabled || !pool.ranged() {
			continue
		}
		for _, check := range checks {
			if !check.of(pool) {
				continue
			}
			for _, finding := range check.run(c, pool) {
				finding.Code, finding.Pool = check.code, pool.name
				found = append(found, finding)
			}
		}
	}
	for _, family := range families {
		found = append(found, p.terminating(family)...)
		found = append(found, p.noUsablePool(family)...)
		found = append(found, c.nodesWithoutPool(family)...)
		found = append(found, p.besideOperator(family)...)
	}
	return found
}

// terminating finds pools that are being deleted. They count until the deletion completes.
func (p input) terminating(family ippool.Family) []Finding {
	var found []Finding
	for _, pool := range p.pools {
		if pool.family == family && pool.deleted {
			counts := fmt.Sprintf("counts as an %s pool", family)
			if pool.noNAT {
				counts = "exempts traffic from masquerading"
			}
			found = append(found, Finding{
				Code: PoolTerminating, Pool: pool.name, CIDR: pool.located(),
				Text: fmt.Sprintf("IPPool %q is being deleted and %s until the deletion completes; run again afterwards", pool.name, counts),
			})
		}
	}
	return found
}

// prefix returns the pool's range. It is not valid if the CIDR is unknown or malformed.
func (p checkedPool) prefix() netip.Prefix {
	prefix, err := ippool.ParseCIDR(p.object.Spec.CIDR)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix.Masked()
}

// randomRanges is the range of random ULAs (RFC 4193, L=1), and randomBits their length.
var randomRanges = netip.MustParsePrefix("fd00::/8")

const randomBits = 48

func (p checkedPool) ranged() bool { return p.randomRange || p.prefix().IsValid() }

func anyUse(checkedPool) bool { return true }

func forPods(pool checkedPool) bool {
	uses := pool.object.Spec.AllowedUses
	return len(uses) == 0 || slices.Contains(uses, v3.IPPoolAllowedUseWorkload)
}

// forNodes reports whether nodes take blocks of the pool, for pods or tunnel addresses.
func forNodes(pool checkedPool) bool {
	return forPods(pool) || slices.Contains(pool.object.Spec.AllowedUses, v3.IPPoolAllowedUseTunnel)
}

// source returns the source of a field.
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

// describe returns the beginning of a text: the pool, a field and its source.
func (p checkedPool) describe(field, value string) string {
	return fmt.Sprintf("IPPool %q: %s %s (%s)", p.name, field, value, p.source(field))
}

// describeCIDR is describe for the range.
func (p checkedPool) describeCIDR() string {
	if p.randomRange {
		return fmt.Sprintf("IPPool %q: the random ULA /48 that is generated for it", p.name)
	}
	return p.describe("cidr", text.Quote(p.object.Spec.CIDR))
}

// located returns the pool's range and its source, or nil if it is unknown.
func (p checkedPool) located() *facts.Located {
	if p.randomRange {
		return nil
	}
	return &facts.Located{Prefix: p.prefix(), Source: p.source("cidr")}
}

// moveRemedy returns how to use another range.
func (p checkedPool) moveRemedy() string {
	switch {
	case p.existing:
		return "a CIDR is not updatable in place, so add another pool and disable this one"
	case p.byDefault:
		return fmt.Sprintf("set another range with %s", p.names.Of(origin.PoolSetting(p.family, "cidr")))
	default:
		return "set another range in " + p.place("cidr")
	}
}

// set returns how to set a field to another value.
func (p checkedPool) set(field, to string) string {
	setting := p.names.Of(origin.PoolSetting(p.family, field))
	_, changed := p.updated[field]
	switch {
	case p.manager != "":
		return fmt.Sprintf("have %s set %s to %s", p.manager, field, to)
	case p.byDefault && p.existing && !changed:
		return fmt.Sprintf("set %s to %s with %s and %s", field, to, setting, p.names.With(origin.SettingOnDrift, string(plan.DriftUpdate)))
	case p.byDefault:
		return fmt.Sprintf("set %s to %s with %s", field, to, setting)
	case p.existing && !changed:
		return fmt.Sprintf("set %s to %s in the IPPool", field, to)
	default:
		return fmt.Sprintf("set %s to %s in %s", field, to, p.place(field))
	}
}

// place returns where the field of a pool of a file is set.
func (p checkedPool) place(field string) string {
	if source := p.source(field); source.Kind() != origin.KindDefault {
		return source.String()
	}
	return "its manifest"
}

// noUsablePool finds families without a pool for automatic assignment. A pool for
// another use is enough to cause this, because then no default pool is created.
func (p input) noUsablePool(family ippool.Family) []Finding {
	if slices.Contains(p.unreadable, family) {
		return nil
	}
	var why []string
	onlyFiles := true
	for _, pool := range p.pools {
		if pool.family != family || pool.noNAT {
			continue
		}
		onlyFiles = onlyFiles && pool.ofFile
		reason := plan.Unusable(pool.object.Spec)
		if reason == "" {
			return nil
		}
		why = append(why, fmt.Sprintf("%q %s", pool.name, reason))
	}
	if why == nil {
		return nil
	}
	remedy := fmt.Sprintf("add an %s pool; while any exists, no default pool is created", family)
	if onlyFiles { // they don't take the place of a default pool
		remedy = fmt.Sprintf("set %s to create the default pool as well", p.names.Of(origin.PoolSetting(family, "cidr")))
	}
	return []Finding{{
		Code: NoUsablePool,
		Text: fmt.Sprintf("no %s pool is available for automatic assignment: %s: make one of them available, or %s", family, named(why), remedy),
	}}
}

// named lists the first of them and counts the others.
func named[T any](all []T) string {
	var first []string
	for _, one := range all[:min(len(all), text.MaxNamed)] {
		first = append(first, fmt.Sprint(one))
	}
	if more := len(all) - len(first); more > 0 {
		first = append(first, fmt.Sprintf("%d more", more))
	}
	return strings.Join(first, ", ")
}
