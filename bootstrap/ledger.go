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

// ledger remembers what the attempts of a run wrote, perhaps without learning of
// it, so that the next attempt knows the run's own pools.
type ledger struct {
	now    func() time.Time
	random io.Reader

	stamps  map[string]stamp // of pools that a commit was tried with, by name
	entries []entry          // of commits, in their order
}

// stamp is what makes a pool this run's own.
type stamp struct {
	uid     types.UID
	created metav1.Time
}

// entry is a step that was written, or may have been.
type entry struct {
	step  plan.Step // with the pool as it is stored, if that is known
	state datastore.State
}

func newLedger(o options) *ledger {
	return &ledger{now: o.now, random: o.random, stamps: map[string]stamp{}}
}

// stamp gives the pools that are to be created a uid and a creation time. A pool
// keeps them from one attempt to the next, so that a commit whose answer was lost
// is known by the uid.
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
				return fmt.Errorf("drawing a uid: %w", err)
			}
			given = stamp{types.UID(uid.String()), metav1.NewTime(l.now().UTC().Truncate(time.Second))}
			l.stamps[pool.Name] = given
		}
		pool.UID, pool.CreationTimestamp = given.uid, given.created
	}
	return nil
}

// record enters what became of the changes, and returns the plan with the pools
// that were written.
func (l *ledger) record(p plan.Plan, changes []datastore.Change, result datastore.Result) plan.Plan {
	p.Steps = slices.Clone(p.Steps)
	for i, change := range changes {
		step := &p.Steps[slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Name == change.Name() && s.Writes() })]
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
		l.entries = append(l.entries, entry{tried, outcome.State})
	}
	return p
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
		found.state = datastore.Written // if it wasn't known yet
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

// find returns the entry of an earlier attempt that left the pool of this step; nil
// if none did.
func (l *ledger) find(step plan.Step) *entry {
	uid := step.Pool.UID
	for i := range l.entries {
		e := &l.entries[i]
		switch {
		case uid != "" && uid == e.step.Pool.UID && e.step.Action == plan.Created:
			return e
		case e.step.Action == plan.Updated && e.state != datastore.NotWritten &&
			e.step.Name == step.Name && uid == e.step.Pool.UID && !revertedBy(e.step.Drift, step.Drift):
			return e
		}
	}
	return nil
}

// mayHaveCreated reports whether the pool of the step is as the run tried to create
// it, without an answer. A server that gives out the uids itself leaves no more to
// know it by.
func (l *ledger) mayHaveCreated(step plan.Step) bool {
	return step.Pool != nil && slices.ContainsFunc(l.entries, func(e entry) bool {
		return e.state == datastore.Unknown && e.step.Action == plan.Created && e.step.Name == step.Name &&
			keeps(step.Pool, e.step.Pool)
	})
}

// revertedBy reports whether a field that was updated differs again.
func revertedBy(updated, now []plan.Difference) bool {
	return slices.ContainsFunc(updated, func(was plan.Difference) bool {
		return was.Updated && slices.ContainsFunc(now, func(is plan.Difference) bool { return is.Field == was.Field })
	})
}

// written are the names of the pools that are known to be created and updated,
// each once.
func (l *ledger) written() (created, updated []string) {
	for _, e := range l.entries {
		names := &updated
		if e.step.Action == plan.Created {
			names = &created
		}
		if e.state == datastore.Written && !slices.Contains(*names, e.step.Name) {
			*names = append(*names, e.step.Name)
		}
	}
	return created, updated
}
