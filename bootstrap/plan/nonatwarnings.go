package plan

import (
	"fmt"
	"net/netip"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/ranges"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Warnings about ranges of NoNATTo, and about existing pools with NoNATLabel.

// exempting are existing pools with NoNATLabel that a message is about. They are not empty.
type exempting struct {
	whole netip.Prefix // the range in their label
	pools []*v3.IPPool
}

// String describes the pools, and their ranges.
func (e exempting) String() string {
	if len(e.pools) == 1 {
		return fmt.Sprintf("IPPool %q: %s", e.pools[0].Name, e.pools[0].Spec.CIDR)
	}
	return fmt.Sprintf("%d IPPools for %s: %s", len(e.pools), e.whole, e.cidrs())
}

func (e exempting) cidrs() string {
	var all []string
	for _, pool := range e.pools {
		all = append(all, pool.Spec.CIDR)
	}
	return listed(all)
}

// verb returns the form of a verb for the number of pools.
func (e exempting) verb(one, several string) string {
	if len(e.pools) == 1 {
		return one
	}
	return several
}

// deletion returns how to delete the pools, as part of a sentence. If they are all that the
// label of the range selects, kubectl needs no names.
func (p Plan) deletion(e exempting) string {
	var names []string
	label := labelValue(e.whole)
	has := func(pool *v3.IPPool) bool { return pool.Labels[NoNATLabel] == label }
	selects := 0
	for _, pool := range e.pools {
		if names = append(names, pool.Name); has(pool) {
			selects++
		}
	}
	command := p.CLI.Delete(names...)
	others := slices.ContainsFunc(p.Existing, func(existing Existing) bool {
		return has(existing.Pool) && !slices.Contains(names, existing.Pool.Name)
	})
	if byLabel := p.CLI.DeleteLabelled(NoNATLabel, label); len(names) > 1 && selects == len(names) && !others && byLabel != "" {
		command = byLabel
	}
	switch it := e.verb("it", "them"); command {
	case "":
		return "delete " + it
	default:
		return "delete " + it + ": " + command
	}
}

// again is the end of an advice to delete pools that the next run replaces.
const again = ", and run again%s; in between, traffic to %s is masqueraded"

// warnOfStoredNoNAT warns of the existing pools with NoNATLabel that exempt more than the
// ranges, and of those that other pools overlap: once per range.
func (p *planner) warnOfStoredNoNAT() {
	if !slices.ContainsFunc(p.Existing, func(existing Existing) bool { return IsNoNAT(existing.Pool) }) {
		return
	}
	var wanted, used []netip.Prefix
	for _, r := range p.NoNATTo {
		wanted = append(wanted, r.Prefix)
	}
	others := map[netip.Prefix]*v3.IPPool{}
	for _, existing := range p.Existing {
		if prefix := rangeOf(existing.Pool); prefix.IsValid() && !IsNoNAT(existing.Pool) {
			others[prefix], used = existing.Pool, append(used, prefix)
		}
	}
	type key struct {
		whole    netip.Prefix
		other    string       // name of the pool that overlaps; empty: they exempt too much
		services netip.Prefix // a Service CIDR in them; invalid: none
	}
	requested, taken := ranges.New(wanted), ranges.New(used)
	groups := map[key]exempting{}
	wider := map[netip.Prefix]bool{}
	var order []key
	for _, existing := range p.Existing {
		pool := existing.Pool
		prefix := rangeOf(pool)
		if !IsNoNAT(pool) || p.named[pool.Name] || !prefix.IsValid() {
			continue
		}
		whole := labelledRange(pool, prefix)
		add := func(k key) {
			if groups[k].pools == nil {
				order = append(order, k)
			}
			groups[k] = exempting{whole, append(groups[k].pools, pool)}
		}
		if len(ranges.Subtract(prefix, requested)) > 0 {
			add(key{whole: whole})
			wider[whole] = wider[whole] || len(overlapping(requested, prefix)) > 0
		}
		if i := slices.IndexFunc(p.services, func(services facts.Located) bool { return services.Prefix.Overlaps(prefix) }); i >= 0 {
			add(key{whole: whole, services: p.services[i].Prefix})
		}
		if around := overlapping(taken, prefix); len(around) > 0 {
			add(key{whole: whole, other: others[around[0]].Name})
		}
	}
	for _, k := range order {
		e := groups[k]
		switch setting := p.Names.Of(origin.SettingNoNATTo); {
		case k.other != "":
			i := slices.IndexFunc(p.Existing, func(existing Existing) bool { return existing.Pool.Name == k.other })
			p.warn("%s %s %s of IPPool %q: overlapping pools end Felix in nftables mode; %s"+again,
				e, e.verb("overlaps", "overlap"), p.Existing[i].Pool.Spec.CIDR, k.other, p.deletion(e), ", which splits the range around the other pool", e.verb("it", "them"))
		case k.services.IsValid():
			i := slices.IndexFunc(p.services, func(services facts.Located) bool { return services.Prefix == k.services })
			p.warn("%s %s the Service CIDR %s (%s): BGP does not export routes to Services inside a pool with disableBGPExport; %s"+again,
				e, e.verb("overlaps", "overlap"), k.services, p.services[i].Source, p.deletion(e), ", which leaves the Services out", e.verb("it", "them"))
		case wider[k.whole]:
			p.warn("%s %s wider than requested by %s: traffic to %s is still not masqueraded; if that is not intended, %s"+again,
				e, e.verb("is", "are"), setting, e.verb("it", "them"), p.deletion(e), "", "the requested ranges")
		default:
			p.warn("%s %s not requested by %s: traffic to %s is still not masqueraded; if that is not intended, %s",
				e, e.verb("is", "are"), setting, e.verb("it", "them"), p.deletion(e))
		}
	}
}

// overlapping returns the prefixes of the index that overlap the given one.
func overlapping(index ranges.Index, prefix netip.Prefix) []netip.Prefix {
	around, from, to := index.Overlapping(prefix)
	var all []netip.Prefix
	for _, i := range around {
		all = append(all, index.Prefixes[i])
	}
	return append(all, index.Prefixes[from:to]...)
}

// makeRoom returns how to create a pool that existing pools with NoNATLabel overlap, and
// their ranges.
func (p Plan) makeRoom(pool *v3.IPPool) (cidrs, remedy string) {
	var e exempting
	for _, existing := range p.Existing {
		if IsNoNAT(existing.Pool) && rangeOf(existing.Pool).Overlaps(rangeOf(pool)) {
			e.pools = append(e.pools, existing.Pool)
		}
	}
	cidrs = fmt.Sprintf("%s of IPPool %q", e.pools[0].Spec.CIDR, e.pools[0].Name)
	if len(e.pools) > 1 {
		cidrs = fmt.Sprintf("%s of %d IPPools of %s", e.cidrs(), len(e.pools), p.Names.Of(origin.SettingNoNATTo))
	}
	return cidrs, p.deletion(e) + fmt.Sprintf(again, ", which splits the range around the new pool", e.verb("it", "them"))
}

// warnOfNoSource warns of ranges of a family in which nothing is masqueraded.
func (p *planner) warnOfNoSource() {
	masquerades := map[ippool.Family]bool{}
	steps, sets := map[string]bool{}, map[ippool.Family]string{}
	for _, step := range p.Steps {
		if step.Pool == nil {
			continue // an existing pool of its name counts below
		}
		steps[step.Name] = true
		if step.Pool.Spec.NATOutgoing || step.Malformed.Unreadable("natOutgoing") {
			masquerades[step.Family] = true
		}
		if step.Default && step.Name == step.Desired {
			sets[step.Family] = " with " + p.Names.With(origin.PoolSetting(step.Family, "natOutgoing"), "true")
			if step.Action != Created {
				sets[step.Family] += " and " + p.Names.With(origin.SettingOnDrift, string(DriftUpdate))
			}
		}
	}
	for _, existing := range p.Existing {
		if !steps[existing.Pool.Name] && (existing.Pool.Spec.NATOutgoing || existing.Partial) {
			masquerades[existing.Family] = true
		}
	}
	for _, r := range p.NoNATTo {
		if family := ippool.FamilyOf(r.Prefix); r.Skip == "" && !masquerades[family] {
			p.warn("%s: %s has no effect: no %s pool has natOutgoing, so nothing is masqueraded; disabled pools cover it nevertheless; set natOutgoing of an %s pool to true%s, or leave the range out",
				r.Source, r.Prefix, family, family, sets[family])
		}
	}
}

// NoNATEffect returns what the pools of a range of NoNATTo do to NAT, as a sentence without a
// full stop, derived from all pools of the plan. Empty: the range gets no pools. It is a pure
// function.
func (p Plan) NoNATEffect(r NoNAT) string {
	if slices.ContainsFunc(p.Steps, func(step Step) bool { return step.NoNATTo == r.Prefix && step.Action == Skipped }) {
		return ""
	}
	var exempt, balanced []netip.Prefix
	var except []string
	for _, pool := range slices.Concat(p.existing(), p.created()) {
		if prefix := rangeOf(pool); prefix.IsValid() && ippool.OnlyForLoadBalancers(pool.Spec.AllowedUses) && prefix.Overlaps(r.Prefix) {
			balanced = append(balanced, prefix)
			except = append(except, fmt.Sprintf("%s (IPPool %q for load balancers)", prefix, pool.Name))
		} else {
			exempt = append(exempt, prefix)
		}
	}
	for _, rest := range ranges.Subtract(r.Prefix, ranges.New(slices.Concat(exempt, balanced))) {
		except = append(except, fmt.Sprintf("%s (Services: the backend decides)", rest))
	}
	sentence := fmt.Sprintf("traffic to %s is not masqueraded", r.Prefix)
	if len(except) > 0 {
		sentence += ", except to " + listed(except)
	}
	for _, step := range p.Steps {
		if len(step.Unknown) > 0 && r.Prefix.Overlaps(randomULA) {
			sentence += fmt.Sprintf("; when IPPool %q is created, its random range is left out, so that more pools cover the rest", step.Name)
		}
	}
	return sentence
}

// randomULA is the range of random CIDRs.
var randomULA = netip.MustParsePrefix("fd00::/8")
