package settings

import (
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// acceptedClusterCIDR describes the values of ClusterCIDR, for the documentation and for
// faults.
const acceptedClusterCIDR = "CIDRs separated by commas, at most one of each family"

// readClusterCIDR parses the cluster's pod CIDRs.
func readClusterCIDR(setting Setting, config *Config, faults *Faults) facts.PodCIDRSource {
	given := facts.PodCIDRSource{Name: setting.Source}
	for item, prefix := range config.cidrs(setting, acceptedClusterCIDR, "pod CIDR", faults) {
		if prefix.Bits() == 0 {
			faults.Add(item, "is every address, so no pod CIDR; must be %s", acceptedClusterCIDR)
			continue
		}
		family := ippool.FamilyOf(prefix)
		if other := ofFamily(given, family); other != "" {
			faults.Add(item, "a second %s CIDR, after %s; must be %s", family, other, acceptedClusterCIDR)
			continue
		}
		given.Prefixes = append(given.Prefixes, prefix)
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
