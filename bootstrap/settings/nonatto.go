package settings

import (
	"fmt"
	"net/netip"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// acceptedNoNATTo describes the values of NoNATTo, for the documentation and for faults.
const acceptedNoNATTo = "CIDRs separated by commas that don't overlap"

// resolveNoNATTo parses the ranges to which traffic is not masqueraded, and validates them
// against each other and against the desired pools.
func (s Settings) resolveNoNATTo(config *Config, faults *Faults) {
	for given, prefix := range config.cidrs(s.NoNATTo, acceptedNoNATTo, "range", faults) {
		if family := ippool.FamilyOf(prefix); prefix.Bits() == 0 {
			faults.Add(given, "all of %s, so that nothing would be masqueraded; set %s in its place", family, s.besideNoNATTo().With(origin.PoolSetting(family, "natOutgoing"), "false"))
			continue
		}
		if problem := config.noNATProblem(prefix); problem != "" {
			faults.Add(given, "%s", problem)
			continue
		}
		if reserved := preflight.Reserved(prefix); reserved != "" {
			config.Warnings = append(config.Warnings, fmt.Sprintf(
				"%s: %s is in %s: hosts and routers do not forward packets of such addresses, so it has no effect; leave it out", given.Source, prefix, reserved))
		}
		r := plan.NoNAT{Prefix: prefix, Source: given.Source}
		if ippool.FamilyOf(prefix) == ippool.IPv6 && !s.IPv6Support.Bool(true, new(Faults)) {
			r.Skip = s.ipv6Disabled()
		}
		config.Desired.NoNATTo = append(config.Desired.NoNATTo, r)
	}
}

// besideNoNATTo returns how messages name a setting beside NoNATTo.
func (s Settings) besideNoNATTo() origin.Names {
	if beside := s.namesBeside(); beside != nil {
		return beside(s.NoNATTo.Source)
	}
	return nil
}

// noNATProblem returns why the range is invalid; empty if it is valid.
func (c *Config) noNATProblem(prefix netip.Prefix) string {
	pool := ippool.New("range")
	pool.Spec.CIDR, pool.Spec.Disabled = prefix.String(), true
	ippool.Default(pool)
	for _, fault := range ippool.Validate(pool) {
		return fault.Detail
	}
	for _, other := range c.Desired.NoNATTo {
		switch {
		case other.Prefix == prefix:
			return "a duplicate; set each range once"
		case other.Prefix.Overlaps(prefix):
			return fmt.Sprintf("overlaps %s; must be %s", other.Prefix, acceptedNoNATTo)
		}
	}
	for _, want := range c.Desired.Pools {
		if want.Skip != "" || want.Pool.Spec.Disabled {
			continue
		}
		cidr := want.Pool.Spec.CIDR
		if cidr == "" {
			cidr = ofFamily(c.ClusterCIDR, want.Family)
		}
		if pods, err := ippool.ParseCIDR(cidr); err == nil && ippool.Contains(pods, prefix) {
			return fmt.Sprintf("inside %s of IPPool %s: traffic to a pool is never masqueraded, and no other pool fits inside it; leave the range out", cidr, text.Quote(want.Pool.Name))
		}
	}
	return ""
}
