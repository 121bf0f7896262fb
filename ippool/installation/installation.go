// Package installation writes pools as the part of the Tigera operator's
// Installation that names them: where the operator manages Calico, it makes the
// pools, and undoes what others write into them.
//
// The fields are those of operator.tigera.io/v1 (tigera/operator,
// api/v1/installation_types.go), the rules those of its IP pool controller
// (pkg/controller/ippool).
//
// What the operator judges by the rest of the Installation or by the cluster
// can't be known here. It wants
//   - calicoNetwork.bgp Enabled, its default, where a pool has no VXLAN;
//   - encapsulation None and nodeSelector all() with another CNI than Calico's, and
//     no VXLAN with host-local IPAM;
//   - on kubeadm's clusters and OpenShift's that have no pool yet, every pool within
//     the cluster's pod CIDRs.
package installation

import (
	"errors"
	"fmt"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// MaxPools is how many the operator's schema takes.
const MaxPools = 25

// Installation is the part about pools, and no other: it is to be merged into
// the Installation of a cluster.
type Installation struct {
	APIVersion string   `json:"apiVersion"` // operator.tigera.io/v1
	Kind       string   `json:"kind"`       // Installation
	Metadata   Metadata `json:"metadata"`   // its name
	Spec       Spec     `json:"spec"`       // its pools
}

// Metadata names the Installation. The operator knows one, "default".
type Metadata struct {
	Name string `json:"name"` // default
}

// Spec is the Installation's.
type Spec struct {
	CalicoNetwork CalicoNetwork `json:"calicoNetwork"` // the only part of it that is written
}

// CalicoNetwork holds the pools. An empty list is not the same as none: with
// it, the operator leaves the pools to others.
type CalicoNetwork struct {
	IPPools []IPPool `json:"ipPools"` // in the order that was given
}

// IPPool is a pool as the operator spells it. The fields that are always written
// have defaults there that differ from Calico's, such as IPIP and NAT for IPv4;
// those that may be left out have Calico's.
type IPPool struct {
	Name          string `json:"name"`          // of the IPPool
	CIDR          string `json:"cidr"`          // canonical
	Encapsulation string `json:"encapsulation"` // IPIP, IPIPCrossSubnet, VXLAN, VXLANCrossSubnet, None
	NATOutgoing   string `json:"natOutgoing"`   // Enabled, Disabled
	BlockSize     int    `json:"blockSize"`     // the prefix length of a block
	NodeSelector  string `json:"nodeSelector"`  // the operator refuses an empty one

	DisableBGPExport      bool                  `json:"disableBGPExport,omitempty"`      // keeps its routes out of BGP
	DisableNewAllocations bool                  `json:"disableNewAllocations,omitempty"` // Calico's "disabled"
	AllowedUses           []v3.IPPoolAllowedUse `json:"allowedUses,omitempty"`           // left out: Workload and Tunnel
	AssignmentMode        v3.AssignmentMode     `json:"assignmentMode,omitempty"`        // left out: Automatic
}

// Of returns the Installation with the pools, in their order, and warnings. Every
// fault is a line of the error: what is wrong with the pools ([ippool.ValidateSet]),
// what the operator has no field for, what it would refuse. Warned of are labels
// and annotations, which are left out, and pools that it refuses in many clusters.
// The pools stay as they are.
func Of(pools []*v3.IPPool) (Installation, []string, error) {
	var (
		entries  = make([]IPPool, 0, len(pools))
		warnings []string
		faults   []error
	)
	if len(pools) > MaxPools {
		faults = append(faults, fmt.Errorf("%d pools: the Installation takes %d", len(pools), MaxPools))
	}
	for _, fault := range ippool.ValidateSet(pools) {
		faults = append(faults, fault)
	}
	for _, given := range pools {
		pool := given.DeepCopy()
		ippool.Default(pool)
		for _, fault := range unfit(pool.Spec) {
			faults = append(faults, fmt.Errorf("IPPool %q: %w", pool.Name, fault))
		}
		if len(pool.Labels)+len(pool.Annotations) > 0 {
			warnings = append(warnings, fmt.Sprintf("IPPool %q: its labels and annotations are left out: the Installation has no field for them", pool.Name))
		}
		if slices.Contains(pool.Spec.AllowedUses, v3.IPPoolAllowedUseLoadBalancer) {
			warnings = append(warnings, fmt.Sprintf("IPPool %q: cidr %q is for LoadBalancer: in a cluster without pools that names its pod CIDRs (kubeadm, OpenShift) the operator creates no pool at all while one is outside of them; add this one when the others exist", pool.Name, pool.Spec.CIDR))
		}
		entries = append(entries, entry(pool))
	}
	if len(faults) > 0 {
		return Installation{}, warnings, errors.Join(faults...)
	}
	return Installation{
		APIVersion: "operator.tigera.io/v1",
		Kind:       "Installation",
		Metadata:   Metadata{Name: "default"},
		Spec:       Spec{CalicoNetwork{IPPools: entries}},
	}, warnings, nil
}

// unfit is what the operator can't have of a pool with all its defaults, though
// Calico can.
func unfit(spec v3.IPPoolSpec) []error {
	var faults []error
	if spec.NamespaceSelector != "" {
		faults = append(faults, fmt.Errorf("namespaceSelector %q: the Installation has no such field", spec.NamespaceSelector))
	}
	prefix, err := ippool.ParseCIDR(spec.CIDR)
	if err == nil && spec.Disabled && prefix.Bits() > spec.BlockSize {
		faults = append(faults, fmt.Errorf("cidr %q is smaller than a block (/%d), which the operator refuses also of a disabled pool", spec.CIDR, spec.BlockSize))
	}
	return faults
}

// entry is a pool that has all its defaults.
func entry(pool *v3.IPPool) IPPool {
	spec := pool.Spec
	e := IPPool{
		Name: pool.Name, CIDR: spec.CIDR, Encapsulation: encapsulation(spec), NATOutgoing: "Disabled",
		BlockSize: spec.BlockSize, NodeSelector: spec.NodeSelector,
		DisableBGPExport: spec.DisableBGPExport, DisableNewAllocations: spec.Disabled,
	}
	if spec.NATOutgoing {
		e.NATOutgoing = "Enabled"
	}
	// Older operators don't know these fields: only what differs is named.
	usual := []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseTunnel, v3.IPPoolAllowedUseWorkload}
	if uses := slices.Sorted(slices.Values(spec.AllowedUses)); !slices.Equal(uses, usual) {
		e.AllowedUses = spec.AllowedUses
	}
	if mode := spec.AssignmentMode; mode != nil && *mode != v3.Automatic {
		e.AssignmentMode = *mode
	}
	return e
}

func encapsulation(spec v3.IPPoolSpec) string {
	switch {
	case spec.IPIPMode == v3.IPIPModeAlways:
		return "IPIP"
	case spec.IPIPMode == v3.IPIPModeCrossSubnet:
		return "IPIPCrossSubnet"
	case spec.VXLANMode == v3.VXLANModeAlways:
		return "VXLAN"
	case spec.VXLANMode == v3.VXLANModeCrossSubnet:
		return "VXLANCrossSubnet"
	default:
		return "None"
	}
}
