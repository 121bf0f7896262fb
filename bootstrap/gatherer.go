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
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/crash"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
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

	services []facts.Located // ranges of Services of the settings
	backend  facts.Backend   // of the settings

	networks, routes *once
	families         []ippool.Family // families whose pod CIDRs were requested
	podCIDRs         []facts.PodCIDRSource
	reported         bool // reportSources was called for these sources
	surveyed         bool
	survey           facts.Survey
	installed        bool // the Installation was read
	installation     facts.Installation
	felixRead        bool // the FelixConfigurations were read
	felix            []nat.FelixConfiguration
	felixKnown       bool // all of them were read
	advertisedRead   bool // the BGPConfiguration was read
	advertised       facts.BGPServices
	randomRange      netip.Prefix // random IPv6 prefix; zero: not generated yet

	strict   bool     // warnings about sources are errors
	warnings []string // of the last call of gather
	refusals []string // warnings that strict makes errors
	notes    []string
}

const preflightOff = preflight.Off

// noPrefix keeps a random CIDR unknown.
var noPrefix netip.Prefix

func newGatherer(o options, mode preflight.Mode, config settings.Config) *gatherer {
	return &gatherer{
		host: o.host, cluster: o.cluster, random: o.random, mode: mode,
		given: config.ClusterCIDR, podCIDRs: withGiven(config.ClusterCIDR, nil), backend: config.Backend,
		services: config.Desired.Services, survey: facts.Survey{ServiceCIDRs: config.Desired.Services},
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

// withServices returns the survey with the Service CIDRs of the settings first.
func (g *gatherer) withServices(survey facts.Survey) facts.Survey {
	survey.ServiceCIDRs = slices.Concat(g.services, survey.ServiceCIDRs)
	return survey
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
// concurrently. Without a store there are no IPAM blocks and no Installation.
func (g *gatherer) gather(ctx context.Context, store datastore.Datastore, p plan.Plan) (facts.Facts, error) {
	checks := func(step plan.Step) bool { return g.mode != preflight.Off && preflight.Checks(step, g.all) }
	holdsBlocks := func(step plan.Step) bool { // a random prefix contains no blocks
		return step.Action == plan.Created && (!unknown(step) || step.Family == ippool.IPv4 || g.cluster != nil || g.isGiven(step.Family))
	}
	var (
		needsChecks   = slices.ContainsFunc(p.Steps, checks)
		families      = p.Families(func(step plan.Step) bool { return (checks(step) || unknown(step)) && !g.isGiven(step.Family) })
		blockFamilies = p.Families(holdsBlocks)

		needPodCIDRs = g.cluster != nil && slices.ContainsFunc(families, func(f ippool.Family) bool { return !slices.Contains(g.families, f) })
		needSurvey   = g.cluster != nil && needsChecks && !g.surveyed

		reader, _        = g.cluster.(facts.InstallationReader)
		needInstallation = reader != nil && store != nil && !g.installed &&
			slices.ContainsFunc(p.Steps, func(step plan.Step) bool { return step.Action == plan.Created && (checks(step) || unknown(step)) })

		podCIDRs                         []facts.PodCIDRSource
		survey                           facts.Survey
		installation                     facts.Installation
		blocks                           []netip.Prefix
		podCIDRsErr, surveyErr, blockErr error
		installationErr                  error
		wait                             crash.Group
	)
	g.warnings, g.notes = nil, nil
	if needPodCIDRs {
		wait.Go(func() { podCIDRs, podCIDRsErr = g.cluster.PodCIDRs(ctx, families) })
	}
	if needSurvey {
		wait.Go(func() { survey, surveyErr = g.cluster.Survey(ctx) })
	}
	if needInstallation {
		wait.Go(func() { installation, installationErr = reader.Installation(ctx) })
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
		g.families, g.podCIDRs, g.reported = families, withGiven(g.given, podCIDRs), false
	}
	if needInstallation && installationErr == nil {
		g.installed, g.installation = true, installation
	}
	if !needSurvey && podCIDRsErr == nil && g.cluster != nil && needsServices(p.LeaveToOperator(g.installation), g.podCIDRs) && !g.surveyed {
		needSurvey = true
		survey, surveyErr = g.cluster.Survey(ctx)
	}
	if needSurvey && surveyErr == nil {
		g.surveyed, g.survey = true, g.withServices(survey)
		for _, problem := range survey.Problems {
			g.notes = append(g.notes, g.surveyedFor()+": "+text.OneLine(problem))
		}
	}
	if err := cmp.Or(blockErr, podCIDRsErr, surveyErr, installationErr); err != nil {
		return facts.Facts{}, err
	}
	if err := g.readFelix(ctx, store, p.LeaveToOperator(g.installation)); err != nil {
		return facts.Facts{}, err
	}
	if err := g.readBGP(ctx, store, p.LeaveToOperator(g.installation)); err != nil {
		return facts.Facts{}, err
	}
	known := facts.Facts{PodCIDRs: g.podCIDRs, Survey: g.survey, Installation: g.installation, Backend: g.backend, FelixConfigurations: g.felix, FelixKnown: g.felixKnown, BGPServices: g.advertised, Blocks: blocks}
	p = p.LeaveToOperator(known.Installation)
	known.PodCIDRs = p.UsablePodCIDRs(known)
	g.reportSources(p, known)
	if first, _ := facts.FirstPodCIDR(known.PodCIDRs, ippool.IPv4); !first.IsValid() &&
		slices.ContainsFunc(p.Steps, func(step plan.Step) bool { return unknown(step) && step.Family == ippool.IPv4 }) {
		g.networks.get(ctx) // the choice of the range depends on them
	}
	g.warnOfHost()
	known.Networks, known.Routes = g.networks.located, g.routes.located
	return known, nil
}

// readFelix reads the FelixConfigurations before an IPv6 pool gets natOutgoing, which may end
// Felix, and for the preflight of a plan that is shown.
func (g *gatherer) readFelix(ctx context.Context, store datastore.Datastore, p plan.Plan) error {
	masquerades := func(step plan.Step) bool {
		return mayEndFelix(step) || g.all && g.mode != preflight.Off && step.Pool != nil && step.Pool.Spec.NATOutgoing
	}
	reader, _ := store.(facts.FelixReader)
	if reader == nil || g.felixRead || !slices.ContainsFunc(p.Steps, masquerades) {
		return nil
	}
	configurations, problems, err := reader.FelixConfigurations(ctx)
	if err != nil {
		return err
	}
	g.felixRead, g.felix, g.felixKnown = true, configurations, len(problems) == 0
	for _, problem := range problems {
		if slices.ContainsFunc(p.Steps, mayEndFelix) {
			g.warnings = append(g.warnings, "it is not checked whether natOutgoing of an IPv6 pool ends Felix: "+text.OneLine(problem))
		} else {
			g.notes = append(g.notes, "preflight: "+text.OneLine(problem))
		}
	}
	return nil
}

// readBGP reads the ranges of Services that BGP advertises before a range is split around
// them. The created pools keep what was left out, so that a later run need not read them.
func (g *gatherer) readBGP(ctx context.Context, store datastore.Datastore, p plan.Plan) error {
	reader, _ := store.(facts.BGPReader)
	if reader == nil || g.advertisedRead || !splitsRanges(p) {
		return nil
	}
	advertised, err := reader.BGPServices(ctx)
	if err != nil {
		return err
	}
	g.advertisedRead, g.advertised = true, advertised
	for _, problem := range advertised.Problems {
		g.notes = append(g.notes, fmt.Sprintf("%s: %s", p.Names.Of(origin.SettingNoNATTo), text.OneLine(problem)))
	}
	return nil
}

// splitsRanges reports whether pools are created for a range that is not masqueraded.
func splitsRanges(p plan.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(step plan.Step) bool { return step.NoNATTo.IsValid() && step.Action == plan.Created })
}

// mayEndFelix reports whether the step gives an IPv6 pool natOutgoing.
func mayEndFelix(step plan.Step) bool {
	return step.Pool != nil && step.Pool.Spec.NATOutgoing && step.Writes() && step.Family == ippool.IPv6
}

// surveyedFor names what the nodes and the Services are read for.
func (g *gatherer) surveyedFor() string {
	if g.mode == preflight.Off {
		return "pod CIDRs"
	}
	return "preflight"
}

// unknown reports whether the CIDR of the step is not chosen yet.
func unknown(step plan.Step) bool { return len(step.Unknown) > 0 }

// needsServices reports whether the CIDR of a pool may come from an uncertain source, which
// is checked against the Service CIDRs even without a preflight, or whether a range is split
// around these.
func needsServices(p plan.Plan, sources []facts.PodCIDRSource) bool {
	return splitsRanges(p) || slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
		_, name := facts.FirstPodCIDR(sources, step.Family)
		return unknown(step) && slices.ContainsFunc(sources, func(source facts.PodCIDRSource) bool {
			return source.Uncertain && source.Name == name
		})
	})
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

// reportSources reports, once, the problems of the sources of pod CIDRs and of the
// Installation: warnings, or refusals with strict, and notes.
func (g *gatherer) reportSources(p plan.Plan, known facts.Facts) {
	warnings, notes := sourceProblems(p, known)
	g.refusals = nil
	if g.strict {
		warnings, g.refusals = nil, warnings
	}
	if !g.reported {
		g.warnings, g.notes = append(g.warnings, warnings...), append(g.notes, notes...)
	}
	g.reported = true
}

// strictErrors returns the refusals as errors, because of the setting.
func (g *gatherer) strictErrors(because origin.Origin) []error {
	var errs []error
	for _, refusal := range g.refusals {
		errs = append(errs, &strictError{refusal, because})
	}
	return errs
}

// sourceProblems returns a note for each source without pod CIDRs, and for CIDRs that are
// ignored. It is a warning instead if the source should have one and the CIDR of a new pool
// depends on it: the pool is of the same family as an ignored CIDR, and no earlier source
// names its CIDR.
func sourceProblems(p plan.Plan, known facts.Facts) (warnings, notes []string) {
	created := p.Families(func(step plan.Step) bool { return step.Action == plan.Created })
	for _, family := range created {
		if further := furtherCIDRs(known.PodCIDRs, family); further != "" {
			notes = append(notes, further)
		}
		notes = append(notes, contradiction(known.PodCIDRs, family)...)
	}
	for i, source := range known.PodCIDRs {
		needs := p.Families(func(step plan.Step) bool { // that no earlier source names
			first, _ := facts.FirstPodCIDR(known.PodCIDRs[:i], step.Family)
			return unknown(step) && !first.IsValid()
		})
		var warn, note []string
		switch {
		case source.Problem == "" || source.Absent && len(created) == 0: // no pool needs its CIDR
		case len(needs) > 0 && !source.Absent:
			warn = append(warn, source.Problem)
		default:
			note = append(note, source.Problem)
		}
		for _, ignored := range source.Ignored {
			sentence := fmt.Sprintf("%s %s", ignored.Prefix, ignored.Reason)
			if slices.Contains(needs, ippool.FamilyOf(ignored.Prefix)) {
				warn = append(warn, sentence)
			} else {
				note = append(note, sentence)
			}
		}
		warnings, notes = append(warnings, sourceProblem(source, warn)...), append(notes, sourceProblem(source, note)...)
	}
	if operator := known.Installation; operator.Problem != "" {
		problem := fmt.Sprintf("it is unknown whether the Tigera operator creates pools: %s: %s", operator.Name, text.OneLine(operator.Problem))
		if slices.ContainsFunc(p.Steps, unknown) {
			warnings = append(warnings, problem)
		} else {
			notes = append(notes, problem)
		}
	}
	return warnings, notes
}

// sourceProblem returns one line with the problems of a source of pod CIDRs; none without
// problems.
func sourceProblem(source facts.PodCIDRSource, problems []string) []string {
	if len(problems) == 0 {
		return nil
	}
	what := "no pod CIDR from"
	if len(source.Prefixes) > 0 {
		what = "pod CIDRs of"
	}
	return []string{fmt.Sprintf("%s %s: %s", what, source.Name, text.OneLine(strings.Join(problems, "; ")))}
}

// contradiction returns a note if the settings and the cluster name different pod CIDRs of
// the family. Those of the cluster are known only if it was queried for the other family.
func contradiction(sources []facts.PodCIDRSource, family ippool.Family) []string {
	ofCluster := slices.DeleteFunc(slices.Clone(sources), func(source facts.PodCIDRSource) bool { return source.Name.Kind() != origin.KindCluster })
	given, setting := facts.FirstPodCIDR(sources, family)
	other, name := facts.FirstPodCIDR(ofCluster, family)
	if !other.IsValid() || setting.Kind() == origin.KindCluster || given == other {
		return nil
	}
	return []string{fmt.Sprintf("%s names the %s pod CIDR %s: %s of %s is ignored", setting, family, given, other, name)}
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
