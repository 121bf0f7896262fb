package preflight

import (
	"fmt"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Check checks the pools that the plan writes against the known facts, and the families
// of its steps as a whole, and what is masqueraded. If all is true, it checks the pool of every step. It is a
// pure function. Findings are sorted by plan order, code, and the range that the pool
// conflicts with.
func Check(p plan.Plan, known facts.Facts, all bool) []Finding {
	world, checked := checkedIn(p, known, all)
	found := world.findings(checked, p.Families(func(step plan.Step) bool { return step.Action != plan.Skipped }))
	if world.all = all; all || len(checked) > 0 {
		found = append(found, newChecker(world, checked).nat(poolFamilies)...)
	}
	for i := range found {
		found[i].Text = text.OneLine(found[i].Text) // names come from the cluster and the host
	}
	return found
}

// Notes returns what is good to know about the pools that Check checks but is no finding: a
// random ULA without NAT, which no setting requested, and how Felix exempts nodes alone. It is a pure function.
func Notes(p plan.Plan, known facts.Facts, all bool) []string {
	if !checksAny(p, all) {
		return nil
	}
	var notes []string
	world, checked := checkedIn(p, known, all)
	for _, pool := range checked {
		if pool.drawn && forPods(pool) && !pool.object.Spec.Disabled && pool.isLocalWithoutNAT() {
			note := pool.describeLocalWithoutNAT()
			if !pool.existing {
				note += fmt.Sprintf(", or none if pods need no IPv6, with %s", p.Names.Of(origin.PoolSetting(pool.family, "cidr")))
			}
			notes = append(notes, text.OneLine(note))
		}
	}
	if len(checked) > 0 {
		if note := newChecker(world, checked).exclusionsNote(p.CLI, known.FelixKnown); note != "" {
			notes = append(notes, text.OneLine(note))
		}
	}
	return notes
}

var poolFamilies = []ippool.Family{ippool.IPv4, ippool.IPv6}

// checkedIn returns what pools are checked against, and the pools to check.
func checkedIn(p plan.Plan, known facts.Facts, all bool) (world input, checked []checkedPool) {
	world = input{networks: known.Networks, routes: known.Routes, podCIDRs: known.PodCIDRs, survey: known.Survey, installation: known.Installation, backend: known.Backend, felix: known.FelixConfigurations, names: p.Names}
	world.pools = make([]checkedPool, 0, len(p.Steps)+len(p.Existing))
	partial, steps := map[string]bool{}, map[string]bool{}
	for _, existing := range p.Existing {
		if existing.Partial {
			partial[existing.Pool.Name] = true
			world.unreadable = append(world.unreadable, existing.Family)
		}
	}
	for _, step := range p.Steps {
		if step.Pool == nil {
			continue
		}
		steps[step.Name] = true
		pool := checkedPoolOf(step, p.Names)
		pool.drawn = isDrawn(step, pool, known)
		world.pools = append(world.pools, pool)
		if Checks(step, all) && (step.Action == plan.Created || !partial[step.Name]) {
			checked = append(checked, pool)
		}
	}
	for _, existing := range p.Existing {
		if !existing.Partial && !steps[existing.Pool.Name] {
			world.pools = append(world.pools, checkedPool{
				name: existing.Pool.Name, family: existing.Family, object: existing.Pool, existing: true,
				deleted: !existing.Pool.DeletionTimestamp.IsZero(), noNAT: plan.IsNoNAT(existing.Pool),
			})
		}
	}
	return world, checked
}

// isDrawn reports whether the step's pool has, or will have, a random CIDR, because neither
// a setting nor the cluster has one. An existing default pool has one if it is a ULA /48 and
// still nothing has another: what drew it is not stored.
func isDrawn(step plan.Step, pool checkedPool, known facts.Facts) bool {
	configured, _ := facts.FirstPodCIDR(known.PodCIDRs, ippool.IPv6)
	prefix := pool.prefix()
	return pool.byDefault && step.CIDRUnset && !configured.IsValid() &&
		(pool.randomRange || prefix.Bits() == randomBits && ippool.Contains(randomRanges, prefix))
}

// Checks reports whether Check checks the step's pool against facts of the host and the
// cluster.
func Checks(step plan.Step, all bool) bool {
	return step.Pool != nil && (all || step.Action == plan.Created || step.Action == plan.Updated)
}

// checksAny reports whether there is a step that Checks reports.
func checksAny(p plan.Plan, all bool) bool {
	return slices.ContainsFunc(p.Steps, func(step plan.Step) bool { return Checks(step, all) })
}

// Allowed splits findings into those that are not allowed by codes and those that are.
func Allowed(findings []Finding, codes []FindingCode) (found, allowed []Finding) {
	for _, finding := range findings {
		if slices.Contains(codes, finding.Code) {
			allowed = append(allowed, finding)
		} else {
			found = append(found, finding)
		}
	}
	return found, allowed
}

func checkedPoolOf(step plan.Step, names origin.Names) checkedPool {
	updated := map[string]origin.Origin{}
	for _, difference := range step.Drift {
		if difference.Updated {
			updated[difference.Field] = difference.Source
		}
	}
	pool := checkedPool{
		name: step.Name, family: step.Family, object: step.Pool, values: step.Values, names: names,
		existing:    step.Action != plan.Created,
		updated:     updated,
		byDefault:   step.Default && step.Name == step.Desired,
		ofFile:      !step.Default,
		deleted:     !step.Pool.DeletionTimestamp.IsZero(),
		noNAT:       plan.IsNoNAT(step.Pool),
		randomRange: len(step.Unknown) > 0 && step.Family == ippool.IPv6,
	}
	if pool.existing {
		pool.manager = plan.Manager(step.Pool)
	}
	return pool
}
