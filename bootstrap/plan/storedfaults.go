package plan

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

var cidrPath = field.NewPath("spec", "cidr")

// StoredFault is a fault of an existing pool: Calico ignores the field, or fails. It is a
// warning about the pool, never an error.
type StoredFault struct {
	Pool  string       // name of the pool
	Fault *field.Error // field, value, and what would be valid

	// Remedy is how to correct it, with the commands of the datastore's client if they are
	// known. Empty: correct the stored pool.
	Remedy string
}

// Error returns one line: pool, field, value, what is valid.
func (f StoredFault) Error() string {
	return text.Clip(text.OneLine("existing IPPool "+text.Quote(f.Pool)+": "+text.Redact(f.Fault.Error())), text.MaxCause) + "; " + cmp.Or(f.Remedy, correctStored)
}

const correctStored = "correct the stored pool"

// remedyOf returns how to correct a field of a stored pool.
func remedyOf(pool, field string, cli datastore.CLI) string {
	with := func(remedy, commands string) string {
		if commands == "" {
			return remedy
		}
		return remedy + ": " + commands
	}
	switch {
	case field == "spec.cidr" || field == "spec.blockSize":
		return with("not updatable in place; migrate to another pool, and delete this one", cli.Delete(pool))
	case strings.HasPrefix(field, "spec."):
		return with(correctStored, cli.Edit(pool))
	default:
		return with("repair or delete the record", cli.Repair(pool))
	}
}

// StoredFaults returns the faults of the existing pools, in the order of the snapshot, and
// those of fields that the plan updates only if they remain, then the overlaps of existing
// pools. If all is false, it returns those of pools with a step only. It does not repeat
// what Compute warns of. It is a pure function.
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
			faults = append(faults, StoredFault{record.Pool().Name, fault, remedyOf(record.Pool().Name, fault.Field, existing.CLI)})
		}
	}
	pools := p.existing()
	for _, o := range ippool.Overlaps(pools) {
		pool, other := pools[o.Later], pools[o.Earlier]
		if IsNoNAT(pool) != IsNoNAT(other) {
			continue // Compute warns of it
		}
		if _, has := steps[pool.Name]; !all && !has && steps[other.Name].Pool == nil {
			continue
		}
		faults = append(faults, StoredFault{pool.Name, field.Invalid(cidrPath, pool.Spec.CIDR,
			fmt.Sprintf("overlaps %s of IPPool %q; ranges must not overlap", other.Spec.CIDR, other.Name)), remedyOf(pool.Name, cidrPath.String(), existing.CLI)})
	}
	return faults
}
