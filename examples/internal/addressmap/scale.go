package addressmap

import (
	"math/big"
	"net/netip"
	"slices"
)

// segment is a part of a bar that shows one range of addresses to scale.
type segment struct {
	prefix   netip.Prefix
	enlarged bool // it is a part of another segment
	x, width float64
}

// span returns the horizontal extent of the addresses in the segment; not ok if none is.
func (s segment) span(first, last netip.Addr) (x, width float64, ok bool) {
	from, to := s.prefix.Addr(), lastOf(s.prefix)
	if first.BitLen() != from.BitLen() || last.Less(from) || to.Less(first) {
		return 0, 0, false
	}
	if first.Less(from) {
		first = from
	}
	if to.Less(last) {
		last = to
	}
	scale := s.width / sizeOf(s.prefix)
	return s.x + scale*between(from, first), scale * (between(first, last) + 1), true
}

// between returns the number of addresses from one up to the other, without the other.
func between(from, to netip.Addr) float64 {
	difference := new(big.Int).Sub(new(big.Int).SetBytes(to.AsSlice()), new(big.Int).SetBytes(from.AsSlice()))
	number, _ := new(big.Float).SetInt(difference).Float64()
	return number
}

// maxEnlarged limits the enlarged parts of a bar.
const maxEnlarged = 3

// segmentsOf returns the segments of the bar of a family: its private ranges, wider where
// more rows are. Parts of an IPv6 range, which is too large to see them, follow enlarged.
func segmentsOf(rows []Row, bits int, x, width float64) []segment {
	var (
		segments []segment
		weights  []float64
		total    float64
	)
	add := func(prefix netip.Prefix, rows int, enlarged bool) {
		segments, weights = append(segments, segment{prefix: prefix, enlarged: enlarged}), append(weights, 0)
		if rows > 0 {
			weights[len(weights)-1] = float64(min(3+rows, 12))
		}
		total += weights[len(weights)-1]
	}
	for _, private := range privateRanges {
		if private.prefix.Addr().BitLen() != bits {
			continue
		}
		inside := usesIn(rows, private.prefix)
		add(private.prefix, len(inside), false)
		for n := 0; bits == 128 && len(inside) > 0 && n < maxEnlarged; n++ {
			around, _ := inside[0].First.Prefix(16)
			part := usesIn(inside, around)
			if len(part) == 0 { // wider than that
				break
			}
			add(commonPrefix(part), len(part), true)
			inside = slices.DeleteFunc(inside, func(row Row) bool { return around.Contains(row.First) })
		}
	}
	width -= gapWidth * float64(len(segments)-1)
	for _, weight := range weights {
		if weight == 0 && total > 0 {
			width -= unusedWidth
		}
	}
	for i := range segments {
		segments[i].x, segments[i].width = x, unusedWidth
		switch {
		case total == 0:
			segments[i].width = width / float64(len(segments))
		case weights[i] > 0:
			segments[i].width = width * weights[i] / total
		}
		x += segments[i].width + gapWidth
	}
	return segments
}

// usesIn returns the rows of uses inside of the range.
func usesIn(rows []Row, prefix netip.Prefix) []Row {
	var inside []Row
	for _, row := range rows {
		if row.Kind != Private && row.Kind != Free && prefix.Contains(row.First) && prefix.Contains(row.Last) {
			inside = append(inside, row)
		}
	}
	return inside
}

// commonPrefix returns the smallest prefix that has all rows, two bits wider.
func commonPrefix(rows []Row) netip.Prefix {
	if len(rows) == 0 {
		return netip.Prefix{}
	}
	last := rows[0].Last
	for _, row := range rows {
		if last.Less(row.Last) {
			last = row.Last
		}
	}
	first := rows[0].First // they are sorted
	bits := first.BitLen()
	for ; bits > 0; bits-- {
		if prefix, _ := first.Prefix(bits); prefix.Contains(last) {
			break
		}
	}
	prefix, _ := first.Prefix(max(bits-2, 0))
	return prefix
}
