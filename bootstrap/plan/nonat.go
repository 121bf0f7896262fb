package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/ranges"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Metadata of the pools that a run creates for a [NoNAT].
const (
	// NoNATLabel marks the pools. Its value is the range, with dashes in place of dots,
	// colons and the slash.
	NoNATLabel = "calico-bootstrap/no-nat-to"

	// NoNATExceptAnnotation has the ranges of Services that the split left out, separated by
	// commas, so that a later run does not read them again.
	NoNATExceptAnnotation = "calico-bootstrap/no-nat-to-except"
)

// maxNoNATPools limits the pools of all ranges of a plan.
const maxNoNATPools = 1000

// NoNAT is a range to which traffic is not masqueraded. Disabled pools cover it, except
// where other pools, Service CIDRs and LoadBalancer pools are: the range minus these, as the
// fewest prefixes. Existing pools with NoNATLabel are a part of the cover, whatever range
// they were created for; they are never a pool of their family.
type NoNAT struct {
	Prefix netip.Prefix  // without host bits
	Source origin.Origin // of the setting
	Skip   string        // why the range gets no pools; empty: it gets them
}

// IsNoNAT reports whether the pool has NoNATLabel.
func IsNoNAT(pool *v3.IPPool) bool {
	if _, labelled := pool.Labels[NoNATLabel]; labelled || !strings.Contains(pool.Annotations[metadataAnnotation], NoNATLabel) {
		return labelled
	}
	_, labelled := metadataOf(pool).Labels[NoNATLabel]
	return labelled
}

// desiredNoNAT returns the pool that covers a part of the range.
func desiredNoNAT(r NoNAT, part netip.Prefix, except []netip.Prefix) DesiredPool {
	pool := NoNATPool(part, r.Prefix)
	spec := pool.Spec
	values := []Value{
		{"name", pool.Name, r.Source},
		{"cidr", spec.CIDR, r.Source},
		{"vxlanMode", spec.VXLANMode, r.Source},
		{"ipipMode", spec.IPIPMode, r.Source},
		{"natOutgoing", spec.NATOutgoing, r.Source},
		{"disabled", spec.Disabled, r.Source},
		{"disableBGPExport", spec.DisableBGPExport, r.Source},
		{"blockSize", spec.BlockSize, origin.Default},
		{"nodeSelector", spec.NodeSelector, origin.Default},
		{"allowedUses", slices.Clone(spec.AllowedUses), r.Source},
	}
	if len(except) > 0 {
		pool.Annotations = map[string]string{NoNATExceptAnnotation: joined(except)}
	}
	return DesiredPool{Family: ippool.FamilyOf(part), Pool: pool, Values: values}
}

func joined(prefixes []netip.Prefix) string {
	texts := make([]string, len(prefixes))
	for i, prefix := range prefixes {
		texts[i] = prefix.String()
	}
	return strings.Join(texts, ",")
}

// planNoNAT adds the steps of the ranges: those of existing pools, which are compared with
// the desired ones, and a preliminary split for the rest. It warns of ranges without effect
// and of existing pools that no range requests.
func (p *planner) planNoNAT() {
	steps := map[string]bool{}
	for _, step := range p.Steps {
		steps[step.Name] = true
	}
	for _, existing := range p.Existing {
		pool := existing.Pool
		if !IsNoNAT(pool) || p.named[pool.Name] {
			continue
		}
		prefix := rangeOf(pool)
		if !prefix.IsValid() {
			continue
		}
		i := slices.IndexFunc(p.NoNATTo, func(r NoNAT) bool { return r.Skip == "" && r.Prefix.Overlaps(prefix) })
		if i < 0 || steps[pool.Name] {
			continue
		}
		step := Step{Family: existing.Family, Name: pool.Name, Desired: pool.Name, NoNATTo: p.NoNATTo[i].Prefix}
		p.exists(&step, desiredNoNAT(p.NoNATTo[i], prefix, nil), p.records[pool.Name], nil)
		p.Steps = append(p.Steps, step)
	}
	p.warnOfStoredNoNAT()
	p.warnOfNoSource()
	p.faults = append(p.faults, p.splitNoNAT(prefixesOf(p.services))...)
}

// withoutNoNAT returns the plan without the steps that splitNoNAT adds.
func (p Plan) withoutNoNAT() Plan {
	p.Steps = slices.DeleteFunc(slices.Clone(p.Steps), func(step Step) bool {
		return step.NoNATTo.IsValid() && (step.Action == Created || step.Action == Skipped)
	})
	return p
}

// splitNoNAT adds the steps of the pools that cover the rest of the ranges, and returns its
// faults. The plan must not have such steps yet.
func (p *Plan) splitNoNAT(services []netip.Prefix) []error {
	if len(p.NoNATTo) == 0 {
		return nil
	}
	s := splitter{except: slices.Clone(services), names: map[string]bool{}, pools: map[netip.Prefix]*v3.IPPool{}}
	var used, covering []netip.Prefix
	for _, pool := range slices.Concat(p.existing(), p.created()) {
		s.names[pool.Name] = true
		prefix := rangeOf(pool)
		if IsNoNAT(pool) {
			covering, s.except = append(covering, prefix), append(s.except, exceptOf(pool)...)
		} else {
			used, s.pools[prefix] = append(used, prefix), pool
		}
	}
	s.used, s.covering, s.hidden = ranges.New(used), ranges.New(covering), ranges.New(s.except)
	s.taken = ranges.New(slices.Concat(used, covering, s.except))
	for _, r := range p.NoNATTo {
		s.split(r)
	}
	p.Steps = append(p.Steps, s.steps...)
	slices.SortStableFunc(p.Steps, compareSteps)
	return s.faults
}

// splitter splits ranges around other pools and Services.
type splitter struct {
	except   []netip.Prefix              // ranges of Services, now and when existing pools were created
	names    map[string]bool             // of all pools
	pools    map[netip.Prefix]*v3.IPPool // those without the label
	used     ranges.Index                // by pools without the label
	covering ranges.Index                // by pools with the label
	hidden   ranges.Index                // by Services
	taken    ranges.Index                // by any of them

	steps  []Step
	faults []error
}

// split adds the steps of a range.
func (s *splitter) split(r NoNAT) {
	if r.Skip != "" {
		s.skip(r, r.Skip)
		return
	}
	if around, _, _ := s.used.Overlapping(r.Prefix); len(around) > 0 {
		if reason, fault := insideOf(r, s.pools[s.used.Prefixes[around[0]]]); fault != nil {
			s.faults = append(s.faults, fault)
		} else {
			s.skip(r, reason)
		}
		return
	}
	parts := ranges.Subtract(r.Prefix, s.taken)
	around, from, to := s.covering.Overlapping(r.Prefix)
	switch {
	case len(s.steps)+len(parts) > maxNoNATPools:
		s.faults = append(s.faults, fmt.Errorf("%w: %s: %s: more than %d pools are needed to cover the ranges around other pools; set narrower ranges",
			ErrIncompatible, r.Source, r.Prefix, maxNoNATPools))
		return
	case len(parts) > 0 || len(around) > 0 || from < to:
	case s.hidden.Covers(r.Prefix):
		s.skip(r, "it is in a range of Services: the backend decides whether traffic to it is masqueraded")
	default:
		s.skip(r, "other pools and Services cover all of it")
	}
	var left []netip.Prefix // Services in the whole range, for each of its pools
	if _, from, to := s.hidden.Overlapping(r.Prefix); from < to {
		left = s.hidden.Prefixes[from:to]
	}
	for _, part := range parts {
		want := desiredNoNAT(r, part, left)
		if s.names[want.Pool.Name] {
			s.faults = append(s.faults, fmt.Errorf("%w: the name %q (%s) is taken by another pool: rename that, or set other ranges", ErrIncompatible, want.Pool.Name, r.Source))
			continue
		}
		reason := "traffic to it is not masqueraded"
		if part != r.Prefix {
			reason = fmt.Sprintf("a part of %s: traffic to it is not masqueraded", r.Prefix)
		}
		s.steps = append(s.steps, Step{
			Action: Created, Family: want.Family, Name: want.Pool.Name, Desired: want.Pool.Name, NoNATTo: r.Prefix,
			Reason: reason, Pool: want.Pool, Values: want.Values,
		})
	}
}

// skip adds the step of a range without pools.
func (s *splitter) skip(r NoNAT, reason string) {
	name := noNATName(r.Prefix)
	s.steps = append(s.steps, Step{Action: Skipped, Family: ippool.FamilyOf(r.Prefix), Name: name, Desired: name, NoNATTo: r.Prefix, Reason: reason})
}

// insideOf returns why a range that another pool contains needs no pool, or the fault if it
// can't have its effect.
func insideOf(r NoNAT, pool *v3.IPPool) (reason string, fault error) {
	switch {
	case ippool.OnlyForLoadBalancers(pool.Spec.AllowedUses):
		return "", fmt.Errorf("%w: %s: %s is inside %s of IPPool %q, which is for load balancers: such a pool does not exempt, and no other pool fits inside it; leave the range out",
			ErrIncompatible, r.Source, r.Prefix, text.OneLine(pool.Spec.CIDR), pool.Name)
	case pool.Spec.Disabled:
		return fmt.Sprintf("IPPool %q, which is disabled, contains it: traffic to it is not masqueraded", pool.Name), nil
	default:
		return "", fmt.Errorf("%w: %s: %s is inside %s of IPPool %q: traffic to a pool is never masqueraded, and no other pool fits inside it; leave the range out",
			ErrIncompatible, r.Source, r.Prefix, text.OneLine(pool.Spec.CIDR), pool.Name)
	}
}

// exceptOf returns the ranges of Services that the split of an existing pool left out.
func exceptOf(pool *v3.IPPool) []netip.Prefix {
	var all []netip.Prefix
	for item := range strings.SplitSeq(metadataOf(pool).Annotations[NoNATExceptAnnotation], ",") {
		if prefix, err := ippool.ParseCIDR(item); err == nil { // empty, or changed by hand
			all = append(all, prefix)
		}
	}
	return all
}

// rangeOf returns the range of a pool as Calico reads it; not valid if its CIDR is not.
func rangeOf(pool *v3.IPPool) netip.Prefix {
	prefix, err := ippool.ParseCIDR(pool.Spec.CIDR)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix.Masked()
}

// isNoNATTo reports whether a range of NoNATTo overlaps the prefix.
func (p Plan) isNoNATTo(prefix netip.Prefix) bool {
	return slices.ContainsFunc(p.NoNATTo, func(r NoNAT) bool { return r.Prefix.Overlaps(prefix) })
}

// besideNoNAT returns the candidates with those that overlap no range of NoNATTo first. Those
// that contain a range come last: such a range has no effect.
func (p Plan) besideNoNAT(candidates []netip.Prefix) []netip.Prefix {
	rank := func(candidate netip.Prefix) int {
		switch {
		case !p.isNoNATTo(candidate):
			return 0
		case slices.ContainsFunc(p.NoNATTo, func(r NoNAT) bool { return ippool.Contains(candidate, r.Prefix) }):
			return 2
		default:
			return 1
		}
	}
	sorted := slices.Clone(candidates)
	slices.SortStableFunc(sorted, func(a, b netip.Prefix) int { return rank(a) - rank(b) })
	return sorted
}

// NoNATNotes returns what is good to know about the pools that the settled plan creates for
// ranges of NoNATTo, one line each. It is a pure function.
func (p Plan) NoNATNotes(known facts.Facts) []string {
	var created []string
	for _, r := range p.NoNATTo {
		if slices.ContainsFunc(p.Steps, func(step Step) bool { return step.NoNATTo == r.Prefix && step.Action == Created }) {
			created = append(created, r.Prefix.String())
		}
	}
	if created == nil {
		return nil
	}
	notes := []string{fmt.Sprintf("disabled pools cover %s: no later pool fits inside them; hosts there see the addresses of pods and need return routes to them", listed(created))}
	if len(known.ServiceCIDRs()) == 0 {
		notes = append(notes, fmt.Sprintf("no Service CIDR is known: if %s contains addresses of Services that BGP advertises, set %s, which leaves them out, because BGP does not export routes inside the pools",
			p.Names.Of(origin.SettingNoNATTo), p.Names.Of(origin.SettingServiceCIDR)))
	}
	return notes
}
