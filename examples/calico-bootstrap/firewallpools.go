package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/firewall"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// firewallPools are the pools that the openings follow from: what is stored and
// what apply would create or change. Locally it is what is asked for.
func (p *program) firewallPools(ctx context.Context, local bool) ([]firewall.Pool, []string, error) {
	if local {
		return p.askedPools()
	}
	store, err := p.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer store.Close()
	settings := p.settings
	settings.Preflight = bootstrap.Setting{Value: string(bootstrap.PreflightOff), Source: bootstrap.SourceDefault}
	options := []bootstrap.Option{bootstrap.WithDryRun(), bootstrap.WithLogger(p.logger)}
	if cluster, ok := store.(bootstrap.Cluster); ok {
		options = append(options, bootstrap.WithCluster(cluster))
	}
	seen := &lastSnapshot{Datastore: store}
	report, err := bootstrap.Run(ctx, seen, settings, options...)
	if err != nil && !errors.Is(err, bootstrap.ErrDrift) {
		return nil, nil, err
	}
	return poolsAfter(seen.snapshot, report)
}

// lastSnapshot remembers what a datastore said last: a report has only the
// pools that the settings ask for.
type lastSnapshot struct {
	bootstrap.Datastore
	snapshot bootstrap.Snapshot
}

func (d *lastSnapshot) Snapshot(ctx context.Context) (bootstrap.Snapshot, error) {
	snapshot, err := d.Datastore.Snapshot(ctx)
	d.snapshot = snapshot
	return snapshot, err
}

// poolsAfter are the pools as they would be after apply: first those that it
// would write, then the rest by name.
func poolsAfter(snapshot bootstrap.Snapshot, report bootstrap.Report) ([]firewall.Pool, []string, error) {
	pools, warnings := []firewall.Pool{}, []string{}
	written := map[string]bool{}
	for _, pool := range report.Pools {
		if pool.Action == bootstrap.WouldCreate || pool.Action == bootstrap.WouldUpdate {
			written[pool.Name] = true
			pools = append(pools, planned(firewall.PoolOf(pool.Name, pool.Family, *pool.Spec)))
		}
	}
	for _, record := range snapshot.Pools {
		stored := record.Pool
		if written[stored.Name] {
			continue
		}
		prefix, err := ippool.ParseCIDR(stored.Spec.CIDR)
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("pool %s is left out: its CIDR %q can't be read", stored.Name, stored.Spec.CIDR))
			continue
		}
		pools = append(pools, firewall.PoolOf(stored.Name, ippool.FamilyOf(prefix), stored.Spec))
	}
	for _, unreadable := range snapshot.Unreadable {
		warnings = append(warnings, fmt.Sprintf("pool %s is left out: it can't be read: %s", unreadable.Name, unreadable.Err))
	}
	return pools, warnings, nil
}

// askedPools are the pools that the settings ask for.
func (p *program) askedPools() ([]firewall.Pool, []string, error) {
	config, err := p.settings.Resolve()
	if err != nil {
		return nil, nil, err
	}
	pools := []firewall.Pool{}
	for _, want := range config.Desired.Pools {
		if want.Skip != "" {
			continue
		}
		pools = append(pools, planned(firewall.PoolOf(want.Pool.Name, want.Family, want.Pool.Spec)))
	}
	return pools, []string{}, nil
}

func planned(pool firewall.Pool) firewall.Pool {
	pool.Planned = true
	return pool
}
