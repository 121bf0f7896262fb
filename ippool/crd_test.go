package ippool_test

import (
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// crdTakes implements the schema and the CEL rules of Calico's IPPool CRDs one by
// one, independently of Validate, for specs whose empty fields are omitted in JSON.
func crdTakes(spec *v3.IPPoolSpec) bool {
	prefix, err := netip.ParsePrefix(spec.CIDR)
	if err != nil || prefix.Addr().Is4In6() || utf8.RuneCountInString(spec.CIDR) > 48 {
		return false // CEL's cidr() accepts no others
	}
	var (
		size           = spec.BlockSize
		hasUse         = func(u v3.IPPoolAllowedUse) bool { return slices.Contains(spec.AllowedUses, u) }
		isLoadBalancer = hasUse("LoadBalancer")
		ipipOff        = spec.IPIPMode == "" || spec.IPIPMode == "Never"
		vxlanOff       = spec.VXLANMode == "" || spec.VXLANMode == "Never"
		nodeSelector   = spec.NodeSelector
		linkLocal4     = netip.MustParsePrefix("169.254.0.0/16")
		linkLocal6     = netip.MustParsePrefix("fe80::/10")
		allOf          = func(rules ...bool) bool { return !slices.Contains(rules, false) }
		smallest       = 20
		largest        = 32
		assumed        = 26
	)
	if nodeSelector == "" {
		nodeSelector = "all()" // the CRD's default
	}
	if prefix.Addr().Is6() {
		smallest, largest, assumed = 116, 128, 122
	}
	if size != 0 {
		assumed = size
	}
	for i, use := range spec.AllowedUses { // a set of an enum, at most ten
		if i >= 10 || !slices.Contains([]v3.IPPoolAllowedUse{"Workload", "Tunnel", "LoadBalancer"}, use) ||
			slices.Contains(spec.AllowedUses[:i], use) {
			return false
		}
	}
	return allOf(
		slices.Contains([]v3.IPIPMode{"", "Never", "Always", "CrossSubnet"}, spec.IPIPMode),
		slices.Contains([]v3.VXLANMode{"", "Never", "Always", "CrossSubnet"}, spec.VXLANMode),
		spec.AssignmentMode == nil || slices.Contains([]v3.AssignmentMode{"Automatic", "Manual"}, *spec.AssignmentMode),
		size >= 0 && size <= 128,
		utf8.RuneCountInString(spec.NodeSelector) <= 1024,
		utf8.RuneCountInString(spec.NamespaceSelector) <= 1024,

		ipipOff || vxlanOff,
		!isLoadBalancer || ipipOff && vxlanOff,
		!isLoadBalancer || !hasUse("Workload") && !hasUse("Tunnel"),
		prefix.Addr().Is4() || ipipOff,
		!isLoadBalancer || !spec.DisableBGPExport,
		!isLoadBalancer || nodeSelector == "all()",
		!hasUse("Tunnel") || spec.NamespaceSelector == "",
		!strings.Contains(nodeSelector, "global("),
		!strings.Contains(spec.NamespaceSelector, "global("),
		prefix == prefix.Masked(),
		!linkLocal4.Contains(prefix.Addr()) && !prefix.Contains(linkLocal4.Addr()),
		!linkLocal6.Contains(prefix.Addr()) && !prefix.Contains(linkLocal6.Addr()),
		size == 0 || size >= smallest && size <= largest,
		spec.Disabled || prefix.Bits() <= assumed,
	)
}
