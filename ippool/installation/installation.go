// Package installation converts pools to the part of the Tigera operator's
// Installation that lists them, and back. If the operator manages Calico, it creates
// the pools, and it reverts changes that others make to them.
//
// The fields are those of operator.tigera.io/v1 (tigera/operator,
// api/v1/installation_types.go), the rules those of its IP pool controller
// (pkg/controller/ippool).
//
// The package doesn't check the operator's rules that depend on the rest of the
// Installation or on the cluster:
//   - calicoNetwork.bgp must be Enabled, its default, if a pool has no VXLAN;
//   - encapsulation must be None and nodeSelector all() with a CNI other than
//     Calico's, and host-local IPAM doesn't support VXLAN;
//   - in clusters of kubeadm and OpenShift without pools, every pool must be within
//     the cluster's pod CIDRs.
package installation

import (
	"errors"
	"fmt"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// MaxPools is the maximum number of pools in the operator's schema.
const MaxPools = 25

// Installation has only the fields about pools. Merge it into the Installation of
// a cluster.
type Installation struct {
	APIVersion string   `json:"apiVersion"` // operator.tigera.io/v1
	Kind       string   `json:"kind"`       // Installation
	Metadata   Metadata `json:"metadata"`   // its name
	Spec       Spec     `json:"spec"`       // its pools
}

// Metadata has the name of the Installation. The operator uses only "default".
type Metadata struct {
	Name string `json:"name"` // default
}

// Spec has the fields of the spec that decide the pools.
type Spec struct {
	KubernetesProvider string        `json:"kubernetesProvider,omitempty"` // decides the default of CNI.Type; not set by Of
	CNI                CNI           `json:"cni,omitzero"`                 // not set by Of
	CalicoNetwork      CalicoNetwork `json:"calicoNetwork"`                // the pools
}

// CNI is the CNI plugin. The zero value is the default of the provider.
type CNI struct {
	// Type is the plugin, such as Calico or AmazonVPC. With another one than Calico,
	// pools have no encapsulation unless they name one.
	Type string `json:"type,omitempty"`
}

// CalicoNetwork has the pools. An empty list differs from an unset one: with an
// empty list, the operator doesn't manage pools.
type CalicoNetwork struct {
	IPPools []IPPool `json:"ipPools"` // in the order of the arguments
}

// IPPool is a pool in the operator's fields. An empty field has the operator's
// default. Of always sets the first six fields, because the operator's defaults differ
// from Calico's, such as IPIP and NAT for IPv4; the defaults of the others are Calico's.
type IPPool struct {
	Name          string `json:"name"`          // of the IPPool; default: see [Spec.Pools]
	CIDR          string `json:"cidr"`          // required; Of writes its canonical form
	Encapsulation string `json:"encapsulation"` // one of [Encapsulations]; default: IPIP for IPv4, None for IPv6
	NATOutgoing   string `json:"natOutgoing"`   // Enabled or Disabled; default: Enabled for IPv4, Disabled for IPv6
	BlockSize     int    `json:"blockSize"`     // the prefix length of a block; default: 26 for IPv4, 122 for IPv6
	NodeSelector  string `json:"nodeSelector"`  // default: all()

	DisableBGPExport      bool                  `json:"disableBGPExport,omitempty"`      // don't export its routes over BGP
	DisableNewAllocations bool                  `json:"disableNewAllocations,omitempty"` // Calico's "disabled"
	AllowedUses           []v3.IPPoolAllowedUse `json:"allowedUses,omitempty"`           // default: Workload and Tunnel
	AssignmentMode        v3.AssignmentMode     `json:"assignmentMode,omitempty"`        // default: Automatic
}

// Of returns the Installation with the pools, in their order, and warnings. Every
// line of the error is a fault: one of [ippool.ValidateSet], a field that the
// Installation doesn't have, or a value that the operator rejects. Warnings are
// labels and annotations, which are omitted, and pools that the operator rejects
// in many clusters. The pools don't change.
func Of(pools []*v3.IPPool) (Installation, []string, error) {
	var (
		entries  = make([]IPPool, 0, len(pools))
		warnings []string
		faults   []error
	)
	if len(pools) > MaxPools {
		faults = append(faults, fmt.Errorf("%d pools: the Installation allows at most %d", len(pools), MaxPools))
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
			warnings = append(warnings, fmt.Sprintf("IPPool %q: its labels and annotations are omitted: the Installation has no field for them", pool.Name))
		}
		if slices.Contains(pool.Spec.AllowedUses, v3.IPPoolAllowedUseLoadBalancer) {
			warnings = append(warnings, fmt.Sprintf("IPPool %q: cidr %q is for LoadBalancer: in a cluster without pools but with configured pod CIDRs (kubeadm, OpenShift), the operator creates no pools if one is outside the pod CIDRs; add this pool after the others exist", pool.Name, pool.Spec.CIDR))
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
		Spec:       Spec{CalicoNetwork: CalicoNetwork{IPPools: entries}},
	}, warnings, nil
}

// unfit returns the faults of a pool, with its defaults set, that is valid in Calico
// but not in the operator.
func unfit(spec v3.IPPoolSpec) []error {
	var faults []error
	if spec.NamespaceSelector != "" {
		faults = append(faults, fmt.Errorf("namespaceSelector %q: the Installation has no such field", spec.NamespaceSelector))
	}
	prefix, err := ippool.ParseCIDR(spec.CIDR)
	if err == nil && spec.Disabled && prefix.Bits() > spec.BlockSize {
		faults = append(faults, fmt.Errorf("cidr %q is smaller than a block (/%d), which the operator rejects even in a disabled pool", spec.CIDR, spec.BlockSize))
	}
	return faults
}

// entry converts a pool with its defaults set.
func entry(pool *v3.IPPool) IPPool {
	spec := pool.Spec
	e := IPPool{
		Name: pool.Name, CIDR: spec.CIDR, Encapsulation: encapsulation(spec), NATOutgoing: disabled,
		BlockSize: spec.BlockSize, NodeSelector: spec.NodeSelector,
		DisableBGPExport: spec.DisableBGPExport, DisableNewAllocations: spec.Disabled,
	}
	if spec.NATOutgoing {
		e.NATOutgoing = enabled
	}
	// Older operators don't have these fields, so set them only to other values
	// than the default.
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
	for _, known := range encapsulations {
		if ippool.OrNever(spec.IPIPMode) == known.ipip && ippool.OrNever(spec.VXLANMode) == known.vxlan {
			return known.name
		}
	}
	return none // the pool is invalid
}
