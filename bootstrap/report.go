package bootstrap

import (
	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Report is what a run did, or would do. Its JSON is a promise: fields are only
// ever added.
type Report struct {
	Datastore DatastoreType `json:"datastore"` // as the Datastore calls itself
	Pools     []PoolReport  `json:"pools"`     // the default IPv4 and IPv6 pool, then the rest by name; never null
	Warnings  []string      `json:"warnings"`  // never null
	Notes     []string      `json:"notes"`     // good to know, and nothing to mend; never null
	Findings  []Finding     `json:"findings"`  // of the preflight; never null
}

// PoolReport finishes the sentence "pool NAME is …".
type PoolReport struct {
	Name   string        `json:"name"`   // the pool's; of a family that gets none, that of the default pool
	Family ippool.Family `json:"family"` // of the pool that was asked for: 4 or 6
	Action Action        `json:"action"` // of a dry run WouldCreate and WouldUpdate
	Reason string        `json:"reason"` // as a part of a sentence

	// Spec is the pool as it is now, or would be; nil if it was skipped. An
	// empty mode of a stored pool is reported as what it means, Never.
	Spec *v3.IPPoolSpec `json:"spec,omitempty"`

	// Settings are the values behind a pool that was created, or would be.
	// Never null.
	Settings []Value `json:"settings"`

	// Drift is what was asked for otherwise than it was stored. Never null.
	Drift []Difference `json:"drift"`
}

// Pending reports whether the plan behind the report has something to do.
func (r Report) Pending() bool {
	for _, pool := range r.Pools {
		if pool.Action == WouldCreate || pool.Action == WouldUpdate {
			return true
		}
	}
	return false
}

func newReport(datastore DatastoreType, plan Plan, warnings []string, dryRun bool) Report {
	report := Report{
		Datastore: datastore,
		Pools:     make([]PoolReport, 0, len(plan.Steps)),
		Warnings:  append(append([]string{}, warnings...), plan.Warnings...),
		Notes:     []string{},
		Findings:  []Finding{},
	}
	for _, step := range plan.Steps {
		pool := PoolReport{
			Name: step.Name, Family: step.Family, Action: step.Action, Reason: step.Reason,
			Settings: append([]Value{}, step.Values...), Drift: append([]Difference{}, step.Drift...),
		}
		if step.Pool != nil {
			spec := withModes(step.Pool.Spec)
			pool.Spec = &spec
		}
		planned := dryRun && !step.done
		if planned && step.Action == Updated {
			pool.Action = WouldUpdate
		}
		if planned && step.Action == Created {
			pool.Action, pool.Reason = WouldCreate, wouldCreateReason(step)
			for i, value := range pool.Settings {
				if value.Field == "cidr" && value.Value == "" {
					pool.Settings[i].Source = SourceDefault + " (a random ULA /48, drawn when the pool is created)"
				}
			}
		}
		report.Pools = append(report.Pools, pool)
	}
	return report
}

// withModes returns the spec with its empty modes as Calico reads them.
func withModes(spec v3.IPPoolSpec) v3.IPPoolSpec {
	spec.IPIPMode, spec.VXLANMode = ippool.OrNever(spec.IPIPMode), ippool.OrNever(spec.VXLANMode)
	return spec
}
