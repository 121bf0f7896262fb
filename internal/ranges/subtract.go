package ranges

import "net/netip"

// Subtract returns the addresses of prefix that are in none of the others, as the fewest
// prefixes, sorted. It returns nil if prefix is invalid or nothing is left.
func Subtract(prefix netip.Prefix, others Index) []netip.Prefix {
	if !prefix.IsValid() {
		return nil
	}
	prefix = prefix.Masked()
	around, from, to := others.Overlapping(prefix)
	switch {
	case len(around) > 0:
		return nil
	case from == to:
		return []netip.Prefix{prefix}
	}
	low, high := halves(prefix)
	return append(Subtract(low, others), Subtract(high, others)...)
}

// halves splits a prefix that is no single address.
func halves(prefix netip.Prefix) (low, high netip.Prefix) {
	bits := prefix.Bits()
	bytes := prefix.Addr().AsSlice()
	bytes[bits/8] |= 0x80 >> (bits % 8)
	addr, _ := netip.AddrFromSlice(bytes)
	return netip.PrefixFrom(prefix.Addr(), bits+1), netip.PrefixFrom(addr, bits+1)
}
