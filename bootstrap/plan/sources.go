package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// UsablePodCIDRs returns the sources of pod CIDRs without the CIDRs of uncertain sources
// that can't be pod CIDRs: a pool with the CIDR is invalid, the CIDR overlaps Services
// or, if it would be the CIDR of a pool to create, another pool. They are in
// Ignored of the source, with the reasons. It is a pure function and does not modify its arguments.
func (p Plan) UsablePodCIDRs(known facts.Facts) []facts.PodCIDRSource {
	sources := slices.Clone(known.PodCIDRs)
	for i := range sources {
		source := &sources[i]
		if !source.Uncertain {
			continue
		}
		var prefixes []netip.Prefix
		ignored := slices.Clone(source.Ignored)
		for _, prefix := range source.Prefixes {
			if reason := p.unusable(prefix, known); reason != "" {
				ignored = append(ignored, facts.IgnoredCIDR{Prefix: prefix, Reason: reason})
			} else {
				prefixes = append(prefixes, prefix)
			}
		}
		source.Prefixes, source.Ignored = prefixes, ignored
	}
	return sources
}

// unusable returns why a CIDR is not a pod CIDR; empty if it may be one.
func (p Plan) unusable(prefix netip.Prefix, known facts.Facts) string {
	pool := ippool.New("pods")
	pool.Spec.CIDR = prefix.String()
	ippool.Default(pool)
	var others []*v3.IPPool
	for _, step := range p.Steps {
		if step.Family == ippool.FamilyOf(prefix) && step.Default && step.Action == Created {
			pool.Spec.BlockSize = step.Pool.Spec.BlockSize
			if len(step.Unknown) > 0 {
				others = slices.Concat(p.existing(), p.withoutNoNAT().created())
			}
		}
	}
	if faults := ippool.Validate(pool); len(faults) > 0 {
		return faults[0].Detail
	}
	for _, services := range known.ServiceCIDRs() {
		switch {
		case !services.Prefix.Overlaps(prefix):
		case services.Prefix.IsSingleIP():
			return fmt.Sprintf("contains %s (%s)", services.Prefix.Addr(), services.Source)
		default:
			return fmt.Sprintf("overlaps the Service CIDR %s (%s)", services.Prefix, services.Source)
		}
	}
	for _, other := range others {
		if used, err := ippool.ParseCIDR(other.Spec.CIDR); err == nil && used.Overlaps(prefix) {
			return fmt.Sprintf("overlaps %s of IPPool %q", other.Spec.CIDR, other.Name)
		}
	}
	return ""
}

// LeaveToOperator returns the plan without the default pools that the Tigera operator
// creates: their steps are Skipped. Only pools whose CIDR is unknown are left to it, also
// if a source of pod CIDRs, such as ClusterCIDR of the settings, has one: it says which
// range the cluster has. A CIDR that a setting of the pool or a file names is a request for
// the pool. Settings of a pool that is left to the operator have no effect, which is a warning.
// It is a pure function and does not modify p.
func (p Plan) LeaveToOperator(installation facts.Installation) Plan {
	if !installation.CreatesPools {
		return p
	}
	p.Steps, p.Warnings = slices.Clone(p.Steps), slices.Clone(p.Warnings)
	for i, step := range p.Steps {
		if step.Default && step.Action == Created && len(step.Unknown) > 0 {
			p.Steps[i] = Step{
				Action: Skipped, Family: step.Family, Default: true, Name: step.Name, Desired: step.Desired, BesideFiles: step.BesideFiles,
				Reason: p.leftToOperator(step, installation),
			}
			if idle := idleSettings(step.Values); len(idle) > 0 {
				p.Warnings = append(p.Warnings, text.OneLine(fmt.Sprintf("%s: no effect because there is no default %s pool: %s",
					strings.Join(idle, ", "), step.Family, p.Steps[i].Reason)))
			}
		}
	}
	return p
}

// idleSettings returns the settings that the values come from, with the values. A mode Never
// requests what happens anyway.
func idleSettings(values []Value) []string {
	var idle []string
	for _, value := range values {
		shown := shown(value.Value)
		if value.Source.Kind() != origin.KindDefault && shown != "Never" {
			idle = append(idle, fmt.Sprintf("%s %s", value.Source, text.Quote(shown)))
		}
	}
	return idle
}
