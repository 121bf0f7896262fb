package ippool

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
func Default(pool *IPPool) {
	if pool.Kind == "" {
		pool.Kind = Kind
	}
	if pool.APIVersion == "" {
		pool.APIVersion = V3.String()
	}
	spec := &pool.Spec
	spec.IPIPMode = spec.IPIPMode.orNever()
	spec.VXLANMode = spec.VXLANMode.orNever()
	if spec.BlockSize == 0 {
		if prefix, err := ParseCIDR(spec.CIDR); err == nil {
			spec.BlockSize = FamilyOf(prefix).DefaultBlockSize()
		}
	}
	if spec.NodeSelector == "" {
		spec.NodeSelector = DefaultNodeSelector
	}
	if len(spec.AllowedUses) == 0 {
		spec.AllowedUses = []IPPoolAllowedUse{IPPoolAllowedUseWorkload, IPPoolAllowedUseTunnel}
	}
	if spec.AssignmentMode == nil {
		mode := Automatic
		spec.AssignmentMode = &mode
	}
}
