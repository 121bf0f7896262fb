package facts

import "context"

// BGPReader is implemented by a Datastore that knows the BGPConfiguration. Its method is
// called only before pools for ranges that are not masqueraded are created, and for a plan of
// them: at most once per run unless it fails, and not concurrently with other methods.
type BGPReader interface {
	// BGPServices returns the ranges of Services that BGP may advertise. A BGPConfiguration
	// that is absent, forbidden or malformed is not an error: none of its ranges is known. A
	// retryable error (ErrUnreachable) makes Run retry.
	BGPServices(ctx context.Context) (BGPServices, error)
}

// BGPServices are the ranges of Services in the BGPConfiguration named default, in its order.
// In the zero value none is known.
type BGPServices struct {
	ClusterIPs []Located // serviceClusterIPs
	OtherIPs   []Located // serviceExternalIPs and serviceLoadBalancerIPs

	// Problems describe what could not be read and why, one line each.
	Problems []string
}

// AdvertisedUnknown is a problem of BGPServices: what is assumed if they can't be read.
const AdvertisedUnknown = "no range of Services that BGP advertises is known"
