package plan

import (
	"net/netip"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// NoNATPool returns the pool that exempts traffic to a part of a range from masquerading, or
// to all of it: its name follows from the part as the name of an IPAM block from its CIDR,
// such as no-nat-to-10-64-0-0-10 or no-nat-to-fd00-10-245---48, and its label from the range.
// Both prefixes must be without host bits.
func NoNATPool(part, whole netip.Prefix) *v3.IPPool {
	pool := ippool.New(noNATName(part))
	pool.Labels = map[string]string{NoNATLabel: labelValue(whole)}
	pool.Spec.CIDR, pool.Spec.Disabled, pool.Spec.DisableBGPExport = part.String(), true, true
	ippool.Default(pool)
	return pool
}

// noNATName returns the name of the pool of a prefix.
func noNATName(prefix netip.Prefix) string { return "no-nat-to-" + dashed(prefix) }

// dashed returns a prefix as a part of a name.
func dashed(prefix netip.Prefix) string {
	return strings.NewReplacer(".", "-", ":", "-", "/", "-").Replace(prefix.String())
}

// labelValue returns a prefix as the value of a label, which begins with a letter or a digit.
func labelValue(prefix netip.Prefix) string {
	value := dashed(prefix)
	if strings.HasPrefix(value, "-") {
		value = "0" + value
	}
	return value
}

// labelledRange returns the range in NoNATLabel of a pool with the prefix: the prefix itself
// if the label, which may be changed by hand, has none around it.
func labelledRange(pool *v3.IPPool, prefix netip.Prefix) netip.Prefix {
	value := metadataOf(pool).Labels[NoNATLabel]
	if i := strings.LastIndex(value, "-"); i >= 0 {
		for _, separator := range []string{".", ":"} {
			whole, err := ippool.ParseCIDR(strings.ReplaceAll(value[:i], "-", separator) + "/" + value[i+1:])
			if err == nil && labelValue(whole) == value && ippool.Contains(whole, prefix) {
				return whole
			}
		}
	}
	return prefix
}
