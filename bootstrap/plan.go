package bootstrap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// Plan is what a run would do, as data: it may be shown, compared and applied, by
// whoever made it or by somebody else.
type Plan struct {
	plan.Plan // what would be written, and why; complete but for what it says is unknown

	// Report is the same as a report: what would be done, with findings,
	// warnings and notes.
	Report Report

	// Settings are those that the plan was made from. Apply resolves them again.
	Settings settings.Settings
}

// Pending reports whether the plan has something to write.
func (p *Plan) Pending() bool { return slices.ContainsFunc(p.Steps, plan.Step.Writes) }

// String returns the plan in lines: + for a pool that would be created, ~ for one
// that would be updated, = for one that is unchanged and - for a family or pool
// that is skipped; then warnings and findings.
func (p *Plan) String() string {
	var lines strings.Builder
	marks := map[Action]string{WouldCreate: "+", WouldUpdate: "~", plan.Unchanged: "=", plan.Skipped: "-"}
	for _, pool := range p.Report.Pools {
		cidr := ""
		if pool.Spec != nil {
			if cidr = " " + pool.Spec.CIDR; pool.Spec.CIDR == "" {
				cidr = " (CIDR chosen when it is created)"
			}
		}
		fmt.Fprintf(&lines, "%s %s pool %s%s: %s (%s)\n", marks[pool.Action], pool.Family, pool.Name, cidr, pool.Action, pool.Reason)
	}
	for _, warning := range p.Report.Warnings {
		fmt.Fprintf(&lines, "warning: %s\n", warning)
	}
	for _, finding := range p.Report.Findings {
		fmt.Fprintf(&lines, "finding: %s\n", finding.Error())
	}
	return lines.String()
}
