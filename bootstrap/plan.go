package bootstrap

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Action is what is done about a pool. It finishes the sentence "pool X is …".
type Action string

// The actions. Those of a plan that is only shown begin with "would".
const (
	Created     Action = "created"
	Updated     Action = "updated"
	Unchanged   Action = "unchanged"
	Skipped     Action = "skipped"
	WouldCreate Action = "would-create"
	WouldUpdate Action = "would-update"
)

// Plan is what is to be done, pool by pool, in a fixed order: the default IPv4
// pool, the default IPv6 pool, then the rest by name.
type Plan struct {
	Steps    []Step   // one a pool or family
	Warnings []string // what is left as it is though it is odd, a line each
}

// Step is what is to be done about one pool, and why.
type Step struct {
	Action  Action        // Created, Updated (to be, or done), Unchanged or Skipped
	Family  ippool.Family // of the pool that was asked for
	Default bool          // it is about the default pool of the family, whatever pool stands for that
	Name    string        // the pool's
	Reason  string        // as a part of a sentence
	Pool    *v3.IPPool    // as it stands or will stand; nil if skipped
	Values  []Value       // the settings behind a pool that is to be created
	Drift   []Difference  // what was asked for otherwise

	update      *ippool.Record // to be written; nil unless the pool is updated
	done        bool           // by an earlier attempt of the run
	besideFiles bool           // the family has pools that files name, which don't count for a default pool
}

// doneBefore are the steps that an earlier attempt of the run did.
func (p Plan) doneBefore() []Step {
	var done []Step
	for _, step := range p.Steps {
		if step.done {
			done = append(done, step)
		}
	}
	return done
}

// NewPlan compares what is desired with what exists. It is a pure function, and
// it changes nothing that it is given:
//
//	default pool of a family   pools of the family there       outcome
//	asked for                  none                            created
//	asked for                  the one of its name, as asked   unchanged
//	asked for                  the one of its name             unchanged or updated, as onDrift says
//	asked for                  others                          unchanged; what was asked for has no effect
//	asked for                  none; the name is taken         ErrIncompatible, and nothing is done
//	not asked for              any                             skipped
//
//	pool of a file             pool of its name there          outcome
//	asked for                  none                            created
//	asked for                  one, as asked                   unchanged
//	asked for                  one                             unchanged or updated, as onDrift says
//	asked for                  a record that can't be read     ErrIncompatible, and nothing is done
//
// The pools of a file don't count for the first table. A pool whose CIDR Calico
// can't parse is of no family, like a record of which not even that can be read:
// each is warned of and left as it is. A pool that is to be created and overlaps
// one that exists is ErrIncompatible. One that is to be created may still lack
// its CIDR.
func NewPlan(desired Desired, existing Snapshot, onDrift OnDrift) (Plan, error) {
	p := newPlanner(desired, existing, onDrift)
	for _, want := range desired.Pools {
		p.plan(want)
	}
	p.checkOverlaps(desired)
	if len(p.faults) > 0 {
		return Plan{}, errors.Join(p.faults...)
	}
	slices.SortStableFunc(p.Steps, compareSteps)
	return p.Plan, nil
}

// planner is a plan in the making.
type planner struct {
	Plan
	onDrift OnDrift
	faults  []error

	standing []*v3.IPPool                  // what exists, as far as it can be read
	records  map[string]*ippool.Record     // by name
	named    map[string]bool               // by a file
	taken    map[string]string             // name to what has it
	families map[ippool.Family][]v3.IPPool // those that a default pool gives way to
	filed    map[ippool.Family]bool        // has others, which files name
}

func newPlanner(desired Desired, existing Snapshot, onDrift OnDrift) *planner {
	p := &planner{
		onDrift:  onDrift,
		records:  map[string]*ippool.Record{},
		named:    map[string]bool{},
		taken:    map[string]string{},
		families: map[ippool.Family][]v3.IPPool{},
		filed:    map[ippool.Family]bool{},
	}
	for _, want := range desired.Pools {
		if !want.Default {
			p.named[want.Pool.Name] = true
		}
	}
	stands := func(pool *v3.IPPool) (ippool.Family, error) {
		family, err := familyOfStored(pool.Spec.CIDR)
		if err != nil {
			return 0, err
		}
		p.standing = append(p.standing, pool)
		p.taken[pool.Name] = fmt.Sprintf("an %s pool, %s", family, pool.Spec.CIDR)
		if p.named[pool.Name] {
			p.filed[family] = true
		} else {
			p.families[family] = append(p.families[family], *pool)
		}
		return family, nil
	}
	for _, record := range existing.Pools {
		pool := &record.Pool
		p.records[pool.Name] = record
		if _, err := stands(pool); err != nil {
			p.taken[pool.Name] = "a pool whose CIDR can't be read"
			p.warn("IPPool %q is left as it is and counts for no family: its CIDR %q is %s", pool.Name, pool.Spec.CIDR, oneLine(err.Error()))
		}
	}
	for _, record := range existing.Unreadable {
		reason := oneLine(record.Err.Error())
		pool := ippool.New(record.Name)
		pool.Spec.CIDR = record.CIDR
		family, err := stands(pool)
		if err == nil {
			p.warn("IPPool %q can't be read whole and is left as it is; by its CIDR %s it counts as an %s pool: %s", record.Name, record.CIDR, family, reason)
			continue
		}
		p.taken[record.Name] = "a record that can't be read: " + reason
		p.warn("IPPool %q can't be read and is left as it is: %s", record.Name, reason)
	}
	return p
}

func (p *planner) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

func (p *planner) fault(format string, args ...any) {
	p.faults = append(p.faults, fmt.Errorf("%w: %s", ErrIncompatible, fmt.Sprintf(format, args...)))
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

// compareSteps has the default pools in front, in the order of their families.
func compareSteps(a, b Step) int {
	switch {
	case a.Default && b.Default:
		return cmp.Compare(a.Family, b.Family)
	case a.Default:
		return -1
	case b.Default:
		return 1
	default:
		return cmp.Compare(a.Name, b.Name)
	}
}

// plan decides about one pool.
func (p *planner) plan(want DesiredPool) {
	step := Step{Family: want.Family, Default: want.Default, Name: want.Pool.Name, besideFiles: want.Default && p.filed[want.Family]}
	record := p.records[want.Pool.Name]
	switch {
	case want.Skip != "" && want.Default && p.named[want.Pool.Name]:
		return // the name is that of a file's pool, and so is all there is to say
	case want.Skip != "":
		step.Action, step.Reason = Skipped, want.Skip
	case want.Default && len(p.families[want.Family]) > 0:
		p.standsFor(&step, want)
	case !want.Default && record != nil:
		p.exists(&step, want, record)
	case p.taken[want.Pool.Name] != "":
		p.nameTaken(want)
	default:
		step.Action, step.Pool, step.Values = Created, want.Pool.DeepCopy(), want.Values
		step.Reason = createdReason(step)
	}
	p.Steps = append(p.Steps, step)
}

func (p *planner) nameTaken(want DesiredPool) {
	if want.Default {
		p.fault("the name %q of the default %s pool is taken by %s: choose another with %s",
			want.Pool.Name, want.Family, p.taken[want.Pool.Name], SourceFlag(fmt.Sprintf("ipv%d-pool-name", want.Family)))
		return
	}
	p.fault("the name %q (%s) is taken by %s: choose another, or mend that record", want.Pool.Name, want.place(), p.taken[want.Pool.Name])
}

// standsFor is for a default pool whose family has pools: the one of its name,
// or else the first.
func (p *planner) standsFor(step *Step, want DesiredPool) {
	family := p.families[want.Family]
	i := slices.IndexFunc(family, func(pool v3.IPPool) bool { return pool.Name == want.Pool.Name })
	if record := p.records[want.Pool.Name]; i >= 0 && record != nil {
		p.exists(step, want, record)
		step.Reason = existsReason(step.Reason, want.Family, family)
		return
	}
	stands := family[max(i, 0)]
	step.Action, step.Name, step.Pool = Unchanged, stands.Name, stands.DeepCopy()
	step.Reason = existsReason(existsAsAsked, want.Family, family)
	if i >= 0 { // its record can't be read whole: nothing is known of its fields
		return
	}
	which, name := "one of them", ""
	if len(family) == 1 {
		which, name = "that one", "="+oneLine(stands.Name)
	}
	remedy := fmt.Sprintf("there is no IPPool %q but %s; to manage %s, name it with %s%s",
		want.Pool.Name, namesOf(family), which, SourceFlag(fmt.Sprintf("ipv%d-pool-name", want.Family)), name)
	for _, value := range want.wishes() {
		step.Drift = append(step.Drift, Difference{
			Field: value.Field, Asked: value.Value, Source: value.Source, Remedy: remedy, pool: stands.Name,
		})
	}
	if len(step.Drift) > 0 {
		step.Reason += fmt.Sprintf(", but not %q, which was asked for", want.Pool.Name)
	}
	p.tell(step)
}

// exists is for a pool that is there under its name.
func (p *planner) exists(step *Step, want DesiredPool, record *ippool.Record) {
	step.Action, step.Reason, step.Pool = Unchanged, existsAsAsked, record.Pool.DeepCopy()
	step.Drift = differences(want, step.Pool)
	if len(step.Drift) > 0 {
		step.Reason = "exists, but not as asked for: " + fieldsThatDiffer(step.Drift)
	}
	if by := ownerOf(step.Pool); by != (owner{}) {
		leaveToOwner(step.Drift, by)
	}
	if p.onDrift != DriftUpdate {
		tellOfRefusal(want, record, step.Drift)
	} else {
		var updated *ippool.Record
		if updated, step.Drift = withUpdates(want, record, step.Drift); updated != nil {
			for _, fault := range judgeUpdate(updated, record) {
				p.fault("IPPool %q can't be updated as asked for (%s): %s", step.Name, askedFor(step.Drift), fault)
			}
			step.Action, step.Reason, step.Pool, step.update = Updated, updatedReason(step.Drift), updated.Pool.DeepCopy(), updated
			if warning := disruption(step.Name, step.Drift); warning != "" {
				p.warn("%s", warning)
			}
		}
	}
	p.tell(step)
}

// tell warns of the differences that stay. Where they are to fail, the error
// tells of them.
func (p *planner) tell(step *Step) {
	if p.onDrift == DriftFail {
		return
	}
	for _, difference := range step.Drift {
		if !difference.Updated {
			p.warn("%s", difference)
		}
	}
}

// checkOverlaps holds the pools that are to be created to each other and to
// what exists.
func (p *planner) checkOverlaps(desired Desired) {
	var created []*v3.IPPool
	for _, step := range p.Steps {
		if step.Action == Created && step.Pool.Spec.CIDR != "" {
			created = append(created, step.Pool)
		}
	}
	all := slices.Concat(p.standing, created)
	for _, o := range ippool.Overlaps(all) {
		if o.Later < len(p.standing) {
			continue // what exists may overlap itself as it likes
		}
		pool, other := all[o.Later], all[o.Earlier]
		i := desired.wanted(pool.Name)
		p.fault("IPPool %q: %s (%s) overlaps %s of IPPool %q: choose another range",
			pool.Name, pool.Spec.CIDR, desired.Pools[i].cidrSource(), other.Spec.CIDR, other.Name)
	}
}

// changes returns what the plan writes.
func (p Plan) changes() []Change {
	var changes []Change
	for _, step := range p.Steps {
		switch step.Action {
		case Created:
			changes = append(changes, Change{Create: step.Pool})
		case Updated:
			changes = append(changes, Change{Update: step.update.Clone()})
		}
	}
	return changes
}

// creates reports whether the plan creates a pool.
func (p Plan) creates() bool {
	return slices.ContainsFunc(p.Steps, func(step Step) bool { return step.Action == Created })
}

// step is the place of the step about the pool of that name.
func (p Plan) step(name string) int {
	return slices.IndexFunc(p.Steps, func(step Step) bool { return step.Name == name && step.Action != Skipped })
}

// drift returns every difference of the plan.
func (p Plan) drift() []Difference {
	var all []Difference
	for _, step := range p.Steps {
		all = append(all, step.Drift...)
	}
	return all
}
