package bootstrap

import (
	"fmt"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// natEffects returns what the pools of a plan do to NAT, from the plan alone: Felix's
// configuration is not read. It returns nil if the plan writes no pool.
func natEffects(p plan.Plan) *natEffect {
	if !slices.ContainsFunc(p.Steps, plan.Step.Writes) {
		return nil
	}
	effect := &natEffect{before: map[string]*v3.IPPool{}, labelled: map[string]bool{}, families: map[ippool.Family]nat.FamilyOverview{}}
	after := map[string]bool{}
	var pools []*v3.IPPool
	for _, step := range p.Steps {
		if step.Writes() && step.Pool != nil {
			after[step.Pool.Name] = true
			pools = append(pools, withRange(step.Pool))
		}
	}
	for _, existing := range p.Existing {
		if existing.Partial {
			continue // whether it has natOutgoing is unknown
		}
		effect.before[existing.Pool.Name] = existing.Pool
		if !after[existing.Pool.Name] {
			pools = append(pools, existing.Pool)
		}
	}
	for _, pool := range pools {
		effect.labelled[pool.Name] = plan.IsNoNAT(pool)
	}
	overview, err := nat.New(nat.Cluster{Pools: pools}).Overview("")
	if err != nil { // only for an unknown node
		return nil
	}
	for _, family := range overview.Families {
		effect.families[family.Family] = family
	}
	return effect
}

// withRange returns the pool, and with any IPv6 range if its own is not chosen yet.
func withRange(pool *v3.IPPool) *v3.IPPool {
	if pool.Spec.CIDR != "" {
		return pool
	}
	pool = pool.DeepCopy()
	pool.Spec.CIDR = "fd00::/8"
	return pool
}

// natEffect is what decides about NAT after a plan.
type natEffect struct {
	before   map[string]*v3.IPPool // the existing pools by name
	labelled map[string]bool       // the pools with plan.NoNATLabel
	families map[ippool.Family]nat.FamilyOverview
}

// of returns the effect of a pool that the step writes, as a sentence without a full stop.
func (e *natEffect) of(step plan.Step) string {
	if e == nil || !step.Writes() || step.Pool == nil {
		return ""
	}
	spec, family := step.Pool.Spec, e.families[step.Family]
	its := spec.CIDR
	if its == "" {
		its = "its range"
	}
	exempts := slices.ContainsFunc(family.Exemptions, func(x nat.Exemption) bool { return x.Pool.Name == step.Pool.Name })
	sentence := "traffic from " + its + " is not masqueraded"
	if spec.NATOutgoing {
		var pools, of []string
		labelled := 0
		for _, exemption := range family.Exemptions {
			if e.labelled[exemption.Pool.Name] {
				labelled++
			} else {
				pools = append(pools, exemption.Pool.Name)
			}
		}
		if len(pools) > 0 {
			of = append(of, "of "+poolList(pools))
		}
		if labelled > 0 {
			of = append(of, fmt.Sprintf("of %d pool(s) with the label %s", labelled, plan.NoNATLabel))
		}
		sentence = "traffic from " + its + " is masqueraded"
		if len(of) > 0 {
			sentence += ", except to the addresses " + strings.Join(of, " and ")
		}
	}
	var others []string
	for _, source := range family.Sources {
		if source.Pool.Name != step.Pool.Name {
			others = append(others, source.Pool.Name)
		}
	}
	switch {
	case step.Action == plan.Created && spec.Disabled && !spec.NATOutgoing && exempts: // no pod has an address of it
		if sentence = "traffic to " + its + " is not masqueraded"; len(others) > 0 {
			sentence = fmt.Sprintf("traffic to %s from %s is not masqueraded", its, poolList(others))
		}
	case len(others) == 0:
	case exempts:
		sentence += fmt.Sprintf("; traffic to it from %s is not masqueraded", poolList(others))
	default:
		sentence += fmt.Sprintf("; traffic to it from %s is masqueraded: a pool for LoadBalancers does not exempt", poolList(others))
	}
	if before := e.before[step.Pool.Name]; step.Action == plan.Updated && before != nil &&
		before.Spec.NATOutgoing == spec.NATOutgoing && slices.Equal(before.Spec.AllowedUses, spec.AllowedUses) {
		sentence = "unchanged: " + sentence
	}
	return sentence
}

// poolList names the first pools and counts the others.
func poolList(names []string) string {
	kind := "pool "
	if len(names) > 1 {
		kind = "pools "
	}
	more := len(names) - text.MaxNamed
	if more > 0 {
		return fmt.Sprintf("%s%s and %d others", kind, text.Join(names[:text.MaxNamed]), more)
	}
	return kind + text.Join(names)
}
