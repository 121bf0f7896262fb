package natrecord

import (
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// maxServiceRanges limits the ranges of a BGPConfiguration.
const maxServiceRanges = 1000

// serviceRange is a range of Services in a BGPConfiguration.
type serviceRange struct {
	CIDR string `json:"cidr"`
}

// BGPServices decodes the name of a BGPConfiguration and its ranges of Services. Invalid
// ranges are problems, and so is one of all addresses: it names none.
func BGPServices(data []byte) (name string, services facts.BGPServices, err error) {
	var object struct {
		Metadata metadata `json:"metadata"`
		Spec     struct {
			ClusterIPs      []serviceRange `json:"serviceClusterIPs"`
			ExternalIPs     []serviceRange `json:"serviceExternalIPs"`
			LoadBalancerIPs []serviceRange `json:"serviceLoadBalancerIPs"`
		} `json:"spec"`
	}
	if err := decode(data, &object); err != nil {
		return "", services, err
	}
	spec := object.Spec
	if len(spec.ClusterIPs)+len(spec.ExternalIPs)+len(spec.LoadBalancerIPs) > maxServiceRanges {
		return object.Metadata.Name, services, fmt.Errorf("it has more than %d ranges of Services", maxServiceRanges)
	}
	for _, field := range []struct {
		name   string
		ranges []serviceRange
		to     *[]facts.Located
	}{
		{"serviceClusterIPs", spec.ClusterIPs, &services.ClusterIPs},
		{"serviceExternalIPs", spec.ExternalIPs, &services.OtherIPs},
		{"serviceLoadBalancerIPs", spec.LoadBalancerIPs, &services.OtherIPs},
	} {
		source := field.name + " of BGPConfiguration default"
		for _, given := range field.ranges {
			prefix, err := ippool.ParseCIDR(given.CIDR)
			switch {
			case err != nil:
				services.Problems = append(services.Problems, fmt.Sprintf("%s: %s is ignored: %v", source, text.Quote(given.CIDR), err))
			case prefix.Bits() == 0:
				services.Problems = append(services.Problems, fmt.Sprintf("%s: %s is ignored: it is every address", source, text.Quote(given.CIDR)))
			default:
				*field.to = append(*field.to, facts.Located{Prefix: prefix.Masked(), Source: origin.Cluster(source)})
			}
		}
	}
	return object.Metadata.Name, services, nil
}
