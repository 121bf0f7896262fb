package bootstrap

import (
	"context"
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Bootstrap creates IPPools in a datastore. It has no state of its own: each call
// is a run by itself. It is as safe for concurrent use as its datastore is.
type Bootstrap struct {
	store   datastore.Datastore
	options options
}

// New returns a Bootstrap for the datastore, which stays the caller's. It is open: what
// settings say of how a datastore is reached (Settings.Datastore) is not looked at any
// more.
func New(store datastore.Datastore, opts ...Option) *Bootstrap {
	o := newOptions(opts)
	if o.cluster == nil {
		o.cluster, _ = store.(facts.Cluster)
	}
	return &Bootstrap{store, o}
}

// Plan reads and decides, and writes nothing. Where the datastore is out of reach
// it tries again, within the time that the settings give it and ctx.
//
// Beside ErrDrift and ErrFindings, which refuse the plan, there is a plan to show;
// with any other error there is none. A plan looks at the existing pools, too, so a
// strict preflight refuses it for one that Apply and Run would leave alone, unseen.
// Warnings are in the plan's report alone, or logged as debug lines.
func (b *Bootstrap) Plan(ctx context.Context, s settings.Settings) (*Plan, error) {
	r, err := b.newRun(s)
	if err != nil {
		return nil, err
	}
	r.reporter.planning, r.gatherer.all = true, true
	report, err := r.untilDone(ctx)
	if err != nil && report.Pools == nil {
		return nil, err
	}
	return &Plan{Plan: r.planned, Report: report, Settings: s}, err
}

// Apply carries out exactly that plan, or returns an ErrConflict: it reads pools
// and facts again, and compares. Where only the datastore is out of reach it tries
// again, as Run does. The settings of the plan are those that it was made from.
//
// What is unknown in the plan, such as a random CIDR, is chosen now. Errors are those
// of Run, and the report is empty beside any but ErrDrift and ErrFindings.
func (b *Bootstrap) Apply(ctx context.Context, p *Plan) (Report, error) {
	r, err := b.newRun(p.Settings)
	if err != nil {
		return Report{}, err
	}
	r.agreed = &p.Plan
	return r.carryOut(ctx)
}

// Run creates the pools that the settings ask for, and reports what it did.
//
// The settings are validated before the datastore is contacted. Then the pools are
// read, planned and written, all of them or none where the datastore can promise
// that. After a conflict, or while the datastore is out of reach, Run begins again,
// within the time that the settings give it and ctx.
//
// Errors wrap ErrInvalidSettings, ErrTimedOut, or a sentinel of package datastore,
// plan or preflight. With any error no pool was written, unless it is a
// *PartialError or the connection broke meanwhile: the next run finds out, and goes
// on from there. With ErrDrift and ErrFindings the report says what would be done,
// but for what a *PartialError says was written; with any other error there is
// none.
func (b *Bootstrap) Run(ctx context.Context, s settings.Settings) (Report, error) {
	r, err := b.newRun(s)
	if err != nil {
		return Report{}, err
	}
	return r.carryOut(ctx)
}

// Render returns the pools that the settings ask for, without a datastore, and
// warnings. The pools of families that get none are left out.
func Render(ctx context.Context, s settings.Settings, opts ...Option) ([]*v3.IPPool, []string, error) {
	config, err := s.ReadAndResolve()
	if err != nil {
		return nil, nil, err
	}
	o := newOptions(opts)
	warnings := config.Warnings
	var desired plan.Desired
	for _, want := range onHost(config.Desired, o.host).Pools {
		switch {
		case want.Skip == "":
			desired.Pools = append(desired.Pools, want)
		case want.Default && s.HasPoolManifests(): // who names the pools in files knows
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
	gatherer := newGatherer(o, preflightOff)
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
	for i, step := range settled.Steps {
		if len(draft.Steps[i].Unknown) > 0 {
			warnings = append(warnings, fmt.Sprintf("the CIDR %s was chosen for this run and may differ on another host or in the next run: set one with %s",
				step.Pool.Spec.CIDR, origin.Flag(fmt.Sprintf("ipv%d-pool-cidr", step.Family))))
		}
		pools = append(pools, step.Pool)
	}
	return pools, warnings, nil
}

// onHost is what is desired on a host: without IPv6 pools where it has no IPv6.
func onHost(desired plan.Desired, host facts.Host) plan.Desired {
	here := plan.Desired{Pools: append([]plan.DesiredPool{}, desired.Pools...)}
	for i := range here.Pools {
		pool := &here.Pools[i]
		if pool.Family != ippool.IPv6 || pool.Skip != "" {
			continue
		}
		if reason := host.IPv6Disabled(); reason != "" {
			pool.Skip = "IPv6 is not supported: " + reason
		}
	}
	return here
}
