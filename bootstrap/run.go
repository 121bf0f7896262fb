package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Run creates the default pools that the settings ask for, in the datastore,
// and reports what it did.
//
// The settings are judged before the datastore is asked anything. Then the
// pools are read, planned and written, all of them or none where the datastore
// can promise that. When somebody else writes pools meanwhile, or the datastore
// is out of reach, Run begins again, within the time that the settings give it
// and ctx.
//
// What is wrong with the settings, the datastore or the time wraps one of this
// package's sentinels. With any error, no pool was created, unless it is a
// *PartialError or the connection broke while they were: the next run tells, and
// goes on from there.
func Run(ctx context.Context, store Datastore, settings Settings, options ...Option) (Report, error) {
	config, err := settings.readAndResolve()
	if err != nil {
		return Report{}, err
	}
	r := newRunner(config, options)
	r.store = store
	if r.cluster == nil {
		r.cluster, _ = store.(Cluster)
	}
	r.desired = r.localDesired()
	for _, warning := range r.warnings {
		r.logger.Warn(warning)
	}
	if config.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, config.Timeout, fmt.Errorf("%w after %s", ErrTimedOut, config.Timeout))
		defer cancel()
	}
	report, err := r.untilDone(ctx)
	switch {
	case err != nil && len(r.created) > 0:
		return Report{}, &PartialError{Created: r.created, Err: err}
	case err != nil:
		return Report{}, err
	}
	for _, pool := range report.Pools {
		level := slog.LevelDebug
		if pool.Action == Created {
			level = slog.LevelInfo
		}
		r.logger.Log(ctx, level, fmt.Sprintf("default %s pool %s", pool.Family, pool.Action),
			"pool", pool.Name, "reason", pool.Reason)
	}
	return report, nil
}

// Render returns the pools that the settings ask for, without a datastore, and
// warnings. The pools of families that get none are left out.
func Render(settings Settings, options ...Option) ([]ippool.IPPool, []string, error) {
	config, err := settings.readAndResolve()
	if err != nil {
		return nil, nil, err
	}
	r := newRunner(config, options)
	var pools []ippool.IPPool
	for _, want := range r.localDesired().Pools {
		if want.Skip != "" {
			r.warn(fmt.Sprintf("no %s pool: %s", want.Family, want.Skip))
			continue
		}
		named := want.Pool.Spec.CIDR != ""
		want, err := r.choose(want)
		if err != nil {
			return nil, nil, err
		}
		if !named {
			r.warn(fmt.Sprintf("the CIDR %s was chosen here and now, and may be another elsewhere or the next time: name one with %s",
				want.Pool.Spec.CIDR, SourceFlag(fmt.Sprintf("ipv%d-pool-cidr", want.Family))))
		}
		pools = append(pools, *want.Pool)
	}
	return pools, r.warnings, nil
}

// runner is one run: what it was given, and what it must remember from one
// attempt to the next.
type runner struct {
	config Config
	store  Datastore
	dryRun bool
	logger *slog.Logger
	now    func() time.Time
	random io.Reader
	host   Host

	cluster Cluster         // nil: nobody to ask
	asked   []ippool.Family // for which the cluster was
	sources []PodCIDRSource // what it said

	desired  Desired  // with the CIDRs that were chosen so far
	warnings []string // of the settings, and what was found since
	notes    []string
	created  []string         // pools of a commit that failed for another
	stamped  []*ippool.IPPool // pools that a commit was tried with
	retry    retry
}

// localDesired is what is desired on this host.
func (r *runner) localDesired() Desired {
	desired := Desired{Pools: slices.Clone(r.config.Desired.Pools)}
	for i := range desired.Pools {
		pool := &desired.Pools[i]
		if pool.Family != ippool.IPv6 || pool.Skip != "" {
			continue
		}
		if reason := r.host.NoIPv6(); reason != "" {
			pool.Skip = "IPv6 is not supported: " + reason
		}
	}
	return desired
}

// untilDone makes attempts until one succeeds, fails for good, or the time is
// over.
func (r *runner) untilDone(ctx context.Context) (Report, error) {
	var before error // of the attempt before
	for {
		report, err := r.attempt(ctx)
		switch {
		case err == nil:
			return report, nil
		case ctx.Err() != nil && (passing(err) || errors.Is(err, ErrConflict) || errors.Is(err, ctx.Err())):
			if before != nil && errors.Is(err, ctx.Err()) {
				// The attempt was cut short: the one before knows the cause.
				err = before
			}
			return Report{}, overtime(ctx, err)
		case !r.retry.again(err, r.logger):
			return Report{}, err
		case !r.retry.pause(ctx):
			return Report{}, overtime(ctx, err)
		}
		before = err
	}
}

// overtime says that the time was over, and what was in the way.
func overtime(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, ErrTimedOut):
		return fmt.Errorf("%w: %w", cause, err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrTimedOut, err)
	default:
		return fmt.Errorf("interrupted (%w): %w", cause, err)
	}
}

// attempt is the whole flow once: snapshot, plan, commit, report.
func (r *runner) attempt(ctx context.Context) (Report, error) {
	snapshot, err := r.store.Snapshot(ctx)
	if err != nil {
		return Report{}, err
	}
	plan, err := r.plan(ctx, snapshot)
	if err != nil {
		return Report{}, err
	}
	if changes := plan.changes(); len(changes) > 0 && !r.dryRun {
		if err := r.commit(ctx, snapshot, changes); err != nil {
			return Report{}, err
		}
	}
	r.claim(plan)
	for _, warning := range plan.Warnings {
		r.logger.Warn(warning)
	}
	report := newReport(r.store.Type(), plan, r.warnings, r.dryRun)
	report.Notes = append(report.Notes, r.notes...)
	return report, nil
}

// warn tells at once what was found beside the plan, and remembers it for the
// report.
func (r *runner) warn(warning string) {
	r.logger.Warn(warning)
	r.warnings = append(r.warnings, warning)
}

// note tells what is good to know where somebody looks for it.
func (r *runner) note(note string) {
	if slices.Contains(r.notes, note) {
		return
	}
	r.logger.Debug(note)
	r.notes = append(r.notes, note)
}

// plan plans, and completes and checks the plan where it creates something.
func (r *runner) plan(ctx context.Context, snapshot Snapshot) (Plan, error) {
	plan, err := NewPlan(r.desired, snapshot)
	if err != nil || len(plan.changes()) == 0 {
		return plan, err
	}
	blocks, err := r.ask(ctx, plan)
	if err != nil {
		return Plan{}, err
	}
	if err := r.chooseCIDRs(plan); err != nil {
		return Plan{}, err
	}
	if plan, err = NewPlan(r.desired, snapshot); err != nil {
		return Plan{}, err
	}
	return plan, checkBlocks(plan.changes(), blocks)
}

// commit writes the changes, and warns where the datastore keeps something else.
func (r *runner) commit(ctx context.Context, snapshot Snapshot, changes []Change) error {
	if err := r.stamp(changes); err != nil {
		return err
	}
	asked := make([]*ippool.IPPool, len(changes))
	for i, change := range changes {
		asked[i] = change.Create.DeepCopy()
	}
	err := r.store.Commit(ctx, snapshot, changes)
	var partial *PartialError
	if errors.As(err, &partial) {
		r.created, err = append(r.created, partial.Created...), partial.Err
	}
	for i, change := range changes {
		if err != nil && !slices.Contains(r.created, change.Create.Name) {
			continue
		}
		if warning := storedOtherwise(asked[i], change.Create); warning != "" {
			r.warn(warning)
		}
	}
	return err
}

// stamp gives the pools their uid and creation time. A pool keeps them from
// one attempt to the next, so that a commit whose answer was lost is known
// again by its uid.
func (r *runner) stamp(changes []Change) error {
	for _, change := range changes {
		pool := change.Create
		i := slices.IndexFunc(r.stamped, func(s *ippool.IPPool) bool { return s.Name == pool.Name })
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

// claim tells what an earlier attempt created, without learning of it, from
// what was there before.
func (r *runner) claim(plan Plan) {
	for i := range plan.Steps {
		step := &plan.Steps[i]
		if step.Action != Unchanged {
			continue
		}
		ours := func(pool *ippool.IPPool) bool { return pool.UID == step.Pool.UID }
		if slices.ContainsFunc(r.stamped, ours) {
			step.Action = Created
			step.Reason = createdReason(step.Family)
			step.Values = r.desired.values(step.Family)
		}
	}
}
