// Package clusterfacts reads which addresses a cluster uses from its objects.
package clusterfacts

import (
	"context"
	"net/netip"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// podCIDRSources are read in this order.
var podCIDRSources = []cidrSource{
	kubeadmPods(),
	openShiftPods(),
	kubeProxyPods(),
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
		if server := client.Addr(); found.Uncertain && slices.ContainsFunc(found.Prefixes, func(p netip.Prefix) bool { return p.Contains(server) }) {
			// In a pod, it is the address of the Service kubernetes.
			found.Services = append(found.Services, facts.Located{
				Prefix: netip.PrefixFrom(server, server.BitLen()), Source: origin.Cluster("address of the API server"),
			})
		}
		sources = append(sources, found)
		unknown = slices.DeleteFunc(unknown, func(family ippool.Family) bool {
			return slices.ContainsFunc(found.Prefixes, func(p netip.Prefix) bool { return ippool.FamilyOf(p) == family })
		})
	}
	return sources, nil
}
