package bootstrap

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Report is what a run did or would do. Its JSON is stable: later versions only add
// fields.
type Report struct {
	Datastore datastore.Type      `json:"datastore"` // type of the datastore
	Pools     []PoolReport        `json:"pools"`     // the default IPv4 and IPv6 pools, then the others by name; never null
	Warnings  []string            `json:"warnings"`  // never null
	Notes     []string            `json:"notes"`     // informational; never null
	Findings  []preflight.Finding `json:"findings"`  // preflight findings; never null

	// NoNATTo are the ranges to which traffic is not masqueraded, in the order of the setting.
	// Nil: none are set.
	NoNATTo []NoNATReport `json:"noNATTo,omitempty"`
}

// NoNATReport describes a range to which traffic is not masqueraded.
type NoNATReport struct {
	Range  netip.Prefix  `json:"range"`  // without host bits
	Source origin.Origin `json:"source"` // of the setting

	// NAT is what the pools of the range do to NAT together, as a sentence without a full
	// stop. Empty: the range gets no pools; the reason is that of its pool.
	NAT string `json:"nat,omitempty"`
}

// PoolReport describes one pool. It completes the sentence "pool NAME is …".
type PoolReport struct {
	Name   string        `json:"name"`   // name of the pool; of the default pool if the family gets none
	Family ippool.Family `json:"family"` // family of the desired pool: 4 or 6
	Action plan.Action   `json:"action"` // WouldCreate or WouldUpdate in a plan
	Reason string        `json:"reason"` // reason for the action, as part of a sentence

	// Spec is the pool as it is or would be; nil if it is skipped. An empty mode
	// of a stored pool is reported as Never, which is what it means to Calico.
	Spec *v3.IPPoolSpec `json:"spec,omitempty"`

	// Unreadable lists the fields of an existing pool that can't be read, because its
	// record is malformed: they are not in Spec. Nil: all can be read.
	Unreadable []string `json:"unreadable,omitempty"`

	// Settings are the values of a pool that was or would be created. Never
	// null.
	Settings []plan.Value `json:"settings"`

	// NAT is what the pool does to NAT, as a sentence without a full stop. It is derived from
	// the pools alone; Felix's configuration may change it. Only of a pool that would be
	// created or updated.
	NAT string `json:"nat,omitempty"`

	// NoNATTo is the range of NoNATTo of the report that the pool covers, or a part of; zero:
	// none.
	NoNATTo netip.Prefix `json:"noNATTo,omitzero"`

	// Drift lists the fields that differ from desired. Never null.
	Drift []plan.Difference `json:"drift"`
}

func newReport(store datastore.Type, p plan.Plan) Report {
	report := Report{Datastore: store, Pools: make([]PoolReport, 0, len(p.Steps))}
	for _, step := range p.Steps {
		pool := PoolReport{
			Name: step.Name, Family: step.Family, Action: step.Action, Reason: step.Reason, NoNATTo: step.NoNATTo,
			Settings: append([]plan.Value{}, step.Values...), Drift: append([]plan.Difference{}, step.Drift...),
		}
		for i := range pool.Settings {
			conceal(&pool.Settings[i].Value)
		}
		for i := range pool.Drift {
			conceal(&pool.Drift[i].Desired)
			conceal(&pool.Drift[i].Stored)
		}
		if step.Pool != nil {
			spec := withModes(step.Pool.Spec)
			pool.Spec = &spec
		}
		if broken := step.Malformed; broken != nil {
			pool.Unreadable = slices.Clone(broken.Fields)
			if broken.Unreadable("ipipMode") {
				pool.Spec.IPIPMode = ""
			}
			if broken.Unreadable("vxlanMode") {
				pool.Spec.VXLANMode = ""
			}
		}
		switch {
		case !step.Writes():
		case step.Action == plan.Updated:
			pool.Action = plan.WouldUpdate
		default:
			pool.Action, pool.Reason = plan.WouldCreate, step.PlannedReason()
		}
		if slices.Contains(step.Unknown, "cidr") {
			for i := range pool.Settings {
				if pool.Settings[i].Field == "cidr" {
					pool.Settings[i].Source = origin.DefaultBecause("a random ULA /48, generated when the pool is created")
				}
			}
		}
		pool.Reason = text.OneLine(pool.Reason)
		report.Pools = append(report.Pools, pool)
	}
	for _, r := range p.NoNATTo {
		report.NoNATTo = append(report.NoNATTo, NoNATReport{r.Prefix, r.Source, text.OneLine(p.NoNATEffect(r))})
	}
	return report
}

// conceal replaces a text that may be a secret, such as one in an annotation.
func conceal(value *any) {
	if text.Secret(fmt.Sprint(*value)) != "" {
		*value = text.Hidden
	}
}

// withModes returns the spec with empty modes replaced by Never.
func withModes(spec v3.IPPoolSpec) v3.IPPoolSpec {
	spec.IPIPMode, spec.VXLANMode = ippool.OrNever(spec.IPIPMode), ippool.OrNever(spec.VXLANMode)
	return spec
}

// allowedNote returns the note about allowed findings.
func allowedNote(allowed []preflight.Finding) string {
	texts := make([]string, len(allowed))
	for i, finding := range allowed {
		texts[i] = string(finding.Code)
		if finding.Pool != "" {
			texts[i] += fmt.Sprintf(" of IPPool %q", finding.Pool)
		}
	}
	return "findings allowed by the settings: " + strings.Join(slices.Compact(texts), ", ")
}
