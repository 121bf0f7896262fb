package plan

import (
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Desired are the pools that the settings request, in the order in which they are
// planned and reported.
type Desired struct {
	Pools []DesiredPool // the default IPv4 and IPv6 pools, then those of PoolsFile

	NoNATTo []NoNAT // ranges to which traffic is not masqueraded; they must not overlap

	// Services are ranges of Services that the settings name. Compute splits NoNATTo around
	// them; the facts for Settle must have them as well.
	Services []facts.Located

	// Names returns how messages name a setting; nil: its identity. It does not affect
	// the plan.
	Names origin.Names `json:"-"`

	// NamesBeside returns how messages name a setting that belongs beside a value of this
	// origin: a variable beside a variable. Nil: Names. It does not affect the plan.
	NamesBeside func(origin.Origin) origin.Names `json:"-"`
}

// DesiredPool is a desired pool, or a pool that is skipped.
type DesiredPool struct {
	Family ippool.Family // family of the pool

	// Default reports whether this is the default pool of the family. It is
	// created only if the family has no pools. Any other pool is identified by
	// its name.
	Default bool

	// Pool has all defaults filled in. Its CIDR is empty if none is set: it is
	// chosen when the pool is to be created.
	Pool *v3.IPPool

	// Values are the fields of the pool and where they come from, in the order
	// of the record.
	Values []Value

	// Conflicts are the faults of a pool of a file that are errors only if the existing
	// pool of its name doesn't have them, too.
	Conflicts []Conflict

	// Skip is the reason why the pool is skipped; empty if it is not.
	Skip string
}

// Conflict is a fault of a desired pool that is one of [ippool.Conflicts].
type Conflict struct {
	Field string // field of the spec, such as namespaceSelector
	Err   error  // the error if it is one
}

// Invalid returns the errors of the pool if the existing pool of its name, or nil, is the
// given one: a conflict that the existing pool has with the same value of the field is no
// error, so that a pool that was valid under older rules can be applied from a file.
func (d DesiredPool) Invalid(existing *v3.IPPool) []error {
	var errs []error
	for _, conflict := range d.conflicts(existing) {
		errs = append(errs, conflict.Err)
	}
	return errs
}

// conflicts returns the conflicts that are errors.
func (d DesiredPool) conflicts(existing *v3.IPPool) []Conflict {
	if len(d.Conflicts) == 0 {
		return nil
	}
	var before []string
	if existing != nil {
		for _, fault := range ippool.Conflicts(existing) {
			before = append(before, fault.Error())
		}
	}
	isNew := func(name string) bool {
		return existing == nil || !meansTheSame(name, fieldOf(d.Pool, name), fieldOf(existing, name)) ||
			slices.ContainsFunc(ippool.Conflicts(d.Pool), func(fault *field.Error) bool {
				return fault.Field == "spec."+name && !slices.Contains(before, fault.Error())
			})
	}
	return slices.DeleteFunc(slices.Clone(d.Conflicts), func(conflict Conflict) bool { return !isNew(conflict.Field) })
}

// Value is a field of a pool, its value, and where the value comes from.
type Value struct {
	Field  string        `json:"field"`  // "name", or a field of an IPPool's spec such as "natOutgoing"
	Value  any           `json:"value"`  // of the field's type; an empty string if it is not chosen yet
	Source origin.Origin `json:"source"` // origin.Default if it is not set
}

// sourceOf returns the source of a field's value.
func sourceOf(values []Value, field string) origin.Origin {
	i := slices.IndexFunc(values, func(v Value) bool { return v.Field == field })
	if i < 0 {
		return origin.Default
	}
	return values[i].Source
}
