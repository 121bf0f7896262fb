package plan

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// StoredFault is a fault of an existing pool: Calico ignores the field, or fails. It is a
// warning about the pool, never an error.
type StoredFault struct {
	Pool  string       // name of the pool
	Fault *field.Error // field, value, and what would be valid
}

// Error returns one line: pool, field, value, what is valid.
func (f StoredFault) Error() string {
	return text.Clip(text.OneLine("existing IPPool "+text.Quote(f.Pool)+": "+text.Redact(f.Fault.Error())), text.MaxCause) + "; correct the stored pool"
}

// StoredFaults returns the faults of the existing pools, in the order of the snapshot, and
// those of fields that the plan updates only if they remain. If all is false, it returns
// those of pools with a step only. It does not repeat what Compute warns of. It is a pure
// function.
func (p Plan) StoredFaults(existing datastore.Snapshot, all bool) []StoredFault {
	steps := map[string]Step{}
	for _, step := range p.Steps {
		if step.Pool != nil {
			steps[step.Name] = step
		}
	}
	var faults []StoredFault
	for _, record := range existing.Pools {
		step, has := steps[record.Pool().Name]
		if !all && !has {
			continue
		}
		if step.Update != nil {
			record = step.Update
		}
		_, err := familyOf(record.Pool().Spec.CIDR)
		for _, fault := range record.Validate() {
			if err != nil && fault.Field == "spec.cidr" {
				continue // Compute warns of it
			}
			faults = append(faults, StoredFault{record.Pool().Name, fault})
		}
	}
	return faults
}
