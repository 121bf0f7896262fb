package nat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// FindingCode identifies a kind of [Finding]. Codes are stable.
type FindingCode string

// The findings. The first four end Felix, on every node that they concern, again and again;
// the others surprise.
const (
	InvalidExternalNodes    FindingCode = "InvalidExternalNodes"    // externalNodesList has an invalid entry; that of default counts even if a node overrides it
	NATAddressWithIPv6      FindingCode = "NATAddressWithIPv6"      // natOutgoingAddress, which is IPv4, with an IPv6 pool that has natOutgoing
	OverlappingPools        FindingCode = "OverlappingPools"        // in nftables mode
	WildcardInterfaceFilter FindingCode = "WildcardInterfaceFilter" // in nftables mode, with any pool that has natOutgoing

	GlobalNATAddress       FindingCode = "GlobalNATAddress"       // natOutgoingAddress for all nodes: replies return to one of them
	LoadBalancerExemption  FindingCode = "LoadBalancerExemption"  // a disabled pool that does not exempt because it is for LoadBalancers
	ExemptionWithNAT       FindingCode = "ExemptionWithNAT"       // a disabled pool that has natOutgoing
	ExemptionExportedByBGP FindingCode = "ExemptionExportedByBGP" // a disabled pool without natOutgoing and without disableBGPExport
)

// Finding is a combination that ends Felix or surprises.
type Finding struct {
	Code      FindingCode // says what it is, and which fields it has
	EndsFelix bool        // on Nodes; false: it surprises
	Assumed   bool        // it holds in nftables mode, and the dataplane of Nodes is unknown
	Pools     []Pool      // sorted by range; none: it is about a setting alone
	Setting   Setting     // the one of the first of Nodes; zero for those about pools alone
	Others    int         // how many other FelixConfigurations have such a setting for Nodes
	Nodes     NodeSet     // those that it concerns
}

// NodeSet is a set of nodes. The zero value has every node.
type NodeSet struct {
	Only  bool     // the set has Names; false: every node but these
	Names []string // sorted
}

// Has reports whether the set has the node.
func (s NodeSet) Has(node string) bool {
	_, found := slices.BinarySearch(s.Names, node)
	return found == s.Only
}

// String returns the set in a few words, such as "every node except n1".
func (s NodeSet) String() string {
	switch {
	case !s.Only && len(s.Names) == 0:
		return "every node"
	case !s.Only:
		return "every node except " + few(s.Names, text.MaxNamed)
	case len(s.Names) == 1:
		return "node " + shown(s.Names[0])
	default:
		return "nodes " + few(s.Names, text.MaxNamed)
	}
}

// Findings returns the combinations that end Felix, then those that surprise, each kind
// sorted by the ranges of the pools, in a new slice. There is one finding for all nodes that
// a combination concerns; one for those whose dataplane is known, and one for the others.
func (m *Model) Findings() []Finding {
	m = m.orEmpty()
	var nat4, nat6 []Pool
	for _, pool := range m.pools {
		switch {
		case !pool.NATOutgoing:
		case pool.CIDR.Addr().Is4():
			nat4 = append(nat4, pool)
		default:
			nat6 = append(nat6, pool)
		}
	}
	found := m.withSetting(nil, Finding{Code: InvalidExternalNodes, EndsFelix: true}, func(e *effective) Setting { return e.fatal })
	if len(nat6) > 0 {
		found = m.withSetting(found, Finding{Code: NATAddressWithIPv6, EndsFelix: true, Pools: nat6}, func(e *effective) Setting {
			return e.from[address].where(e.address.IsValid() && !e.noIPv6)
		})
	}
	for _, overlap := range ippool.Overlaps(m.stored) {
		pools := []Pool{m.pools[overlap.Earlier], m.pools[overlap.Later]}
		ipv4 := pools[0].CIDR.Addr().Is4()
		found = m.inNFTables(found, Finding{Code: OverlappingPools, Pools: pools}, func(e *effective) (Setting, bool) { return Setting{}, ipv4 || !e.noIPv6 })
	}
	if all := slices.Concat(nat4, nat6); len(all) > 0 {
		found = m.inNFTables(found, Finding{Code: WildcardInterfaceFilter, Pools: all}, func(e *effective) (Setting, bool) {
			return e.from[filter], strings.HasSuffix(e.filter, "+") && (len(nat4) > 0 || !e.noIPv6)
		})
	}
	if len(nat4) > 0 {
		found = m.withSetting(found, Finding{Code: GlobalNATAddress, Pools: nat4}, func(e *effective) Setting {
			return e.from[address].where(e.address.IsValid() && e.from[address].Configuration == global)
		})
	}
	return append(found, m.disabled()...)
}

// where returns the setting if the condition holds, else the zero Setting.
func (s Setting) where(holds bool) Setting {
	if !holds {
		return Setting{}
	}
	return s
}

// withSetting appends the finding, with the nodes for which setting returns one, if there are
// any.
func (m *Model) withSetting(found []Finding, f Finding, setting func(*effective) Setting) []Finding {
	return m.on(found, f, func(e *effective) (Setting, bool) {
		s := setting(e)
		return s, s != Setting{}
	})
}

// inNFTables appends the finding for the nodes of which holds is true and which are in
// nftables mode, and again for those that may be.
func (m *Model) inNFTables(found []Finding, f Finding, holds func(*effective) (Setting, bool)) []Finding {
	f.EndsFelix = true
	for _, f.Assumed = range []bool{false, true} {
		found = m.on(found, f, func(e *effective) (Setting, bool) {
			is, assumed := m.nftables(e)
			setting, applies := holds(e)
			return setting, applies && is && assumed == f.Assumed
		})
	}
	return found
}

// on appends the finding, with the nodes of which holds is true, if there are any.
func (m *Model) on(found []Finding, f Finding, holds func(*effective) (Setting, bool)) []Finding {
	var in, out []string
	common := false // the nodes without a FelixConfiguration of their own are among them
	configurations := map[string]bool{}
	for i := range m.effective {
		e := &m.effective[i]
		if e.nodes == 0 {
			continue
		}
		setting, applies := holds(e)
		switch {
		case applies && len(configurations) == 0:
			f.Setting = setting
			fallthrough
		case applies:
			configurations[setting.Configuration] = true
			if common = common || i == 0; i > 0 {
				in = append(in, e.node)
			}
		case i == 0: // Then the set names the others.
		default:
			out = append(out, e.node)
		}
	}
	if len(configurations) == 0 {
		return found
	}
	f.Others = len(configurations) - 1
	if f.Nodes = (NodeSet{Only: true, Names: in}); common {
		f.Nodes = NodeSet{Names: out}
	} else if len(out) == 0 && m.effective[0].nodes == 0 {
		f.Nodes = NodeSet{}
	}
	return append(found, f)
}

// disabled returns the findings about disabled pools, which are there to exempt.
func (m *Model) disabled() []Finding {
	var found []Finding
	for _, kind := range []struct {
		code  FindingCode
		holds func(Pool) bool
	}{
		{LoadBalancerExemption, func(p Pool) bool { return !p.Exempts }},
		{ExemptionWithNAT, func(p Pool) bool { return p.NATOutgoing }},
		{ExemptionExportedByBGP, func(p Pool) bool { return p.Exempts && !p.NATOutgoing && !p.DisableBGPExport }},
	} {
		for _, pool := range m.pools {
			if pool.Disabled && kind.holds(pool) {
				found = append(found, Finding{Code: kind.code, Pools: []Pool{pool}})
			}
		}
	}
	return found
}

// nftables reports whether Felix is in nftables mode with these settings, and whether that is
// only assumed.
func (m *Model) nftables(e *effective) (is, assumed bool) {
	switch {
	case m.dataplane == NFTables:
		return true, false
	case m.dataplane == IPTables, e.nftables == "disabled":
		return false, false
	default:
		return true, e.nftables != "enabled"
	}
}

// Remedy returns what ends a finding that ends Felix, without a full stop; empty for others.
func (f Finding) Remedy() string {
	switch f.Code {
	case NATAddressWithIPv6:
		return "unset natOutgoingAddress, or natOutgoing of the IPv6 pools"
	case OverlappingPools:
		return "delete one of the two pools, after the pods with its addresses"
	case InvalidExternalNodes:
		return "leave what is no IPv4 address or CIDR out of " + f.Setting.Field
	case WildcardInterfaceFilter:
		return "unset " + f.Setting.Field + ", or set it to the name of one interface"
	default:
		return ""
	}
}

// Text returns the finding as a sentence without a full stop.
func (f Finding) Text() string {
	setting := f.Setting.String()
	if f.Others > 0 {
		setting += " and such a value in " + plural(f.Others, "other FelixConfiguration")
	}
	ends := "ends Felix on " + f.Nodes.String() + ", again and again"
	switch {
	case f.Assumed:
		ends = "in nftables mode, which the nodes may use, " + ends
	case f.Code == OverlappingPools, f.Code == WildcardInterfaceFilter:
		ends = "in nftables mode " + ends
	}
	switch f.Code {
	case InvalidExternalNodes:
		return fmt.Sprintf("%s, with an entry that is no IPv4 address or CIDR: %s, even where another value overrides it", setting, ends)
	case NATAddressWithIPv6:
		return fmt.Sprintf("%s, an IPv4 address, with natOutgoing in IPv6 %s: %s", setting, poolNames(f.Pools), ends)
	case OverlappingPools:
		return fmt.Sprintf("%s overlap: %s", poolNames(f.Pools), ends)
	case WildcardInterfaceFilter:
		return fmt.Sprintf("%s, a wildcard, with natOutgoing in %s: %s", setting, poolNames(f.Pools), ends)
	case GlobalNATAddress:
		return fmt.Sprintf("%s, for %s: replies return to the one node that has the address, so only its pods get them", f.Setting, f.Nodes)
	case LoadBalancerExemption:
		return fmt.Sprintf("%s is disabled and for LoadBalancers only: traffic to it is masqueraded; set allowedUses to [Workload, Tunnel] to exempt it", poolNames(f.Pools))
	case ExemptionWithNAT:
		return fmt.Sprintf("%s is disabled and has natOutgoing: traffic from it is masqueraded; natOutgoing is not needed to exempt traffic to it", poolNames(f.Pools))
	case ExemptionExportedByBGP:
		return fmt.Sprintf("%s is disabled and BGP exports its routes: set disableBGPExport if it is there only to exempt", poolNames(f.Pools))
	default:
		return text.Join([]string{string(f.Code), poolNames(f.Pools)})
	}
}
