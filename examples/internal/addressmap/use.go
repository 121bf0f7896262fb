// Package addressmap arranges all uses of addresses that are known: sorted by address,
// nested by containment, with the free ranges in between and the overlaps.
//
// [UsesOf] takes what package bootstrap read, [New] arranges it, and [Map.SVG] draws it. All
// of them are pure functions.
package addressmap

import (
	"net/netip"
	"slices"
)

// Kind is what a range is used for.
type Kind string

// The kinds. Private and Free are not uses: [New] adds them.
const (
	Private      Kind = "private"       // a private range of an RFC
	Free         Kind = "free"          // part of a private range that nothing uses
	Interface    Kind = "interface"     // the network of an interface of this host
	Route        Kind = "route"         // a route of this host
	NodeAddress  Kind = "node-address"  // an address of a node
	ServiceCIDR  Kind = "service-cidr"  // addresses of Services
	PodCIDR      Kind = "pod-cidr"      // the cluster's pod CIDR
	NodePodCIDR  Kind = "node-pod-cidr" // the podCIDR of a node
	Pool         Kind = "pool"          // an IPPool for pods
	LoadBalancer Kind = "load-balancer" // an IPPool for LoadBalancer Services only
	NoNAT        Kind = "no-nat"        // an IPPool that exempts its range from NAT
)

// kinds has the kinds in the order of rows with the same range, with their names.
var kinds = []struct {
	kind         Kind
	one, several string
	lane         lane
}{
	{Private, "private range", "private ranges", laneFree},
	{Free, "free", "free ranges", laneFree},
	{Route, "route", "routes", laneNetworks},
	{Interface, "interface", "interfaces", laneNetworks},
	{NodeAddress, "node address", "node addresses", laneNetworks},
	{ServiceCIDR, "Service CIDR", "Service CIDRs", laneServices},
	{PodCIDR, "pod CIDR", "pod CIDRs", lanePods},
	{NodePodCIDR, "node podCIDR", "node podCIDRs", lanePods},
	{Pool, "pool", "pools", lanePools},
	{LoadBalancer, "LoadBalancer pool", "LoadBalancer pools", lanePools},
	{NoNAT, "no-NAT pool", "no-NAT pools", laneNoNAT},
}

// order returns the position of the kind in kinds; kinds that are not known come first.
func (k Kind) order() int {
	for i, known := range kinds {
		if known.kind == k {
			return i
		}
	}
	return 0
}

// Called returns the name of the kind for a number of ranges.
func (k Kind) Called(count int) string {
	if count == 1 {
		return kinds[k.order()].one
	}
	return kinds[k.order()].several
}

// State is the state of a pool. The zero State is an existing pool that is enabled, or
// another kind of range.
type State string

// The states.
const (
	Planned   State = "planned"   // apply would create the pool
	Disabled  State = "disabled"  // the pool gives out no addresses
	Malformed State = "malformed" // only the name and the CIDR of the record are known
)

// Use is one use of a range.
type Use struct {
	Prefix netip.Prefix // host bits are ignored; a use without a valid prefix is ignored
	Kind   Kind
	Source string // name of the pool, or where the range is from, such as "interface eth0"
	State  State  // of a pool
	Blocks *Blocks
}

// Blocks are the IPAM blocks in a pool.
type Blocks struct {
	Used    int     `json:"used"`            // number of blocks
	Total   uint64  `json:"total,omitempty"` // number of blocks that fit; 0: unknown, or 2^53 or more
	Percent float64 `json:"percent"`         // share of the addresses that blocks have, 0 to 100
}

// conflicts are the pairs of kinds that must not overlap. Any other overlap is normal: a
// pool in the pod CIDR, a node in a network, a no-NAT pool around networks.
var conflicts = func() map[[2]Kind]bool {
	all := map[[2]Kind]bool{}
	for _, pair := range []struct{ these, those []Kind }{
		{[]Kind{Pool, PodCIDR, NodePodCIDR}, []Kind{ServiceCIDR, Interface, Route, NodeAddress}},
		{[]Kind{Pool, LoadBalancer, NoNAT}, []Kind{Pool, LoadBalancer, NoNAT}},
		{[]Kind{LoadBalancer}, []Kind{ServiceCIDR, NodeAddress, PodCIDR, NodePodCIDR}},
		{[]Kind{ServiceCIDR}, []Kind{Interface, Route, NodeAddress, NoNAT}},
	} {
		for _, a := range pair.these {
			for _, b := range pair.those {
				all[[2]Kind{a, b}], all[[2]Kind{b, a}] = true, true
			}
		}
	}
	return all
}()

// privateRanges are the ranges whose free parts are shown.
var privateRanges = []struct {
	prefix netip.Prefix
	source string
}{
	{netip.MustParsePrefix("10.0.0.0/8"), "RFC 1918"},
	{netip.MustParsePrefix("100.64.0.0/10"), "RFC 6598, shared with providers"},
	{netip.MustParsePrefix("172.16.0.0/12"), "RFC 1918"},
	{netip.MustParsePrefix("192.168.0.0/16"), "RFC 1918"},
	{netip.MustParsePrefix("fc00::/7"), "RFC 4193"},
}

// isShown reports whether a range is shown: loopback, link-local and multicast ranges are
// on every host.
func isShown(prefix netip.Prefix) bool {
	addr := prefix.Addr()
	return prefix.IsValid() && addr.Zone() == "" && !addr.Is4In6() && !slices.ContainsFunc(hidden, func(h netip.Prefix) bool {
		return h.Bits() <= prefix.Bits() && h.Contains(addr)
	})
}

var hidden = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
}
