package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// acceptedClusterCIDR describes the values of ClusterCIDR, for the documentation and for
// faults.
const acceptedClusterCIDR = "CIDRs separated by commas, at most one of each family"

// readClusterCIDR parses the cluster's pod CIDRs. Empty items are ignored: a template may
// have no value for one of the families.
func readClusterCIDR(setting Setting, config *Config, faults *Faults) facts.PodCIDRSource {
	given := facts.PodCIDRSource{Name: setting.Source}
	items := slices.DeleteFunc(strings.Split(setting.Value, ","), func(item string) bool { return strings.TrimSpace(item) == "" })
	if setting.IsSet() && (len(items) == 0 || hides(setting)) { // a secret may have commas in it
		faults.Add(setting, "not a CIDR; must be %s", acceptedClusterCIDR)
		return given
	}
	for _, item := range items {
		item = strings.TrimSpace(item)
		prefix, err := ippool.ParseCIDR(item)
		if err != nil {
			faults.Add(Given(item, setting.Source), "%v; must be %s", err, acceptedClusterCIDR)
			continue
		}
		if prefix.Bits() == 0 {
			faults.Add(Given(item, setting.Source), "is every address, so no pod CIDR; must be %s", acceptedClusterCIDR)
			continue
		}
		family := ippool.FamilyOf(prefix)
		if other := ofFamily(given, family); other != "" {
			faults.Add(Given(item, setting.Source), "a second %s CIDR, after %s; must be %s", family, other, acceptedClusterCIDR)
			continue
		}
		if masked := prefix.Masked(); masked != prefix {
			config.Warnings = append(config.Warnings, fmt.Sprintf(
				"%s: %s has host bits, which are ignored: the pod CIDR is %s", setting.Source, text.Quote(item), masked))
		}
		given.Prefixes = append(given.Prefixes, prefix.Masked())
	}
	return given
}

// validateClusterCIDR validates the default pools whose CIDR is that of the cluster.
func (s Settings) validateClusterCIDR(config *Config, faults *Faults) {
	for _, desired := range config.Desired.Pools {
		cidr := ofFamily(config.ClusterCIDR, desired.Family)
		if cidr == "" || !desired.Default || desired.Skip != "" || s.pool(desired.Family).CIDR.IsSet() {
			continue
		}
		pool := desired.Pool.DeepCopy()
		pool.Spec.CIDR = cidr
		for _, fault := range ippool.Validate(pool) {
			if fault.Field == "spec.cidr" { // others are reported without the CIDR
				faults.Add(Given(cidr, s.ClusterCIDR.Source), "no valid pool: %s; set another CIDR with %s", fault.Detail,
					config.Desired.Names.Of(origin.PoolSetting(desired.Family, "cidr")))
			}
		}
	}
}

// ofFamily returns the source's CIDR of the family; empty: it has none.
func ofFamily(source facts.PodCIDRSource, family ippool.Family) string {
	prefix, _ := facts.FirstPodCIDR([]facts.PodCIDRSource{source}, family)
	if !prefix.IsValid() {
		return ""
	}
	return prefix.String()
}
