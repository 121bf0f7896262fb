package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/ranges"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// defaultIPv4 is calico-node's default range. fallbacksIPv4 are the ranges that it tries
// if the host has an address in the default.
var (
	defaultIPv4   = netip.MustParsePrefix("192.168.0.0/16")
	fallbacksIPv4 = func() []netip.Prefix {
		var all []netip.Prefix
		for second := byte(16); second <= 31; second++ {
			all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{172, second}), 16))
		}
		return all
	}()
)

// DefaultRange returns a range like those that are chosen for the family if no CIDR is
// set.
func DefaultRange(family ippool.Family) netip.Prefix {
	if family == ippool.IPv6 {
		return netip.MustParsePrefix("fd00::/48")
	}
	return defaultIPv4
}

// NeedsRandom reports whether the plan has an IPv6 pool that needs a random CIDR: none
// is set, and the cluster has no IPv6 pod CIDR.
func (p Plan) NeedsRandom(known facts.Facts) bool {
	first, _ := facts.FirstPodCIDR(known.PodCIDRs, ippool.IPv6)
	return !first.IsValid() && slices.ContainsFunc(p.Steps, func(step Step) bool {
		return step.Family == ippool.IPv6 && len(step.Unknown) > 0
	})
}

// Settle returns the plan with its unknown CIDRs chosen, and checks it against the
// existing pools and IPAM blocks. A CIDR is, in order of preference:
//
//   - the first pod CIDR of the family in the cluster;
//   - for IPv4, the first of 192.168.0.0/16 and 172.16.0.0/16 to 172.31.0.0/16
//     that overlaps no known range. The nodes' podCIDRs may be inside it, if all are;
//   - for IPv6, the random prefix. If random is the zero prefix, the CIDR stays
//     unknown.
//
// Then it splits the ranges of NoNATTo around all pools and the Services.
//
// Settle is a pure function and does not modify p. It returns ErrPodCIDR if a pool with
// the pod CIDR of the cluster is invalid, and ErrIncompatible if a pool to create
// overlaps another pool, contains blocks of another size, or is otherwise invalid.
func (p Plan) Settle(known facts.Facts, random netip.Prefix) (Plan, error) {
	p = p.withoutNoNAT()
	p.Warnings = slices.Clone(p.Warnings)
	var overlaps []error // Compute checks CIDRs that are set; only chosen ones need it here
	for i := range p.Steps {
		step := &p.Steps[i]
		if len(step.Unknown) == 0 {
			continue
		}
		chosen, err := p.choose(*step, known, random)
		if err != nil {
			return Plan{}, err
		}
		if chosen.warning != "" {
			p.Warnings = append(p.Warnings, chosen.warning)
		}
		if step.settle(chosen); len(step.Unknown) == 0 {
			overlaps = p.overlaps()
		}
	}
	split := p.splitNoNAT(prefixesOf(known.ServiceCIDRs()))
	if faults := slices.Concat(split, p.invalid(), overlaps, p.blocks(known.Blocks)); len(faults) > 0 {
		return Plan{}, errors.Join(faults...)
	}
	return p, nil
}

// choice is the CIDR chosen for a pool without one. The zero choice keeps it unknown.
type choice struct {
	prefix  netip.Prefix
	source  origin.Origin
	warning string // empty: none
}

// settle sets the CIDR of the step, in copies of what it shares with other plans.
func (s *Step) settle(c choice) {
	if !c.prefix.IsValid() {
		return
	}
	s.Unknown = nil
	s.Pool = s.Pool.DeepCopy()
	s.Pool.Spec.CIDR = c.prefix.String()
	s.Values = slices.Clone(s.Values)
	for i := range s.Values {
		if s.Values[i].Field == "cidr" {
			s.Values[i] = Value{"cidr", s.Pool.Spec.CIDR, c.source}
		}
	}
}

func (p Plan) choose(step Step, known facts.Facts, random netip.Prefix) (choice, error) {
	if prefix, source := facts.FirstPodCIDR(known.PodCIDRs, step.Family); prefix.IsValid() {
		pool := step.Pool.DeepCopy()
		pool.Spec.CIDR = prefix.String()
		if faults := ippool.Validate(pool); len(faults) > 0 {
			other := "other settings for it"
			if prefix.Bits() > pool.Spec.BlockSize {
				other = "smaller blocks with " + p.Names.Of(origin.PoolSetting(step.Family, "blockSize"))
			}
			return choice{}, fmt.Errorf("%w: %s of %s is not a valid pool: %w; set another CIDR with %s, or %s",
				ErrPodCIDR, prefix, source, faults.ToAggregate(), p.Names.Of(origin.PoolSetting(step.Family, "cidr")), other)
		}
		return choice{prefix: prefix, source: source}, nil
	}
	if step.Family == ippool.IPv6 {
		return choice{prefix: random, source: origin.DefaultBecause("random ULA")}, nil
	}
	return p.chooseIPv4(prefixesOf(known.Networks), p.used(step, known), assigned(known.Survey.Nodes, step.Family)), nil
}

// used returns the ranges, other than the host's networks, that the CIDR chosen for the
// step should not overlap.
func (p Plan) used(step Step, known facts.Facts) []netip.Prefix {
	used := slices.Concat(prefixesOf(known.Routes), prefixesOf(known.ServiceCIDRs()))
	for _, block := range known.Blocks { // those of the same size are from an earlier pool, which the new one may replace
		if ippool.FamilyOf(block) == step.Family && block.Bits() != step.Pool.Spec.BlockSize {
			used = append(used, block)
		}
	}
	for _, node := range known.Survey.Nodes {
		for _, addr := range node.Addresses {
			used = append(used, netip.PrefixFrom(addr, addr.BitLen()))
		}
	}
	for _, pool := range slices.Concat(p.existing(), p.created()) {
		if prefix, err := ippool.ParseCIDR(pool.Spec.CIDR); err == nil {
			used = append(used, prefix.Masked())
		}
	}
	return used
}

// assigned returns the podCIDRs of the nodes.
func assigned(nodes []facts.Node, family ippool.Family) []netip.Prefix {
	var all []netip.Prefix
	for _, node := range nodes {
		for _, prefix := range node.PodCIDRs {
			if ippool.FamilyOf(prefix) == family {
				all = append(all, prefix)
			}
		}
	}
	return all
}

// chooseIPv4 returns a range that overlaps no network of the host. calico-node compares
// only the host's addresses, and so can choose a range that contains a gateway or a
// resolver. A range that overlaps none of the other ranges either is preferred. It
// contains all of the nodes' podCIDRs or none: they are for pods, but not of two pools. One
// that overlaps no range of NoNATTo is preferred, and next one that contains none of them.
func (p Plan) chooseIPv4(networks, others, podCIDRs []netip.Prefix) choice {
	candidates := slices.Concat([]netip.Prefix{defaultIPv4}, fallbacksIPv4)
	whole := slices.DeleteFunc(slices.Clone(candidates), func(candidate netip.Prefix) bool {
		split := func(prefix netip.Prefix) bool { return !ippool.Contains(candidate, prefix) }
		return slices.ContainsFunc(podCIDRs, candidate.Overlaps) && slices.ContainsFunc(podCIDRs, split)
	})
	prefix, free := ippool.FirstFree(p.besideNoNAT(whole), slices.Concat(networks, others))
	if !free {
		if prefix, free = ippool.FirstFree(candidates, networks); free {
			source := origin.Default
			if prefix != defaultIPv4 {
				source = origin.DefaultBecause(fmt.Sprintf("%s is in use on this host", defaultIPv4))
			}
			return choice{prefix: prefix, source: source, warning: fmt.Sprintf(
				"%s and all of %s to %s overlap networks, routes, nodes, Services or pools: the IPv4 pool %s overlaps one of them; set a free range with %s",
				defaultIPv4, fallbacksIPv4[0], fallbacksIPv4[len(fallbacksIPv4)-1], prefix, p.Names.Of(origin.PoolSetting(ippool.IPv4, "cidr")))}
		}
	}
	switch {
	case free && prefix == defaultIPv4:
		return choice{prefix: prefix, source: origin.Default}
	case free && slices.ContainsFunc(networks, defaultIPv4.Overlaps):
		return choice{prefix: prefix, source: origin.DefaultBecause(fmt.Sprintf("%s is in use on this host", defaultIPv4))}
	case free && !slices.ContainsFunc(others, defaultIPv4.Overlaps) && p.isNoNATTo(defaultIPv4):
		return choice{prefix: prefix, source: origin.DefaultBecause(fmt.Sprintf("%s overlaps %s", defaultIPv4, p.Names.Of(origin.SettingNoNATTo)))}
	case free:
		return choice{prefix: prefix, source: origin.DefaultBecause(fmt.Sprintf("%s is in use", defaultIPv4))}
	}
	return choice{prefix: defaultIPv4, source: origin.Default, warning: fmt.Sprintf(
		"this host has networks in %s and in all of %s to %s: the IPv4 pool overlaps one of them; set a free range with %s",
		defaultIPv4, fallbacksIPv4[0], fallbacksIPv4[len(fallbacksIPv4)-1], p.Names.Of(origin.PoolSetting(ippool.IPv4, "cidr")))}
}

// prefixesOf returns the prefixes without their sources.
func prefixesOf(all []facts.Located) []netip.Prefix {
	prefixes := make([]netip.Prefix, len(all))
	for i, located := range all {
		prefixes[i] = located.Prefix
	}
	return prefixes
}

// created returns the pools to create whose CIDR is known.
func (p Plan) created() []*v3.IPPool {
	var pools []*v3.IPPool
	for _, step := range p.Steps {
		if step.Action == Created && len(step.Unknown) == 0 {
			pools = append(pools, step.Pool)
		}
	}
	return pools
}

// existing returns the existing pools with a CIDR, sorted by name.
func (p Plan) existing() []*v3.IPPool {
	pools := make([]*v3.IPPool, 0, len(p.Existing))
	for _, existing := range p.Existing {
		pools = append(pools, existing.Pool)
	}
	return pools
}

// invalid validates the pools to create.
func (p Plan) invalid() []error {
	var faults []error
	for _, pool := range p.created() {
		for _, fault := range ippool.Validate(pool) {
			faults = append(faults, fmt.Errorf("%w: IPPool %q: %w", ErrIncompatible, pool.Name, fault))
		}
	}
	return faults
}

// overlaps returns the overlaps of pools to create with each other and with existing
// pools. Existing pools may overlap each other.
func (p Plan) overlaps() []error {
	created := p.created()
	if len(created) == 0 {
		return nil
	}
	existing := p.existing()
	all := slices.Concat(existing, created)
	values := map[string][]Value{}
	for _, step := range p.Steps {
		if step.Action == Created {
			values[step.Name] = step.Values
		}
	}
	var faults []error
	for _, o := range ippool.Overlaps(all) {
		if o.Later < len(existing) {
			continue
		}
		pool, other := all[o.Later], all[o.Earlier]
		cidrs, remedy := fmt.Sprintf("%s of IPPool %q", other.Spec.CIDR, other.Name), "choose another range"
		if o.Earlier < len(existing) && IsNoNAT(other) {
			var room string
			cidrs, room = p.makeRoom(pool)
			remedy += ", or " + room
		}
		faults = append(faults, fmt.Errorf("%w: IPPool %q: %s (%s) overlaps %s: %s",
			ErrIncompatible, pool.Name, pool.Spec.CIDR, sourceOf(values[pool.Name], "cidr"), cidrs, remedy))
	}
	return faults
}

// blocks returns the faults of pools to create that contain IPAM blocks of another
// size. Those that have another size than a pool of their family are sorted once, so that each
// pool only looks at those inside of it.
func (p Plan) blocks(blocks []netip.Prefix) []error {
	var (
		faults  []error
		created = p.created()
		sizes   = map[ippool.Family][]int{}
		others  []netip.Prefix // nearly always none
	)
	for _, pool := range created {
		prefix, err := ippool.ParseCIDR(pool.Spec.CIDR)
		if err != nil {
			continue
		}
		if family := ippool.FamilyOf(prefix); !slices.Contains(sizes[family], pool.Spec.BlockSize) {
			sizes[family] = append(sizes[family], pool.Spec.BlockSize)
		}
	}
	for _, block := range blocks {
		if block.IsValid() && slices.ContainsFunc(sizes[ippool.FamilyOf(block)], func(size int) bool { return size != block.Bits() }) {
			others = append(others, block)
		}
	}
	index := ranges.New(others)
	for _, pool := range created {
		prefix, _ := ippool.ParseCIDR(pool.Spec.CIDR) // an invalid one overlaps nothing
		around, from, to := index.Overlapping(prefix)
		inside := index.Prefixes[from:to:to] // appending copies it
		for _, i := range around {
			inside = append(inside, index.Prefixes[i])
		}
		for _, fault := range ippool.ValidateBlocks(pool, inside) {
			faults = append(faults, fmt.Errorf("%w: IPPool %q: %w", ErrIncompatible, pool.Name, fault))
		}
	}
	return faults
}
