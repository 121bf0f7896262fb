//go:build host && linux

package natpackets

import (
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// rules are what Felix programs on the node n1 for one family. They are derived from
// the documented rules, not from package nat.
type rules struct {
	family  family
	sources []string // ranges of the pools with natOutgoing
	exempt  []string // ranges of the pools that exempt
	hosts   []string // nodes and externalNodesList, if they are exempt
	address string   // natOutgoingAddress; empty for masquerading
	ports   string   // such as 1024-2047; empty for any
	device  string   // the interface filter; empty for any
}

// newRules returns the rules of a cluster for node n1.
func newRules(c nat.Cluster, f family) rules {
	r := rules{family: f}
	for _, pool := range c.Pools {
		if !f.has(pool.Spec.CIDR) {
			continue
		}
		if pool.Spec.NATOutgoing {
			r.sources = append(r.sources, pool.Spec.CIDR)
		}
		loadBalancers := slices.Equal(pool.Spec.AllowedUses, []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseLoadBalancer})
		if !loadBalancers || slices.Contains([]string{"v3.30.1", "v3.31.5", "v3.32.0"}, c.Version) {
			r.exempt = append(r.exempt, pool.Spec.CIDR)
		}
	}
	// The node's own value wins.
	value := func(get func(nat.FelixSpec) string) string {
		for _, name := range []string{"node.n1", "default"} {
			for _, configuration := range c.FelixConfigurations {
				if configuration.Name == name && get(configuration.Spec) != "" {
					return strings.TrimPrefix(get(configuration.Spec), "none")
				}
			}
		}
		return ""
	}
	r.device = value(func(s nat.FelixSpec) string { return s.InterfaceFilter })
	r.address = value(func(s nat.FelixSpec) string { return s.NATOutgoingAddress })
	r.ports = strings.Replace(value(func(s nat.FelixSpec) string {
		if s.NATPortRange == nil {
			return ""
		}
		return s.NATPortRange.String()
	}), ":", "-", 1)
	if value(func(s nat.FelixSpec) string { return s.NATOutgoingExclusions }) == "IPPoolsAndHostIPs" && c.Version != "v3.30.1" {
		for _, node := range c.Nodes {
			for _, hostIP := range node.HostIPs {
				if f.has(hostIP) {
					r.hosts = append(r.hosts, hostIP)
				}
			}
		}
		external := value(func(s nat.FelixSpec) string { return strings.Join(s.ExternalNodesList, " ") })
		for _, cidr := range strings.Fields(external) {
			if f.bits == 32 && f.has(cidr) {
				r.hosts = append(r.hosts, cidr)
			}
		}
	}
	return r
}

func (f family) has(cidr string) bool { return strings.Contains(cidr, ":") == (f.bits == 128) }

// matches reports whether the interface filter matches a device.
func (r rules) matches(device string) bool {
	prefix, wildcard := strings.CutSuffix(r.device, "+")
	return r.device == "" || r.device == device || wildcard && strings.HasPrefix(device, prefix)
}

// services returns the addresses of the Services, each with that of its backend.
func (f family) services() [][2]netip.Addr {
	var services [][2]netip.Addr
	for p := pod; int(p) < len(placeNames); p++ {
		for _, backend := range f.addresses(p) {
			services = append(services, [2]netip.Addr{f.service(backend), backend})
		}
	}
	return services
}

// protocols returns those that have a rule of their own, and "" for all others.
func (r rules) protocols() []string {
	switch {
	case len(r.sources) == 0:
		return nil
	case r.ports == "":
		return []string{""}
	default:
		return []string{"tcp", "udp", ""}
	}
}
