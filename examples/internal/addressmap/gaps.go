package addressmap

import (
	"cmp"
	"math"
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// lastOf returns the last address of the prefix.
func lastOf(prefix netip.Prefix) netip.Addr { return netipx.PrefixLastIP(prefix) }

// sizeOf returns the number of addresses.
func sizeOf(prefix netip.Prefix) float64 {
	return math.Exp2(float64(prefix.Addr().BitLen() - prefix.Bits()))
}

// gaps returns a row for each part of a private range that no use covers. Of many in one
// private range, the smaller ones are one row.
func gaps(cells []cell) []Row {
	var rows []Row
	for i, private := range cells {
		if !slices.ContainsFunc(private.uses, func(u use) bool { return u.Kind == Private }) {
			continue
		}
		free := gapsIn(private.prefix, cells[i:], covered(cells, i))
		for g := range free {
			free[g].Depth = private.depth + 1
		}
		rows = append(rows, mergeGaps(free)...)
	}
	return rows
}

// covered reports whether a use covers all of the cell at position i.
func covered(cells []cell, i int) bool {
	for ; i >= 0; i = cells[i].parent {
		if slices.ContainsFunc(cells[i].uses, func(u use) bool { return u.Kind != Private }) {
			return true
		}
	}
	return false
}

// gapsIn returns the free parts of a private range, given its cell and those after it.
func gapsIn(private netip.Prefix, cells []cell, covered bool) []Row {
	if covered {
		return nil
	}
	var free netipx.IPSetBuilder
	free.AddPrefix(private)
	for _, c := range cells[1:] {
		if !private.Contains(c.prefix.Addr()) {
			break
		}
		if c.depth == cells[0].depth+1 { // the others are inside of these
			free.RemovePrefix(c.prefix)
		}
	}
	set, _ := free.IPSet() // prefixes are valid
	var rows []Row
	for _, gap := range set.Ranges() {
		prefixes := gap.Prefixes()
		largest := slices.MinFunc(prefixes, func(a, b netip.Prefix) int { return cmp.Compare(a.Bits(), b.Bits()) })
		rows = append(rows, Row{Kind: Free, First: gap.From(), Last: gap.To(), Count: 1, Sources: []string{}, Largest: largest, Overlaps: []Overlap{}})
	}
	return rows
}

// mergeGaps keeps the gaps with the largest prefixes and joins the others.
func mergeGaps(free []Row) []Row {
	if len(free) <= maxGaps {
		return free
	}
	bySize := slices.Clone(free)
	slices.SortStableFunc(bySize, func(a, b Row) int { return cmp.Compare(a.Largest.Bits(), b.Largest.Bits()) })
	smaller := slices.SortedFunc(slices.Values(bySize[maxGaps:]), func(a, b Row) int { return a.First.Compare(b.First) })
	group := smaller[0]
	group.Count, group.Last, group.Largest = len(smaller), smaller[len(smaller)-1].Last, bySize[maxGaps].Largest
	return append(bySize[:maxGaps:maxGaps], group)
}
