package firewall

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Opening is a port or protocol that a host must accept. Exactly one of Port and
// Protocol is set.
type Opening struct {
	// Name is the name of the traffic: "BGP".
	Name string `json:"name"`

	// Port is the port and transport protocol in firewalld's notation:
	// "179/tcp".
	Port string `json:"port,omitempty"`

	// Protocol is the number of an IP protocol: "4". It is not a name, because
	// ipip in /etc/protocols is 94, which is not the IP-in-IP of Calico and
	// Linux.
	Protocol string `json:"protocol,omitempty"`

	// Families are the families of the traffic. At least one is required.
	Families []ippool.Family `json:"families"`

	// Reason is why the opening is needed, as part of a sentence.
	Reason string `json:"reason"`
}

// String returns the port, or "protocol" and the number.
func (o Opening) String() string {
	if o.Port != "" {
		return o.Port
	}
	return "protocol " + o.Protocol
}

// Validate returns an error if the opening is invalid. Openings of this package are
// valid; decoded ones may not be.
func (o Opening) Validate() error {
	switch {
	case (o.Port == "") == (o.Protocol == ""):
		return fmt.Errorf("opening %s: must have either a port or a protocol", text.Quote(o.Name))
	case o.Port != "" && !isPort(o.Port):
		return fmt.Errorf("opening %s: invalid port %s; must be one such as 179/tcp", text.Quote(o.Name), text.Quote(o.Port))
	case o.Protocol != "" && !isNumber(o.Protocol, 8):
		return fmt.Errorf("opening %s: invalid protocol %s; must be 0 to 255", text.Quote(o.Name), text.Quote(o.Protocol))
	case len(o.Families) == 0:
		return fmt.Errorf("opening %s: no families; must be 4, 6 or both", text.Quote(o.Name))
	case slices.ContainsFunc(o.Families, func(family ippool.Family) bool { return family != ippool.IPv4 && family != ippool.IPv6 }):
		return fmt.Errorf("opening %s: invalid families %d; must be 4, 6 or both", text.Quote(o.Name), o.Families)
	default:
		return nil
	}
}

func isPort(port string) bool {
	number, protocol, _ := strings.Cut(port, "/")
	return number != "0" && isNumber(number, 16) && slices.Contains([]string{"tcp", "udp", "sctp", "dccp"}, protocol)
}

// isNumber reports whether the text is a canonical decimal number of at most bits bits.
func isNumber(text string, bits int) bool {
	number, err := strconv.ParseUint(text, 10, bits)
	return err == nil && strconv.FormatUint(number, 10) == text
}

// Pool has the fields of an IPPool that determine openings.
type Pool struct {
	Name      string        `json:"name"`           // name for reasons and warnings
	Family    ippool.Family `json:"family"`         // family of its openings
	CIDR      string        `json:"cidr,omitempty"` // empty: not chosen yet
	IPIPMode  v3.IPIPMode   `json:"ipipMode"`       // empty means Never
	VXLANMode v3.VXLANMode  `json:"vxlanMode"`      // empty means Never

	// Planned reports whether the pool is yet to be created or updated.
	Planned bool `json:"planned,omitempty"`
}

// PoolOf returns the Pool for a name, family and spec. Empty modes become Never.
func PoolOf(name string, family ippool.Family, spec v3.IPPoolSpec) Pool {
	return Pool{
		Name: name, Family: family, CIDR: spec.CIDR,
		IPIPMode: ippool.OrNever(spec.IPIPMode), VXLANMode: ippool.OrNever(spec.VXLANMode),
	}
}

// Config describes a host. The zero value is a node of a cluster without pools.
type Config struct {
	// Pools are the existing and planned pools, including disabled ones: their
	// allocated addresses are still in use.
	Pools []Pool

	// NoBGP reports whether BGP is disabled, which is possible with VXLAN.
	NoBGP bool

	// Datastore are the openings of the datastore on a control plane host: see
	// Etcd and APIServer. It is empty on other hosts.
	Datastore []Opening

	Typha     bool // Typha runs on the host
	WireGuard bool // traffic between nodes is encrypted with WireGuard
	Registry  bool // an image registry runs on the host, on port 5000
}

// Openings returns the openings of the host, in a fixed order and never nil, and
// warnings if the pools don't match the rest of the config.
func Openings(config Config) ([]Opening, []string) {
	all := families(config.Pools)
	ipip := having(config.Pools, func(pool Pool) bool { return ippool.Encapsulates(pool.IPIPMode) })
	vxlan := having(config.Pools, func(pool Pool) bool { return ippool.Encapsulates(pool.VXLANMode) })
	openings := []Opening{}
	if !config.NoBGP {
		openings = append(openings, Opening{Name: "BGP", Port: "179/tcp", Families: all, Reason: "the nodes exchange routes"})
	}
	if len(ipip) > 0 {
		openings = append(openings, Opening{
			Name: "IP-in-IP", Protocol: "4", Families: []ippool.Family{ippool.IPv4},
			Reason: "traffic between nodes is encapsulated: ipipMode is enabled in " + names(ipip),
		})
	}
	if len(vxlan) > 0 {
		openings = append(openings, Opening{
			Name: "VXLAN", Port: "4789/udp", Families: families(vxlan),
			Reason: "traffic between nodes is encapsulated: vxlanMode is enabled in " + names(vxlan),
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
		return []string{"without BGP the nodes learn no routes to the addresses of " + names(bare) + ": only pools with vxlanMode enabled work without BGP"}
	case !config.NoBGP && len(config.Pools) > 0 && len(bare) == 0:
		return []string{"every pool has vxlanMode enabled and needs no BGP: if BGP is disabled in the cluster, 179/tcp can stay closed"}
	default:
		return nil
	}
}

// families returns the families of the pools, IPv4 first; without pools, IPv4.
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

// names lists the first pools and counts the others, so that a reason is one line.
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
