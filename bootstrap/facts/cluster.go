package facts

import (
	"context"
	"net/netip"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Cluster is asked what a cluster uses addresses for, when a pool is about to be
// created, and for every plan that is only shown. A Datastore that is a Cluster
// too is asked unless the option WithCluster of package bootstrap names another; Run
// may call PodCIDRs, Survey and Blocks at the same time. What a datastore can't know,
// it leaves out: one on etcd can answer with Calico's own nodes and no Services.
type Cluster interface {
	// PodCIDRs looks into the places where the cluster may say it, in their
	// order, until it knows a CIDR of each family. It returns those that it
	// came to; one that says nothing is no error. An error that may pass
	// (ErrUnreachable) makes Run begin again: no default is taken because a
	// server hiccuped.
	PodCIDRs(ctx context.Context, families []ippool.Family) ([]PodCIDRSource, error)

	// Survey returns what else the cluster uses addresses for, and its nodes:
	// for the preflight alone. What can't be looked at is told in the survey
	// and is no error, but for what may pass (ErrUnreachable).
	Survey(ctx context.Context) (Survey, error)
}

// Survey is what a cluster says of its nodes and its Services.
type Survey struct {
	// Nodes are the cluster's nodes, in any order. None: there are none, or
	// they could not be looked at.
	Nodes []Node

	// ServiceCIDRs are the ranges that Services get their addresses from.
	ServiceCIDRs []Located

	// Problems say what could not be looked at and why, a line each.
	Problems []string
}

// Node is what pools are held against of a node.
type Node struct {
	Name      string            // the object's
	Labels    map[string]string // which a pool's nodeSelector looks at
	Addresses []netip.Addr      // its own
	PodCIDRs  []netip.Prefix    // that kube-controller-manager gave it
}

// PodCIDRSource is a place in the cluster that may say what its pod CIDRs are.
type PodCIDRSource struct {
	Name origin.Origin // "kubeadm-config"

	// Prefixes are the CIDRs that it says, without host bits, in its order. Of
	// each family, the first counts.
	Prefixes []netip.Prefix

	// Problem says why there are none, or what is wrong with them; empty:
	// nothing.
	Problem string

	// Absent says that the Problem is none: clusters of another kind just have
	// no such place.
	Absent bool
}

// FirstPodCIDR returns the first CIDR of the family, and who knows it.
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
