package bootstrap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// ask finds out what must be known before the pools of the plan can be judged
// and created: the IPAM blocks that exist, and, once a run, what the cluster
// says of its pod CIDRs and, for the preflight, what else it and the host use
// addresses for. None depends on another, and all are asked at the same time.
func (r *runner) ask(ctx context.Context, plan Plan) ([]netip.Prefix, error) {
	var (
		blocks               []netip.Prefix
		sources              []PodCIDRSource
		survey               Survey
		blocksErr            error
		sourcesErr, askedErr error
		wait                 sync.WaitGroup
	)
	looks := r.looks(plan)
	families := plan.families(func(step Step) bool { // whose pod CIDRs matter
		return r.judges(step) || step.Action == Created && step.Pool.Spec.CIDR == ""
	})
	askSources := r.cluster != nil && slices.ContainsFunc(families, func(f ippool.Family) bool { return !slices.Contains(r.asked, f) })
	askSurvey := r.cluster != nil && looks && !r.surveyed
	if askSources {
		wait.Go(func() { sources, sourcesErr = r.cluster.PodCIDRs(ctx, families) })
	}
	if askSurvey {
		wait.Go(func() { survey, askedErr = r.cluster.Survey(ctx) })
	}
	if looks {
		wait.Go(func() { _, _ = r.networks() })
		wait.Go(func() { _, _ = r.routes() })
	}
	holds := plan.families(func(step Step) bool { // may hold blocks: no block is in a random prefix
		return step.Action == Created && (step.Pool.Spec.CIDR != "" || step.Family == ippool.IPv4 || r.cluster != nil)
	})
	if len(holds) > 0 {
		blocks, blocksErr = r.store.Blocks(ctx, holds)
	}
	wait.Wait()
	if looks {
		r.tellOfHost()
	}
	if askSources && sourcesErr == nil {
		r.asked, r.sources = families, sources
		r.tellOfCluster(plan.families(func(step Step) bool { return step.Action == Created }))
	}
	if askSurvey && askedErr == nil {
		r.surveyed, r.survey = true, survey
		r.tellOfSurvey()
	}
	return blocks, cmp.Or(blocksErr, sourcesErr, askedErr)
}

// tellOfCluster notes the places in the cluster that say nothing, and warns of
// those that should, where a CIDR was wanted of them for a pool of the families.
func (r *runner) tellOfCluster(families []ippool.Family) {
	unnamed := slices.ContainsFunc(r.desired.Pools, func(want DesiredPool) bool {
		return slices.Contains(families, want.Family) && want.Pool.Spec.CIDR == ""
	})
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
		case source.Absent && len(families) == 0: // nobody wants a CIDR of it
		case unnamed && !source.Absent:
			r.warnOnce(problem)
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
		i := r.desired.wanted(step.Name)
		want, err := r.choose(r.desired.Pools[i])
		if err != nil {
			return err
		}
		r.desired.Pools[i] = want
	}
	return nil
}

// choose fills in the CIDR if nobody named one: what the cluster says, else the
// default, but for one that is drawn.
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
	if want.Family == ippool.IPv6 {
		return want, nil
	}
	networks, err := r.networks()
	if err != nil {
		r.warnOnce(fmt.Sprintf("a pool may overlap a network of this host: %v", err))
	}
	chosen := chooseIPv4(prefixesOf(networks))
	if chosen.warning != "" {
		r.warn(chosen.warning)
	}
	return want.withCIDR(chosen), nil
}

// draw fills in a CIDR at random if there is none.
func (r *runner) draw(want DesiredPool) (DesiredPool, error) {
	if want.Pool.Spec.CIDR != "" {
		return want, nil
	}
	prefix, err := ippool.RandomULA(r.random)
	if err != nil {
		return want, err
	}
	return want.withCIDR(choice{prefix: prefix, source: SourceDefault + " (random ULA)"}), nil
}

// complete draws the CIDRs of the pools that are about to be written, and looks
// a last time at all of them: nothing is drawn for a plan that is only shown.
func (r *runner) complete(plan Plan, snapshot Snapshot) (Plan, error) {
	for _, step := range plan.Steps {
		if step.Action != Created {
			continue
		}
		i := r.desired.wanted(step.Name)
		want, err := r.draw(r.desired.Pools[i])
		if err != nil {
			return Plan{}, err
		}
		r.desired.Pools[i] = want
	}
	plan, err := NewPlan(r.desired, snapshot, r.config.OnDrift)
	if err != nil {
		return Plan{}, err
	}
	return plan, checkPools(plan.changes())
}

// checkPools is the last look at what is to be created, whatever it was made of:
// its settings are judged long since, and a CIDR that was chosen is, too.
func checkPools(changes []Change) error {
	var faults []error
	for _, change := range changes {
		if change.Create == nil {
			continue
		}
		for _, fault := range ippool.Validate(change.Create) {
			faults = append(faults, fmt.Errorf("%w: IPPool %q: %w", ErrIncompatible, change.Create.Name, fault))
		}
	}
	return errors.Join(faults...)
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
