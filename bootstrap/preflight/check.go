package preflight

import (
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Check checks the pools that the plan writes against the known facts, and the families
// of its steps as a whole. If all is true, it checks the pool of every step. It is a
// pure function. Findings are sorted by plan order, code, and the range that the pool
// conflicts with.
func Check(p plan.Plan, known facts.Facts, all bool) []Finding {
	world := input{networks: known.Networks, routes: known.Routes, podCIDRs: known.PodCIDRs, survey: known.Survey, installation: known.Installation}
	var checked []checkedPool
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
		world.pools = append(world.pools, pool)
		if Checks(step, all) && (step.Action == plan.Created || !partial[step.Name]) {
			checked = append(checked, pool)
		}
	}
	for _, existing := range p.Existing {
		if !existing.Partial && !steps[existing.Pool.Name] {
			world.pools = append(world.pools, checkedPool{
				name: existing.Pool.Name, family: existing.Family, spec: existing.Pool.Spec, existing: true,
				deleted: !existing.Pool.DeletionTimestamp.IsZero(),
			})
		}
	}
	found := world.findings(checked, p.Families(func(step plan.Step) bool { return step.Action != plan.Skipped }))
	for i := range found {
		found[i].Text = text.OneLine(found[i].Text) // names come from the cluster and the host
	}
	return found
}

// Checks reports whether Check checks the step's pool against facts of the host and the
// cluster.
func Checks(step plan.Step, all bool) bool {
	return step.Pool != nil && (all || step.Action == plan.Created || step.Action == plan.Updated)
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
		name: step.Name, family: step.Family, spec: step.Pool.Spec, values: step.Values, names: names,
		existing:    step.Action != plan.Created,
		updated:     updated,
		byDefault:   step.Default && step.Name == step.Desired,
		deleted:     !step.Pool.DeletionTimestamp.IsZero(),
		randomRange: len(step.Unknown) > 0 && step.Family == ippool.IPv6,
	}
	if pool.existing {
		pool.manager = plan.Manager(step.Pool)
	}
	return pool
}
