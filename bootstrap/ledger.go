package bootstrap

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
)

// ledger records what the attempts of a run wrote or may have written, so that the
// next attempt recognizes the run's own pools.
type ledger struct {
	now    func() time.Time
	random io.Reader

	stamps  map[string]stamp  // stamps of pools to create, by name
	entries []entry           // one per change, in commit order
	named   map[string][]int  // positions of the entries, by name
	created map[types.UID]int // position of the first entry of a pool to create, by uid
}

// stamp identifies a pool as created by this run.
type stamp struct {
	uid     types.UID
	created metav1.Time
}

// entry is a step that was written, or may have been.
type entry struct {
	step  plan.Step // with the pool as stored, if known
	state datastore.State
}

func newLedger(o options) *ledger {
	return &ledger{now: o.now, random: o.random, stamps: map[string]stamp{}, named: map[string][]int{}, created: map[types.UID]int{}}
}

// stamp sets uid and creation time of the pools to create. They are the same in all
// attempts, so that the uid identifies a pool whose commit got no response.
func (l *ledger) stamp(changes []datastore.Change) error {
	for _, change := range changes {
		pool := change.Create
		if pool == nil {
			continue
		}
		given, stamped := l.stamps[pool.Name]
		if !stamped {
			uid, err := uuid.NewRandomFromReader(l.random)
			if err != nil {
				return fmt.Errorf("generating a uid: %w", err)
			}
			given = stamp{types.UID(uid.String()), metav1.NewTime(l.now().UTC().Truncate(time.Second))}
			l.stamps[pool.Name] = given
		}
		pool.UID, pool.CreationTimestamp = given.uid, given.created
	}
	return nil
}

// record records the outcome of each change and returns the plan with the written
// pools marked as done.
func (l *ledger) record(p plan.Plan, changes []datastore.Change, result datastore.Result) plan.Plan {
	p.Steps = slices.Clone(p.Steps)
	writes := map[string]int{}
	for i, step := range p.Steps {
		if step.Writes() {
			writes[step.Name] = i
		}
	}
	for i, change := range changes {
		step := &p.Steps[writes[change.Name()]]
		outcome := result.Of(i)
		tried := *step
		tried.Pool = change.Pool()
		if outcome.State == datastore.Written {
			if outcome.Stored != nil {
				tried.Pool = outcome.Stored
			}
			tried.Done = true
			*step = tried
		}
		l.add(entry{tried, outcome.State})
	}
	return p
}

func (l *ledger) add(e entry) {
	i := len(l.entries)
	l.entries, l.named[e.step.Name] = append(l.entries, e), append(l.named[e.step.Name], i)
	if _, known := l.created[e.step.Pool.UID]; !known && e.step.Action == plan.Created {
		l.created[e.step.Pool.UID] = i
	}
}

// claim marks the existing pools of the plan that an earlier attempt wrote as done
// by this run.
func (l *ledger) claim(p plan.Plan) plan.Plan {
	p.Steps, p.Warnings = slices.Clone(p.Steps), slices.Clone(p.Warnings)
	for i := range p.Steps {
		step := &p.Steps[i]
		if step.Action != plan.Unchanged {
			continue
		}
		found := l.find(*step)
		if found == nil {
			continue
		}
		found.state = datastore.Written // it may have been Unknown
		tried := found.step
		step.Action, step.Done, step.Reason = tried.Action, true, tried.Reason
		if tried.Action == plan.Created {
			step.Values = tried.Values
			continue
		}
		step.Drift = tried.Drift
		if warning := step.Disruption(); warning != "" {
			p.Warnings = append(p.Warnings, warning)
		}
	}
	return p
}

// find returns the entry of an earlier attempt that wrote the pool of the step, or nil.
func (l *ledger) find(step plan.Step) *entry {
	uid := step.Pool.UID
	if i, found := l.created[uid]; found && uid != "" {
		return &l.entries[i]
	}
	for _, i := range l.named[step.Name] {
		e := &l.entries[i]
		if e.step.Action == plan.Updated && e.state != datastore.NotWritten &&
			uid == e.step.Pool.UID && !revertedBy(e.step.Drift, step.Drift) {
			return e
		}
	}
	return nil
}

// mayHaveCreated reports whether the pool of the step matches one that the run tried
// to create without getting a response. The content decides, because an API server
// assigns its own uids.
func (l *ledger) mayHaveCreated(step plan.Step) bool {
	return step.Pool != nil && slices.ContainsFunc(l.named[step.Name], func(i int) bool {
		e := l.entries[i]
		return e.state == datastore.Unknown && e.step.Action == plan.Created && keeps(step.Pool, e.step.Pool)
	})
}

// revertedBy reports whether a field that was updated differs again.
func revertedBy(updated, now []plan.Difference) bool {
	return slices.ContainsFunc(updated, func(was plan.Difference) bool {
		return was.Updated && slices.ContainsFunc(now, func(is plan.Difference) bool { return is.Field == was.Field })
	})
}

// written returns the names of the pools that are known to be created and updated, and
// of those of which it is unknown whether they were written, without duplicates.
func (l *ledger) written() (created, updated, unknown []string) {
	known, seen := map[string]bool{}, map[string]bool{}
	for _, e := range l.entries {
		name := e.step.Name
		switch {
		case e.state != datastore.Written || known[name]:
			continue
		case e.step.Action == plan.Created:
			created = append(created, name)
		default:
			updated = append(updated, name)
		}
		known[name] = true
	}
	for _, e := range l.entries {
		if name := e.step.Name; e.state == datastore.Unknown && !known[name] && !seen[name] {
			unknown, seen[name] = append(unknown, name), true
		}
	}
	return created, updated, unknown
}
