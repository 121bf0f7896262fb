package bootstrap

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Action is what is done about a pool. It finishes the sentence "pool X is …".
type Action string

// The actions. Those of a plan that is only shown begin with "would".
const (
	Created     Action = "created"
	Unchanged   Action = "unchanged"
	Skipped     Action = "skipped"
	WouldCreate Action = "would-create"
)

// Plan is what is to be done, pool by pool, in a fixed order: IPv4, IPv6, then
// the rest by name.
type Plan struct {
	Steps    []Step
	Warnings []string
}

// Step is what is to be done about one pool, and why.
type Step struct {
	Action Action // Created (to be, or done), Unchanged or Skipped
	Family ippool.Family
	Name   string
	Reason string
	Pool   *ippool.IPPool // to be created, or as it stands; nil if skipped
	Values []Value        // the settings behind a pool that is to be created
}

// NewPlan compares what is desired with what exists. It is a pure function of
// both, and it changes neither:
//
//	pools of the family that exist         asked for    outcome
//	none                                   a pool       created
//	one or more, of any name, use, state   a pool       unchanged: nothing is written
//	any                                    no pool      skipped
//	none, and the name is taken otherwise  a pool       ErrIncompatible, for both families
//
// A pool whose CIDR Calico can't parse is of no family, like a record of which
// not even that can be read: each is warned of and left as it is. A pool that
// is to be created may still lack its CIDR.
func NewPlan(desired Desired, existing Snapshot) (Plan, error) {
	var (
		plan   Plan
		faults []error
		taken  = map[string]string{} // name to what has it
		byFam  = map[ippool.Family][]ippool.IPPool{}
	)
	stands := func(pool ippool.IPPool) (ippool.Family, error) {
		family, err := familyOfStored(pool.Spec.CIDR)
		if err == nil {
			taken[pool.Name] = fmt.Sprintf("an %s pool, %s", family, pool.Spec.CIDR)
			byFam[family] = append(byFam[family], pool)
		}
		return family, err
	}
	for _, record := range existing.Pools {
		pool := record.Pool
		if _, err := stands(pool); err != nil {
			taken[pool.Name] = "a pool whose CIDR can't be read"
			plan.Warnings = append(plan.Warnings, fmt.Sprintf(
				"IPPool %q is left as it is and counts for no family: its CIDR %q is %s", pool.Name, pool.Spec.CIDR, oneLine(err.Error())))
		}
	}
	for _, record := range existing.Unreadable {
		reason := oneLine(record.Err.Error())
		pool := ippool.New(record.Name)
		pool.Spec.CIDR = record.CIDR
		if family, err := stands(*pool); err == nil {
			plan.Warnings = append(plan.Warnings, fmt.Sprintf(
				"IPPool %q can't be read whole and is left as it is; by its CIDR %s it counts as an %s pool: %s", record.Name, record.CIDR, family, reason))
			continue
		}
		taken[record.Name] = "a record that can't be read: " + reason
		plan.Warnings = append(plan.Warnings, fmt.Sprintf("IPPool %q can't be read and is left as it is: %s", record.Name, reason))
	}
	for _, want := range desired.Pools {
		step, err := planPool(want, byFam[want.Family], taken)
		if err != nil {
			faults = append(faults, err)
		}
		plan.Steps = append(plan.Steps, step)
	}
	if len(faults) > 0 {
		return Plan{}, errors.Join(faults...)
	}
	slices.SortStableFunc(plan.Steps, compareSteps)
	return plan, nil
}

// familyOfStored reads a CIDR as Calico does, with package net: it takes host
// bits and leading zeros of the length, and IPv4-mapped addresses for IPv4.
func familyOfStored(cidr string) (ippool.Family, error) {
	addr, _, err := net.ParseCIDR(cidr)
	if err != nil {
		if _, ours := ippool.ParseCIDR(cidr); ours != nil {
			err = ours // says more
		}
		return 0, err
	}
	if addr.To4() != nil {
		return ippool.IPv4, nil
	}
	return ippool.IPv6, nil
}

// compareSteps leaves the default pools in front, in the order of their
// families.
func compareSteps(a, b Step) int { return cmp.Compare(a.Family, b.Family) }

func planPool(want DesiredPool, existing []ippool.IPPool, taken map[string]string) (Step, error) {
	step := Step{Family: want.Family, Name: want.Pool.Name}
	if want.Skip != "" {
		step.Action, step.Reason = Skipped, want.Skip
		return step, nil
	}
	if len(existing) > 0 {
		stands := &existing[0]
		for i := range existing {
			if existing[i].Name == want.Pool.Name {
				stands = &existing[i]
			}
		}
		step.Action, step.Name, step.Pool = Unchanged, stands.Name, stands.DeepCopy()
		step.Reason = existsReason(want.Family, existing)
		return step, nil
	}
	if by, ok := taken[want.Pool.Name]; ok {
		return step, fmt.Errorf("%w: the name %q of the default %s pool is taken by %s: choose another with %s",
			ErrIncompatible, want.Pool.Name, want.Family, by, SourceFlag(fmt.Sprintf("ipv%d-pool-name", want.Family)))
	}
	step.Action, step.Pool, step.Values = Created, want.Pool.DeepCopy(), want.Values
	step.Reason = createdReason(want.Family)
	return step, nil
}

func createdReason(family ippool.Family) string { return fmt.Sprintf("no %s pool existed", family) }

// maxNamed is how many pools a reason names.
const maxNamed = 5

func existsReason(family ippool.Family, existing []ippool.IPPool) string {
	if len(existing) == 1 {
		return "exists"
	}
	names := make([]string, 0, maxNamed)
	for _, pool := range existing[:min(len(existing), maxNamed)] {
		names = append(names, pool.Name)
	}
	if more := len(existing) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("%d %s pools exist: %s", len(existing), family, strings.Join(names, ", "))
}

// changes returns what the plan writes.
func (p Plan) changes() []Change {
	var changes []Change
	for _, step := range p.Steps {
		if step.Action == Created {
			changes = append(changes, Change{Create: step.Pool})
		}
	}
	return changes
}
