package ippool

import (
	"fmt"
	"net/netip"
)

// Family is an address family: 4 or 6. The zero value is no address family.
type Family int

// The address families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// FamilyOf returns the family of a prefix, and zero for an invalid prefix. An
// IPv4-mapped IPv6 prefix is IPv6.
func FamilyOf(prefix netip.Prefix) Family {
	switch {
	case !prefix.IsValid():
		return 0
	case prefix.Addr().Is4():
		return IPv4
	default:
		return IPv6
	}
}

// String returns "IPv4", "IPv6" or "no address family".
func (f Family) String() string {
	switch f {
	case IPv4, IPv6:
		return fmt.Sprintf("IPv%d", int(f))
	default:
		return "no address family"
	}
}

// BlockSizes returns the smallest and the largest prefix length that a block
// of the family may have, inclusive.
func (f Family) BlockSizes() (smallest, largest int) {
	if f == IPv6 {
		return 116, 128
	}
	return 20, 32
}

// DefaultBlockSize returns the default prefix length of a block.
func (f Family) DefaultBlockSize() int {
	if f == IPv6 {
		return DefaultBlockSizeIPv6
	}
	return DefaultBlockSizeIPv4
}

// linkLocal returns the range that no pool of the family may overlap.
func (f Family) linkLocal() netip.Prefix {
	if f == IPv6 {
		return netip.MustParsePrefix("fe80::/10")
	}
	return netip.MustParsePrefix("169.254.0.0/16")
}
