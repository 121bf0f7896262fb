package plan

import (
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Desired is what the settings ask for: the pools, in the order in which they
// are planned and reported.
type Desired struct {
	Pools []DesiredPool // the default IPv4 and IPv6 pool, then those of PoolsFile

	// Names is what messages call a setting; nil: its identity. It has no part in
	// what is planned.
	Names origin.Names `json:"-"`
}

// DesiredPool is a desired pool, or says that a family gets none.
type DesiredPool struct {
	Family ippool.Family // of the pool, or that has none

	// Default says that this is the default pool of the family: it gives way
	// to any pool of the family that exists. Any other is identified by its name.
	Default bool

	// Pool has every default filled in. Its CIDR is empty while nobody named
	// one: it is chosen only if the pool will really be written.
	Pool *v3.IPPool

	// Values are the settings behind the pool, in the order of the record.
	Values []Value

	// Skip says why the family gets no default pool; empty: it gets this one.
	Skip string
}

// Value is a field of a pool, what it is set to, and where that came from.
type Value struct {
	Field  string        `json:"field"`  // as in an IPPool's spec, or name: "natOutgoing"
	Value  any           `json:"value"`  // of the field's type; empty text: it will be chosen
	Source origin.Origin `json:"source"` // origin.Default, or the place it was given in
}

// sourceOf is where the value of a field came from.
func sourceOf(values []Value, field string) origin.Origin {
	i := slices.IndexFunc(values, func(v Value) bool { return v.Field == field })
	if i < 0 {
		return origin.Default
	}
	return values[i].Source
}
