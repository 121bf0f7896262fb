package bootstrap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Plan is what a run would do. It is data that can be shown, compared, and applied by
// any Bootstrap of the process. Read Report, or String, to show it, and the embedded
// [plan.Plan] for the exact steps. Its JSON is not meant to be decoded: the origins of
// values are lost.
type Plan struct {
	plan.Plan // the steps, with the warnings of the planner; complete except for unknown values

	// Report is the plan as a report: what would be done, with findings,
	// warnings and notes.
	Report Report

	// Settings are the settings that the plan was computed from. Apply resolves
	// them again.
	Settings settings.Settings
}

// Pending reports whether the plan writes any pool.
func (p *Plan) Pending() bool { return slices.ContainsFunc(p.Steps, plan.Step.Writes) }

// String returns one line per pool, marked with + if it would be created, ~ if it
// would be updated, = if it is unchanged and - if it is skipped, each followed by its
// effect on NAT, then warnings and findings.
func (p *Plan) String() string {
	var lines strings.Builder
	marks := map[plan.Action]string{plan.WouldCreate: "+", plan.WouldUpdate: "~", plan.Unchanged: "=", plan.Skipped: "-"}
	line := func(format string, args ...any) { // on one line, whatever the datastore contains
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
		if pool.NAT != "" {
			lines.WriteString("  NAT: " + pool.NAT + "\n")
		}
	}
	for _, warning := range p.Report.Warnings {
		line("warning: %s", warning)
	}
	for _, finding := range p.Report.Findings {
		line("finding: %s", finding.Error())
	}
	return lines.String()
}
