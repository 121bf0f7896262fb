package nat

import (
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Cluster is what decides about NAT. The zero value is a cluster without pools: nothing is
// masqueraded.
type Cluster struct {
	// Pools are all stored pools, in any order.
	Pools []*v3.IPPool

	// FelixConfigurations are those named default and node.NAME; Felix ignores others.
	// Without any, Felix's defaults apply.
	FelixConfigurations []FelixConfiguration

	// Nodes are the nodes of the cluster. Without any, no address is known to be a node's.
	Nodes []Node

	// ServiceCIDRs are the ranges of the Services' cluster IPs.
	ServiceCIDRs []string

	// ServiceIPs are further ranges of Services: those of external and LoadBalancer IPs.
	ServiceIPs []string

	// Version is Calico's version, as spec.calicoVersion of the ClusterInformation has it,
	// such as v3.31.6. An empty or unknown version counts as the newest. The versions of
	// Calico Enterprise differ: leave it empty for them.
	Version string

	// Dataplane is Felix's dataplane, if it is known. If it is not, bpfEnabled and
	// nftablesMode of the FelixConfigurations decide.
	Dataplane Dataplane
}

// Node is a node with its addresses, each with or without a prefix length. Empty ones are
// ignored.
type Node struct {
	Name string // as Felix and FelixConfigurations name it

	// HostIPs are the addresses that Felix knows of the node, one a family: ipv4Address and
	// ipv6Address of a Calico Node's spec.bgp, else the node's internal address, else its
	// external one. natOutgoingExclusions exempts them.
	HostIPs []string

	// OtherAddresses are further addresses of the node, such as those of its tunnels.
	// Traffic from its own pods to them does not leave the node.
	OtherAddresses []string
}

// FelixConfiguration is the part of a FelixConfiguration that is about NAT. It is not
// Calico's type because that has natOutgoingExclusions since Calico 3.31 only, and
// importers build with older and newer versions of it.
type FelixConfiguration struct {
	Name string    // default, or node. and the name of a node
	Spec FelixSpec // a zero field is unset
}

// FelixSpec has the fields that decide about NAT. Its JSON is that of a
// FelixConfiguration's spec; other fields are ignored. A zero field is unset: then that of
// the FelixConfiguration named default applies, else Felix's default. As in Felix, the word
// none unsets a text, and a text with spaces around it is invalid.
type FelixSpec struct {
	NATOutgoingExclusions string              `json:"natOutgoingExclusions,omitempty"`              // IPPoolsOnly (default) or IPPoolsAndHostIPs
	NATOutgoingAddress    string              `json:"natOutgoingAddress,omitempty"`                 // an IPv4 address
	NATPortRange          *intstr.IntOrString `json:"natPortRange,omitempty"`                       // a port, or a range such as 1024:2047
	InterfaceFilter       string              `json:"iptablesNATOutgoingInterfaceFilter,omitempty"` // the name of an interface; a final + is a wildcard
	ExternalNodesList     []string            `json:"externalNodesList,omitempty"`                  // IPv4 addresses and CIDRs; an invalid one ends Felix
	BPFEnabled            *bool               `json:"bpfEnabled,omitempty"`                         // default false
	IPv6Support           *bool               `json:"ipv6Support,omitempty"`                        // default true; false: Felix programs nothing for IPv6
	NFTablesMode          string              `json:"nftablesMode,omitempty"`                       // Enabled, Disabled or Auto
}

// Dataplane is how Felix programs a node. The zero value is an unknown dataplane.
type Dataplane string

// The dataplanes.
const (
	NFTables Dataplane = "nftables"
	IPTables Dataplane = "iptables"
	EBPF     Dataplane = "ebpf"
)

// ParseDataplane parses the name of a dataplane, ignoring case; bpf is the same as ebpf, and
// an empty text is the unknown one. The error is an [*InputError] with the known names.
func ParseDataplane(name string) (Dataplane, error) {
	if strings.EqualFold(name, "bpf") {
		return EBPF, nil
	}
	return parseWord("dataplane", name, NFTables, IPTables, EBPF)
}

// Protocol is the transport protocol of a packet. The zero value is any protocol.
type Protocol string

// The protocols. natPortRange applies to TCP and UDP.
const (
	TCP    Protocol = "tcp"
	UDP    Protocol = "udp"
	SCTP   Protocol = "sctp"
	ICMP   Protocol = "icmp"
	ICMPv6 Protocol = "icmpv6"
)

// ParseProtocol parses the name of a protocol, ignoring case; an empty text is any
// protocol. The error is an [*InputError] with the known names.
func ParseProtocol(name string) (Protocol, error) {
	return parseWord("protocol", name, TCP, UDP, SCTP, ICMP, ICMPv6)
}

func parseWord[T ~string](kind, word string, known ...T) (T, error) {
	for _, candidate := range append(known, "") {
		if strings.EqualFold(string(candidate), word) {
			return candidate, nil
		}
	}
	return "", &InputError{kind, word, "must be one of " + text.Join(known)}
}
