package kubernetes

import (
	"context"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/clusterfacts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

var (
	_ facts.NATReader = (*Datastore)(nil)
	_ facts.BGPReader = (*Datastore)(nil)
)

// FelixConfigurations lists the FelixConfigurations in the API group of the pools, in pages
// of 500. If the group is not known yet, it lists the pools first.
func (d *Datastore) FelixConfigurations(ctx context.Context) ([]nat.FelixConfiguration, []string, error) {
	group, err := d.group(ctx)
	if err != nil {
		return nil, nil, err
	}
	return clusterfacts.FelixConfigurations(ctx, d.client, group)
}

// BGPServices lists the BGPConfigurations in the API group of the pools, in pages of 500. If
// the group is not known yet, it lists the pools first.
func (d *Datastore) BGPServices(ctx context.Context) (facts.BGPServices, error) {
	group, err := d.group(ctx)
	if err != nil {
		return facts.BGPServices{}, err
	}
	return clusterfacts.BGPServices(ctx, d.client, group)
}

// NAT reads the FelixConfigurations, the BGPConfiguration and the ClusterInformation in the API group of the pools,
// the nodes of the Kubernetes API, and the Service CIDRs of [Datastore.Survey], one after the
// other. If the group is not known yet, it lists the pools first.
func (d *Datastore) NAT(ctx context.Context) (facts.NAT, error) {
	group, err := d.group(ctx)
	if err != nil {
		return facts.NAT{}, err
	}
	return clusterfacts.NAT(ctx, d.client, group)
}
