package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/firewall"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// firewallPools returns the pools that determine the openings: the existing pools
// as they are after apply, and those that apply would create; with local, the
// desired pools.
func (p *program) firewallPools(ctx context.Context, local bool) ([]firewall.Pool, []string, error) {
	if local {
		return p.desiredPools()
	}
	store, err := p.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer store.Close()
	requested := p.settings
	requested.Preflight = settings.Given(string(preflight.Off), origin.Default)
	options := p.options()
	if cluster, ok := store.(facts.Cluster); ok {
		options = append(options, bootstrap.WithCluster(cluster))
	}
	seen := &lastSnapshot{Datastore: store}
	planned, err := bootstrap.New(seen, options...).Plan(ctx, requested)
	if planned == nil {
		return nil, nil, err
	}
	return poolsAfter(seen.snapshot, planned.Report)
}

// lastSnapshot records the last snapshot of a datastore, because a report has only
// the desired pools.
type lastSnapshot struct {
	datastore.Datastore
	snapshot datastore.Snapshot
}

func (d *lastSnapshot) Snapshot(ctx context.Context) (datastore.Snapshot, error) {
	snapshot, err := d.Datastore.Snapshot(ctx)
	d.snapshot = snapshot
	return snapshot, err
}

// poolsAfter returns the pools as they are after apply: first those that it would
// write, then the rest by name.
func poolsAfter(snapshot datastore.Snapshot, report bootstrap.Report) ([]firewall.Pool, []string, error) {
	pools, warnings := []firewall.Pool{}, []string{}
	written := map[string]bool{}
	for _, pool := range report.Pools {
		if pool.Action == plan.WouldCreate || pool.Action == plan.WouldUpdate {
			written[pool.Name] = true
			pools = append(pools, planned(firewall.PoolOf(pool.Name, pool.Family, *pool.Spec)))
		}
	}
	for _, record := range snapshot.Pools {
		stored := *record.Pool()
		if written[stored.Name] {
			continue
		}
		prefix, err := ippool.ParseCIDR(stored.Spec.CIDR)
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("pool %s is ignored: its CIDR %s is invalid", text.OneLine(stored.Name), text.Quote(stored.Spec.CIDR)))
			continue
		}
		pools = append(pools, firewall.PoolOf(stored.Name, ippool.FamilyOf(prefix), stored.Spec))
	}
	for _, unreadable := range snapshot.Unreadable {
		warnings = append(warnings, fmt.Sprintf("pool %s is ignored: it can't be read: %s", text.OneLine(unreadable.Name), text.Cause(unreadable.Err)))
	}
	return pools, warnings, nil
}

// desiredPools returns the desired pools of the settings.
func (p *program) desiredPools() ([]firewall.Pool, []string, error) {
	config, err := p.settings.Resolve()
	if err != nil {
		return nil, nil, err
	}
	pools := []firewall.Pool{}
	for _, desired := range config.Desired.Pools {
		if desired.Skip != "" {
			continue
		}
		if err := errors.Join(desired.Invalid(nil)...); err != nil {
			return nil, nil, err
		}
		pools = append(pools, planned(firewall.PoolOf(desired.Pool.Name, desired.Family, desired.Pool.Spec)))
	}
	return pools, []string{}, nil
}

func planned(pool firewall.Pool) firewall.Pool {
	pool.Planned = true
	return pool
}
