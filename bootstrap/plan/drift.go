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

// Difference is a setting that asks for something else than what is stored.
type Difference struct {
	Pool    string        `json:"-"`       // the name of the pool that differs
	Field   string        `json:"field"`   // as in an IPPool's spec
	Desired any           `json:"desired"` // what the setting says
	Stored  any           `json:"stored"`  // null: the setting speaks of a pool that doesn't exist
	Source  origin.Origin `json:"source"`  // of the desired value

	// Updated says that the field is changed to what was asked for.
	Updated bool `json:"updated"`

	// Remedy says what would change the field; empty if it is updated.
	Remedy string `json:"remedy,omitempty"`

	// Mutable says that DriftUpdate may change the field.
	Mutable bool `json:"-"`
}

// String returns one line: place, value, what stands instead, what would
// change it.
func (d Difference) String() string {
	place := text.OneLine(d.Source.String()) + ": " + text.Quote(fmt.Sprint(d.Desired))
	switch {
	case d.Updated:
		return fmt.Sprintf("%s: IPPool %q is changed: %s from %s", place, d.Pool, d.Field, shown(d.Stored))
	case d.Stored == nil:
		return fmt.Sprintf("%s has no effect: %s", place, d.Remedy)
	default:
		return fmt.Sprintf("%s has no effect: IPPool %q exists with %s %s; %s", place, d.Pool, d.Field, shown(d.Stored), d.Remedy)
	}
}

// shown is a value as a message has it.
func shown(value any) string {
	if printed := fmt.Sprint(value); printed != "" {
		return text.Clip(text.OneLine(printed), text.MaxQuoted)
	}
	return `""`
}

// DriftError is every difference there is, where the settings want that to
// fail. errors.Is takes it for ErrDrift.
type DriftError struct {
	Differences []Difference // at least one
}

// Error returns one line a difference.
func (e *DriftError) Error() string {
	lines := make([]string, len(e.Differences))
	for i, difference := range e.Differences {
		lines[i] = difference.String()
	}
	return strings.Join(lines, "\n")
}

// Is makes a DriftError an ErrDrift.
func (e *DriftError) Is(target error) bool { return target == ErrDrift }

// wishes are the configured values: defaults are not among them.
func (d DesiredPool) configured() []Value {
	return slices.DeleteFunc(slices.Clone(d.Values), func(value Value) bool {
		return value.Source.Kind() == origin.KindDefault
	})
}

// mutableFields are those that DriftUpdate changes.
var mutableFields = []string{"vxlanMode", "ipipMode", "natOutgoing", "disableBGPExport", "nodeSelector"}

// What would change a field that DriftUpdate leaves alone.
const (
	remedyUpdate    = "--on-drift=update changes it"
	remedyMigration = "it can't be changed in place; to migrate: 1. create a pool of another name and range (--pools-file), " +
		"2. disable this one (disabled: true), 3. restart its pods, which moves them, 4. delete this one"
	remedyByHand = "not updatable by --on-drift=update; change it with kubectl or calicoctl"
	remedyWait   = "it is being deleted: run again when it is gone"
)

// differences compares what was asked for with the pool of that name, field by
// field, in the order of the values.
func differences(want DesiredPool, existing *v3.IPPool) []Difference {
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
			difference.Remedy = remedyMigration
		case !slices.Contains(mutableFields, value.Field):
			difference.Remedy = remedyByHand
		default:
			difference.Remedy, difference.Mutable = remedyUpdate, true
		}
		all = append(all, difference)
	}
	return all
}

// leaveAlone gives the differences a remedy that is no update.
func setRemedy(all []Difference, remedy string) {
	for i := range all {
		all[i].Remedy, all[i].Mutable = remedy, false
	}
}

// fieldOf is the value of a field, with what Calico takes an empty one for.
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
		panic("no field of a pool: " + field) // a mistake of this package
	}
}

// keyIn takes a field such as labels[zone] apart.
func keyIn(field, of string) (key string, ok bool) {
	rest, ok := strings.CutPrefix(field, of+"[")
	return strings.TrimSuffix(rest, "]"), ok
}

// meansTheSame compares values as Calico reads them: a CIDR by its range, a
// selector by its meaning, uses whatever their order.
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

// withUpdates returns the record with what was asked for in its mutable fields, and
// the differences as they are then. The record that it is given stays as it is.
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

// tellOfRefusal has the remedy of the differences say so where DriftUpdate would
// be refused.
func setRefusal(want DesiredPool, stored *ippool.Record, all []Difference) {
	updated, _ := withUpdates(want, stored, all)
	if updated == nil {
		return
	}
	faults := validateUpdate(updated, stored)
	for i := range all {
		if len(faults) > 0 && all[i].Mutable {
			all[i].Remedy = "--on-drift=update would fail: " + strings.Join(faults, "; ")
		}
	}
}

// askedFor names the fields that are updated, to what, and who wants that.
func updatedFields(all []Difference) string {
	var desired []string
	for _, difference := range all {
		if difference.Updated {
			desired = append(desired, fmt.Sprintf("%s %s: %s", difference.Field, shown(difference.Desired), text.OneLine(difference.Source.String())))
		}
	}
	return strings.Join(desired, ", ")
}

// judgeUpdate returns what is wrong with the update that was not wrong before
// it: a pool that somebody stored under older rules can still be changed.
func validateUpdate(updated, stored *ippool.Record) []string {
	var before, faults []string
	for _, fault := range ippool.Validate(stored.Pool()) {
		before = append(before, fault.Error())
	}
	for _, fault := range ippool.ValidateUpdate(updated.Pool(), stored.Pool()) {
		if text := fault.Error(); !slices.Contains(before, text) {
			faults = append(faults, text)
		}
	}
	if _, err := updated.Encode(); err != nil {
		faults = append(faults, err.Error())
	}
	return faults
}

// Disruption warns of an update that traffic notices; empty: it doesn't.
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
