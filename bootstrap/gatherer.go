package bootstrap

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/internal/crash"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// gatherer fetches the facts that a plan needs: facts of the host and the cluster
// once per run, IPAM blocks once per attempt.
type gatherer struct {
	host    facts.Host
	cluster facts.Cluster // nil: no facts of the cluster
	random  io.Reader
	mode    preflight.Mode
	all     bool // preflight checks the pool of every step

	// given are the pod CIDRs of the settings; without Prefixes there are none.
	given facts.PodCIDRSource

	networks, routes *once
	families         []ippool.Family // families whose pod CIDRs were requested
	podCIDRs         []facts.PodCIDRSource
	surveyed         bool
	survey           facts.Survey
	randomRange      netip.Prefix // random IPv6 prefix; zero: not generated yet

	warnings, notes []string
}

const preflightOff = preflight.Off

// noPrefix keeps a random CIDR unknown.
var noPrefix netip.Prefix

func newGatherer(o options, mode preflight.Mode, given facts.PodCIDRSource) *gatherer {
	return &gatherer{
		host: o.host, cluster: o.cluster, random: o.random, mode: mode,
		given: given, podCIDRs: withGiven(given, nil),
		networks: &once{fetch: o.host.Networks}, routes: &once{fetch: o.host.Routes},
	}
}

// withGiven returns the sources of pod CIDRs, with those of the settings first.
func withGiven(given facts.PodCIDRSource, read []facts.PodCIDRSource) []facts.PodCIDRSource {
	if len(given.Prefixes) == 0 {
		return read
	}
	return append([]facts.PodCIDRSource{given}, read...)
}

// isGiven reports whether the settings have a pod CIDR of the family.
func (g *gatherer) isGiven(family ippool.Family) bool {
	prefix, _ := facts.FirstPodCIDR([]facts.PodCIDRSource{g.given}, family)
	return prefix.IsValid()
}

// once fetches facts of the host at most once.
type once struct {
	fetch   func(context.Context) ([]facts.Located, error)
	fetched bool
	located []facts.Located
	err     error
}

func (o *once) get(ctx context.Context) {
	if !o.fetched {
		o.located, o.err = o.fetch(ctx)
		o.fetched = true
	}
}

// gather fetches the facts that the plan needs and that are not known yet,
// concurrently. Without a store there are no IPAM blocks.
func (g *gatherer) gather(ctx context.Context, store datastore.Datastore, p plan.Plan) (facts.Facts, error) {
	checks := func(step plan.Step) bool { return g.mode != preflight.Off && preflight.Checks(step, g.all) }
	unknown := func(step plan.Step) bool { return len(step.Unknown) > 0 }
	holdsBlocks := func(step plan.Step) bool { // a random prefix contains no blocks
		return step.Action == plan.Created && (!unknown(step) || step.Family == ippool.IPv4 || g.cluster != nil || g.isGiven(step.Family))
	}
	var (
		needsChecks   = slices.ContainsFunc(p.Steps, checks)
		families      = p.Families(func(step plan.Step) bool { return (checks(step) || unknown(step)) && !g.isGiven(step.Family) })
		blockFamilies = p.Families(holdsBlocks)

		needPodCIDRs = g.cluster != nil && slices.ContainsFunc(families, func(f ippool.Family) bool { return !slices.Contains(g.families, f) })
		needSurvey   = g.cluster != nil && needsChecks && !g.surveyed

		podCIDRs                         []facts.PodCIDRSource
		survey                           facts.Survey
		blocks                           []netip.Prefix
		podCIDRsErr, surveyErr, blockErr error
		wait                             crash.Group
	)
	if needPodCIDRs {
		wait.Go(func() { podCIDRs, podCIDRsErr = g.cluster.PodCIDRs(ctx, families) })
	}
	if needSurvey {
		wait.Go(func() { survey, surveyErr = g.cluster.Survey(ctx) })
	}
	if needsChecks {
		wait.Go(func() { g.networks.get(ctx) })
		wait.Go(func() { g.routes.get(ctx) })
	}
	if store != nil && len(blockFamilies) > 0 {
		wait.Go(func() { blocks, blockErr = store.Blocks(ctx, blockFamilies) })
	}
	wait.Wait()
	if needPodCIDRs && podCIDRsErr == nil {
		g.families, g.podCIDRs = families, withGiven(g.given, podCIDRs)
		g.notePodCIDRs(p)
	}
	if needSurvey && surveyErr == nil {
		g.surveyed, g.survey = true, survey
		for _, problem := range survey.Problems {
			g.notes = append(g.notes, "preflight: "+text.OneLine(problem))
		}
	}
	if err := cmp.Or(blockErr, podCIDRsErr, surveyErr); err != nil {
		return facts.Facts{}, err
	}
	if first, _ := facts.FirstPodCIDR(g.podCIDRs, ippool.IPv4); !first.IsValid() &&
		slices.ContainsFunc(p.Steps, func(step plan.Step) bool { return unknown(step) && step.Family == ippool.IPv4 }) {
		g.networks.get(ctx) // the choice of the range depends on them
	}
	g.warnOfHost()
	return facts.Facts{
		Networks: g.networks.located, Routes: g.routes.located, PodCIDRs: g.podCIDRs, Survey: g.survey, Blocks: blocks,
	}, nil
}

// draw returns a random prefix if the plan needs one. It is the same in all attempts
// of a run.
func (g *gatherer) draw(p plan.Plan, known facts.Facts) (netip.Prefix, error) {
	if !g.randomRange.IsValid() && p.NeedsRandom(known) {
		random, err := ippool.RandomULA(g.random)
		if err != nil {
			return noPrefix, err
		}
		g.randomRange = random
	}
	return g.randomRange, nil
}

// warnOfHost warns of host facts that could not be read.
func (g *gatherer) warnOfHost() {
	warn := func(what string, source *once) {
		warning := fmt.Sprintf("overlaps with %ss of this host are not checked: %v", what, source.err)
		if source.err != nil && !slices.Contains(g.warnings, warning) {
			g.warnings = append(g.warnings, warning)
		}
	}
	warn("network", g.networks)
	warn("route", g.routes)
}

// notePodCIDRs adds a note for each source without pod CIDRs. It warns instead if the
// source should have one and the CIDR of a new pool depends on it.
func (g *gatherer) notePodCIDRs(p plan.Plan) {
	created := p.Families(func(step plan.Step) bool { return step.Action == plan.Created })
	unknown := slices.ContainsFunc(p.Steps, func(step plan.Step) bool { return len(step.Unknown) > 0 })
	for _, family := range created {
		if further := furtherCIDRs(g.podCIDRs, family); further != "" {
			g.notes = append(g.notes, further)
		}
	}
	for _, source := range g.podCIDRs {
		problem := fmt.Sprintf("no pod CIDR from %s: %s", source.Name, text.OneLine(source.Problem))
		if len(source.Prefixes) > 0 {
			problem = fmt.Sprintf("pod CIDRs of %s: %s", source.Name, text.OneLine(source.Problem))
		}
		switch {
		case source.Problem == "":
		case source.Absent && len(created) == 0: // no pool needs its CIDR
		case unknown && !source.Absent:
			g.warnings = append(g.warnings, problem)
		default:
			g.notes = append(g.notes, problem)
		}
	}
}

// furtherCIDRs returns a note about the pod CIDRs of the family that get no pool: only
// the first is used. Empty: there are none.
func furtherCIDRs(sources []facts.PodCIDRSource, family ippool.Family) string {
	first, name := facts.FirstPodCIDR(sources, family)
	var further []string
	for _, source := range sources {
		for _, prefix := range source.Prefixes {
			if source.Name == name && prefix != first && ippool.FamilyOf(prefix) == family {
				further = append(further, prefix.String())
			}
		}
	}
	if further == nil {
		return ""
	}
	return fmt.Sprintf("using the first of the %s pod CIDRs of %s, %s: no pool is created for %s", family, name, first, strings.Join(further, ", "))
}
