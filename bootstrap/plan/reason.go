package plan

import (
	"fmt"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
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
	case s.Action != Created || s.Done || s.NoNATTo.IsValid():
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

// leftToOperator returns why the Tigera operator creates the pool of the step, and how to
// set it there and here.
func (p Plan) leftToOperator(step Step, installation facts.Installation) string {
	pools := "names no pools, so the operator creates its default pools"
	if len(installation.Pools) > 0 {
		pools = "names the pools that the operator creates: " + listed(installation.Pools)
	}
	return fmt.Sprintf("%s %s; set spec.calicoNetwork.ipPools there, or set %s to create this pool as well",
		installation.Name, pools, p.Names.Of(origin.PoolSetting(step.Family, "cidr")))
}

// listed returns the first texts, and the number of the others.
func listed(all []string) string { return listedOf(all, func(name string) string { return name }) }

// listedOf returns the texts of the first things, and the number of the others.
func listedOf[T any](all []T, textOf func(T) string) string {
	var first []string
	for _, one := range all[:min(len(all), text.MaxNamed)] {
		first = append(first, text.OneLine(text.Clip(textOf(one), text.MaxQuoted)))
	}
	if more := len(all) - len(first); more > 0 {
		first = append(first, fmt.Sprintf("%d more", more))
	}
	return strings.Join(first, ", ")
}

const existsUnchanged = "exists"

// existsReason lists the existing pools of a family if there are several, otherwise it
// returns reason.
func existsReason(reason string, family ippool.Family, existing []*v3.IPPool) string {
	if len(existing) == 1 || reason != existsUnchanged {
		return reason
	}
	return fmt.Sprintf("%d %s pools exist: %s", len(existing), family, namesOf(existing))
}

func namesOf(pools []*v3.IPPool) string {
	return listedOf(pools, func(pool *v3.IPPool) string { return pool.Name })
}
