package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// How a run writes, and knows again what it wrote.

// commit writes what the plan changes, and warns where the datastore keeps
// something else.
func (r *runner) commit(ctx context.Context, snapshot Snapshot, plan Plan) error {
	changes := plan.changes()
	if len(changes) == 0 {
		return nil
	}
	if len(changes) < r.pending {
		r.retry.conflicts = 0 // somebody gets on with it
	}
	r.pending = len(changes)
	if err := r.stamp(changes); err != nil {
		return err
	}
	asked := make([]*v3.IPPool, len(changes))
	for i, change := range changes {
		asked[i] = change.pool().DeepCopy()
	}
	err := r.store.Commit(ctx, snapshot, changes)
	written := func(string) bool { return err == nil }
	var partial *PartialError
	if errors.As(err, &partial) {
		err = partial.Err
		r.created = append(r.created, partial.Created...)
		written = func(name string) bool {
			return slices.Contains(partial.Created, name) || slices.Contains(partial.Updated, name)
		}
	}
	var done []Step
	for i, change := range changes {
		r.remember(plan, change, asked[i], written(change.Name()), err)
		if written(change.Name()) {
			done = append(done, plan.Steps[plan.step(change.Name())])
		}
	}
	r.tellOfWritten(done)
	if batching, ok := r.store.(Batching); ok && err == nil {
		if batches := batching.Batches(changes); batches > 1 {
			r.note(fmt.Sprintf("%d pools were written in %d transactions: %s takes no more in one", len(changes), batches, r.store.Type()))
		}
	}
	return err
}

// remember keeps what must be known of a change if there is another attempt, and
// warns if the datastore keeps something else than it was asked to.
func (r *runner) remember(plan Plan, change Change, asked *v3.IPPool, written bool, err error) {
	step := &plan.Steps[plan.step(change.Name())]
	switch {
	case !written && change.Update != nil && passing(err):
		r.unsure = append(r.unsure, *step)
	case !written:
		return
	case change.Update != nil:
		step.Pool = change.pool()
		r.updated = append(r.updated, *step)
	}
	if warning := storedOtherwise(asked, change.pool()); written && warning != "" {
		r.warn(warning)
	}
}

// updatedNames are those of the pools that were updated, each once.
func (r *runner) updatedNames() []string {
	var names []string
	for _, step := range r.updated {
		if !slices.Contains(names, step.Name) {
			names = append(names, step.Name)
		}
	}
	return names
}

// stamp gives the pools their uid and creation time. A pool keeps them from
// one attempt to the next, so that a commit whose answer was lost is known
// again by its uid.
func (r *runner) stamp(changes []Change) error {
	for _, change := range changes {
		pool := change.Create
		if pool == nil {
			continue
		}
		i := slices.IndexFunc(r.stamped, func(s *v3.IPPool) bool { return s.Name == pool.Name })
		if i < 0 {
			uid, err := uuid.NewRandomFromReader(r.random)
			if err != nil {
				return fmt.Errorf("drawing a uid: %w", err)
			}
			pool.UID = types.UID(uid.String())
			pool.CreationTimestamp = metav1.NewTime(r.now().UTC().Truncate(time.Second))
			r.stamped = append(r.stamped, pool)
			continue
		}
		pool.UID, pool.CreationTimestamp = r.stamped[i].UID, r.stamped[i].CreationTimestamp
		r.stamped[i] = pool // into which the datastore writes what it keeps
	}
	return nil
}

// claim tells what an earlier attempt wrote, perhaps without learning of it,
// from what was there before.
func (r *runner) claim(plan Plan) {
	for i := range plan.Steps {
		step := &plan.Steps[i]
		if step.Action != Unchanged {
			continue
		}
		ours := func(pool *v3.IPPool) bool { return pool.UID == step.Pool.UID }
		if slices.ContainsFunc(r.stamped, ours) {
			step.Action, step.done = Created, true
			step.Reason = createdReason(*step)
			step.Values = r.desired.values(step.Name)
			continue
		}
		tried := slices.Concat(r.updated, r.unsure)
		earlier := slices.IndexFunc(tried, func(t Step) bool { return t.Name == step.Name && t.Pool.UID == step.Pool.UID })
		if earlier >= 0 && !tookBack(tried[earlier].Drift, step.Drift) {
			step.Action, step.done = Updated, true
			step.Reason, step.Drift = tried[earlier].Reason, tried[earlier].Drift
			if warning := disruption(step.Name, step.Drift); warning != "" {
				r.warnOnce(warning)
			}
		}
	}
}

// tookBack reports whether a field that was updated differs again.
func tookBack(updated, now []Difference) bool {
	return slices.ContainsFunc(updated, func(was Difference) bool {
		return was.Updated && slices.ContainsFunc(now, func(is Difference) bool { return is.Field == was.Field })
	})
}
