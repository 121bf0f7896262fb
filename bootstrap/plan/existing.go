package plan

import (
	"fmt"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/selector"
)

// takenBy describes the object that exists under a name; empty if there is none.
func (p *planner) takenBy(name string) string {
	if broken := p.broken[name]; broken != nil {
		return broken.describe()
	}
	record := p.records[name]
	if record == nil {
		return ""
	}
	family, _ := familyOf(record.Pool().Spec.CIDR) // one with an invalid CIDR is malformed
	return fmt.Sprintf("an %s pool, %s", family, record.Pool().Spec.CIDR)
}

// nameTaken reports a pool whose name is taken by an object that is not in its place.
func (p *planner) nameTaken(want DesiredPool) {
	name := want.Pool.Name
	remedy := "choose another"
	if want.Default {
		remedy += " with " + p.Names.Of(origin.PoolSetting(want.Family, "name"))
	}
	if broken := p.broken[name]; broken != nil {
		remedy = broken.Remedy + ", or " + strings.Replace(remedy, "another", "another name", 1)
	}
	if want.Default {
		p.fault("the name %q of the default %s pool is taken by %s: %s", name, want.Family, p.takenBy(name), remedy)
		return
	}
	p.fault("the name %q (%s) is taken by %s: %s", name, sourceOf(want.Values, "name"), p.takenBy(name), remedy)
}

// useExisting completes the step of a default pool whose family has pools, with the pool
// of its name or else the first one.
func (p *planner) useExisting(step *Step, want DesiredPool) {
	family := p.families[want.Family]
	i := slices.IndexFunc(family, func(pool *v3.IPPool) bool { return pool.Name == want.Pool.Name })
	if record := p.records[want.Pool.Name]; i >= 0 && record != nil {
		p.exists(step, want, record, nil)
		step.Reason = existsReason(step.Reason, want.Family, family)
		return
	}
	existing := family[max(i, 0)]
	step.Action, step.Name, step.Pool = Unchanged, existing.Name, existing.DeepCopy()
	step.Reason = existsReason(existsUnchanged, want.Family, family)
	step.Malformed = p.broken[existing.Name]
	if i >= 0 {
		p.existsInPart(step, want)
		return
	}
	remedy := p.manageRemedy(want, family)
	for _, value := range want.configured() {
		step.Drift = append(step.Drift, Difference{
			Field: value.Field, Desired: value.Value, Source: value.Source, Remedy: remedy, Pool: existing.Name,
		})
	}
	if len(step.Drift) > 0 {
		step.Reason += fmt.Sprintf(", but the desired %q does not", want.Pool.Name)
	}
	p.reportDifferences(step)
}

// manageRemedy returns how settings of a default pool that does not exist take effect. A
// pool that assigns no addresses to pods is no default pool under any name.
func (p *planner) manageRemedy(want DesiredPool, family []*v3.IPPool) string {
	setting := origin.PoolSetting(want.Family, "name")
	remedy := fmt.Sprintf("IPPool %q does not exist; existing: %s", want.Pool.Name, namesOf(family))
	var usable []*v3.IPPool // at most two
	for _, pool := range family {
		if p.unusable(pool) == "" {
			if usable = append(usable, pool); len(usable) > 1 {
				break
			}
		}
	}
	if len(usable) == 0 {
		why := ", none of which assigns addresses to pods; while any exists"
		if len(family) == 1 {
			why = fmt.Sprintf(", which %s; while it exists", p.unusable(family[0]))
		}
		return remedy + why + fmt.Sprintf(", no default %s pool is created; to add a pool for pods, set %s", want.Family, p.Names.Of(origin.SettingPoolsFile))
	}
	switch one := usable[0].Name; {
	case len(usable) > 1:
		return remedy + "; to manage one of them, set " + p.Names.Of(setting)
	case !isName(one) && len(family) == 1:
		return remedy + ", whose name is invalid: no setting can manage it"
	case !isName(one):
		return remedy + "; the name of the only one for pods is invalid: no setting can manage it"
	case len(family) > 1:
		return remedy + fmt.Sprintf("; to manage %s, set %s", one, p.Names.With(setting, one))
	default:
		return remedy + "; to manage it, set " + p.Names.With(setting, one)
	}
}

// unusable is Unusable for an existing pool, which may be malformed.
func (p *planner) unusable(pool *v3.IPPool) string {
	if p.records[pool.Name] == nil {
		return "is malformed"
	}
	return Unusable(pool.Spec)
}

// Unusable returns why addresses of a pool are not assigned to pods automatically, as the
// rest of a sentence such as "is disabled"; empty if they are.
func Unusable(spec v3.IPPoolSpec) string {
	switch mode := spec.AssignmentMode; {
	case spec.Disabled:
		return "is disabled"
	case selectsNoNode(spec.NodeSelector):
		return "has a nodeSelector that matches no node"
	case len(spec.AllowedUses) > 0 && !slices.Contains(spec.AllowedUses, v3.IPPoolAllowedUseWorkload):
		return fmt.Sprintf("is for %s only", text.Join(spec.AllowedUses))
	case mode != nil && *mode == v3.Manual:
		return "has assignmentMode Manual"
	}
	return ""
}

// selectsNoNode reports whether a selector is valid and matches no node.
func selectsNoNode(text string) bool {
	parsed, err := selector.Parse(text)
	return err == nil && parsed.SelectsNothing()
}

// isName reports whether a pool may have the name.
func isName(name string) bool { return len(validation.IsDNS1123Subdomain(name)) == 0 }
