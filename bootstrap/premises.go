package bootstrap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// How a run comes to its findings. What they are is in preflight.go.

// judges reports whether the step's pool is held against the host and the
// cluster: what is created, and in a dry run all that the plan speaks of.
func (r *runner) judges(step Step) bool {
	return r.config.Preflight != PreflightOff && step.Pool != nil && (step.Action == Created || r.dryRun)
}

// looks reports whether anything outside of the datastore must be looked at for
// the preflight.
func (r *runner) looks(plan Plan) bool { return slices.ContainsFunc(plan.Steps, r.judges) }

// families are those of the steps, each once.
func (p Plan) families(of func(Step) bool) []ippool.Family {
	var families []ippool.Family
	for _, step := range p.Steps {
		if of(step) && !slices.Contains(families, step.Family) {
			families = append(families, step.Family)
		}
	}
	return families
}

// tellOfHost warns of what could not be looked at on this host.
func (r *runner) tellOfHost() {
	if _, err := r.networks(); err != nil {
		r.warnOnce(fmt.Sprintf("a pool may overlap a network of this host: %v", err))
	}
	if _, err := r.routes(); err != nil {
		r.warnOnce(fmt.Sprintf("a pool may overlap a route of this host: %v", err))
	}
}

// warnOnce is for what several steps of a run may stumble over.
func (r *runner) warnOnce(warning string) {
	if !slices.Contains(r.warnings, warning) {
		r.warn(warning)
	}
}

// tellOfSurvey notes what the cluster could not be asked.
func (r *runner) tellOfSurvey() {
	for _, problem := range r.survey.Problems {
		r.note("not checked: " + oneLine(problem))
	}
}

// preflight judges the plan, with what is known by now: it asks for nothing.
// Findings that the settings allow are returned apart.
func (r *runner) preflight(plan Plan, existing Snapshot) (found, allowed []Finding) {
	if r.config.Preflight == PreflightOff {
		return nil, nil
	}
	var judged []judgedPool
	known := premises{podCIDRs: r.sources, survey: r.survey}
	for _, step := range plan.Steps {
		// Of a pool that can't be read whole, nothing but the CIDR is known.
		unread := func(record Unreadable) bool { return record.Name == step.Name && step.Action != Created }
		if r.judges(step) && !slices.ContainsFunc(existing.Unreadable, unread) {
			judged = append(judged, r.judged(step))
		}
	}
	if len(judged) > 0 {
		known.networks, _ = r.networks()
		known.routes, _ = r.routes()
	}
	known.pools, known.unreadable = r.standing(plan, existing)
	asked := plan.families(func(step Step) bool { return step.Action != Skipped })
	for _, finding := range known.findings(judged, asked) {
		if slices.Contains(r.config.Allow, finding.Code) {
			allowed = append(allowed, finding)
			continue
		}
		found = append(found, finding)
	}
	return found, allowed
}

func (r *runner) judged(step Step) judgedPool {
	updated := map[string]Source{}
	for _, difference := range step.Drift {
		if difference.Updated {
			updated[difference.Field] = difference.Source
		}
	}
	i := r.desired.wanted(step.Name)
	manager := ""
	if step.Action != Created {
		manager = ownerOf(step.Pool).name
	}
	return judgedPool{
		manager: manager,
		name:    step.Name, family: step.Family, spec: step.Pool.Spec, values: step.Values,
		stands:    step.Action != Created,
		updated:   updated,
		byDefault: i >= 0 && r.desired.Pools[i].Default,
	}
}

// standing are the pools as they will be once the plan is carried out, and the
// families of pools of which no more is known.
func (r *runner) standing(plan Plan, existing Snapshot) (pools []judgedPool, unreadable []ippool.Family) {
	stepOf := map[string]bool{}
	for _, step := range plan.Steps {
		if step.Pool != nil {
			stepOf[step.Name] = true
			pools = append(pools, r.judged(step))
		}
	}
	for _, record := range existing.Pools {
		family, err := familyOfStored(record.Pool.Spec.CIDR)
		if err == nil && !stepOf[record.Pool.Name] {
			pools = append(pools, judgedPool{name: record.Pool.Name, family: family, spec: record.Pool.Spec, stands: true})
		}
	}
	for _, record := range existing.Unreadable {
		if family, err := familyOfStored(record.CIDR); err == nil {
			unreadable = append(unreadable, family)
		}
	}
	return pools, unreadable
}

// allowedNote says what was found and is known and wanted.
func allowedNote(allowed []Finding) string {
	texts := make([]string, len(allowed))
	for i, finding := range allowed {
		texts[i] = string(finding.Code)
		if finding.Pool != "" {
			texts[i] += fmt.Sprintf(" of IPPool %q", finding.Pool)
		}
	}
	return "found, and allowed by the settings: " + strings.Join(slices.Compact(texts), ", ")
}
