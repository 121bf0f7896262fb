package facts

import (
	"context"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// NATReader is implemented by a Datastore that knows what decides about NAT besides the
// pools. A run that creates or changes pools needs only its FelixReader, and that only where
// an IPv6 pool gets natOutgoing. Its methods may not be called concurrently with other methods
// of the Datastore.
//
// What is absent, forbidden or malformed is not an error: it is a problem, and the defaults
// are assumed. Errors are those of the connection, of the credentials, of ctx, and of
// responses that exceed a limit.
type NATReader interface {
	FelixReader

	// NAT returns everything that decides about NAT besides the pools. That there is no
	// FelixConfiguration default is a problem here.
	NAT(ctx context.Context) (NAT, error)
}

// NAT is what decides about NAT besides the pools. In the zero value nothing is known, and
// the defaults are assumed.
type NAT struct {
	FelixConfigurations []nat.FelixConfiguration // in any order
	FelixKnown          bool                     // these are all FelixConfigurations
	Nodes               []nat.Node               // in any order
	ServiceCIDRs        []Located                // none: none is known
	ServiceIPs          []Located                // ranges of Services' external and LoadBalancer IPs; none: none is known
	Version             string                   // of Calico, as stored; empty: unknown

	// Problems describe what is not known and what is assumed instead, one line each.
	Problems []string
}

// Add adds the ranges of Services that BGP advertises, and their problems.
func (n *NAT) Add(advertised BGPServices) {
	n.ServiceCIDRs = append(n.ServiceCIDRs, advertised.ClusterIPs...)
	n.ServiceIPs = append(n.ServiceIPs, advertised.OtherIPs...)
	n.Problems = append(n.Problems, advertised.Problems...)
}

// Problems of NAT that a reader may have: what is assumed instead of what is not known.
const (
	FelixDefaultsAssumed = "Felix's defaults are assumed"
	NodesUnknown         = "no address is known to be a node's"
	VersionUnknown       = "the newest version of Calico is assumed"
	ServicesUnknown      = "no address is known to be a Service's"
)
