// Package plan compares the desired pools with the existing ones and computes the
// changes.
//
// [Compute] takes the desired pools and a snapshot of the datastore and returns a
// [Plan], which is data: one [Step] per pool, with its action and reason. A CIDR may
// still be unknown in it; [Plan.Settle] chooses it from the facts of the host and the
// cluster. [Plan.Changes] returns what to write. All functions are pure: nothing in
// this package does I/O.
//
// A [Difference] is a field of an existing pool that differs from desired. The policy
// [OnDrift] determines whether it is reported, updated or an error.
package plan

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Action is what is done with a pool. It completes the sentence "pool X is …".
type Action string

// The actions. WouldCreate and WouldUpdate are reported for changes that are not carried
// out.
const (
	Created     Action = "created"
	Updated     Action = "updated"
	Unchanged   Action = "unchanged"
	Skipped     Action = "skipped"
	WouldCreate Action = "would-create"
	WouldUpdate Action = "would-update"
)

// Plan is a list of steps in a fixed order: the default IPv4 pool, the default IPv6
// pool, then the other pools by name. It is data: it may be compared and kept.
type Plan struct {
	Steps    []Step     // one per pool, or per family without a pool
	Existing []Existing // the existing pools with a CIDR, sorted by name
	Warnings []string   // for example about drift and malformed records, one line each
	NoNATTo  []NoNAT    // the ranges of Desired, for Settle

	// Names returns how messages name a setting, as in Desired; nil: its identity. Compare
	// plans without it: functions are not comparable.
	Names origin.Names `json:"-"`

	// CLI is the client that messages suggest for changes by hand.
	CLI datastore.CLI `json:"-"`
}

// Step is what is to be done with one pool, and why.
type Step struct {
	Action  Action        // Created or Updated (planned or done), Unchanged or Skipped
	Family  ippool.Family // family of the desired pool
	Default bool          // the step is for the family's default pool, or for the pool in its place
	Name    string        // name of the pool
	Desired string        // name of the desired pool; differs from Name if another pool is in its place
	Reason  string        // reason for the action, as part of a sentence
	Pool    *v3.IPPool    // the pool as it is or will be; nil if skipped
	Unknown []string      // fields of the pool that are not chosen yet: cidr
	Values  []Value       // values of a pool to create, with their sources
	Drift   []Difference  // differences from the desired values

	// Update is the record to write if Action is Updated; otherwise nil.
	Update *ippool.Record

	// NoNATTo is the range of Desired.NoNATTo that the pool covers, or a part of; zero:
	// none. Until Settle, a pool to create may still become others.
	NoNATTo netip.Prefix

	// Done reports whether the Created or Updated pool is already written, by
	// an earlier attempt of the run.
	Done bool

	// CIDRUnset reports whether no setting has the CIDR of the default pool: it comes
	// from the cluster or is a default.
	CIDRUnset bool

	// Malformed is set if the step's existing pool has a record that can be read only in
	// part; otherwise nil. Its fields that can't be read are zero in Pool, and not compared.
	Malformed *MalformedError

	// BesideFiles reports whether the family has existing pools that files name.
	// A default pool is created even if they exist.
	BesideFiles bool
}

// Writes reports whether the step writes its pool.
func (s Step) Writes() bool { return !s.Done && (s.Action == Created || s.Action == Updated) }

// Existing is an existing pool with a CIDR.
type Existing struct {
	Family ippool.Family // family of the CIDR, as Calico reads it
	Pool   *v3.IPPool    // shared with the snapshot; must not be modified

	// Partial reports whether the record is malformed: the fields that can't be decoded
	// are zero. Name and CIDR are known.
	Partial bool
}

// Compute compares the desired pools with the existing ones. It is a pure function and
// does not modify its arguments.
//
//	default pool of a family   existing pools of the family    result
//	desired                    none                            created
//	desired                    one of its name, equal          unchanged
//	desired                    one of its name, different      unchanged or updated, depending on onDrift
//	desired                    a malformed one of its name     unchanged; the fields that can be read are compared
//	desired                    others                          unchanged; the settings have no effect
//	desired                    none; the name is taken         ErrIncompatible, nothing is written
//	skipped                    any                             skipped
//
//	pool of a file             existing pool of its name       result
//	desired                    none                            created
//	desired                    one, equal                      unchanged
//	desired                    one, different                  unchanged or updated, depending on onDrift
//	desired                    a malformed record              ErrIncompatible, nothing is written
//
// The first table ignores existing pools that a file names, and those of Desired.NoNATTo:
// see [NoNAT]. A pool whose CIDR Calico
// can't parse belongs to no family, and so does a malformed record without a readable
// CIDR: Compute warns of them and ignores them. A pool to create that overlaps an
// existing pool is ErrIncompatible. The CIDR of a pool to create may still be unknown;
// Settle chooses it.
func Compute(desired Desired, existing datastore.Snapshot, onDrift OnDrift) (Plan, error) {
	p := newPlanner(desired, existing, onDrift)
	for _, want := range desired.Pools {
		p.plan(want)
	}
	p.planNoNAT()
	slices.SortStableFunc(p.Steps, compareSteps)
	if faults := append(p.faults, p.overlaps()...); len(faults) > 0 {
		return Plan{}, errors.Join(faults...)
	}
	return p.Plan, nil
}

// planner computes a plan.
type planner struct {
	Plan
	onDrift  OnDrift
	services []facts.Located // of the settings
	beside   func(origin.Origin) origin.Names
	faults   []error

	records  map[string]*ippool.Record      // by name
	named    map[string]bool                // names of the pools of files
	broken   map[string]*MalformedError     // what is malformed, by name, so that it can be repaired
	families map[ippool.Family][]*v3.IPPool // existing pools that files don't name
	filed    map[ippool.Family]bool         // families with existing pools that files name
}

func newPlanner(desired Desired, existing datastore.Snapshot, onDrift OnDrift) *planner {
	p := &planner{
		Plan:     Plan{Names: desired.Names, CLI: existing.CLI, NoNATTo: slices.Clone(desired.NoNATTo)},
		onDrift:  onDrift,
		services: desired.Services,
		beside:   desired.NamesBeside,
		records:  make(map[string]*ippool.Record, len(existing.Pools)),
		named:    map[string]bool{},
		broken:   map[string]*MalformedError{},
		families: map[ippool.Family][]*v3.IPPool{},
		filed:    map[ippool.Family]bool{},
	}
	for _, want := range desired.Pools {
		if !want.Default {
			p.named[want.Pool.Name] = true
		}
	}
	p.Existing = slices.Grow(p.Existing, len(existing.Pools)+len(existing.Unreadable))
	exists := func(pool *v3.IPPool, partial bool) (ippool.Family, error) {
		family, err := familyOf(pool.Spec.CIDR)
		if err != nil {
			return 0, err
		}
		p.Existing = append(p.Existing, Existing{family, pool, partial})
		if IsNoNAT(pool) {
			return family, nil // never a pool of the family
		}
		if p.named[pool.Name] {
			p.filed[family] = true
		} else {
			p.families[family] = append(p.families[family], pool)
		}
		return family, nil
	}
	for _, record := range existing.Pools {
		pool := record.Pool()
		p.records[pool.Name] = record
		if _, err := exists(pool, false); err != nil {
			broken := p.malformed(pool.Name, fmt.Errorf("invalid CIDR: %q is %w", pool.Spec.CIDR, err))
			p.warn("IPPool %q is ignored: %s", pool.Name, broken.problem())
		}
	}
	for _, record := range existing.Unreadable {
		broken := p.malformed(record.Name, record.Err)
		pool := ippool.New(record.Name)
		if partial := (*ippool.PartialError)(nil); errors.As(record.Err, &partial) {
			pool = (&v3.IPPool{ObjectMeta: pool.ObjectMeta, TypeMeta: pool.TypeMeta, Spec: partial.Spec}).DeepCopy()
		}
		pool.Spec.CIDR = record.CIDR
		family, err := exists(pool, true)
		if err == nil {
			p.warn("IPPool %q is malformed and is not modified; by its CIDR %s it counts as an %s pool: %s", record.Name, record.CIDR, family, broken.problem())
			continue
		}
		p.warn("IPPool %q is malformed and is ignored: %s", record.Name, broken.problem())
	}
	slices.SortStableFunc(p.Existing, func(a, b Existing) int { return cmp.Compare(a.Pool.Name, b.Pool.Name) })
	return p
}

func (p *planner) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, text.OneLine(fmt.Sprintf(format, args...)))
}

func (p *planner) fault(format string, args ...any) {
	p.faults = append(p.faults, fmt.Errorf("%w: %s", ErrIncompatible, text.OneLine(fmt.Sprintf(format, args...))))
}

// familyOf parses a CIDR as Calico does, with package net: it accepts host bits and
// leading zeros of the length, and IPv4-mapped addresses are IPv4.
func familyOf(cidr string) (ippool.Family, error) {
	if prefix, err := netip.ParsePrefix(cidr); err == nil { // what it parses, package net parses as well
		if addr := prefix.Addr(); addr.Is4() || addr.Is4In6() {
			return ippool.IPv4, nil
		}
		return ippool.IPv6, nil
	}
	addr, _, err := net.ParseCIDR(cidr)
	if err != nil {
		if _, parseErr := ippool.ParseCIDR(cidr); parseErr != nil {
			err = parseErr // more specific
		}
		return 0, err
	}
	if addr.To4() != nil {
		return ippool.IPv4, nil
	}
	return ippool.IPv6, nil
}

// compareSteps sorts default pools first, by family, then the others by name.
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

// plan adds the step of one desired pool.
func (p *planner) plan(want DesiredPool) {
	step := Step{Family: want.Family, Default: want.Default, Name: want.Pool.Name, Desired: want.Pool.Name, BesideFiles: want.Default && p.filed[want.Family]}
	step.CIDRUnset = want.Default && want.Pool.Spec.CIDR == ""
	record := p.records[want.Pool.Name]
	var existing *v3.IPPool
	if record != nil {
		existing = record.Pool()
	}
	var conflicts []Conflict
	if want.Skip == "" {
		conflicts = want.conflicts(existing)
	}
	switch {
	case want.Skip != "" && want.Default && p.named[want.Pool.Name]:
		return // the step of the file's pool has this name
	case want.Skip != "":
		step.Action, step.Reason = Skipped, want.Skip
	case want.Default && len(p.families[want.Family]) > 0:
		p.useExisting(&step, want)
	case !want.Default && record != nil:
		p.exists(&step, want, record, conflicts)
	case p.takenBy(want.Pool.Name) != "":
		p.nameTaken(want)
	default:
		step.Action, step.Pool, step.Values = Created, want.Pool.DeepCopy(), want.Values
		if step.Pool.Spec.CIDR == "" {
			step.Unknown = []string{"cidr"}
		}
		step.Reason = createdReason(step)
	}
	for _, conflict := range conflicts {
		p.faults = append(p.faults, conflict.Err)
	}
	p.Steps = append(p.Steps, step)
}

// exists completes the step of a pool that exists under its name. The conflicts of the
// desired pool are reported as such, not as faults of the update.
func (p *planner) exists(step *Step, want DesiredPool, record *ippool.Record, conflicts []Conflict) {
	step.Action, step.Reason, step.Pool = Unchanged, existsUnchanged, record.Pool().DeepCopy()
	step.Drift = p.differences(want, step.Pool)
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
		p.setRefusal(want, record, step.Drift)
	} else {
		var updated *ippool.Record
		if updated, step.Drift = withUpdates(want, record, step.Drift); updated != nil {
			for _, fault := range p.updateFaults(step.Drift, updated, record) {
				if !slices.ContainsFunc(conflicts, func(c Conflict) bool { return fault.field == "spec."+c.Field }) {
					p.fault("IPPool %q can't be updated as requested (%s): %s", step.Name, updatedFields(step.Drift), fault.text)
				}
			}
			step.Action, step.Reason, step.Pool, step.Update = Updated, updatedReason(step.Drift), updated.Pool().DeepCopy(), updated
			if warning := step.Disruption(); warning != "" {
				p.warn("%s", warning)
			}
		}
	}
	p.reportDifferences(step)
}

// reportDifferences warns of the differences that are not updated. With DriftFail the
// error lists them instead.
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

// Changes returns what the plan writes, in plan order, except that pools are disabled
// last: on a datastore without transactions, a commit may stop halfway, and then the pools
// that replace them exist. Pools and records are copies.
func (p Plan) Changes() []datastore.Change {
	var changes, last []datastore.Change
	for _, step := range p.Steps {
		switch {
		case !step.Writes():
		case step.Action == Created:
			changes = append(changes, datastore.Change{Create: step.Pool.DeepCopy()})
		case step.disables():
			last = append(last, datastore.Change{Update: step.Update.Clone()})
		default:
			changes = append(changes, datastore.Change{Update: step.Update.Clone()})
		}
	}
	return append(changes, last...)
}

// disables reports whether the step disables its pool.
func (s Step) disables() bool {
	return s.Pool.Spec.Disabled && slices.ContainsFunc(s.Drift, func(d Difference) bool { return d.Updated && d.Field == "disabled" })
}

// Families returns the families of the matching steps, without duplicates.
func (p Plan) Families(match func(Step) bool) []ippool.Family {
	var families []ippool.Family
	for _, step := range p.Steps {
		if match(step) && !slices.Contains(families, step.Family) {
			families = append(families, step.Family)
		}
	}
	return families
}

// Differences returns all differences of the plan, including updated fields.
func (p Plan) Differences() []Difference {
	var all []Difference
	for _, step := range p.Steps {
		all = append(all, step.Drift...)
	}
	return all
}
