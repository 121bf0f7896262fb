package ippool

import v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

// What calico-node gives a pool that says nothing else.
const (
	DefaultBlockSizeIPv4 = 26
	DefaultBlockSizeIPv6 = 122
	DefaultNodeSelector  = "all()"
)

// Default fills every field of the pool that is empty with the value that
// Calico gives it, so that a record says in full what the pool is: kind and
// API version, modes Never, the block size of the family, the node selector
// all(), the uses Workload and Tunnel, the assignment mode Automatic.
//
// What is set stays as it is. The block size stays zero while the CIDR does
// not parse, since the family decides it.
func Default(pool *v3.IPPool) {
	if pool.Kind == "" {
		pool.Kind = v3.KindIPPool
	}
	if pool.APIVersion == "" {
		pool.APIVersion = v3.GroupVersionCurrent
	}
	spec := &pool.Spec
	spec.IPIPMode = OrNever(spec.IPIPMode)
	spec.VXLANMode = OrNever(spec.VXLANMode)
	if spec.BlockSize == 0 {
		if prefix, err := ParseCIDR(spec.CIDR); err == nil {
			spec.BlockSize = FamilyOf(prefix).DefaultBlockSize()
		}
	}
	if spec.NodeSelector == "" {
		spec.NodeSelector = DefaultNodeSelector
	}
	if len(spec.AllowedUses) == 0 {
		spec.AllowedUses = []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseWorkload, v3.IPPoolAllowedUseTunnel}
	}
	if spec.AssignmentMode == nil {
		mode := v3.Automatic
		spec.AssignmentMode = &mode
	}
}
