package ippool

import (
	"fmt"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateSet returns everything that is wrong with the pools standing
// together: the faults of each by itself, names that occur twice, and ranges
// that overlap. Paths begin with items[i], i being the place in pools.
//
// An overlap is told of the pool that comes later in pools, and once a pool,
// with the narrowest range around it, so that n pools give fewer than n
// overlaps. A pool whose CIDR doesn't parse overlaps nothing. It takes
// n log n steps.
func ValidateSet(pools []*IPPool) field.ErrorList {
	var faults field.ErrorList
	items := field.NewPath("items")
	names := make(map[string]int, len(pools))
	for i, pool := range pools {
		for _, fault := range Validate(pool) {
			fault.Field = items.Index(i).String() + "." + fault.Field
			faults = append(faults, fault)
		}
		if first, taken := names[pool.Name]; taken {
			faults = append(faults, field.Duplicate(items.Index(i).Child("metadata", "name"),
				fmt.Sprintf("%s (also items[%d])", pool.Name, first)))
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

// overlaps finds every pool that lies in another, in the order of the later
// place. Prefixes either nest or are disjoint, so in sorted order a stack of
// the prefixes that are still open holds just those around the next one:
//
//	10.0.0.0/8    [========================]
//	10.1.0.0/16      [======]
//	10.1.2.0/24        [=]
//	10.9.0.0/16                 [====]
func overlaps(pools []*IPPool) []overlap {
	type ranged struct {
		prefix netip.Prefix
		place  int
	}
	sorted := make([]ranged, 0, len(pools))
	for i, pool := range pools {
		if prefix, err := ParseCIDR(pool.Spec.CIDR); err == nil {
			sorted = append(sorted, ranged{prefix.Masked(), i})
		}
	}
	slices.SortStableFunc(sorted, func(a, b ranged) int { return comparePrefixes(a.prefix, b.prefix) })

	var (
		found []overlap
		open  []ranged
	)
	for _, r := range sorted {
		for len(open) > 0 && !Contains(open[len(open)-1].prefix, r.prefix) {
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			around := open[len(open)-1].place
			found = append(found, overlap{earlier: min(around, r.place), later: max(around, r.place)})
		}
		open = append(open, r)
	}
	slices.SortFunc(found, func(a, b overlap) int {
		if a.later != b.later {
			return a.later - b.later
		}
		return a.earlier - b.earlier
	})
	return found
}
