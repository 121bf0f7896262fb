package bootstrap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Plan is what a run would do, as data: it may be shown, compared, and applied by any
// Bootstrap of the process. Its JSON is for reading: the origins of values don't come
// back from it.
type Plan struct {
	plan.Plan // what would be written, and why; complete but for what it says is unknown, and with the planner's own warnings

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
	marks := map[plan.Action]string{plan.WouldCreate: "+", plan.WouldUpdate: "~", plan.Unchanged: "=", plan.Skipped: "-"}
	line := func(format string, args ...any) { // whatever a datastore holds, it is one
		lines.WriteString(text.OneLine(fmt.Sprintf(format, args...)) + "\n")
	}
	for _, pool := range p.Report.Pools {
		cidr := ""
		if pool.Spec != nil {
			if cidr = " " + pool.Spec.CIDR; pool.Spec.CIDR == "" {
				cidr = " (CIDR chosen when it is created)"
			}
		}
		line("%s %s pool %s%s: %s (%s)", marks[pool.Action], pool.Family, pool.Name, cidr, pool.Action, pool.Reason)
	}
	for _, warning := range p.Report.Warnings {
		line("warning: %s", warning)
	}
	for _, finding := range p.Report.Findings {
		line("finding: %s", finding.Error())
	}
	return lines.String()
}
