package firewall

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Opening is something that a host has to let in.
type Opening struct {
	// Name is what comes in there: "BGP".
	Name string `json:"name"`

	// Port and protocol as firewalld writes them: "179/tcp". Empty if the
	// opening is a whole IP protocol.
	Port string `json:"port,omitempty"`

	// Protocol is the number of an IP protocol: "4". Empty if the opening is
	// a port. It is a number because of /etc/protocols, whose ipip is 94,
	// another protocol than the IP-in-IP of Calico and Linux.
	Protocol string `json:"protocol,omitempty"`

	// Families are those in which it comes.
	Families []ippool.Family `json:"families"`

	// Reason says why, as a part of a sentence.
	Reason string `json:"reason"`
}

// String is the port, or the protocol.
func (o Opening) String() string {
	if o.Port != "" {
		return o.Port
	}
	return "protocol " + o.Protocol
}

// Validate tells what is wrong with an opening that somebody else wrote.
func (o Opening) Validate() error {
	switch {
	case (o.Port == "") == (o.Protocol == ""):
		return fmt.Errorf("opening %q: set a port or a protocol", o.Name)
	case o.Port != "" && !isPort(o.Port):
		return fmt.Errorf("opening %q: port %q is invalid; must be one such as 179/tcp", o.Name, o.Port)
	case o.Protocol != "" && !isNumber(o.Protocol, 8):
		return fmt.Errorf("opening %q: protocol %q is not a number; must be 0 to 255", o.Name, o.Protocol)
	case len(o.Families) == 0:
		return fmt.Errorf("opening %q: families must be 4, 6 or both", o.Name)
	case slices.ContainsFunc(o.Families, func(family ippool.Family) bool { return family != ippool.IPv4 && family != ippool.IPv6 }):
		return fmt.Errorf("opening %q: families %d: must be 4, 6 or both", o.Name, o.Families)
	default:
		return nil
	}
}

func isPort(text string) bool {
	number, protocol, _ := strings.Cut(text, "/")
	return number != "0" && isNumber(number, 16) && slices.Contains([]string{"tcp", "udp", "sctp", "dccp"}, protocol)
}

// isNumber reports whether it is one of so many bits, as it is usually written.
func isNumber(text string, bits int) bool {
	number, err := strconv.ParseUint(text, 10, bits)
	return err == nil && strconv.FormatUint(number, 10) == text
}

// Pool is what matters of a pool.
type Pool struct {
	Name      string        `json:"name"`           // which reasons and warnings quote
	Family    ippool.Family `json:"family"`         // its openings are of the same
	CIDR      string        `json:"cidr,omitempty"` // empty: not chosen yet
	IPIPMode  v3.IPIPMode   `json:"ipipMode"`       // empty: Never
	VXLANMode v3.VXLANMode  `json:"vxlanMode"`      // empty: Never

	// Planned says that it doesn't stand in the datastore like this yet.
	Planned bool `json:"planned,omitempty"`
}

// PoolOf returns what matters of a pool with that name, family and spec. An empty
// mode becomes Never.
func PoolOf(name string, family ippool.Family, spec v3.IPPoolSpec) Pool {
	return Pool{
		Name: name, Family: family, CIDR: spec.CIDR,
		IPIPMode: ippool.OrNever(spec.IPIPMode), VXLANMode: ippool.OrNever(spec.VXLANMode),
	}
}

// Config is what decides about the openings of a host. The zero value is a
// node of a cluster without pools.
type Config struct {
	// Pools are those that exist, or will. Disabled ones count: what was
	// allocated in them is still reached.
	Pools []Pool

	// NoBGP says that BGP is turned off, as it can be where VXLAN connects
	// the nodes.
	NoBGP bool

	// Datastore is what the datastore listens on, on a host of the control
	// plane: see Etcd and APIServer. Empty on other hosts.
	Datastore []Opening

	Typha     bool // Typha runs on the host
	WireGuard bool // nodes encrypt what they send each other
	Registry  bool // a registry of images runs on the host, on its usual port
}

// Openings returns what the host has to let in, in a fixed order and never nil,
// and warnings where the pools and the rest of the configuration don't fit
// together.
func Openings(config Config) ([]Opening, []string) {
	all := families(config.Pools)
	ipip := having(config.Pools, func(pool Pool) bool { return ippool.Encapsulates(pool.IPIPMode) })
	vxlan := having(config.Pools, func(pool Pool) bool { return ippool.Encapsulates(pool.VXLANMode) })
	openings := []Opening{}
	if !config.NoBGP {
		openings = append(openings, Opening{Name: "BGP", Port: "179/tcp", Families: all, Reason: "the nodes tell each other their routes"})
	}
	if len(ipip) > 0 {
		openings = append(openings, Opening{
			Name: "IP-in-IP", Protocol: "4", Families: []ippool.Family{ippool.IPv4},
			Reason: "traffic between nodes is encapsulated: ipipMode is on in " + names(ipip),
		})
	}
	if len(vxlan) > 0 {
		openings = append(openings, Opening{
			Name: "VXLAN", Port: "4789/udp", Families: families(vxlan),
			Reason: "traffic between nodes is encapsulated: vxlanMode is on in " + names(vxlan),
		})
	}
	for _, opening := range config.Datastore {
		opening.Families = all
		openings = append(openings, opening)
	}
	if config.Typha {
		openings = append(openings, Opening{Name: "Typha", Port: "5473/tcp", Families: all, Reason: "calico-node reads the datastore through Typha"})
	}
	if config.WireGuard {
		openings = append(openings,
			Opening{Name: "WireGuard", Port: "51820/udp", Families: []ippool.Family{ippool.IPv4}, Reason: "traffic between nodes is encrypted over IPv4"},
			Opening{Name: "WireGuard", Port: "51821/udp", Families: []ippool.Family{ippool.IPv6}, Reason: "traffic between nodes is encrypted over IPv6"})
	}
	if config.Registry {
		openings = append(openings, Opening{Name: "registry", Port: "5000/tcp", Families: all, Reason: "the nodes pull images from the registry on this host"})
	}
	return openings, warnings(config)
}

func warnings(config Config) []string {
	bare := having(config.Pools, func(pool Pool) bool { return !ippool.Encapsulates(pool.VXLANMode) })
	switch {
	case config.NoBGP && len(bare) > 0:
		return []string{"without BGP the nodes learn no routes to the addresses of " + names(bare) + ": only pools with vxlanMode on do without it"}
	case !config.NoBGP && len(config.Pools) > 0 && len(bare) == 0:
		return []string{"every pool has vxlanMode on, and needs no BGP: where the cluster has it turned off, 179/tcp can stay closed"}
	default:
		return nil
	}
}

// families are those of the pools, IPv4 first; without pools, IPv4.
func families(pools []Pool) []ippool.Family {
	found := []ippool.Family{}
	for _, family := range []ippool.Family{ippool.IPv4, ippool.IPv6} {
		if slices.ContainsFunc(pools, func(pool Pool) bool { return pool.Family == family }) {
			found = append(found, family)
		}
	}
	if len(found) == 0 {
		return []ippool.Family{ippool.IPv4}
	}
	return found
}

func having(pools []Pool, holds func(Pool) bool) []Pool {
	var found []Pool
	for _, pool := range pools {
		if holds(pool) {
			found = append(found, pool)
		}
	}
	return found
}

// names lists a few and counts the others: a reason is one line.
func names(pools []Pool) string {
	const few = 3
	var all []string
	for _, pool := range pools {
		all = append(all, pool.Name)
	}
	if len(all) > few {
		return fmt.Sprintf("%s and %d more pools", strings.Join(all[:few], ", "), len(all)-few)
	}
	return strings.Join(all, ", ")
}
