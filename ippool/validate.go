package ippool

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/selector"
)

// The maximum lengths in the CRD, in characters.
const (
	maxCIDRLength     = 48
	maxSelectorLength = 1024
)

var specPath = field.NewPath("spec")

// Validate returns all faults of a single pool, or nil. [ValidateSet],
// [ValidateBlocks] and [ValidateUpdate] validate what depends on other pools, on
// blocks and on the stored pool.
//
// Empty fields mean their defaults, as [Default] sets them, with one exception
// that the API server makes too: a namespaceSelector is invalid in a pool that
// names the use Tunnel, but valid in a pool that names no uses. Validate accepts
// what an API server with Calico's CRDs accepts.
//
// A fault has the type Forbidden if the value is valid, but not together with another
// field: [Conflicts].
func Validate(pool *v3.IPPool) field.ErrorList {
	faults := validateName(pool.Name)
	faults = append(faults, validateRange(&pool.Spec)...)
	faults = append(faults, validateEncapsulation(&pool.Spec)...)
	faults = append(faults, validateSelector(specPath.Child("nodeSelector"), pool.Spec.NodeSelector)...)
	faults = append(faults, validateSelector(specPath.Child("namespaceSelector"), pool.Spec.NamespaceSelector)...)
	faults = append(faults, validateUses(&pool.Spec)...)
	if mode := pool.Spec.AssignmentMode; mode != nil && !isKnown(*mode) {
		faults = append(faults, notSupported(specPath.Child("assignmentMode"), *mode))
	}
	return faults
}

// validateRange validates the CIDR and the block size.
func validateRange(spec *v3.IPPoolSpec) field.ErrorList {
	var (
		faults    field.ErrorList
		cidrPath  = specPath.Child("cidr")
		blockPath = specPath.Child("blockSize")
	)
	if spec.CIDR == "" {
		return append(faults, field.Required(cidrPath, "the range of the pool, such as 10.244.0.0/16"))
	}
	prefix, err := ParseCIDR(spec.CIDR)
	if err != nil {
		return append(faults, field.Invalid(cidrPath, spec.CIDR, err.Error()))
	}
	if len(spec.CIDR) > maxCIDRLength {
		faults = append(faults, tooLong(cidrPath, maxCIDRLength))
	}
	if prefix != prefix.Masked() {
		faults = append(faults, field.Invalid(cidrPath, spec.CIDR, "has host bits: the range is "+prefix.Masked().String()))
	}
	family := FamilyOf(prefix)
	if linkLocal := family.linkLocal(); linkLocal.Overlaps(prefix) {
		faults = append(faults, field.Invalid(cidrPath, spec.CIDR, "overlaps the link-local range "+linkLocal.String()+"; must be outside it"))
	}
	blockSize := spec.BlockSize
	if blockSize == 0 {
		blockSize = family.DefaultBlockSize()
	}
	if smallest, largest := family.BlockSizes(); blockSize < smallest || blockSize > largest {
		faults = append(faults, field.Invalid(blockPath, blockSize,
			fmt.Sprintf("must be between %d and %d for %s", smallest, largest, family)))
	} else if prefix.Bits() > blockSize && !spec.Disabled {
		fit := fmt.Sprintf("/%d to /%d", prefix.Bits(), largest)
		if prefix.Bits() == largest {
			fit = fmt.Sprintf("/%d", largest)
		}
		faults = append(faults, field.Invalid(cidrPath, spec.CIDR,
			fmt.Sprintf("is smaller than one block of /%d: Calico can't assign addresses from it; widen it to at least /%d, or use blocks of %s", blockSize, blockSize, fit)))
	}
	return faults
}

func validateEncapsulation(spec *v3.IPPoolSpec) field.ErrorList {
	var (
		faults    field.ErrorList
		ipipPath  = specPath.Child("ipipMode")
		vxlanPath = specPath.Child("vxlanMode")
	)
	if !isKnown(OrNever(spec.IPIPMode)) {
		faults = append(faults, notSupported(ipipPath, spec.IPIPMode))
	}
	if !isKnown(OrNever(spec.VXLANMode)) {
		faults = append(faults, notSupported(vxlanPath, spec.VXLANMode))
	}
	if Encapsulates(spec.IPIPMode) && Encapsulates(spec.VXLANMode) {
		faults = append(faults, field.Forbidden(vxlanPath,
			fmt.Sprintf("%q conflicts with ipipMode %q: only one encapsulation can be enabled", spec.VXLANMode, spec.IPIPMode)))
	}
	if prefix, err := ParseCIDR(spec.CIDR); err == nil && FamilyOf(prefix) == IPv6 && Encapsulates(spec.IPIPMode) {
		faults = append(faults, field.Forbidden(ipipPath,
			fmt.Sprintf("%q: IP-in-IP does not carry IPv6; use vxlanMode or Never", spec.IPIPMode)))
	}
	return faults
}

func isKnown[E Enum](value E) bool { return slices.Contains(valuesOf[E](), string(value)) }

// notSupported converts the value to a string, because older versions of package
// field quote no other type.
func notSupported[E Enum](path *field.Path, value E) *field.Error {
	return field.NotSupported(path, string(value), valuesOf[E]())
}

func validateSelector(path *field.Path, text string) field.ErrorList {
	var faults field.ErrorList
	if _, err := selector.Parse(text); err != nil {
		faults = append(faults, field.Invalid(path, text, err.Error()))
	} else if strings.Contains(text, "global(") {
		// The CRD rejects this text anywhere, even in a quoted string.
		faults = append(faults, field.Invalid(path, text, `must not contain "global("`))
	}
	if !utf8.ValidString(text) {
		// JSON can't represent it: a different selector would be stored.
		faults = append(faults, field.Invalid(path, text, "is not valid UTF-8"))
	}
	if utf8.RuneCountInString(text) > maxSelectorLength {
		faults = append(faults, tooLong(path, maxSelectorLength))
	}
	return faults
}

// tooLong differs from field.TooLong in the unit: the CRD counts characters.
func tooLong(path *field.Path, most int) *field.Error {
	fault := field.TooLong(path, "", most)
	fault.Detail = fmt.Sprintf("may not be more than %d characters", most)
	return fault
}

func validateUses(spec *v3.IPPoolSpec) field.ErrorList {
	var (
		faults field.ErrorList
		path   = specPath.Child("allowedUses")
	)
	for i, use := range spec.AllowedUses {
		switch {
		case !isKnown(use):
			faults = append(faults, notSupported(path.Index(i), use))
		case slices.Contains(spec.AllowedUses[:i], use):
			faults = append(faults, field.Duplicate(path.Index(i), string(use)))
		}
	}
	if slices.Contains(spec.AllowedUses, v3.IPPoolAllowedUseTunnel) && spec.NamespaceSelector != "" {
		faults = append(faults, field.Forbidden(specPath.Child("namespaceSelector"),
			"must be empty for a pool with the use Tunnel: tunnel addresses belong to nodes"))
	}
	if !slices.Contains(spec.AllowedUses, v3.IPPoolAllowedUseLoadBalancer) {
		return faults
	}
	if slices.ContainsFunc(spec.AllowedUses, func(u v3.IPPoolAllowedUse) bool {
		return u == v3.IPPoolAllowedUseWorkload || u == v3.IPPoolAllowedUseTunnel
	}) {
		faults = append(faults, field.Forbidden(path, "LoadBalancer can't be combined with Workload or Tunnel"))
	}
	if Encapsulates(spec.IPIPMode) {
		faults = append(faults, field.Forbidden(specPath.Child("ipipMode"), "must be Never for a LoadBalancer pool"))
	}
	if Encapsulates(spec.VXLANMode) {
		faults = append(faults, field.Forbidden(specPath.Child("vxlanMode"), "must be Never for a LoadBalancer pool"))
	}
	if spec.DisableBGPExport {
		faults = append(faults, field.Forbidden(specPath.Child("disableBGPExport"), "must be false for a LoadBalancer pool"))
	}
	if s := spec.NodeSelector; s != "" && s != DefaultNodeSelector {
		fault := field.Forbidden(specPath.Child("nodeSelector"), "must be all() for a LoadBalancer pool")
		fault.BadValue = s
		faults = append(faults, fault)
	}
	return faults
}

// ValidateUpdate returns all faults of an update of the stored pool: the faults
// of updated itself, and changes that Calico doesn't allow in a stored pool. It
// compares CIDRs as text, as the API server does. A block size of zero is the
// default of the family; if the CIDR is invalid, zero equals any block size.
//
// The API server accepts more: it compares block sizes only if both pools set
// one, and it allows LoadBalancer to be removed. It accepts less in one case: if
// an explicit zero is stored, which the Go type can't represent, the API server
// doesn't allow the default in its place.
func ValidateUpdate(updated, stored *v3.IPPool) field.ErrorList {
	faults := Validate(updated)
	if updated.Spec.CIDR != stored.Spec.CIDR {
		faults = append(faults, field.Forbidden(specPath.Child("cidr"),
			fmt.Sprintf("can't change from %q to %q: create a new pool and migrate to it", stored.Spec.CIDR, updated.Spec.CIDR)))
	}
	if was, is := effectiveBlockSize(stored), effectiveBlockSize(updated); was != is && was != 0 && is != 0 &&
		updated.Spec.BlockSize != stored.Spec.BlockSize {
		faults = append(faults, field.Forbidden(specPath.Child("blockSize"),
			fmt.Sprintf("can't change from %d to %d: create a new pool and migrate to it", was, is)))
	}
	isOther := func(u v3.IPPoolAllowedUse) bool { return u != v3.IPPoolAllowedUseLoadBalancer }
	if slices.Contains(stored.Spec.AllowedUses, v3.IPPoolAllowedUseLoadBalancer) &&
		(len(updated.Spec.AllowedUses) == 0 || slices.ContainsFunc(updated.Spec.AllowedUses, isOther)) {
		faults = append(faults, field.Forbidden(specPath.Child("allowedUses"), "a LoadBalancer pool can't change to another use"))
	}
	return faults
}

// effectiveBlockSize returns the block size or its default, and zero if the block
// size is unset and the CIDR is invalid.
func effectiveBlockSize(pool *v3.IPPool) int {
	if prefix, err := ParseCIDR(pool.Spec.CIDR); err == nil && pool.Spec.BlockSize == 0 {
		return FamilyOf(prefix).DefaultBlockSize()
	}
	return pool.Spec.BlockSize
}

// ValidateBlocks returns an error if existing IPAM blocks inside the pool differ
// in size from the pool's block size, which Calico doesn't support. It ignores
// blocks outside the pool and the order of blocks. A pool with an invalid CIDR
// has no blocks.
func ValidateBlocks(pool *v3.IPPool, blocks []netip.Prefix) field.ErrorList {
	prefix, err := ParseCIDR(pool.Spec.CIDR)
	if err != nil {
		return nil
	}
	size := effectiveBlockSize(pool)
	var first netip.Prefix
	count := 0
	for _, block := range blocks {
		if !block.Overlaps(prefix) || block.Bits() == size {
			continue
		}
		if count++; count == 1 || comparePrefixes(block, first) < 0 {
			first = block
		}
	}
	if count == 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(specPath.Child("blockSize"), size, fmt.Sprintf(
		"%d IPAM block(s) inside %s have a different size, the first is %s; set that block size or another CIDR", count, prefix, first))}
}
