package ippool

import (
	"fmt"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// Mode is the mode of an encapsulation. Both encapsulations have the same modes;
// an empty mode means Never.
type Mode interface {
	v3.IPIPMode | v3.VXLANMode
}

// Enum is an enumeration in the spec of an IPPool.
type Enum interface {
	Mode | v3.IPPoolAllowedUse | v3.AssignmentMode
}

// The values in the order of Calico's CRD.
var (
	modes           = []string{string(v3.IPIPModeNever), string(v3.IPIPModeAlways), string(v3.IPIPModeCrossSubnet)}
	allowedUses     = []string{string(v3.IPPoolAllowedUseWorkload), string(v3.IPPoolAllowedUseTunnel), string(v3.IPPoolAllowedUseLoadBalancer)}
	assignmentModes = []string{string(v3.Automatic), string(v3.Manual)}
)

func valuesOf[E Enum]() []string {
	switch any(E("")).(type) {
	case v3.IPPoolAllowedUse:
		return allowedUses
	case v3.AssignmentMode:
		return assignmentModes
	default:
		return modes
	}
}

// EnumValues returns the values of the enumeration in the order of Calico's
// CRD, in a new slice.
func EnumValues[E Enum]() []E {
	var values []E
	for _, value := range valuesOf[E]() {
		values = append(values, E(value))
	}
	return values
}

// modeWords are the spellings that calico-node accepts in its environment, in
// lower case. They are the same for both encapsulations.
var modeWords = map[string]v3.IPIPMode{
	"off":          v3.IPIPModeNever,
	"never":        v3.IPIPModeNever,
	"always":       v3.IPIPModeAlways,
	"crosssubnet":  v3.IPIPModeCrossSubnet,
	"cross-subnet": v3.IPIPModeCrossSubnet,
}

// ParseEnum parses a value of the enumeration, ignoring case. It accepts the
// spellings of a mode that calico-node accepts in its environment: off or never,
// always, crosssubnet or cross-subnet. The error quotes the text and lists the
// known values.
func ParseEnum[E Enum](text string) (E, error) {
	switch any(E("")).(type) {
	case v3.IPIPMode, v3.VXLANMode:
		if mode, ok := modeWords[strings.ToLower(text)]; ok {
			return E(mode), nil
		}
		return "", fmt.Errorf("unknown mode %q: must be never (or off), always or cross-subnet (or crosssubnet)", text)
	}
	known := valuesOf[E]()
	i := slices.IndexFunc(known, func(value string) bool { return strings.EqualFold(value, text) })
	if i < 0 {
		return "", fmt.Errorf("unknown value %q: must be one of %s", text, strings.Join(known, ", "))
	}
	return E(known[i]), nil
}

// OrNever returns the mode, or Never if it is empty, as Calico reads it.
func OrNever[M Mode](mode M) M {
	if mode == "" {
		return M(v3.IPIPModeNever)
	}
	return mode
}

// Encapsulates reports whether the mode encapsulates any traffic. It is true for
// an unknown mode, which a newer Calico may have added.
func Encapsulates[M Mode](mode M) bool { return OrNever(mode) != M(v3.IPIPModeNever) }
