package plan

import (
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// migration returns the steps from an existing pool to one with another CIDR or block
// size, with the commands of the datastore's client.
func (p *planner) migration(want DesiredPool, existing *v3.IPPool) []string {
	steps := []string{fmt.Sprintf("create a pool with another name and CIDR (%s)", p.Names.Of(origin.SettingPoolsFile))}
	disabled := existing.Spec.Disabled
	if p.onDrift == DriftUpdate && sourceOf(want.Values, "disabled").Kind() != origin.KindDefault {
		disabled = want.Pool.Spec.Disabled // after this run
	}
	if !disabled {
		disable := "disable this pool: set disabled: true in its file, and run with " + p.driftUpdate()
		if want.Default {
			disable = "disable this pool: add it to that file with disabled: true, and run with " + p.driftUpdate()
			// The default pool of a CIDR that is set can't be in a file, too.
			if cidr := sourceOf(want.Values, "cidr"); cidr.Kind() != origin.KindDefault {
				disable += " and without " + cidr.String()
			}
		}
		steps = append(steps, orCommand(disable, p.CLI.Patch(existing.Name, `{"spec":{"disabled":true}}`)))
	}
	remove := "remove this pool from the file, and delete it"
	if want.Default && disabled {
		remove = "delete this pool" // which is in no file
	}
	if command := p.CLI.Delete(existing.Name); command != "" {
		remove += ": " + command
	}
	return append(steps, fmt.Sprintf("recreate the pods with addresses in %s", shown(existing.Spec.CIDR)), remove)
}

// orCommand adds the command as an alternative, unless it is empty.
func orCommand(step, command string) string {
	if command == "" {
		return step
	}
	return step + ", or: " + command
}
