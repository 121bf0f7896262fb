// Package facts has what a bootstrap asks of the host and the cluster, and what
// they answer. The answers are values; nothing here does I/O.
package facts

import (
	"net/netip"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// Located is a range of addresses, and where it was found.
type Located struct {
	Prefix netip.Prefix  `json:"prefix"` // without host bits
	Source origin.Origin `json:"source"` // "interface eth0", "kubeadm-config"
}

// Facts are what is known of the host, the cluster and its IPAM blocks. What is
// empty is unknown, or there is none.
type Facts struct {
	Networks []Located       // of this host's interfaces
	Routes   []Located       // of this host
	PodCIDRs []PodCIDRSource // what the cluster says of its pod CIDRs, in its order
	Survey   Survey          // of the cluster's nodes and Services
	Blocks   []netip.Prefix  // the IPAM blocks of the families that a plan creates pools of
}
