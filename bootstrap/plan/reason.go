package plan

import (
	"fmt"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Reasons of steps. They complete the sentence "pool X is …".

func createdReason(step Step) string {
	if step.Default {
		return fmt.Sprintf("no %s pool existed%s", step.Family, step.butFiles())
	}
	return "no pool of this name existed"
}

// PlannedReason returns the Reason of the step in the present tense if it is not
// carried out yet.
func (s Step) PlannedReason() string {
	switch {
	case s.Action != Created || s.Done:
		return s.Reason
	case s.Default:
		return fmt.Sprintf("no %s pool exists%s", s.Family, s.butFiles())
	default:
		return "no pool of this name exists"
	}
}

// butFiles returns the exception for pools of files, if the family has any.
func (s Step) butFiles() string {
	if s.BesideFiles {
		return " except those of files"
	}
	return ""
}

func fieldsThatDiffer(drift []Difference) string {
	fields := make([]string, len(drift))
	for i, difference := range drift {
		fields[i] = difference.Field
	}
	return strings.Join(fields, ", ")
}

// updatedReason lists the updated fields.
func updatedReason(drift []Difference) string {
	var changes []string
	for _, difference := range drift {
		if difference.Updated {
			changes = append(changes, fmt.Sprintf("%s: %s -> %s", difference.Field, shown(difference.Stored), shown(difference.Desired)))
		}
	}
	return strings.Join(changes, ", ")
}

const existsUnchanged = "exists"

// existsReason lists the existing pools of a family if there are several, otherwise it
// returns reason.
func existsReason(reason string, family ippool.Family, existing []v3.IPPool) string {
	if len(existing) == 1 || reason != existsUnchanged {
		return reason
	}
	return fmt.Sprintf("%d %s pools exist: %s", len(existing), family, namesOf(existing))
}

func namesOf(pools []v3.IPPool) string {
	names := make([]string, 0, text.MaxNamed)
	for _, pool := range pools[:min(len(pools), text.MaxNamed)] {
		names = append(names, text.OneLine(pool.Name))
	}
	if more := len(pools) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
