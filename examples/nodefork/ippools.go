package main

import (
	"context"
	"log/slog"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// configureIPPools replaces the function of that name in calico-node's start-up. It
// reads the same variables and creates the same pools. It returns errors, so the fork
// decides whether to exit. The pools are of Calico's own type, so the fork needs no
// conversion.
func configureIPPools(ctx context.Context, store datastore.Datastore, s settings.Settings) ([]*v3.IPPool, error) {
	if _, err := bootstrap.New(store, bootstrap.WithLogger(slog.Default())).Run(ctx, s); err != nil {
		return nil, err
	}
	snapshot, err := store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	var pools []*v3.IPPool
	for _, record := range snapshot.Pools {
		pools = append(pools, record.Pool())
	}
	return pools, nil
}

// tunnels is an example of code in a fork that uses the pools: it returns which tunnel
// devices the node needs. The functions of package ippool accept the fork's pools.
func tunnels(pools []*v3.IPPool) (ipip, vxlan bool) {
	for _, pool := range pools {
		if !pool.Spec.Disabled {
			ipip = ipip || ippool.Encapsulates(pool.Spec.IPIPMode)
			vxlan = vxlan || ippool.Encapsulates(pool.Spec.VXLANMode)
		}
	}
	return ipip, vxlan
}
