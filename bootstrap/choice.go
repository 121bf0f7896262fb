package bootstrap

import (
	"fmt"
	"net/netip"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// defaultIPv4 is calico-node's, and fallbacksIPv4 are what it tries where the
// host itself is in that range.
var (
	defaultIPv4   = netip.MustParsePrefix("192.168.0.0/16")
	fallbacksIPv4 = func() []netip.Prefix {
		var all []netip.Prefix
		for second := byte(16); second <= 31; second++ {
			all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{172, second}), 16))
		}
		return all
	}()
)

// defaultRange is a range of the kind that is chosen where none is asked for.
func defaultRange(family ippool.Family) netip.Prefix {
	if family == ippool.IPv6 {
		return netip.MustParsePrefix("fd00::/48")
	}
	return defaultIPv4
}

// choice is a CIDR that nobody asked for by name.
type choice struct {
	prefix  netip.Prefix
	source  Source
	warning string // empty: none
}

// chooseIPv4 keeps clear of the host's own networks: calico-node looks at the
// host's addresses only, and so misses a gateway or a resolver in the range.
func chooseIPv4(hostNetworks []netip.Prefix) choice {
	if prefix, free := ippool.FirstFree([]netip.Prefix{defaultIPv4}, hostNetworks); free {
		return choice{prefix: prefix, source: SourceDefault}
	}
	if prefix, free := ippool.FirstFree(fallbacksIPv4, hostNetworks); free {
		return choice{prefix: prefix, source: Source(fmt.Sprintf("%s (%s is in use on this host)", SourceDefault, defaultIPv4))}
	}
	return choice{prefix: defaultIPv4, source: SourceDefault, warning: fmt.Sprintf(
		"this host has networks in %s and in all of %s to %s: the IPv4 pool overlaps one; name a free range with %s",
		defaultIPv4, fallbacksIPv4[0], fallbacksIPv4[len(fallbacksIPv4)-1], SourceFlag("ipv4-pool-cidr"))}
}

// withCIDR returns the pool with the CIDR that was chosen for it.
func (d DesiredPool) withCIDR(c choice) DesiredPool {
	d.Pool, d.chosen = d.Pool.DeepCopy(), true
	d.Pool.Spec.CIDR = c.prefix.String()
	values := make([]Value, len(d.Values))
	for i, value := range d.Values {
		if value.Field == "cidr" {
			value = Value{"cidr", d.Pool.Spec.CIDR, c.source}
		}
		values[i] = value
	}
	d.Values = values
	return d
}
