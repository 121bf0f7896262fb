// Package clusterfacts reads which addresses a cluster uses from its objects.
package clusterfacts

import (
	"context"
	"net/netip"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/crash"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// podCIDRSources are in the order of their precedence.
var podCIDRSources = []cidrSource{
	kubeadmPods(),
	openShiftPods(),
	kubeProxyPods(),
}

// PodCIDRs requests all sources of pod CIDRs at once. It returns them in their order, up to the
// one that completes the families: the requests of later ones are canceled, and their errors
// are ignored.
func PodCIDRs(ctx context.Context, client *api.Client, families []ippool.Family) ([]facts.PodCIDRSource, error) {
	ctx, cancel := context.WithCancel(ctx)
	type request struct {
		wait  crash.Group
		found facts.PodCIDRSource
		err   error
	}
	requests := make([]request, len(podCIDRSources))
	defer func() {
		cancel()
		for i := range requests {
			requests[i].wait.Wait()
		}
	}()
	unknown := slices.Clone(families)
	for i, source := range podCIDRSources {
		if r := &requests[i]; len(unknown) > 0 {
			r.wait.Go(func() { r.found, r.err = source.fetch(ctx, client) })
		}
	}
	var sources []facts.PodCIDRSource
	for i := range requests {
		if len(unknown) == 0 {
			break
		}
		requests[i].wait.Wait()
		found := requests[i].found
		if err := requests[i].err; err != nil {
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
