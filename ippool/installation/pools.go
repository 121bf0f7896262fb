package installation

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const (
	none     = "None"
	enabled  = "Enabled"
	disabled = "Disabled"
)

// encapsulations has the modes of each encapsulation, in the order of the operator's CRD.
var encapsulations = []struct {
	name  string
	ipip  v3.IPIPMode
	vxlan v3.VXLANMode
}{
	{"IPIPCrossSubnet", v3.IPIPModeCrossSubnet, v3.VXLANModeNever},
	{"IPIP", v3.IPIPModeAlways, v3.VXLANModeNever},
	{"VXLAN", v3.IPIPModeNever, v3.VXLANModeAlways},
	{"VXLANCrossSubnet", v3.IPIPModeNever, v3.VXLANModeCrossSubnet},
	{none, v3.IPIPModeNever, v3.VXLANModeNever},
}

// Encapsulations returns the values of Encapsulation, in a new slice.
func Encapsulations() []string {
	var names []string
	for _, known := range encapsulations {
		names = append(names, known.name)
	}
	return names
}

// NATOutgoings returns the values of NATOutgoing, in a new slice.
func NATOutgoings() []string { return []string{enabled, disabled} }

// Pools returns the pools that the operator creates from the spec, in its order: the
// inverse of [Of]. Encapsulation and natOutgoing have the operator's defaults, and other
// fields that are not set are empty, since their defaults are those of [ippool.Default].
//
// A pool without a name gets the one of the operator: default-ipv4-ippool or
// default-ipv6-ippool for the only pool, or the only one of its family of two, and
// otherwise one of its CIDR, such as 10.244.0.0-16. (The operator would use the name of an
// existing pool with the same CIDR.)
//
// Pools validates nothing: a value that is invalid counts as not set, and a pool whose
// CIDR is invalid gets neither defaults nor a name.
func (s Spec) Pools() []*v3.IPPool {
	entries := s.CalicoNetwork.IPPools
	pools := make([]*v3.IPPool, 0, len(entries))
	usual := len(entries) == 1 || len(entries) == 2 && familyOf(entries[0]) != familyOf(entries[1])
	for _, entry := range entries {
		pool := ippool.New(entry.Name)
		pool.Spec = v3.IPPoolSpec{
			CIDR: entry.CIDR, BlockSize: entry.BlockSize, NodeSelector: entry.NodeSelector, Disabled: entry.DisableNewAllocations,
			DisableBGPExport: entry.DisableBGPExport, AllowedUses: slices.Clone(entry.AllowedUses),
		}
		if entry.AssignmentMode != "" {
			mode := entry.AssignmentMode
			pool.Spec.AssignmentMode = &mode
		}
		nat, encapsulation := entry.NATOutgoing, entry.Encapsulation
		if prefix, err := ippool.ParseCIDR(entry.CIDR); err == nil {
			family := ippool.FamilyOf(prefix)
			if pool.Name == "" {
				pool.Name = nameOf(prefix.Masked())
				if usual {
					pool.Name = fmt.Sprintf("default-ipv%d-ippool", family)
				}
			}
			if nat == "" && family == ippool.IPv4 {
				nat = enabled
			}
			if encapsulation == "" {
				encapsulation = s.encapsulationOf(family)
			}
		}
		pool.Spec.NATOutgoing = nat == enabled
		for _, known := range encapsulations {
			if known.name == encapsulation {
				pool.Spec.IPIPMode, pool.Spec.VXLANMode = known.ipip, known.vxlan
			}
		}
		pools = append(pools, pool)
	}
	return pools
}

// encapsulationOf returns the default of a family.
func (s Spec) encapsulationOf(family ippool.Family) string {
	const calico = "Calico"
	plugin := s.CNI.Type
	if plugin == "" && !slices.Contains([]string{"AKS", "EKS", "GKE"}, s.KubernetesProvider) { // these have CNI plugins of their own
		plugin = calico
	}
	if family == ippool.IPv4 && plugin == calico {
		return "IPIP"
	}
	return none
}

// familyOf returns the family of a pool; the zero Family if its CIDR is invalid.
func familyOf(entry IPPool) ippool.Family {
	prefix, _ := ippool.ParseCIDR(entry.CIDR)
	return ippool.FamilyOf(prefix)
}

// nameOf returns the name that the operator derives from a CIDR: its full address, with
// dots in the place of colons.
func nameOf(prefix netip.Prefix) string {
	return fmt.Sprintf("%s-%d", strings.ReplaceAll(prefix.Addr().StringExpanded(), ":", "."), prefix.Bits())
}
