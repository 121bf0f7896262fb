package facts

import (
	"context"
	"net/netip"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Cluster returns which addresses a cluster uses. It is called when a pool is to be
// created, and for every plan that is only shown. A Datastore that implements Cluster
// is used unless the option WithCluster of package bootstrap sets another Cluster. Run
// may call PodCIDRs, Survey and Blocks concurrently. An implementation omits what it
// can't know: one on etcd can return Calico's own nodes and no Services.
type Cluster interface {
	// PodCIDRs reads the sources of pod CIDRs in order until it has a CIDR of
	// each family, and returns the sources that it read. A source without CIDRs
	// is not an error. A retryable error (ErrUnreachable) makes Run retry, so
	// that an outage never results in a default CIDR.
	PodCIDRs(ctx context.Context, families []ippool.Family) ([]PodCIDRSource, error)

	// Survey returns the nodes and the Service CIDRs. Only preflight uses them.
	// What can't be read is reported in the Survey; only retryable failures
	// (ErrUnreachable) are errors.
	Survey(ctx context.Context) (Survey, error)
}

// Survey describes the nodes and the Services of a cluster.
type Survey struct {
	// Nodes are the cluster's nodes, in any order. Empty: there are none, or
	// they could not be read.
	Nodes []Node

	// ServiceCIDRs are the ranges that Services get their addresses from.
	ServiceCIDRs []Located

	// Problems describe what could not be read and why, one line each.
	Problems []string
}

// Node is what the checks of pools use of a node.
type Node struct {
	Name      string            // name of the object
	Labels    map[string]string // labels that a pool's nodeSelector matches
	Addresses []netip.Addr      // addresses of the node itself
	PodCIDRs  []netip.Prefix    // podCIDRs that kube-controller-manager assigned
}

// PodCIDRSource is a place in the cluster that may configure its pod CIDRs.
type PodCIDRSource struct {
	Name origin.Origin // for example "kubeadm-config"

	// Prefixes are the configured CIDRs, without host bits, in the order of the
	// source. The first of each family is used.
	Prefixes []netip.Prefix

	// Problem describes why there are no Prefixes, or which are invalid; empty
	// if there is no problem.
	Problem string

	// Absent reports that the Problem is harmless: this kind of cluster doesn't
	// have the source.
	Absent bool

	// Uncertain reports that the CIDRs may not be those of pods: kube-proxy's clusterCIDR
	// often has other ranges. Of such a source, CIDRs that can't be a pool or that
	// overlap Services are ignored.
	Uncertain bool

	// Ignored are the CIDRs of an Uncertain source that are not in Prefixes because they
	// can't be those of pods. Plan.UsablePodCIDRs of package plan sets them.
	Ignored []IgnoredCIDR

	// Services are ranges of Services that the same object configures, or that are
	// known without another request. They are not pod CIDRs.
	Services []Located

	// DetectLocalMode is the detectLocalMode of kube-proxy's config; empty: ClusterCIDR,
	// or another source. In any other mode, kube-proxy doesn't use the CIDRs.
	DetectLocalMode string
}

// IgnoredCIDR is a CIDR that is not used as a pod CIDR.
type IgnoredCIDR struct {
	Prefix netip.Prefix // the CIDR
	Reason string       // follows the CIDR in a sentence: "overlaps …"
}

// ServiceCIDRs returns the known ranges of Services: those of the Survey, then those of
// the sources of pod CIDRs, then those that BGP advertises.
func (f Facts) ServiceCIDRs() []Located {
	all := slices.Clone(f.Survey.ServiceCIDRs)
	for _, source := range f.PodCIDRs {
		all = append(all, source.Services...)
	}
	return slices.Concat(all, f.BGPServices.ClusterIPs, f.BGPServices.OtherIPs)
}

// FirstPodCIDR returns the first CIDR of the family and its source. Both are zero if
// there is none.
func FirstPodCIDR(sources []PodCIDRSource, family ippool.Family) (prefix netip.Prefix, source origin.Origin) {
	for _, source := range sources {
		for _, prefix := range source.Prefixes {
			if ippool.FamilyOf(prefix) == family {
				return prefix, source.Name
			}
		}
	}
	return netip.Prefix{}, origin.Origin{}
}
