// Package clusterfacts reads which addresses a cluster uses from its objects.
package clusterfacts

import (
	"context"
	"net/netip"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// podCIDRSources are read in this order.
var podCIDRSources = []cidrSource{
	kubeadm("podSubnet"),
	openShift(readClusterNetwork),
	configMap("kube-proxy", readKubeProxy),
}

// PodCIDRs reads the sources of pod CIDRs until it has a CIDR of each family.
func PodCIDRs(ctx context.Context, client *api.Client, families []ippool.Family) ([]facts.PodCIDRSource, error) {
	unknown := slices.Clone(families)
	var sources []facts.PodCIDRSource
	for _, source := range podCIDRSources {
		if len(unknown) == 0 {
			break
		}
		found, err := source.fetch(ctx, client)
		if err != nil {
			return nil, err
		}
		sources = append(sources, found)
		unknown = slices.DeleteFunc(unknown, func(family ippool.Family) bool {
			return slices.ContainsFunc(found.Prefixes, func(p netip.Prefix) bool { return ippool.FamilyOf(p) == family })
		})
	}
	return sources, nil
}
