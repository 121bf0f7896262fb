package plan

import (
	"fmt"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// updateFault is a fault of an update.
type updateFault struct {
	field string // path of the field; empty if it is of the record
	text  string
}

// updateFaults returns the faults of the update that the stored pool does not have
// already, so that a pool that was valid under older rules can be updated.
func (p *planner) updateFaults(drift []Difference, updated, stored *ippool.Record) []updateFault {
	var before []string
	var faults []updateFault
	for _, fault := range ippool.Validate(stored.Pool()) {
		before = append(before, fault.Error())
	}
	for _, fault := range ippool.ValidateUpdate(updated.Pool(), stored.Pool()) {
		text := fault.Error()
		if slices.Contains(before, text) {
			continue
		}
		if fault.Type == field.ErrorTypeForbidden && fault.Field == "spec.vxlanMode" {
			text += p.otherEncapsulation(drift, updated.Pool(), stored.Pool())
		}
		faults = append(faults, updateFault{fault.Field, text})
	}
	if _, err := updated.Encode(); err != nil {
		faults = append(faults, updateFault{text: err.Error()})
	}
	return faults
}

// otherEncapsulation returns the hint for an update that turns on one encapsulation while
// the stored pool has the other one: which is stored, and how to turn it off, in the way in
// which the first one is set. It is empty for any other update.
func (p *planner) otherEncapsulation(drift []Difference, updated, stored *v3.IPPool) string {
	if !ippool.Encapsulates(updated.Spec.IPIPMode) || !ippool.Encapsulates(updated.Spec.VXLANMode) ||
		slices.Contains(updated.Spec.AllowedUses, v3.IPPoolAllowedUseLoadBalancer) { // which can have none
		return ""
	}
	other, mode := "ipipMode", string(stored.Spec.IPIPMode)
	i := slices.IndexFunc(drift, func(d Difference) bool { return d.Updated && d.Field == "vxlanMode" })
	if i < 0 {
		other, mode = "vxlanMode", string(stored.Spec.VXLANMode)
		i = slices.IndexFunc(drift, func(d Difference) bool { return d.Updated && d.Field == "ipipMode" })
	}
	if i < 0 {
		return ""
	}
	hint := fmt.Sprintf("; %s %s is stored: set ", other, shown(mode))
	family, _ := familyOf(stored.Spec.CIDR)
	switch given := drift[i].Source; {
	case given.Kind() == origin.KindFile:
		return hint + fmt.Sprintf("%s: Never in the same pool of %s as well", other, given)
	case family != ippool.IPv4 && other == "ipipMode": // no setting
		return hint + fmt.Sprintf("it to Never with %s first", p.CLI)
	default:
		names := p.Names
		if p.beside != nil {
			names = p.beside(given)
		}
		return hint + names.With(origin.PoolSetting(family, other), string(v3.IPIPModeNever)) + " as well"
	}
}
