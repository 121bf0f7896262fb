package preflight

import (
	"fmt"
	"net/netip"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// reserved is a range that is not for pods.
type reserved struct {
	prefix netip.Prefix
	use    string
}

func (r reserved) String() string { return fmt.Sprintf("%s (%s)", r.prefix, r.use) }

// reservedRanges are multicast, and the ranges that IANA's special-purpose address
// registries mark as not forwardable. Those that they mark as forwardable, such as
// 100.64.0.0/10 (shared address space) and 198.18.0.0/15 (benchmarking), may be used like
// private ranges. An IPv6 range outside of the routable ones needs no entry, except for a
// more specific reason.
//
// https://www.iana.org/assignments/iana-ipv4-special-registry
// https://www.iana.org/assignments/iana-ipv6-special-registry
var reservedRanges = []reserved{
	{netip.MustParsePrefix("0.0.0.0/8"), "this network"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("192.0.0.0/24"), "IETF protocol assignments"},
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
	{netip.MustParsePrefix("2001::/23"), "IETF protocol assignments"},
	{netip.MustParsePrefix("2001:db8::/32"), "documentation"},
	{netip.MustParsePrefix("3fff::/20"), "documentation"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

// globalUnicast is the range from which all global IPv6 addresses are assigned.
var globalUnicast = netip.MustParsePrefix("2000::/3")

// Reserved returns the reserved range that the prefix is in, and its use, such as "127.0.0.0/8
// (loopback)": hosts and routers do not forward packets of such addresses. Empty: it is in
// none. It is a pure function.
func Reserved(prefix netip.Prefix) string {
	for _, r := range reservedRanges {
		if ippool.Contains(r.prefix, prefix) {
			return r.String()
		}
	}
	if prefix.IsSingleIP() && prefix.Addr().IsLoopback() { // ::1
		return reserved{prefix, "loopback"}.String()
	}
	return ""
}

// unroutable finds pools with addresses that hosts and routers don't forward.
func (c *checker) unroutable(pool checkedPool) []Finding {
	prefix, how, valid := pool.prefix(), "", "a private range such as 10.244.0.0/16, or a public one that is yours"
	if pool.family == ippool.IPv6 {
		valid = "a unique local range (fc00::/7) such as fd00:10:244::/48, or one of 2000::/3 that is yours"
	}
	var hit []reserved
	for _, r := range reservedRanges {
		if prefix.IsValid() && r.prefix.Overlaps(prefix) {
			hit = append(hit, r)
		}
	}
	switch routable := ippool.Contains(globalUnicast, prefix) || ippool.Contains(uniqueLocal, prefix); {
	case len(hit) > 0:
		how = "overlaps " + named(hit)
	case pool.family == ippool.IPv6 && prefix.IsValid() && !routable:
		how = fmt.Sprintf("is not within %s (global unicast) or %s (unique local)", globalUnicast, uniqueLocal)
	default:
		return nil
	}
	return []Finding{{
		CIDR: pool.located(),
		Text: fmt.Sprintf("%s %s: hosts and routers do not forward packets of such addresses; %s; valid is %s",
			pool.describeCIDR(), how, pool.moveRemedy(), valid),
	}}
}
