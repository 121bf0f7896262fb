package bootstrap

import (
	"context"
	"fmt"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/crash"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Inventory is all that is known of who uses which addresses. An empty field means
// unknown or none; the notes say what could not be read.
type Inventory struct {
	Datastore datastore.Type     // type of the datastore; empty if nothing was read
	Snapshot  datastore.Snapshot // the existing pools

	// Planned are the pools that Run would create, in plan order. A CIDR that is chosen
	// when the pool is created, such as a random one, is empty.
	Planned []*v3.IPPool

	// Facts are those of the host and the cluster, whether or not a pool is planned. Blocks
	// are those of both families.
	Facts facts.Facts

	// BlocksRead reports whether the IPAM blocks could be read.
	BlocksRead bool

	Warnings []string // about settings, one line each; never null
	Notes    []string // about what could not be read or is ignored, one line each; never null
}

// note adds a note on one line.
func (i *Inventory) note(format string, args ...any) {
	i.Notes = append(i.Notes, text.OneLine(fmt.Sprintf(format, args...)))
}

// Inventory reads the pools, the IPAM blocks, and all facts of the cluster and the host,
// and writes nothing. It retries while the pools are unreachable, until the timeout of the
// settings or the end of ctx.
//
// What else can't be read is a note. An error is one that Plan returns as well: the pools
// could not be read, the desired pools conflict with the cluster or with existing pools, or
// the time ran out. The Inventory then has the rest. It is empty only if the settings are
// invalid.
func (b *Bootstrap) Inventory(ctx context.Context, s settings.Settings) (Inventory, error) {
	ctx, cancel := limited(ctx, s)
	defer cancel()
	r, err := b.newRun(ctx, s)
	if err != nil {
		return Inventory{}, err
	}
	r.reporter.planning = true
	var all Inventory
	_, err = r.untilDone(ctx, func(ctx context.Context) (_ Report, err error) {
		all, err = r.inventory(ctx)
		return Report{}, err
	})
	all.Warnings = append([]string{}, r.reporter.warnings.all...)
	return all, err
}

// inventory makes one attempt to read everything.
func (r *runner) inventory(ctx context.Context) (Inventory, error) {
	r.reporter.reading()
	all := Inventory{Datastore: r.store.Type(), Notes: append([]string{}, r.reporter.notes.all...)}
	g := r.gatherer
	g.networks.get(ctx)
	g.routes.get(ctx)
	for what, read := range map[string]*once{"networks": g.networks, "routes": g.routes} {
		if read.err != nil {
			all.note("the %s of this host could not be read: %v", what, read.err)
		}
	}
	slices.Sort(all.Notes)
	all.Facts = facts.Facts{Networks: g.networks.located, Routes: g.routes.located, PodCIDRs: g.podCIDRs}
	all.Planned = r.named(nil)

	snapshot, err := r.snapshot(ctx)
	if err != nil {
		all.note("the pools could not be read: %v", err)
		if ctx.Err() != nil || datastore.Retryable(err) {
			return all, err
		}
	}
	all.Snapshot = snapshot
	r.readAll(ctx, &all)
	switch {
	case err != nil:
	case ctx.Err() != nil:
		err = fmt.Errorf("reading the cluster: %w", ctx.Err())
	default:
		err = r.planInto(&all)
	}
	return all, err
}

// readAll reads the blocks and all facts of the cluster.
func (r *runner) readAll(ctx context.Context, all *Inventory) {
	var (
		g        = r.gatherer
		known    = &all.Facts
		families = []ippool.Family{ippool.IPv4, ippool.IPv6}
		podCIDRs []facts.PodCIDRSource
		wait     crash.Group

		blocksErr, podCIDRsErr, surveyErr, installationErr error
	)
	wait.Go(func() { known.Blocks, blocksErr = r.store.Blocks(ctx, families) })
	if g.cluster != nil {
		wait.Go(func() { podCIDRs, podCIDRsErr = g.cluster.PodCIDRs(ctx, families) })
		wait.Go(func() { known.Survey, surveyErr = g.cluster.Survey(ctx) })
	}
	if reader, ok := g.cluster.(facts.InstallationReader); ok {
		wait.Go(func() { known.Installation, installationErr = reader.Installation(ctx) })
	}
	wait.Wait()
	known.Survey = g.withServices(known.Survey)
	known.PodCIDRs = withGiven(g.given, podCIDRs)
	all.BlocksRead = blocksErr == nil
	for _, source := range []struct {
		what string
		err  error
	}{
		{"IPAM blocks", blocksErr}, {"pod CIDRs of the cluster", podCIDRsErr},
		{"nodes and Service CIDRs", surveyErr}, {"Installation of the Tigera operator", installationErr},
	} {
		if source.err != nil {
			all.note("the %s could not be read: %v", source.what, source.err)
		}
	}
	for _, problem := range known.Survey.Problems {
		all.note("%s", problem)
	}
}

// planInto sets the pools that Run would create. If they can't be created, they are those
// whose CIDR is known.
func (r *runner) planInto(all *Inventory) error {
	all.Planned = r.named(all.Snapshot.Pools)
	draft, err := plan.Compute(r.desired, all.Snapshot, r.config.OnDrift)
	if err != nil {
		all.note("the desired pools can't be created: %v", err)
		return err
	}
	draft = draft.LeaveToOperator(all.Facts.Installation)
	all.Facts.PodCIDRs = draft.UsablePodCIDRs(all.Facts)
	warnings, notes := sourceProblems(draft, all.Facts)
	for _, note := range slices.Concat(warnings, notes) {
		all.note("%s", note)
	}
	for _, note := range notCreated(r.desired, draft) {
		all.note("%s", note)
	}
	settled, err := draft.Settle(all.Facts, noPrefix)
	if err != nil {
		all.note("the desired pools can't be created: %v", err)
		return err
	}
	all.Planned = nil
	for _, step := range settled.Steps {
		if step.Action == plan.Created {
			all.Planned = append(all.Planned, step.Pool)
		}
	}
	return nil
}

// named returns the desired pools whose CIDR the settings have, without those that exist
// under their name, and without the default pools of families with another pool.
func (r *runner) named(existing []*ippool.Record) []*v3.IPPool {
	known, families := map[string]bool{}, map[ippool.Family]bool{}
	for _, desired := range r.desired.Pools {
		known[desired.Pool.Name] = !desired.Default
	}
	for _, record := range existing {
		if pool := record.Pool(); !known[pool.Name] {
			if prefix, err := ippool.ParseCIDR(pool.Spec.CIDR); err == nil {
				families[ippool.FamilyOf(prefix)] = true
			}
		}
	}
	var pools []*v3.IPPool
	for _, desired := range r.desired.Pools {
		exists := desired.Default && families[desired.Family] || slices.ContainsFunc(existing, func(record *ippool.Record) bool {
			return record.Pool().Name == desired.Pool.Name
		})
		if desired.Skip == "" && desired.Pool.Spec.CIDR != "" && !exists {
			pools = append(pools, desired.Pool)
		}
	}
	return pools
}

// notCreated returns a note for each default pool whose CIDR is set and that is not created,
// because its family has pools.
func notCreated(desired plan.Desired, p plan.Plan) (notes []string) {
	for _, want := range desired.Pools {
		for _, step := range p.Steps {
			exists := step.Pool != nil && step.Pool.Spec.CIDR == want.Pool.Spec.CIDR
			if want.Default && want.Skip == "" && want.Pool.Spec.CIDR != "" && step.Default && step.Family == want.Family &&
				step.Action == plan.Unchanged && !exists {
				notes = append(notes, fmt.Sprintf("%s of the desired IPPool %q is not shown, and the pool would not be created: IPPool %q exists",
					want.Pool.Spec.CIDR, want.Pool.Name, step.Name))
			}
		}
	}
	return notes
}
