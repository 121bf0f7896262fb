package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// ask finds out what must be known before the pools of the plan can be created:
// the IPAM blocks that exist, and, once a run, what the cluster says of its pod
// CIDRs. The two don't depend on each other and are asked at the same time.
func (r *runner) ask(ctx context.Context, plan Plan) ([]netip.Prefix, error) {
	var (
		creates, holds []ippool.Family // to be created; which may hold blocks
		blocks         []netip.Prefix
		blocksErr      error
		cluster        []PodCIDRSource
		clusterErr     error
		wait           sync.WaitGroup
	)
	for _, step := range plan.Steps {
		if step.Action != Created {
			continue
		}
		creates = append(creates, step.Family)
		if step.Pool.Spec.CIDR != "" || step.Family == ippool.IPv4 || r.cluster != nil {
			holds = append(holds, step.Family) // no block is in a random prefix
		}
	}
	askCluster := r.cluster != nil && slices.ContainsFunc(creates, func(f ippool.Family) bool { return !slices.Contains(r.asked, f) })
	if askCluster {
		wait.Go(func() { cluster, clusterErr = r.cluster.PodCIDRs(ctx, creates) })
	}
	if len(holds) > 0 {
		blocks, blocksErr = r.store.Blocks(ctx, holds)
	}
	wait.Wait()
	if askCluster && clusterErr == nil {
		r.asked, r.sources = creates, cluster
		r.tellOfCluster(creates)
	}
	if blocksErr != nil {
		return nil, blocksErr
	}
	return blocks, clusterErr
}

// tellOfCluster notes the places in the cluster that say nothing, and warns of
// those that should, where a CIDR was wanted of them, and of CIDRs that are
// none of the cluster's.
func (r *runner) tellOfCluster(families []ippool.Family) {
	unnamed := false
	for _, want := range r.desired.Pools {
		if !slices.Contains(families, want.Family) {
			continue
		}
		if want.Pool.Spec.CIDR == "" {
			unnamed = true
		} else if warning := outsideWarning(r.sources, want); warning != "" {
			r.warn(warning)
		}
	}
	for _, family := range families {
		if further := furtherCIDRs(r.sources, family); further != "" {
			r.note(further)
		}
	}
	for _, source := range r.sources {
		problem := fmt.Sprintf("no pod CIDR from %s: %s", source.Name, oneLine(source.Problem))
		if len(source.Prefixes) > 0 {
			problem = fmt.Sprintf("pod CIDRs of %s: %s", source.Name, oneLine(source.Problem))
		}
		switch {
		case source.Problem == "":
		case unnamed && !source.Absent:
			r.warn(problem)
		default:
			r.note(problem)
		}
	}
}

// chooseCIDRs chooses the CIDRs that nobody named for the pools that will be
// created, and for no others. What is chosen stays for all attempts of a run.
func (r *runner) chooseCIDRs(plan Plan) error {
	for _, step := range plan.Steps {
		if step.Action != Created || step.Pool.Spec.CIDR != "" {
			continue
		}
		i := slices.IndexFunc(r.desired.Pools, func(d DesiredPool) bool { return d.Pool.Name == step.Name })
		want, err := r.choose(r.desired.Pools[i])
		if err != nil {
			return err
		}
		r.desired.Pools[i] = want
	}
	return nil
}

// choose fills in the CIDR if nobody named one: what the cluster says, else the
// default. A plan that is only shown draws nothing at random.
func (r *runner) choose(want DesiredPool) (DesiredPool, error) {
	if want.Pool.Spec.CIDR != "" {
		return want, nil
	}
	if prefix, source := podCIDR(r.sources, want.Family); prefix.IsValid() {
		want = want.withCIDR(choice{prefix: prefix, source: source})
		if faults := ippool.Validate(want.Pool); len(faults) > 0 {
			return want, fmt.Errorf("%w: the pod CIDR %s of %s makes no pool: %w; name another with %s, or other settings for it",
				ErrIncompatible, prefix, source, faults.ToAggregate(), SourceFlag(fmt.Sprintf("ipv%d-pool-cidr", want.Family)))
		}
		return want, nil
	}
	var chosen choice
	switch want.Family {
	case ippool.IPv6:
		if r.dryRun {
			return want, nil
		}
		prefix, err := ippool.RandomULA(r.random)
		if err != nil {
			return want, err
		}
		chosen = choice{prefix: prefix, source: SourceDefault + " (random ULA)"}
	case ippool.IPv4:
		networks, err := r.host.Networks()
		if err != nil {
			r.warn(fmt.Sprintf("the IPv4 pool may overlap a network of this host: %v", err))
		}
		chosen = chooseIPv4(prefixesOf(networks))
	}
	if chosen.warning != "" {
		r.warn(chosen.warning)
	}
	return want.withCIDR(chosen), nil
}

// checkBlocks refuses pools that hold IPAM blocks of another size.
func checkBlocks(changes []Change, blocks []netip.Prefix) error {
	var faults []error
	for _, change := range changes {
		if change.Create == nil {
			continue // its block size stays
		}
		for _, fault := range ippool.ValidateBlocks(change.Create, blocks) {
			faults = append(faults, fmt.Errorf("%w: IPPool %q: %w", ErrIncompatible, change.Create.Name, fault))
		}
	}
	return errors.Join(faults...)
}
