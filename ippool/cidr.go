package ippool

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
)

// ErrMapped is the error of ParseCIDR for an IPv4-mapped IPv6 CIDR such as
// ::ffff:10.0.0.0/104. Calico treats it as IPv4 in some places and as IPv6 in
// others.
var ErrMapped = errors.New("an IPv4-mapped IPv6 CIDR: write it as IPv4")

// ParseCIDR parses a CIDR. It keeps host bits: the CIDR had some if the result
// differs from its Masked. A CIDR that is invalid, IPv4-mapped (ErrMapped) or
// has a zone is an error.
func ParseCIDR(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil && !strings.Contains(text, "/") {
			example := "/64"
			if addr.Is4() {
				example = "/16"
			}
			return netip.Prefix{}, errors.New("an address without a prefix length such as " + example)
		}
		return netip.Prefix{}, errors.New("not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64")
	}
	if prefix.Addr().Is4In6() {
		return netip.Prefix{}, ErrMapped
	}
	return prefix, nil
}

// Canonical returns the canonical form of the CIDR: no host bits, IPv6 in lower
// case with the longest run of zeros omitted. Two CIDRs are the same range if
// and only if their canonical forms are equal. The errors are those of ParseCIDR.
func Canonical(text string) (string, error) {
	prefix, err := ParseCIDR(text)
	if err != nil {
		return "", err
	}
	return prefix.Masked().String(), nil
}

// Contains reports whether every address of inner is in outer.
func Contains(outer, inner netip.Prefix) bool {
	return outer.IsValid() && inner.IsValid() && outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// FirstFree returns the first candidate that overlaps none of the used
// prefixes, and false if every candidate overlaps one.
func FirstFree(candidates, used []netip.Prefix) (netip.Prefix, bool) {
	for _, candidate := range candidates {
		if !slices.ContainsFunc(used, candidate.Overlaps) {
			return candidate, true
		}
	}
	return netip.Prefix{}, false
}

// RandomULA returns a random unique local IPv6 prefix of length 48, as RFC 4193
// defines it: fd, then 40 bits read from random. Pass crypto/rand.Reader: with a
// weaker source, two sites may get the same prefix. The error is the reader's.
func RandomULA(random io.Reader) (netip.Prefix, error) {
	addr := [16]byte{0xfd}
	if _, err := io.ReadFull(random, addr[1:6]); err != nil {
		return netip.Prefix{}, fmt.Errorf("generating a random IPv6 prefix: %w", err)
	}
	return netip.PrefixFrom(netip.AddrFrom16(addr), 48), nil
}

// comparePrefixes orders by family, then by first address, then from wide to
// narrow, so that a prefix comes after those that contain it.
func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(
		cmp.Compare(a.Addr().BitLen(), b.Addr().BitLen()),
		a.Masked().Addr().Compare(b.Masked().Addr()),
		cmp.Compare(a.Bits(), b.Bits()),
	)
}
