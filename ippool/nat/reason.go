package nat

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Code identifies a kind of reason. Codes are stable.
type Code string

// The codes, in the order of the rows. Those marked as notes decide nothing.
const (
	ServiceCIDR Code = "ServiceCIDR" // row 1
	ServiceIP   Code = "ServiceIP"   // row 1: an external or LoadBalancer IP

	SourceOfOtherNode Code = "SourceOfOtherNode" // row 2, a note: the source is an address of another node than Options.Node
	SourceInNATPool   Code = "SourceInNATPool"   // row 2, a note
	SourceWithoutNAT  Code = "SourceWithoutNAT"  // row 2: in pools without natOutgoing
	SourceInNoPool    Code = "SourceInNoPool"    // row 2
	IPv6Unsupported   Code = "IPv6Unsupported"   // row 2: ipv6Support is false

	SourceNotWorkload Code = "SourceNotWorkload" // row 3
	DataplaneAssumed  Code = "DataplaneAssumed"  // row 3, a note: with eBPF the answer would be no

	OwnNode          Code = "OwnNode"          // row 4
	OtherNodeAssumed Code = "OtherNodeAssumed" // row 4, a note: on the destination's own node the answer is no

	DestinationExempt   Code = "DestinationExempt"   // row 5
	LoadBalancerPool    Code = "LoadBalancerPool"    // row 5, a note: the pool of the destination does not exempt
	DestinationInNoPool Code = "DestinationInNoPool" // row 5, a note

	DestinationIsHost         Code = "DestinationIsHost"         // row 6
	DestinationIsExternalNode Code = "DestinationIsExternalNode" // row 6
	HostsNotExempt            Code = "HostsNotExempt"            // row 6, a note: natOutgoingExclusions is IPPoolsOnly
	ExclusionsIgnored         Code = "ExclusionsIgnored"         // row 6, a note: Calico is older than 3.31.0

	InterfaceFilter Code = "InterfaceFilter" // row 7
	Masqueraded     Code = "Masqueraded"     // row 8

	VersionAssumed Code = "VersionAssumed" // rows 5 and 6, a note: an older Calico may decide otherwise
	NodesDiffer    Code = "NodesDiffer"    // of no row: the FelixConfigurations of nodes differ
)

// Reason is a part of the explanation of a [Verdict]. Fields that its code does not need
// are zero.
type Reason struct {
	Code     Code         // says what the reason is, and which fields it has
	Row      int          // as in the package comment
	Address  netip.Addr   // the source or the destination that the reason is about
	Pools    []Pool       // from narrow to wide
	Prefix   netip.Prefix // a range of Services, or an entry of externalNodesList
	Node     string       // the one that has the address
	Setting  Setting      // the one that causes it
	Version  string       // as given; empty if it was not
	As       As           // what the source becomes
	EBPF     bool         // of ServiceCIDR: the dataplane is eBPF, which replaces kube-proxy
	Outcomes []Outcome    // of NodesDiffer, first that of nodes without a FelixConfiguration of their own
}

// Blocks reports whether the reason suffices for No.
func (r Reason) Blocks() bool {
	switch r.Code {
	case SourceWithoutNAT, SourceInNoPool, IPv6Unsupported, SourceNotWorkload, OwnNode, DestinationExempt, DestinationIsHost, DestinationIsExternalNode:
		return true
	default:
		return false
	}
}

// backend is the end of the text of row 1.
func (r Reason) backend() string {
	if r.EBPF {
		return "the address of the backend decides"
	}
	return "the address of the backend decides, and kube-proxy may masquerade as well"
}

// Text returns the reason as a sentence without a full stop.
func (r Reason) Text() string {
	switch r.Code {
	case ServiceCIDR:
		return fmt.Sprintf("destination %s is in the Service CIDR %s: ", r.Address, r.Prefix) + r.backend()
	case ServiceIP:
		return fmt.Sprintf("destination %s is in %s, a range of Services' external or LoadBalancer IPs: ", r.Address, r.Prefix) + r.backend()
	case SourceOfOtherNode:
		return fmt.Sprintf("source %s is an address of node %s: the node in question does not send from it", r.Address, shown(r.Node))
	case SourceInNATPool:
		return fmt.Sprintf("source %s is in %s, which has natOutgoing", r.source(), poolNames(r.Pools))
	case SourceWithoutNAT:
		return fmt.Sprintf("source %s is in %s, without natOutgoing", r.source(), poolNames(r.Pools))
	case SourceInNoPool:
		return fmt.Sprintf("source %s is in no pool", r.source())
	case IPv6Unsupported:
		return fmt.Sprintf("source %s is IPv6, for which Felix programs nothing: %s", r.source(), r.Setting)
	case SourceNotWorkload:
		why := "the dataplane is eBPF"
		if r.Setting.Field != "" {
			why = r.Setting.String()
		}
		return fmt.Sprintf("source %s is not a workload, and eBPF masquerades workloads only: %s", r.Address, why)
	case DataplaneAssumed:
		return fmt.Sprintf("source %s is not a workload: with the eBPF dataplane it would not be masqueraded; bpfEnabled is not set in a FelixConfiguration", r.Address)
	case OwnNode:
		return fmt.Sprintf("destination %s is an address of the source's own node %s: the traffic does not leave the node", r.Address, shown(r.Node))
	case OtherNodeAssumed:
		return fmt.Sprintf("destination %s is an address of node %s: not masqueraded on that node; another node is assumed", r.Address, shown(r.Node))
	case DestinationExempt:
		return fmt.Sprintf("destination %s is in %s", r.Address, r.exempting())
	case LoadBalancerPool:
		return fmt.Sprintf("destination %s is in %s, which is for LoadBalancers only and does not exempt", r.Address, poolNames(r.Pools))
	case DestinationInNoPool:
		return fmt.Sprintf("destination %s is in no pool", r.Address)
	case DestinationIsHost:
		return fmt.Sprintf("destination %s is the address of node %s, and %s", r.Address, shown(r.Node), r.Setting)
	case DestinationIsExternalNode:
		return fmt.Sprintf("destination %s is in %s of externalNodesList (FelixConfiguration %s), and natOutgoingExclusions is %s", r.Address, r.Prefix, shown(r.Setting.Configuration), poolsAndHostIPs)
	case HostsNotExempt:
		return fmt.Sprintf("destination %s is the address of node %s, which is not exempt: %s", r.Address, shown(r.Node), r.Setting)
	case ExclusionsIgnored:
		return fmt.Sprintf("%s, but Calico %s ignores it: the field requires Calico 3.31.0", r.Setting, shown(r.Version))
	case InterfaceFilter:
		return fmt.Sprintf("masqueraded as %s only where it leaves by a matching interface: %s", r.As, r.Setting)
	case Masqueraded:
		if r.Setting.Field != "" {
			return fmt.Sprintf("masqueraded as %s: %s", r.As, r.Setting)
		}
		return fmt.Sprintf("masqueraded as %s", r.As)
	case VersionAssumed:
		if r.Row == 6 {
			return versionText(r.Version) + ": before 3.31.0 nodes are not exempt"
		}
		return versionText(r.Version) + ": before 3.31.6 and in 3.32.0 pools for LoadBalancers exempt"
	case NodesDiffer:
		sorted := slices.Clone(r.Outcomes)
		slices.SortStableFunc(sorted, func(a, b Outcome) int { return cmp.Compare(min(len(b.Nodes), 1), min(len(a.Nodes), 1)) })
		texts := make([]string, 0, len(sorted))
		for i, outcome := range sorted {
			if i == text.MaxNamed {
				texts = append(texts, plural(len(sorted)-i, "other outcome"))
				break
			}
			texts = append(texts, outcome.String())
		}
		return "it depends on the source's node, because the FelixConfigurations differ: " + strings.Join(texts, "; ")
	default:
		return string(r.Code)
	}
}

// source returns the source, and the node that has it. Only tunnels of a node have addresses
// of a pool.
func (r Reason) source() string {
	switch {
	case r.Node == "":
		return r.Address.String()
	case len(r.Pools) > 0:
		return fmt.Sprintf("%s, the address of a tunnel of node %s,", r.Address, shown(r.Node))
	default:
		return fmt.Sprintf("%s, an address of node %s,", r.Address, shown(r.Node))
	}
}

// exempting names the exempting pools and says why each exempts.
func (r Reason) exempting() string {
	texts := make([]string, 0, len(r.Pools))
	for _, pool := range r.Pools[:min(len(r.Pools), text.MaxNamed)] {
		why := pool.Why()
		if pool.Use == ForLoadBalancers {
			why += "; Calico " + shown(r.Version) + " exempts it"
		}
		texts = append(texts, pool.String()+" ("+why+")")
	}
	return strings.Join(texts, ", ")
}

// String returns the name and the CIDR.
func (p Pool) String() string { return "pool " + shown(p.Name) + " " + p.CIDR.String() }

// Why returns why the pool exempts, or why it does not.
func (p Pool) Why() string {
	switch {
	case p.Use == ForLoadBalancers:
		return "for LoadBalancers only"
	case p.Disabled:
		return "disabled, and exempts nevertheless"
	case p.Use == ForTunnels:
		return "for tunnels"
	default:
		return "for workloads"
	}
}

func poolNames(pools []Pool) string {
	names := make([]string, 0, len(pools))
	for _, pool := range pools {
		names = append(names, pool.Name+" "+pool.CIDR.String())
	}
	kind := "pool "
	if len(pools) > 1 {
		kind = "pools "
	}
	return kind + few(names, text.MaxNamed)
}

func versionText(version string) string {
	if version == "" {
		return "Calico's version is unknown, and the newest is assumed"
	}
	return "Calico's version " + text.Quote(version) + " is unknown, and the newest is assumed"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
