package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Bootstrap creates IPPools in a datastore. It has no state: each call is a separate
// run. It is safe for concurrent use if its datastore is.
type Bootstrap struct {
	store   datastore.Datastore
	options options
}

// New returns a Bootstrap for a datastore that is already open. The caller keeps
// ownership of the datastore and closes it. Settings.Datastore is not used to reach it.
// Without a datastore, every call returns an error.
func New(store datastore.Datastore, opts ...Option) *Bootstrap {
	o := newOptions(opts)
	if o.cluster == nil {
		o.cluster, _ = store.(facts.Cluster)
	}
	return &Bootstrap{store, o}
}

// Plan computes what Run would do and writes nothing. It retries while the datastore
// is unreachable, until the timeout of the settings or the end of ctx.
//
// With [plan.ErrDrift] and [preflight.ErrFindings], which reject the plan, Plan also returns the plan;
// with any other error it returns nil. Preflight checks existing pools too, so strict
// preflight can reject a plan because of a pool that Apply and Run would not check.
// Warnings are in the plan's report; they are only logged at debug level.
func (b *Bootstrap) Plan(ctx context.Context, s settings.Settings) (*Plan, error) {
	ctx, cancel := limited(ctx, s)
	defer cancel()
	r, err := b.newRun(ctx, s)
	if err != nil {
		return nil, err
	}
	r.reporter.planning, r.gatherer.all = true, true
	report, err := r.untilDone(ctx, r.attempt)
	if err != nil && report.Pools == nil {
		return nil, err
	}
	return &Plan{Plan: r.planned, Report: report, Settings: s}, err
}

// Apply carries out exactly the given plan. It reads pools and facts again, computes
// the plan from p.Settings again, and returns [datastore.ErrConflict] if it differs. It retries
// while the datastore is unreachable, as Run does.
//
// Values that are unknown in the plan, such as a random CIDR, are chosen now. Apply
// returns the errors of Run. The report is empty with any error except [plan.ErrDrift] and
// [preflight.ErrFindings].
func (b *Bootstrap) Apply(ctx context.Context, p *Plan) (Report, error) {
	if p == nil {
		return Report{}, errors.New("bootstrap: no plan to apply")
	}
	ctx, cancel := limited(ctx, p.Settings)
	defer cancel()
	r, err := b.newRun(ctx, p.Settings)
	if err != nil {
		return Report{}, err
	}
	r.agreed = &p.Plan
	return r.carryOut(ctx)
}

// Run creates the desired pools and reports what it did.
//
// Run validates the settings before it contacts the datastore. It then reads the
// existing pools, plans, and writes: all pools or none, if the datastore supports
// that. It retries after a conflict and while the datastore is unreachable, until the
// timeout of the settings or the end of ctx.
//
// Errors wrap [settings.ErrInvalidSettings], [ErrTimedOut], or a sentinel of package datastore,
// plan or preflight. With an error no pool was written, unless the error is a
// *PartialError, which lists what was or may have been written: the next run detects
// that and continues from there. With [plan.ErrDrift] and [preflight.ErrFindings] the report
// lists what would be done, except what a *PartialError lists as written; with any other
// error the report is empty.
func (b *Bootstrap) Run(ctx context.Context, s settings.Settings) (Report, error) {
	ctx, cancel := limited(ctx, s)
	defer cancel()
	r, err := b.newRun(ctx, s)
	if err != nil {
		return Report{}, err
	}
	return r.carryOut(ctx)
}

// Render returns the desired pools, without a datastore, and warnings. Skipped pools are
// omitted; there is a warning if this host is the reason, or if a setting is the reason for
// skipping pools of a file. It ends at the timeout of the settings, or with ctx.
func Render(ctx context.Context, s settings.Settings, opts ...Option) ([]*v3.IPPool, []string, error) {
	if ctx == nil {
		return nil, nil, errNoContext
	}
	ctx, cancel := limited(ctx, s)
	defer cancel()
	config, err := resolve(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	o := newOptions(opts)
	warnings := config.Warnings
	here := onHost(config.Desired, o.host)
	desired := plan.Desired{Names: config.Desired.Names, NoNATTo: here.NoNATTo, Services: config.Desired.Services}
	for i, want := range here.Pools {
		switch {
		case want.Skip == "":
			desired.Pools = append(desired.Pools, want)
		case config.Desired.Pools[i].Skip != "": // a default pool as configured; Resolve warns of pools of files
		case want.Default:
			warnings = append(warnings, fmt.Sprintf("no default %s pool: %s", want.Family, want.Skip))
		default:
			warnings = append(warnings, fmt.Sprintf("IPPool %q is skipped: %s", want.Pool.Name, want.Skip))
		}
	}
	draft, err := plan.Compute(desired, datastore.Snapshot{}, plan.DriftReport)
	if err != nil {
		return nil, nil, err
	}
	gatherer := newGatherer(o, preflightOff, config)
	known, err := gatherer.gather(ctx, nil, draft)
	if err != nil {
		return nil, nil, err
	}
	warnings = append(warnings, gatherer.warnings...)
	random, err := gatherer.draw(draft, known)
	if err != nil {
		return nil, nil, err
	}
	settled, err := draft.Settle(known, random)
	if err != nil {
		return nil, nil, err
	}
	warnings = append(warnings, settled.Warnings...)
	var pools []*v3.IPPool
	if len(here.NoNATTo) > 0 {
		warnings = append(warnings, fmt.Sprintf("the ranges of %s are split around the rendered pools and %s only: render reads no datastore, so existing pools and other Service CIDRs are not left out",
			settled.Names.Of(origin.SettingNoNATTo), settled.Names.Of(origin.SettingServiceCIDR)))
	}
	for _, step := range settled.Steps {
		if step.Pool == nil {
			warnings = append(warnings, fmt.Sprintf("no pool for %s: %s", step.NoNATTo, step.Reason))
			continue
		}
		if slices.ContainsFunc(draft.Steps, func(before plan.Step) bool { return before.Name == step.Name && unknown(before) }) && !gatherer.isGiven(step.Family) {
			warnings = append(warnings, fmt.Sprintf("the CIDR %s was chosen for this run and may differ on another host or in the next run: set one with %s",
				step.Pool.Spec.CIDR, settled.Names.Of(origin.PoolSetting(step.Family, "cidr"))))
		}
		pools = append(pools, step.Pool)
	}
	return pools, warnings, nil
}

// onHost returns the desired pools for a host: without IPv6 support, IPv6 pools are
// skipped.
func onHost(desired plan.Desired, host facts.Host) plan.Desired {
	here := desired
	here.Pools, here.NoNATTo = slices.Clone(desired.Pools), slices.Clone(desired.NoNATTo)
	for i := range here.Pools {
		pool := &here.Pools[i]
		if pool.Family != ippool.IPv6 || pool.Skip != "" {
			continue
		}
		if reason := host.IPv6Disabled(); reason != "" {
			pool.Skip = "IPv6 is not supported: " + reason
		}
	}
	for i := range here.NoNATTo {
		r := &here.NoNATTo[i]
		if reason := host.IPv6Disabled(); ippool.FamilyOf(r.Prefix) == ippool.IPv6 && r.Skip == "" && reason != "" {
			r.Skip = "IPv6 is not supported: " + reason
		}
	}
	return here
}
