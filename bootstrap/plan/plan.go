// Package plan compares the desired pools with the existing ones and decides what is
// to be done. It is made of pure functions: nothing here does I/O.
package plan

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
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
// pool, the default IPv6 pool, then the rest by name. It is data: nothing in it
// depends on who made it, and it may be compared and kept.
type Plan struct {
	Steps    []Step     // one a pool or family
	Existing []Existing // the existing pools with a CIDR, sorted by name
	Warnings []string   // what is left as it is though it is odd, a line each
}

// Step is what is to be done about one pool, and why.
type Step struct {
	Action  Action        // Created, Updated (to be, or done), Unchanged or Skipped
	Family  ippool.Family // of the desired pool
	Default bool          // it is about the default pool of the family, whatever pool stands for that
	Name    string        // the pool's
	Desired string        // the name of the desired pool; Name differs where another pool takes its place
	Reason  string        // as a part of a sentence
	Pool    *v3.IPPool    // as it is or will be; nil if skipped
	Unknown []string      // fields of the pool that are not chosen yet: cidr
	Values  []Value       // the settings behind a pool that is to be created
	Drift   []Difference  // differences from the desired values

	// Update is the record to be written where Pool is to be updated; else nil.
	Update *ippool.Record

	// Done says that there is nothing left to write for a Created or Updated
	// pool: an earlier attempt of the run wrote it.
	Done bool

	// BesideFiles says that the family has pools that files name. They don't
	// count for a default pool.
	BesideFiles bool
}

// Writes reports whether the step writes its pool.
func (s Step) Writes() bool { return !s.Done && (s.Action == Created || s.Action == Updated) }

// Existing is an existing pool with a CIDR, whatever else is known of it.
type Existing struct {
	Family ippool.Family // as Calico reads it from the CIDR
	Pool   *v3.IPPool    // the snapshot's own, which is not to be changed

	// Partial says that the record can't be decoded: nothing but name and CIDR
	// is known.
	Partial bool
}

// Compute compares what is desired with what exists. It is a pure function, and
// it changes nothing that it is given:
//
//	default pool of a family   pools of the family there       outcome
//	desired                    none                            created
//	desired                    the one of its name, equal      unchanged
//	desired                    the one of its name, different  unchanged or updated, as onDrift says
//	desired                    others                          unchanged; the settings have no effect
//	desired                    none; the name is taken         ErrIncompatible, and nothing is done
//	not desired                any                             skipped
//
//	pool of a file             pool of its name there          outcome
//	desired                    none                            created
//	desired                    one, equal                      unchanged
//	desired                    one, different                  unchanged or updated, as onDrift says
//	desired                    a malformed record              ErrIncompatible, and nothing is done
//
// The pools of a file don't count for the first table. A pool whose CIDR Calico
// can't parse is of no family, like a record of which not even that can be read:
// each is warned of and left as it is. A pool that is to be created and overlaps
// one that exists is ErrIncompatible. The CIDR of one that is to be created may be
// unknown still: Settle chooses it.
func Compute(desired Desired, existing datastore.Snapshot, onDrift OnDrift) (Plan, error) {
	p := newPlanner(desired, existing, onDrift)
	for _, want := range desired.Pools {
		p.plan(want)
	}
	slices.SortStableFunc(p.Steps, compareSteps)
	if faults := append(p.faults, p.overlaps()...); len(faults) > 0 {
		return Plan{}, errors.Join(faults...)
	}
	return p.Plan, nil
}

// planner is a plan in the making.
type planner struct {
	Plan
	onDrift OnDrift
	faults  []error

	records  map[string]*ippool.Record     // by name
	named    map[string]bool               // by a file
	taken    map[string]string             // name to what has it
	families map[ippool.Family][]v3.IPPool // those that a default pool gives way to
	filed    map[ippool.Family]bool        // has others, which files name
}

func newPlanner(desired Desired, existing datastore.Snapshot, onDrift OnDrift) *planner {
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
	exists := func(pool *v3.IPPool, partial bool) (ippool.Family, error) {
		family, err := familyOf(pool.Spec.CIDR)
		if err != nil {
			return 0, err
		}
		p.Existing = append(p.Existing, Existing{family, pool, partial})
		p.taken[pool.Name] = fmt.Sprintf("an %s pool, %s", family, pool.Spec.CIDR)
		if p.named[pool.Name] {
			p.filed[family] = true
		} else {
			p.families[family] = append(p.families[family], *pool)
		}
		return family, nil
	}
	for _, record := range existing.Pools {
		pool := record.Pool()
		p.records[pool.Name] = record
		if _, err := exists(pool, false); err != nil {
			p.taken[pool.Name] = "a pool with an invalid CIDR"
			p.warn("IPPool %q is ignored: invalid CIDR: %q is %s", pool.Name, pool.Spec.CIDR, text.OneLine(err.Error()))
		}
	}
	for _, record := range existing.Unreadable {
		reason := text.OneLine(record.Err.Error())
		pool := ippool.New(record.Name)
		pool.Spec.CIDR = record.CIDR
		family, err := exists(pool, true)
		if err == nil {
			p.warn("IPPool %q is malformed and is not modified; by its CIDR %s it counts as an %s pool: %s", record.Name, record.CIDR, family, reason)
			continue
		}
		p.taken[record.Name] = "a malformed record: " + reason
		p.warn("IPPool %q is malformed and is ignored: %s", record.Name, reason)
	}
	slices.SortStableFunc(p.Existing, func(a, b Existing) int { return cmp.Compare(a.Pool.Name, b.Pool.Name) })
	return p
}

func (p *planner) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

func (p *planner) fault(format string, args ...any) {
	p.faults = append(p.faults, fmt.Errorf("%w: %s", ErrIncompatible, fmt.Sprintf(format, args...)))
}

// familyOf reads a CIDR as Calico does, with package net: it takes host
// bits and leading zeros of the length, and IPv4-mapped addresses for IPv4.
func familyOf(cidr string) (ippool.Family, error) {
	addr, _, err := net.ParseCIDR(cidr)
	if err != nil {
		if _, parseErr := ippool.ParseCIDR(cidr); parseErr != nil {
			err = parseErr // says more
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
	step := Step{Family: want.Family, Default: want.Default, Name: want.Pool.Name, Desired: want.Pool.Name, BesideFiles: want.Default && p.filed[want.Family]}
	record := p.records[want.Pool.Name]
	switch {
	case want.Skip != "" && want.Default && p.named[want.Pool.Name]:
		return // the name is that of a file's pool, and so is all there is to say
	case want.Skip != "":
		step.Action, step.Reason = Skipped, want.Skip
	case want.Default && len(p.families[want.Family]) > 0:
		p.useExisting(&step, want)
	case !want.Default && record != nil:
		p.exists(&step, want, record)
	case p.taken[want.Pool.Name] != "":
		p.nameTaken(want)
	default:
		step.Action, step.Pool, step.Values = Created, want.Pool.DeepCopy(), want.Values
		if step.Pool.Spec.CIDR == "" {
			step.Unknown = []string{"cidr"}
		}
		step.Reason = createdReason(step)
	}
	p.Steps = append(p.Steps, step)
}

func (p *planner) nameTaken(want DesiredPool) {
	if want.Default {
		p.fault("the name %q of the default %s pool is taken by %s: choose another with %s",
			want.Pool.Name, want.Family, p.taken[want.Pool.Name], origin.Flag(fmt.Sprintf("ipv%d-pool-name", want.Family)))
		return
	}
	p.fault("the name %q (%s) is taken by %s: choose another, or fix the existing object", want.Pool.Name, sourceOf(want.Values, "name"), p.taken[want.Pool.Name])
}

// standsFor is for a default pool whose family has pools: the one of its name,
// or else the first.
func (p *planner) useExisting(step *Step, want DesiredPool) {
	family := p.families[want.Family]
	i := slices.IndexFunc(family, func(pool v3.IPPool) bool { return pool.Name == want.Pool.Name })
	if record := p.records[want.Pool.Name]; i >= 0 && record != nil {
		p.exists(step, want, record)
		step.Reason = existsReason(step.Reason, want.Family, family)
		return
	}
	existing := family[max(i, 0)]
	step.Action, step.Name, step.Pool = Unchanged, existing.Name, existing.DeepCopy()
	step.Reason = existsReason(existsUnchanged, want.Family, family)
	if i >= 0 { // its record can't be read whole: nothing is known of its fields
		return
	}
	which, name := "one of them", ""
	if len(family) == 1 {
		which, name = "that one", "="+text.OneLine(existing.Name)
	}
	remedy := fmt.Sprintf("there is no IPPool %q but %s; to manage %s, name it with %s%s",
		want.Pool.Name, namesOf(family), which, origin.Flag(fmt.Sprintf("ipv%d-pool-name", want.Family)), name)
	for _, value := range want.configured() {
		step.Drift = append(step.Drift, Difference{
			Field: value.Field, Desired: value.Value, Source: value.Source, Remedy: remedy, Pool: existing.Name,
		})
	}
	if len(step.Drift) > 0 {
		step.Reason += fmt.Sprintf(", but the desired %q does not", want.Pool.Name)
	}
	p.reportDifferences(step)
}

// exists is for a pool that is there under its name.
func (p *planner) exists(step *Step, want DesiredPool, record *ippool.Record) {
	step.Action, step.Reason, step.Pool = Unchanged, existsUnchanged, record.Pool().DeepCopy()
	step.Drift = differences(want, step.Pool)
	if len(step.Drift) > 0 {
		step.Reason = "exists; differs from desired: " + fieldsThatDiffer(step.Drift)
	}
	if by := ownerOf(step.Pool); by != (owner{}) {
		setRemedy(step.Drift, "it is managed by "+by.String())
	}
	if step.Pool.DeletionTimestamp != nil {
		setRemedy(step.Drift, remedyWait)
	}
	if p.onDrift != DriftUpdate {
		setRefusal(want, record, step.Drift)
	} else {
		var updated *ippool.Record
		if updated, step.Drift = withUpdates(want, record, step.Drift); updated != nil {
			for _, fault := range validateUpdate(updated, record) {
				p.fault("IPPool %q can't be updated as requested (%s): %s", step.Name, updatedFields(step.Drift), fault)
			}
			step.Action, step.Reason, step.Pool, step.Update = Updated, updatedReason(step.Drift), updated.Pool().DeepCopy(), updated
			if warning := step.Disruption(); warning != "" {
				p.warn("%s", warning)
			}
		}
	}
	p.reportDifferences(step)
}

// tell warns of the differences that stay. Where they are to fail, the error
// tells of them.
func (p *planner) reportDifferences(step *Step) {
	if p.onDrift == DriftFail {
		return
	}
	for _, difference := range step.Drift {
		if !difference.Updated {
			p.warn("%s", difference)
		}
	}
}

// Changes returns what the plan writes, in its order. The pools and records are
// copies.
func (p Plan) Changes() []datastore.Change {
	var changes []datastore.Change
	for _, step := range p.Steps {
		switch {
		case !step.Writes():
		case step.Action == Created:
			changes = append(changes, datastore.Change{Create: step.Pool.DeepCopy()})
		default:
			changes = append(changes, datastore.Change{Update: step.Update.Clone()})
		}
	}
	return changes
}

// Families are those of the steps that match, each once.
func (p Plan) Families(match func(Step) bool) []ippool.Family {
	var families []ippool.Family
	for _, step := range p.Steps {
		if match(step) && !slices.Contains(families, step.Family) {
			families = append(families, step.Family)
		}
	}
	return families
}

// Differences returns every difference of the plan.
func (p Plan) Differences() []Difference {
	var all []Difference
	for _, step := range p.Steps {
		all = append(all, step.Drift...)
	}
	return all
}

// step is the place of the step about the pool of that name.
func (p Plan) step(name string) int {
	return slices.IndexFunc(p.Steps, func(step Step) bool { return step.Name == name && step.Action != Skipped })
}
