package ippool

import v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

// The defaults of calico-node.
const (
	DefaultBlockSizeIPv4 = 26
	DefaultBlockSizeIPv6 = 122
	DefaultNodeSelector  = "all()"
)

// Default sets every empty field of the pool to Calico's default, so that a
// record states every value: kind and API version, modes Never, the block size
// of the family, the node selector all(), the uses Workload and Tunnel, the
// assignment mode Automatic.
//
// Fields that are set don't change. The block size stays zero if the CIDR is
// invalid, because its default depends on the address family.
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

// OnlyForLoadBalancers reports whether a pool with these allowedUses is for the addresses of
// Services of type LoadBalancer, and so for none of a pod or tunnel. As in Calico, a pool
// without allowedUses is for workloads and tunnels.
func OnlyForLoadBalancers(uses []v3.IPPoolAllowedUse) bool {
	return len(uses) == 1 && uses[0] == v3.IPPoolAllowedUseLoadBalancer
}
