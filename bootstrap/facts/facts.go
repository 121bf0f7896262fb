// Package facts describes which addresses the host and the cluster use.
//
// [Host] and [Cluster] are the interfaces that a run reads facts from. [Facts] are the
// values that it passes to the packages plan and preflight. Nothing in this package
// does I/O.
package facts

import (
	"net/netip"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// Located is a range of addresses and its source.
type Located struct {
	Prefix netip.Prefix  `json:"prefix"` // without host bits
	Source origin.Origin `json:"source"` // for example "interface eth0" or "kubeadm-config"
}

// Facts are the known facts of the host, the cluster and its IPAM blocks. An empty
// field means unknown or none.
type Facts struct {
	Networks []Located       // networks of this host's interfaces
	Routes   []Located       // routes of this host
	PodCIDRs []PodCIDRSource // sources of pod CIDRs, in order of precedence
	Survey   Survey          // nodes and Services of the cluster
	Blocks   []netip.Prefix  // IPAM blocks of the families that get a new pool

	// Backend is the networking backend of calico-node, as a setting names it.
	Backend Backend

	// FelixConfigurations are those that a FelixReader returned.
	FelixConfigurations []nat.FelixConfiguration

	// FelixKnown reports that these are all FelixConfigurations.
	FelixKnown bool

	// BGPServices are what a BGPReader returned.
	BGPServices BGPServices

	// Installation is what the Tigera operator does about pools.
	Installation Installation
}
