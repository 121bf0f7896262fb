package ippool

import (
	"fmt"
	"net/netip"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateSet returns everything that is wrong with the pools standing
// together: the faults of each by itself, names that occur twice, and ranges
// that overlap. Paths begin with items[i], i being the place in pools.
//
// A pool is told of as overlapping if it overlaps one that comes earlier in
// pools, and once: with the narrowest earlier range around it or else the
// earliest range inside it. So n pools give fewer than n overlaps, and those
// that none is told of overlap nothing among themselves. A pool whose CIDR
// doesn't parse overlaps nothing. It takes n log n steps.
func ValidateSet(pools []*v3.IPPool) field.ErrorList {
	var faults field.ErrorList
	items := field.NewPath("items")
	names := make(map[string]int, len(pools))
	for i, pool := range pools {
		for _, fault := range Validate(pool) {
			fault.Field = items.Index(i).String() + "." + fault.Field
			faults = append(faults, fault)
		}
		if first, taken := names[pool.Name]; taken {
			fault := field.Duplicate(items.Index(i).Child("metadata", "name"), pool.Name)
			fault.Detail = fmt.Sprintf("items[%d] has this name too", first)
			faults = append(faults, fault)
			continue
		}
		names[pool.Name] = i
	}
	for _, o := range overlaps(pools) {
		faults = append(faults, field.Invalid(items.Index(o.later).Child("spec", "cidr"), pools[o.later].Spec.CIDR,
			fmt.Sprintf("overlaps %s of pool %q", pools[o.earlier].Spec.CIDR, pools[o.earlier].Name)))
	}
	return faults
}

// overlap names two pools by their places in a slice.
type overlap struct{ earlier, later int }

// overlaps finds, for every pool that overlaps an earlier one, the partner that
// ValidateSet names; in the order of the later place. Prefixes either nest or
// are disjoint, so in sorted order a stack of the prefixes that are still open
// holds just those around the next one:
//
//	10.0.0.0/8    [========================]
//	10.1.0.0/16      [======]
//	10.1.2.0/24        [=]
//	10.9.0.0/16                 [====]
//
// No prefix is on the stack twice, so it is never higher than a prefix is long.
func overlaps(pools []*v3.IPPool) []overlap {
	type ranged struct {
		prefix netip.Prefix
		place  int
		inside int // the earliest place of what lies inside, len(pools) if nothing does
	}
	sorted := make([]ranged, 0, len(pools))
	for i, pool := range pools {
		if prefix, err := ParseCIDR(pool.Spec.CIDR); err == nil {
			sorted = append(sorted, ranged{prefix.Masked(), i, len(pools)})
		}
	}
	slices.SortStableFunc(sorted, func(a, b ranged) int { return comparePrefixes(a.prefix, b.prefix) })

	var (
		found []overlap
		open  []ranged
	)
	closeLast := func() {
		last := open[len(open)-1]
		open = open[:len(open)-1]
		if len(open) > 0 {
			around := &open[len(open)-1]
			around.inside = min(around.inside, last.place, last.inside)
		}
		for _, around := range slices.Backward(open) {
			if around.place < last.place {
				found = append(found, overlap{earlier: around.place, later: last.place})
				return
			}
		}
		if last.inside < last.place {
			found = append(found, overlap{earlier: last.inside, later: last.place})
		}
	}
	for _, r := range sorted {
		for len(open) > 0 && !Contains(open[len(open)-1].prefix, r.prefix) {
			closeLast()
		}
		if len(open) > 0 && open[len(open)-1].prefix == r.prefix {
			// The sort is stable: of equal ranges the earliest is on the stack.
			found = append(found, overlap{earlier: open[len(open)-1].place, later: r.place})
			continue
		}
		open = append(open, r)
	}
	for len(open) > 0 {
		closeLast()
	}
	slices.SortFunc(found, func(a, b overlap) int { return a.later - b.later })
	return found
}
