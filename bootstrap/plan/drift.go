package plan

import (
	"fmt"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/selector"
)

// Difference is a field whose stored value differs from desired.
type Difference struct {
	Pool    string        `json:"-"`       // name of the pool that differs
	Field   string        `json:"field"`   // field of an IPPool's spec
	Desired any           `json:"desired"` // value of the setting
	Stored  any           `json:"stored"`  // stored value; null if the desired pool doesn't exist
	Source  origin.Origin `json:"source"`  // source of the desired value

	// Updated reports whether the plan sets the field to the desired value.
	Updated bool `json:"updated"`

	// Remedy describes how to change the field; empty if it is updated.
	Remedy string `json:"remedy,omitempty"`

	// Steps are the steps of the remedy, in order; empty if it is a single one.
	Steps []string `json:"steps,omitempty"`

	// Mutable reports whether DriftUpdate may change the field.
	Mutable bool `json:"-"`
}

// String returns one line: source, desired value, stored value, remedy.
func (d Difference) String() string { return text.OneLine(d.describe()) }

func (d Difference) describe() string {
	place := d.Source.String() + ": " + text.Quote(fmt.Sprint(d.Desired))
	switch {
	case d.Updated:
		return fmt.Sprintf("%s: IPPool %q is changed: %s from %s", place, d.Pool, d.Field, shown(d.Stored))
	case d.Stored == nil:
		return fmt.Sprintf("%s has no effect: %s", place, d.Remedy)
	default:
		line := fmt.Sprintf("%s has no effect: IPPool %q exists with %s %s; %s", place, d.Pool, d.Field, shown(d.Stored), d.Remedy)
		for i, step := range d.Steps {
			line += fmt.Sprintf("%s %d. %s", []string{":", ";"}[min(i, 1)], i+1, step)
		}
		return line
	}
}

// shown returns a value as messages show it.
func shown(value any) string {
	if printed := fmt.Sprint(value); printed != "" {
		return text.Clip(text.OneLine(printed), text.MaxQuoted)
	}
	return `""`
}

// Error returns String.
func (d Difference) Error() string { return d.String() }

// DriftError lists all differences of a plan with DriftFail. It matches ErrDrift with
// errors.Is.
type DriftError struct {
	Differences []Difference // at least one
}

// Error returns one line per difference, up to a limit: see Unwrap.
func (e *DriftError) Error() string { return text.Lines(e.Unwrap()) }

// Unwrap returns the differences. Of more than 500, or of more than 256 KiB of text, it
// returns the first ones, and an error that counts the others.
func (e *DriftError) Unwrap() []error { return text.Errors(e.Differences) }

// Is reports whether target is ErrDrift.
func (e *DriftError) Is(target error) bool { return target == ErrDrift }

// configured returns the values that are set explicitly, without defaults.
func (d DesiredPool) configured() []Value {
	return slices.DeleteFunc(slices.Clone(d.Values), func(value Value) bool {
		return value.Source.Kind() == origin.KindDefault
	})
}

// mutableFields are the fields that DriftUpdate can change. No setting of a default pool
// sets disabled, so it is only updated in pools of files.
var mutableFields = []string{"vxlanMode", "ipipMode", "natOutgoing", "disabled", "disableBGPExport", "nodeSelector"}

// The remedies of fields that are not updated.
const (
	remedyUpdate  = "%s changes it"
	remedyMigrate = "not updatable in place; to migrate"
	remedyByHand  = "not updatable by %s; change it with %s"
	remedyWait    = "it is being deleted: run again after the deletion"
)

// driftUpdate returns the setting of DriftUpdate as messages suggest it.
func (p Plan) driftUpdate() string { return p.Names.With(origin.SettingOnDrift, string(DriftUpdate)) }

// differences compares the configured values with the existing pool, in the order of
// the values.
func (p *planner) differences(want DesiredPool, existing *v3.IPPool) []Difference {
	var all []Difference
	for _, value := range want.configured() {
		if value.Field == "name" {
			continue
		}
		stored := fieldOf(existing, value.Field)
		if meansTheSame(value.Field, value.Value, stored) {
			continue
		}
		difference := Difference{Field: value.Field, Desired: value.Value, Stored: stored, Source: value.Source, Pool: existing.Name}
		switch {
		case value.Field == "cidr" || value.Field == "blockSize":
			difference.Remedy, difference.Steps = remedyMigrate, p.migration(want, existing)
		case !slices.Contains(mutableFields, value.Field):
			difference.Remedy = fmt.Sprintf(remedyByHand, p.driftUpdate(), p.CLI)
		default:
			difference.Remedy, difference.Mutable = fmt.Sprintf(remedyUpdate, p.driftUpdate()), true
		}
		all = append(all, difference)
	}
	return all
}

// setRemedy sets the remedy of all differences, without steps, and makes them not
// mutable.
func setRemedy(all []Difference, remedy string) {
	for i := range all {
		all[i].Remedy, all[i].Steps, all[i].Mutable = remedy, nil, false
	}
}

// fieldOf returns the value of a field, with Calico's default for an empty one.
func fieldOf(pool *v3.IPPool, field string) any {
	full := pool.DeepCopy()
	ippool.Default(full)
	if key, ok := keyIn(field, "labels"); ok {
		return metadataOf(pool).Labels[key]
	}
	if key, ok := keyIn(field, "annotations"); ok {
		return metadataOf(pool).Annotations[key]
	}
	spec := full.Spec
	switch field {
	case "cidr":
		return spec.CIDR
	case "vxlanMode":
		return spec.VXLANMode
	case "ipipMode":
		return spec.IPIPMode
	case "natOutgoing":
		return spec.NATOutgoing
	case "disabled":
		return spec.Disabled
	case "disableBGPExport":
		return spec.DisableBGPExport
	case "blockSize":
		return spec.BlockSize
	case "nodeSelector":
		return spec.NodeSelector
	case "namespaceSelector":
		return spec.NamespaceSelector
	case "allowedUses":
		return spec.AllowedUses
	case "assignmentMode":
		return *spec.AssignmentMode
	default:
		panic("no field of a pool: " + field) // a bug in this package
	}
}

// keyIn returns the key of a field such as labels[zone].
func keyIn(field, of string) (key string, ok bool) {
	rest, ok := strings.CutPrefix(field, of+"[")
	return strings.TrimSuffix(rest, "]"), ok
}

// meansTheSame compares values as Calico interprets them: CIDRs by range, selectors by
// meaning, allowed uses in any order.
func meansTheSame(field string, desired, stored any) bool {
	switch field {
	case "cidr":
		a, errA := ippool.Canonical(fmt.Sprint(desired))
		b, errB := ippool.Canonical(fmt.Sprint(stored))
		return errA == nil && errB == nil && a == b || desired == stored
	case "nodeSelector", "namespaceSelector":
		a, errA := selector.Parse(fmt.Sprint(desired))
		b, errB := selector.Parse(fmt.Sprint(stored))
		return errA == nil && errB == nil && a.String() == b.String() || desired == stored
	case "allowedUses":
		a, b := slices.Clone(desired.([]v3.IPPoolAllowedUse)), slices.Clone(stored.([]v3.IPPoolAllowedUse))
		slices.Sort(a)
		slices.Sort(b)
		return slices.Equal(a, b)
	default:
		return fmt.Sprint(desired) == fmt.Sprint(stored)
	}
}

// withUpdates returns a copy of the record with its mutable fields set to the desired
// values, and the differences with those marked as updated. The record is nil if
// nothing changes. The arguments are not modified.
func withUpdates(want DesiredPool, stored *ippool.Record, all []Difference) (*ippool.Record, []Difference) {
	updated, rest := stored.Clone(), slices.Clone(all)
	changed := false
	for i := range rest {
		difference := &rest[i]
		if !difference.Mutable {
			continue
		}
		desired, spec := want.Pool.Spec, &updated.Pool().Spec
		switch difference.Field {
		case "vxlanMode":
			spec.VXLANMode = desired.VXLANMode
		case "ipipMode":
			spec.IPIPMode = desired.IPIPMode
		case "natOutgoing":
			spec.NATOutgoing = desired.NATOutgoing
		case "disabled":
			spec.Disabled = desired.Disabled
		case "disableBGPExport":
			spec.DisableBGPExport = desired.DisableBGPExport
		case "nodeSelector":
			spec.NodeSelector = desired.NodeSelector
		}
		difference.Updated, difference.Remedy, changed = true, "", true
	}
	if !changed {
		return nil, rest
	}
	return updated, rest
}

// setRefusal changes the remedy of mutable differences if DriftUpdate would fail.
func (p *planner) setRefusal(want DesiredPool, stored *ippool.Record, all []Difference) {
	updated, drift := withUpdates(want, stored, all)
	if updated == nil {
		return
	}
	var faults []string
	for _, fault := range p.updateFaults(drift, updated, stored) {
		faults = append(faults, fault.text)
	}
	for i := range all {
		if len(faults) > 0 && all[i].Mutable {
			all[i].Remedy = p.driftUpdate() + " would fail: " + strings.Join(faults, "; ")
		}
	}
}

// updatedFields lists the updated fields with their desired values and sources.
func updatedFields(all []Difference) string {
	var desired []string
	for _, difference := range all {
		if difference.Updated {
			desired = append(desired, fmt.Sprintf("%s %s: %s", difference.Field, shown(difference.Desired), difference.Source.String()))
		}
	}
	return strings.Join(desired, ", ")
}

// Disruption returns a warning if the update disrupts traffic, otherwise an empty
// string.
func (s Step) Disruption() string {
	var changes []string
	for _, difference := range s.Drift {
		if difference.Updated && (difference.Field == "ipipMode" || difference.Field == "vxlanMode") {
			changes = append(changes, fmt.Sprintf("%s from %s to %s", difference.Field, shown(difference.Stored), shown(difference.Desired)))
		}
	}
	if changes == nil {
		return ""
	}
	return fmt.Sprintf("IPPool %q: changing %s disrupts traffic between nodes until all nodes use the new mode", s.Name, strings.Join(changes, " and "))
}
