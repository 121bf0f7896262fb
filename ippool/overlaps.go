package ippool

import (
	"net/netip"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// Overlap is a pair of pools that overlap, by their indexes in a slice.
type Overlap struct {
	Earlier, Later int // indexes, from 0
}

// Overlaps returns, for every pool that overlaps an earlier one, the pair that
// [ValidateSet] reports, ordered by Later. Prefixes either nest or are disjoint,
// so in sorted order a stack of the prefixes that are still open holds exactly
// those that contain the next one:
//
//	10.0.0.0/8    [========================]
//	10.1.0.0/16      [======]
//	10.1.2.0/24        [=]
//	10.9.0.0/16                 [====]
//
// No prefix is on the stack twice, so its height is at most the length of an
// address in bits, plus one.
func Overlaps(pools []*v3.IPPool) []Overlap {
	type ranged struct {
		prefix netip.Prefix
		place  int
		inside int // the earliest place of the prefixes inside, len(pools) if there are none
	}
	sorted := make([]ranged, 0, len(pools))
	for i, pool := range pools {
		if prefix, err := ParseCIDR(pool.Spec.CIDR); err == nil {
			sorted = append(sorted, ranged{prefix.Masked(), i, len(pools)})
		}
	}
	slices.SortStableFunc(sorted, func(a, b ranged) int { return comparePrefixes(a.prefix, b.prefix) })

	var (
		found []Overlap
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
				found = append(found, Overlap{Earlier: around.place, Later: last.place})
				return
			}
		}
		if last.inside < last.place {
			found = append(found, Overlap{Earlier: last.inside, Later: last.place})
		}
	}
	for _, r := range sorted {
		for len(open) > 0 && !Contains(open[len(open)-1].prefix, r.prefix) {
			closeLast()
		}
		if len(open) > 0 && open[len(open)-1].prefix == r.prefix {
			// The sort is stable: of equal ranges the earliest is on the stack.
			found = append(found, Overlap{Earlier: open[len(open)-1].place, Later: r.place})
			continue
		}
		open = append(open, r)
	}
	for len(open) > 0 {
		closeLast()
	}
	slices.SortFunc(found, func(a, b Overlap) int { return a.Later - b.Later })
	return found
}
