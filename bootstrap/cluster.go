package bootstrap

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Cluster is asked what the pod CIDRs of a cluster are, when a pool is about to
// be created. A Datastore that is a Cluster too is asked unless [WithCluster]
// names another; Run may call both methods and Blocks at the same time, each once.
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
	Name      string
	Labels    map[string]string
	Addresses []netip.Addr   // its own
	PodCIDRs  []netip.Prefix // that kube-controller-manager gave it
}

// PodCIDRSource is a place in the cluster that may say what its pod CIDRs are.
type PodCIDRSource struct {
	Name Source // "kubeadm-config"

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

// podCIDR returns the first CIDR of the family, and who knows it.
func podCIDR(sources []PodCIDRSource, family ippool.Family) (prefix netip.Prefix, source Source) {
	for _, source := range sources {
		for _, prefix := range source.Prefixes {
			if ippool.FamilyOf(prefix) == family {
				return prefix, source.Name
			}
		}
	}
	return netip.Prefix{}, ""
}

// furtherCIDRs tells of CIDRs of the family that get no pool: of those that a
// cluster names, the first counts. Empty: there are none.
func furtherCIDRs(sources []PodCIDRSource, family ippool.Family) string {
	first, name := podCIDR(sources, family)
	var further []string
	for _, source := range sources {
		for _, prefix := range source.Prefixes {
			if source.Name == name && prefix != first && ippool.FamilyOf(prefix) == family {
				further = append(further, prefix.String())
			}
		}
	}
	if further == nil {
		return ""
	}
	return fmt.Sprintf("of the %s pod CIDRs of %s the first counts, %s: no pool is created for %s", family, name, first, strings.Join(further, ", "))
}

// outsideWarning is about a CIDR that somebody named and that the cluster does
// not count as its pods'; empty: it does, or it knows no CIDR of the family.
func outsideWarning(sources []PodCIDRSource, want DesiredPool) string {
	prefix, err := ippool.ParseCIDR(want.Pool.Spec.CIDR)
	if err != nil {
		return ""
	}
	_, name := podCIDR(sources, want.Family)
	for _, source := range sources {
		if source.Name != name {
			continue
		}
		var known []string
		for _, pods := range source.Prefixes {
			if ippool.FamilyOf(pods) != want.Family {
				continue
			}
			if ippool.Contains(pods, prefix) {
				return ""
			}
			known = append(known, pods.String())
		}
		how := "is outside"
		if slices.ContainsFunc(source.Prefixes, prefix.Overlaps) {
			how = "goes beyond"
		}
		return fmt.Sprintf("%s: %q %s the pod CIDR that the cluster knows, %s (%s): kube-proxy and others take the addresses out there for no pods",
			want.cidrSource(), want.Pool.Spec.CIDR, how, strings.Join(known, ", "), source.Name)
	}
	return ""
}

// cidrSource is where the CIDR of the pool came from.
func (d DesiredPool) cidrSource() Source {
	i := slices.IndexFunc(d.Values, func(v Value) bool { return v.Field == "cidr" })
	if i < 0 {
		return SourceDefault
	}
	return d.Values[i].Source
}
