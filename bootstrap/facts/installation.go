package facts

import (
	"context"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// InstallationReader is implemented by a [Cluster] that knows the Installation of the
// Tigera operator. Its method is called only when a pool is to be created, at most once
// per run unless it fails, possibly concurrently with PodCIDRs, Survey and Blocks.
type InstallationReader interface {
	// Installation returns what the operator does about pools. An Installation that
	// does not exist, is forbidden or is malformed is not an error. A retryable
	// error (ErrUnreachable) makes Run retry.
	Installation(ctx context.Context) (Installation, error)
}

// Installation describes the Installation of the Tigera operator. The zero value means
// that there is none.
type Installation struct {
	Name origin.Origin // for example "Installation default"; zero: there is none

	// CreatesPools reports whether the operator creates pools and assigns addresses
	// from them: its IPAM is Calico's, and ipPools is absent or has entries.
	CreatesPools bool

	// Pools are the CIDRs in spec.calicoNetwork.ipPools, as written there. Empty with
	// CreatesPools: the operator creates its default pools.
	Pools []string

	// Problem describes why it is unknown whether the operator creates pools; empty if
	// there is no problem.
	Problem string
}
