package settings

import (
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
)

// acceptedServiceCIDR describes the values of ServiceCIDR, for the documentation and for
// faults.
const acceptedServiceCIDR = "CIDRs separated by commas"

// resolveServiceCIDR parses the CIDRs of the Services.
func (s Settings) resolveServiceCIDR(config *Config, faults *Faults) {
	for given, prefix := range config.cidrs(s.ServiceCIDR, acceptedServiceCIDR, "Service CIDR", faults) {
		if prefix.Bits() == 0 {
			faults.Add(given, "is every address, so no Service CIDR; must be %s", acceptedServiceCIDR)
			continue
		}
		config.Desired.Services = append(config.Desired.Services, facts.Located{Prefix: prefix, Source: given.Source})
	}
}
