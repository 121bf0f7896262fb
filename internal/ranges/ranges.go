// Package ranges finds which of many prefixes overlap another one.
package ranges

import (
	"cmp"
	"net/netip"
	"slices"
)

// Index is a sorted set of prefixes. The zero Index is empty. It is safe for concurrent
// use.
type Index struct {
	// Prefixes are distinct and valid, without host bits, sorted by family, then by
	// first address, then from wide to narrow. They must not be modified.
	Prefixes []netip.Prefix

	// around has, for each prefix, the position of the narrowest other prefix that
	// contains it; -1 if there is none.
	around []int
}

// New returns an Index of the valid prefixes, without their host bits.
func New(prefixes []netip.Prefix) Index {
	x := Index{Prefixes: make([]netip.Prefix, 0, len(prefixes))}
	for _, prefix := range prefixes {
		if prefix.IsValid() {
			x.Prefixes = append(x.Prefixes, prefix.Masked())
		}
	}
	slices.SortFunc(x.Prefixes, Compare)
	x.Prefixes = slices.Compact(x.Prefixes)
	x.around = make([]int, len(x.Prefixes))
	for i, prefix := range x.Prefixes {
		x.around[i] = x.narrowest(i-1, prefix)
	}
	return x
}

// Compare orders prefixes without host bits by family, then by first address, then from
// wide to narrow, so that a prefix comes after those that contain it.
func Compare(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// narrowest returns the position of the narrowest prefix up to position i that contains
// the given one, which must not be less than the prefix at i; -1 if there is none.
// Prefixes either nest or are disjoint, so it is the one at i, or contains that.
func (x Index) narrowest(i int, prefix netip.Prefix) int {
	for i >= 0 && !(x.Prefixes[i].Bits() <= prefix.Bits() && x.Prefixes[i].Contains(prefix.Addr())) {
		i = x.around[i]
	}
	return i
}

// Narrowest returns the position of the narrowest prefix that contains the address; -1 if
// there is none. It takes O(log n) time, and allocates nothing.
func (x Index) Narrowest(addr netip.Addr) int {
	// Of the prefixes that begin at or before the address, the last one contains it, or
	// is inside of the one that does. A loop takes half of the time of slices.BinarySearchFunc.
	from, to := 0, len(x.Prefixes)
	for from < to {
		middle := int(uint(from+to) / 2)
		if x.Prefixes[middle].Addr().Compare(addr) <= 0 {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return x.narrowest(from-1, netip.PrefixFrom(addr, addr.BitLen()))
}

// Around returns the position of the narrowest other prefix that contains the one at
// position i; -1 if there is none.
func (x Index) Around(i int) int { return x.around[i] }

// Overlapping returns the positions of the prefixes that overlap the given one: those
// that contain or equal it, ascending, and the first and the end of those inside of it.
// It takes O(log n) time, and O(1) for each prefix around.
func (x Index) Overlapping(prefix netip.Prefix) (around []int, from, to int) {
	if !prefix.IsValid() {
		return nil, 0, 0
	}
	prefix = prefix.Masked()
	from, equal := slices.BinarySearchFunc(x.Prefixes, prefix, Compare)
	if equal {
		from++
	}
	for i := x.narrowest(from-1, prefix); i >= 0; i = x.around[i] {
		around = append(around, i)
	}
	slices.Reverse(around)
	inside, _ := slices.BinarySearchFunc(x.Prefixes[from:], prefix, func(candidate, prefix netip.Prefix) int {
		if prefix.Contains(candidate.Addr()) {
			return -1
		}
		return 1
	})
	return around, from, from + inside
}

// Covers reports whether a prefix of the index contains or equals the given one.
func (x Index) Covers(prefix netip.Prefix) bool {
	around, _, _ := x.Overlapping(prefix)
	return len(around) > 0
}
