package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

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
// package's sentinels. With any error, no pool was written, unless it is a
// *PartialError or the connection broke while they were: the next run tells, and
// goes on from there. With ErrDrift and ErrFindings the report is that of a dry
// run, but for what a *PartialError says was written; with any other error there
// is none.
func Run(ctx context.Context, store Datastore, settings Settings, options ...Option) (Report, error) {
	config, err := settings.readAndResolve()
	if err != nil {
		return Report{}, err
	}
	r := newRunner(config, options)
	r.store = store
	r.strictBy = settings.Preflight.Source
	if r.cluster == nil {
		r.cluster, _ = store.(Cluster)
	}
	r.desired = r.localDesired()
	for _, warning := range r.warnings {
		r.tell(warning)
	}
	if config.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, config.Timeout, fmt.Errorf("%w after %s", ErrTimedOut, config.Timeout))
		defer cancel()
	}
	report, err := r.untilDone(ctx)
	switch {
	case err != nil && (len(r.created) > 0 || len(r.updated) > 0):
		return report, &PartialError{Created: r.created, Updated: r.updatedNames(), Err: err}
	case err != nil:
		r.tellAfterAll(report)
		return report, err
	}
	for _, pool := range report.Pools {
		level := slog.LevelDebug
		if pool.Action == Created || pool.Action == Updated {
			level = slog.LevelInfo
		}
		r.logger.Log(ctx, level, fmt.Sprintf("%s pool %s", pool.Family, pool.Action),
			"pool", pool.Name, "reason", pool.Reason)
	}
	return report, nil
}

// Render returns the pools that the settings ask for, without a datastore, and
// warnings. The pools of families that get none are left out.
func Render(settings Settings, options ...Option) ([]*v3.IPPool, []string, error) {
	config, err := settings.readAndResolve()
	if err != nil {
		return nil, nil, err
	}
	r := newRunner(config, options)
	var pools []*v3.IPPool
	for _, want := range r.localDesired().Pools {
		if want.Skip != "" && want.Default && settings.havePools() {
			continue // who names the pools in files knows
		}
		if want.Skip != "" {
			what := fmt.Sprintf("no default %s pool", want.Family)
			if !want.Default {
				what = fmt.Sprintf("IPPool %q is left out", want.Pool.Name)
			}
			r.warn(what + ": " + want.Skip)
			continue
		}
		named := want.Pool.Spec.CIDR != ""
		want, err := r.choose(want)
		if err == nil {
			want, err = r.draw(want)
		}
		if err != nil {
			return nil, nil, err
		}
		if !named {
			r.warn(fmt.Sprintf("the CIDR %s was chosen here and now, and may be another elsewhere or the next time: name one with %s",
				want.Pool.Spec.CIDR, SourceFlag(fmt.Sprintf("ipv%d-pool-cidr", want.Family))))
		}
		pools = append(pools, want.Pool)
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

	networks, routes func() ([]Located, error) // of the host, asked at most once

	observe  func(Event)     // nil: nobody to tell
	attempts int             // that were begun
	toldOf   map[string]bool // the pools that the observer knows to be written

	cluster  Cluster         // nil: nobody to ask
	asked    []ippool.Family // for which the cluster was
	sources  []PodCIDRSource // what it said
	surveyed bool            // whether it was asked for the survey
	survey   Survey          // what that was
	strictBy Source          // the setting that makes findings errors, if one does

	desired  Desired  // with the CIDRs that were chosen so far
	warnings []string // of the settings, and what was found since
	notes    []string
	created  []string     // pools of a commit that failed for another
	updated  []Step       // of such a commit, too
	unsure   []Step       // updates of commits whose answer may be lost
	stamped  []*v3.IPPool // pools that a commit was tried with
	pending  int          // how many changes the last commit was tried with
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
			return report, err
		}
		wait := r.retry.due()
		r.tellOf(Event{Kind: EventRetrying, Err: err, Wait: wait})
		if !pause(ctx, wait) {
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
	r.attempts++
	r.tellOf(Event{Kind: EventReading})
	snapshot, err := r.store.Snapshot(ctx)
	if err != nil {
		return Report{}, err
	}
	plan, err := r.plan(ctx, snapshot)
	if err != nil {
		return Report{}, err
	}
	found, _ := r.preflight(plan, snapshot)
	refusal := r.refusal(plan, found)
	dryRun := r.dryRun || refusal != nil
	if !dryRun && plan.creates() {
		if plan, err = r.complete(plan, snapshot); err != nil {
			return Report{}, err
		}
	}
	r.tellOfPlan(plan, dryRun)
	if !dryRun {
		if err := r.commit(ctx, snapshot, plan); err != nil {
			return Report{}, err
		}
	}
	r.claim(plan)
	r.tellOfWritten(plan.doneBefore())
	for _, warning := range plan.Warnings {
		r.tell(warning)
	}
	report := newReport(r.store.Type(), plan, r.warnings, dryRun)
	report.Notes = append(report.Notes, r.notes...)
	found, allowed := r.preflight(plan, snapshot) // and of what turned out to be this run's
	report.Findings = append(report.Findings, found...)
	if len(allowed) > 0 {
		report.Notes = append(report.Notes, allowedNote(allowed))
	}
	if !errors.Is(refusal, ErrFindings) { // which tells of them itself
		for _, finding := range found {
			r.tell(finding.Text, "code", finding.Code)
		}
	}
	return report, refusal
}

// refusal is what the settings want to fail for, though it could be done.
func (r *runner) refusal(plan Plan, found []Finding) error {
	var refusals []error
	if r.config.Preflight == PreflightStrict && len(found) > 0 {
		refusals = append(refusals, &FindingsError{Findings: found, Source: r.strictBy})
	}
	if drift := plan.drift(); r.config.OnDrift == DriftFail && len(drift) > 0 {
		refusals = append(refusals, &DriftError{Differences: drift})
	}
	return errors.Join(refusals...)
}

// warn tells at once what was found beside the plan, and remembers it for the
// report.
func (r *runner) warn(warning string) {
	r.tell(warning)
	r.warnings = append(r.warnings, warning)
}

// tell logs what the report has too. In a dry run the report is all that there
// is to see, and whoever looks at it would have everything twice.
func (r *runner) tell(warning string, args ...any) {
	level := slog.LevelWarn
	if r.dryRun {
		level = slog.LevelDebug
	}
	r.logger.Log(context.Background(), level, warning, args...)
}

// tellAfterAll logs the warnings of a dry run that has no report in the end.
func (r *runner) tellAfterAll(report Report) {
	if !r.dryRun || report.Pools != nil {
		return
	}
	for _, warning := range r.warnings {
		r.logger.Warn(warning)
	}
}

// note tells what is good to know where somebody looks for it.
func (r *runner) note(note string) {
	if slices.Contains(r.notes, note) {
		return
	}
	r.logger.Debug(note)
	r.notes = append(r.notes, note)
}

// plan plans, and chooses and checks where the plan creates something. A CIDR
// that is drawn at random is missing still.
func (r *runner) plan(ctx context.Context, snapshot Snapshot) (Plan, error) {
	plan, err := NewPlan(r.desired, snapshot, r.config.OnDrift)
	if err != nil || !plan.creates() && !r.looks(plan) {
		return plan, err
	}
	blocks, err := r.ask(ctx, plan)
	if err != nil {
		return Plan{}, err
	}
	if err := r.chooseCIDRs(plan); err != nil {
		return Plan{}, err
	}
	if plan, err = NewPlan(r.desired, snapshot, r.config.OnDrift); err != nil {
		return Plan{}, err
	}
	return plan, checkBlocks(plan.changes(), blocks)
}
