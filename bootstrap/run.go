package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/await"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// runner is one call of Plan, Apply or Run: its inputs, and the components that keep
// state between attempts. The components don't depend on each other.
type runner struct {
	config   settings.Config
	desired  plan.Desired  // desired pools on this host
	strictBy origin.Origin // origin of the preflight setting
	strict   origin.Origin // origin of the setting that makes warnings about sources errors
	agreed   *plan.Plan    // the plan to apply; nil for Plan and Run
	store    datastore.Datastore

	gatherer *gatherer // facts of the host and the cluster
	ledger   *ledger   // what earlier attempts wrote
	backoff  backoff
	reporter *reporter

	busy    time.Duration // as in the options
	gaveWay int           // how often the run gave way to others
	planned plan.Plan     // plan of the last attempt
}

// limited returns a context that ends at the time limit of the settings, with ErrTimedOut
// as its cause.
func limited(ctx context.Context, s settings.Settings) (context.Context, context.CancelFunc) {
	if ctx == nil { // newRun returns the error
		return nil, func() {}
	}
	limit := s.TimeLimit()
	if limit == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w after %s", ErrTimedOut, limit))
}

// resolve reads and resolves the settings until ctx ends. Reading a file has no context: if
// the kernel holds it, its goroutine outlives the run.
func resolve(ctx context.Context, s settings.Settings) (settings.Config, error) {
	type resolved struct {
		config settings.Config
		err    error
	}
	r, ok := await.Result(ctx, func() (r resolved) {
		r.config, r.err = s.ReadAndResolve()
		return r
	})
	if !ok {
		what := errors.New("validating the settings")
		if s.PoolsFile.IsSet() {
			what = fmt.Errorf("reading the pools of %s", s.PoolsFile.Source)
		}
		return settings.Config{}, timedOut(ctx, what)
	}
	return r.config, r.err
}

func (b *Bootstrap) newRun(ctx context.Context, s settings.Settings) (*runner, error) {
	switch {
	case b == nil || b.store == nil:
		return nil, errors.New("bootstrap: no datastore")
	case ctx == nil:
		return nil, errNoContext
	}
	config, err := resolve(ctx, s)
	if err != nil {
		return nil, err
	}
	gatherer := newGatherer(b.options, config.Preflight, config)
	gatherer.strict = s.Strict.Bool(false, new(settings.Faults)) // Resolve has reported its faults
	return &runner{
		strict: s.Strict.Source, config: config, desired: onHost(config.Desired, b.options.host), strictBy: s.Preflight.Source, store: b.store,
		gatherer: gatherer,
		busy:     b.options.busy,
		ledger:   newLedger(b.options),
		reporter: newReporter(b.options, config.Warnings, config.Notes...),
	}, nil
}

var errNoContext = errors.New("bootstrap: the context is nil")

// carryOut runs attempts until one is final. If the run fails after it wrote pools, or may
// have written them, the error is a PartialError.
func (r *runner) carryOut(ctx context.Context) (Report, error) {
	report, err := r.untilDone(ctx, r.attempt)
	if created, updated, unknown := r.ledger.written(); err != nil && len(created)+len(updated)+len(unknown) > 0 {
		err = &PartialError{Created: created, Updated: updated, Unknown: unknown, Err: err}
	}
	if err == nil {
		r.reporter.done(ctx, report)
	}
	return report, err
}

// untilDone calls attempt until one succeeds, one fails with an error that is not
// retryable, or the run times out.
func (r *runner) untilDone(ctx context.Context, attempt func(context.Context) (Report, error)) (Report, error) {
	r.reporter.begin()
	var before error // error of the previous attempt
	for {
		report, err := attempt(ctx)
		switch {
		case err == nil:
			return report, nil
		case ctx.Err() != nil && (datastore.Retryable(err) || errors.Is(err, datastore.ErrConflict) || errors.Is(err, ctx.Err())):
			if before != nil && errors.Is(err, ctx.Err()) {
				// The attempt was interrupted: the previous error has the cause.
				err = before
			}
			r.reporter.endWithoutReport()
			return Report{}, timedOut(ctx, err)
		case !r.backoff.again(err, r.reporter.logger):
			if report.Pools == nil {
				r.reporter.endWithoutReport()
			}
			return report, err
		}
		wait := r.backoff.due()
		r.reporter.retrying(err, wait)
		if !pause(ctx, wait) {
			r.reporter.endWithoutReport()
			return Report{}, timedOut(ctx, err)
		}
		before = err
	}
}

// timedOut returns the error of a run whose ctx ended, with the error of its last
// attempt.
func timedOut(ctx context.Context, err error) error {
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

// attempt makes one attempt: snapshot, plan, facts, settle, preflight, refuse or
// commit, report. The steps in between the requests have no context, so it checks whether
// ctx has ended after each of them.
func (r *runner) attempt(ctx context.Context) (Report, error) {
	r.reporter.reading()
	snapshot, draft, err := r.compute(ctx)
	if err != nil {
		return Report{}, err
	}
	for _, fault := range text.Errors(draft.StoredFaults(snapshot, r.reporter.planning)) {
		draft.Warnings = append(draft.Warnings, fault.Error())
	}
	if ctx.Err() != nil {
		return Report{}, fmt.Errorf("planning: %w", ctx.Err())
	}
	known, err := r.gatherFacts(ctx, draft)
	if err != nil {
		return Report{}, err
	}
	left := draft.LeaveToOperator(known.Installation)
	if r.gatherer.strict {
		r.gatherer.refusals = append(r.gatherer.refusals, left.Warnings[len(draft.Warnings):]...)
		left.Warnings = draft.Warnings
	}
	settled, err := r.settle(left, known)
	if err != nil {
		return Report{}, errors.Join(append(r.gatherer.strictErrors(r.strict), err)...)
	}
	if ctx.Err() != nil {
		return Report{}, fmt.Errorf("planning: %w", ctx.Err())
	}
	r.planned = r.ledger.claim(settled)
	found, allowed := r.check(r.planned, known)
	refusal := r.refusal(r.planned, known, found)
	if err := r.changedSince(r.planned); err != nil {
		return Report{}, err
	}
	if ctx.Err() != nil {
		return Report{}, fmt.Errorf("checking the plan: %w", ctx.Err())
	}
	shown := r.reporter.planning || refusal != nil
	r.reporter.plan(r.planned, shown)
	if !shown {
		if r.planned, err = r.commit(ctx, snapshot, r.planned); err != nil {
			return Report{}, err
		}
	}
	r.reporter.written(r.planned)
	r.reporter.tell(r.planned.NoNATNotes(known)...)
	return r.reporter.report(r.store.Type(), r.planned, found, allowed, refusal), refusal
}

// compute reads the pools and plans. If the read took long, and pools are missing, it gives way
// and reads again: another run has probably created them by then.
func (r *runner) compute(ctx context.Context) (datastore.Snapshot, plan.Plan, error) {
	begin := time.Now()
	snapshot, err := r.snapshot(ctx)
	if err != nil {
		return snapshot, plan.Plan{}, err
	}
	took := time.Since(begin)
	load := took - time.Duration(len(snapshot.Pools)+len(snapshot.Unreadable))*busyPool // of others
	draft, err := plan.Compute(r.desired, snapshot, r.config.OnDrift)
	if err == nil && r.gaveWay < maxGiveWays && load >= r.busy && hasTime(ctx, took, r.gaveWay+1) && !r.reporter.planning && slices.ContainsFunc(draft.Steps, creates) {
		r.gaveWay++
		if !pause(ctx, giveWay(load, r.gaveWay, rand.Float64())) {
			return snapshot, draft, fmt.Errorf("reading IP pools: %w", ctx.Err())
		}
		return r.compute(ctx)
	}
	return snapshot, draft, err
}

func creates(step plan.Step) bool { return step.Action == plan.Created }

// snapshot reads the pools.
func (r *runner) snapshot(ctx context.Context) (datastore.Snapshot, error) {
	snapshot, err := r.store.Snapshot(ctx)
	if err == nil && slices.Contains(snapshot.Pools, nil) {
		return datastore.Snapshot{}, fmt.Errorf("datastore %s: the snapshot has a nil record", r.store.Type())
	}
	return snapshot, err
}

// gatherFacts fetches the facts that the plan needs and reports their warnings and
// notes.
func (r *runner) gatherFacts(ctx context.Context, draft plan.Plan) (facts.Facts, error) {
	known, err := r.gatherer.gather(ctx, r.store, draft)
	r.reporter.warnOnce(r.gatherer.warnings...)
	r.reporter.note(r.gatherer.notes...)
	return known, err
}

// settle chooses the unknown CIDRs. A plan that is only shown gets no random CIDR.
// Warnings about a chosen CIDR are kept for the run, because a later attempt that finds
// the pool doesn't choose one again.
func (r *runner) settle(draft plan.Plan, known facts.Facts) (plan.Plan, error) {
	random := noPrefix
	if !r.reporter.planning {
		var err error
		if random, err = r.gatherer.draw(draft, known); err != nil {
			return plan.Plan{}, err
		}
	}
	settled, err := draft.Settle(known, random)
	if err != nil {
		return plan.Plan{}, err
	}
	before := len(draft.Warnings)
	r.reporter.warnOnce(settled.Warnings[before:]...)
	settled.Warnings = settled.Warnings[:before]
	return settled, nil
}

// check runs the preflight checks and splits the findings into those that are reported
// and those that the settings allow.
func (r *runner) check(p plan.Plan, known facts.Facts) (found, allowed []preflight.Finding) {
	if r.config.Preflight == preflight.Off {
		return nil, nil
	}
	if !slices.Contains(r.config.Allow, preflight.ULAWithoutNAT) {
		r.reporter.note(preflight.Notes(p, known, r.reporter.planning)...)
	}
	return preflight.Allowed(preflight.Check(p, known, r.reporter.planning), r.config.Allow)
}

// refusal returns the error of a plan that could be carried out but that the settings
// reject: warnings about sources with strict, findings with strict preflight, drift with
// on-drift fail, or pools that would end Felix.
func (r *runner) refusal(p plan.Plan, known facts.Facts, found []preflight.Finding) error {
	refusals := r.gatherer.strictErrors(r.strict)
	if r.config.Preflight == preflight.Strict && len(found) > 0 {
		refusals = append(refusals, &preflight.FindingsError{Findings: found, Source: r.strictBy, Names: p.Names})
	}
	if ending, _ := preflight.Allowed(preflight.EndsFelix(p, known), r.config.Allow); len(refusals) == 0 && len(ending) > 0 {
		refusals = append(refusals, &preflight.EndsFelixError{Findings: ending, Names: p.Names})
	}
	if drift := p.Differences(); r.config.OnDrift == plan.DriftFail && len(drift) > 0 {
		refusals = append(refusals, &plan.DriftError{Differences: drift})
	}
	if malformed := p.Incomparable(); r.config.OnDrift == plan.DriftFail {
		refusals = append(refusals, text.Errors(malformed)...)
	}
	return errors.Join(refusals...)
}

// commit writes the changes of the plan and returns the plan with the written pools.
func (r *runner) commit(ctx context.Context, snapshot datastore.Snapshot, p plan.Plan) (plan.Plan, error) {
	changes := p.Changes()
	if len(changes) == 0 {
		return p, nil
	}
	r.backoff.progress(len(changes))
	if err := r.ledger.stamp(changes); err != nil {
		return p, err
	}
	result, err := r.store.Commit(ctx, snapshot, changes)
	p = r.ledger.record(p, changes, result)
	for i, change := range changes {
		if stored := result.Of(i).Stored; stored != nil {
			r.reporter.warnOnce(storedDifference(change.Pool(), stored)...)
		}
	}
	if err != nil {
		r.reporter.written(p)
		return p, err
	}
	if result.Transactions > 1 {
		r.reporter.note(fmt.Sprintf("%d pools were written in %d transactions: they exceed the limits of one %s transaction", len(changes), result.Transactions, r.store.Type()))
	}
	return p, nil
}
