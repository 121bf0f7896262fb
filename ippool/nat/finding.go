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

// The findings. The first three end Felix, on every node that they concern, again and
// again; the others surprise.
const (
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
	EndsFelix bool        // on every node that it concerns; false: it surprises
	Assumed   bool        // it holds in nftables mode, and the dataplane is unknown
	Pools     []Pool      // sorted by range
	Setting   Setting     // zero for those about pools alone
}

// Findings returns the combinations that end Felix, then those that surprise, each kind
// sorted by the ranges of the pools, in a new slice.
func (m *Model) Findings() []Finding {
	m = m.orEmpty()
	var (
		found []Finding
		nat   = map[ippool.Family][]Pool{}
	)
	for _, pool := range m.pools {
		if pool.NATOutgoing {
			family := ippool.FamilyOf(pool.CIDR)
			nat[family] = append(nat[family], pool)
		}
	}
	if len(nat[ippool.IPv6]) > 0 {
		for _, e := range m.perConfiguration(address, func(e *effective) bool { return e.address.IsValid() }) {
			found = append(found, Finding{Code: NATAddressWithIPv6, EndsFelix: true, Pools: nat[ippool.IPv6], Setting: e.from[address]})
		}
	}
	if mode, assumed := m.nftables(m.effective); mode {
		for _, overlap := range ippool.Overlaps(m.stored) {
			found = append(found, Finding{
				Code: OverlappingPools, EndsFelix: true, Assumed: assumed,
				Pools: []Pool{m.pools[overlap.Earlier], m.pools[overlap.Later]},
			})
		}
	}
	if all := slices.Concat(nat[ippool.IPv4], nat[ippool.IPv6]); len(all) > 0 {
		wildcard := func(e *effective) bool { return strings.HasSuffix(e.filter, "+") }
		for _, e := range m.perConfiguration(filter, wildcard) {
			mode, assumed := m.nftables(slices.DeleteFunc(slices.Clone(m.effective), func(other effective) bool { return other.from[filter] != e.from[filter] }))
			if mode {
				found = append(found, Finding{Code: WildcardInterfaceFilter, EndsFelix: true, Assumed: assumed, Pools: all, Setting: e.from[filter]})
			}
		}
	}
	if len(nat[ippool.IPv4]) > 0 {
		forAll := func(e *effective) bool { return e.address.IsValid() && e.from[address].Configuration == global }
		for _, e := range m.perConfiguration(address, forAll) {
			found = append(found, Finding{Code: GlobalNATAddress, Pools: nat[ippool.IPv4], Setting: e.from[address]})
		}
	}
	return append(found, m.disabled()...)
}

// perConfiguration returns, for each FelixConfiguration that sets the field, the first
// settings that apply, have its value, and for which holds is true.
func (m *Model) perConfiguration(field int, holds func(*effective) bool) []*effective {
	var found []*effective
	seen := map[string]bool{}
	for i := range m.effective {
		if e := &m.effective[i]; e.nodes > 0 && holds(e) && !seen[e.from[field].Configuration] {
			seen[e.from[field].Configuration] = true
			found = append(found, e)
		}
	}
	return found
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

// nftables reports whether Felix is in nftables mode with any of the settings that apply,
// and whether that is only assumed.
func (m *Model) nftables(all []effective) (mode, assumed bool) {
	assumed = true
	for _, e := range all {
		if e.nodes == 0 || m.dataplane == IPTables || m.dataplane != NFTables && e.nftables == "disabled" {
			continue
		}
		mode = true
		assumed = assumed && m.dataplane != NFTables && e.nftables != "enabled"
	}
	return mode, assumed
}

// Concerns reports whether the finding is about the node; an empty name is any node.
func (f Finding) Concerns(node string) bool {
	own, ofNode := strings.CutPrefix(f.Setting.Configuration, "node.")
	return node == "" || !ofNode || own == node
}

// Remedy returns what ends a finding that ends Felix, without a full stop; empty for others.
func (f Finding) Remedy() string {
	switch f.Code {
	case NATAddressWithIPv6:
		return "unset natOutgoingAddress, or natOutgoing of the IPv6 pools"
	case OverlappingPools:
		return "delete one of the two pools, after the pods with its addresses"
	case WildcardInterfaceFilter:
		return "unset " + f.Setting.Field + ", or set it to the name of one interface"
	default:
		return ""
	}
}

// Text returns the finding as a sentence without a full stop.
func (f Finding) Text() string {
	where := "on every node"
	if node, own := strings.CutPrefix(f.Setting.Configuration, "node."); own {
		where = "on node " + shown(node)
	}
	ends := "ends Felix " + where + ", again and again"
	if f.Assumed {
		ends = "in nftables mode, which the nodes may use, " + ends
	} else if f.EndsFelix && f.Code != NATAddressWithIPv6 {
		ends = "in nftables mode " + ends
	}
	switch f.Code {
	case NATAddressWithIPv6:
		return fmt.Sprintf("%s, an IPv4 address, with natOutgoing in IPv6 %s: %s", f.Setting, poolNames(f.Pools), ends)
	case OverlappingPools:
		return fmt.Sprintf("%s overlap: %s", poolNames(f.Pools), ends)
	case WildcardInterfaceFilter:
		return fmt.Sprintf("%s, a wildcard, with natOutgoing in %s: %s", f.Setting, poolNames(f.Pools), ends)
	case GlobalNATAddress:
		return fmt.Sprintf("%s, for all nodes: replies return to the one node that has the address, so only its pods get them", f.Setting)
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
