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

// ErrMapped comes from ParseCIDR for an IPv4-mapped IPv6 CIDR such as
// ::ffff:10.0.0.0/104, which Calico would take for IPv4 in one place and for
// IPv6 in another.
var ErrMapped = errors.New("an IPv4-mapped IPv6 CIDR: write it as IPv4")

// ParseCIDR reads a CIDR. Host bits stay as they are: compare the result with
// its Masked to see whether there were any. What is no CIDR is an error, as is
// an IPv4-mapped one (ErrMapped) or one with a zone.
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

// Canonical returns the one text that stands for the CIDR: no host bits, IPv6
// in lower case with the longest run of zeros left out. Two CIDRs are the same
// range when their canonical forms are equal.
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
// prefixes, in the candidates' order; false if there is none.
func FirstFree(candidates, used []netip.Prefix) (netip.Prefix, bool) {
	for _, candidate := range candidates {
		if !slices.ContainsFunc(used, candidate.Overlaps) {
			return candidate, true
		}
	}
	return netip.Prefix{}, false
}

// RandomULA draws a unique local IPv6 prefix, as RFC 4193 describes it: fd,
// 40 bits read from random, length 48. The reader should be the system's
// secure source (crypto/rand.Reader), or two sites may draw the same prefix.
// The error is the reader's.
func RandomULA(random io.Reader) (netip.Prefix, error) {
	addr := [16]byte{0xfd}
	if _, err := io.ReadFull(random, addr[1:6]); err != nil {
		return netip.Prefix{}, fmt.Errorf("drawing a random IPv6 prefix: %w", err)
	}
	return netip.PrefixFrom(netip.AddrFrom16(addr), 48), nil
}

// comparePrefixes orders by family, first address and then from wide to
// narrow, so that what contains a prefix comes before it.
func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(
		cmp.Compare(a.Addr().BitLen(), b.Addr().BitLen()),
		a.Masked().Addr().Compare(b.Masked().Addr()),
		cmp.Compare(a.Bits(), b.Bits()),
	)
}
