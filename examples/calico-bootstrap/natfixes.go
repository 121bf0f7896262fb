package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// natFix is what ends a reason for not masquerading.
type natFix struct {
	text, command string
	change        natChange // nil: nothing ends it, and the text says why
}

// toMasquerade advises what ends all reasons for not masquerading, together, or that nothing
// does.
func (a *adviser) toMasquerade() {
	const when = "to masquerade"
	var (
		fixes   []natFix
		changes []natChange
		never   bool
	)
	use := func(reason nat.Reason) {
		for _, fix := range a.fixes(reason) {
			if slices.ContainsFunc(fixes, func(other natFix) bool { return other.text == fix.text }) {
				continue
			}
			fixes = append(fixes, fix)
			if never = never || fix.change == nil; fix.change != nil {
				changes = append(changes, fix.change)
			}
		}
	}
	for _, verdict := range a.verdicts() {
		for _, reason := range verdict.Reasons {
			use(reason)
		}
	}
	if never { // All else would be in vain.
		fixes = slices.DeleteFunc(fixes, func(fix natFix) bool { return fix.change != nil })
	} else if after := a.whatIf(changes...); after.Masqueraded != nat.Yes {
		use(after.Decisive()) // such as a filter that no longer comes too late
		if a.whatIf(changes...).Masqueraded == a.verdict.Masqueraded {
			return
		}
	}
	for i, fix := range fixes {
		if i > 0 && !never {
			fix.text = "and also " + fix.text
		}
		var commands []string
		if fix.command != "" {
			commands = []string{fix.command}
		}
		a.add(when, fix.text, commands...)
	}
}

// fixes returns what ends a reason; nothing for one that blocks nothing.
func (a *adviser) fixes(reason nat.Reason) []natFix {
	never := func(why string) []natFix { return []natFix{{text: "no setting does: " + why}} }
	felix := func(what, spec string, set func(*nat.FelixSpec)) []natFix {
		name := cmp.Or(reason.Setting.Configuration, "default")
		return []natFix{{what + " (FelixConfiguration " + name + ")", a.setFelix(name, spec), setFelix(name, set)}}
	}
	switch reason.Code {
	case nat.SourceWithoutNAT:
		pool := reason.Pools[0].Name
		if a.isNoNAT(pool) {
			return never(fmt.Sprintf("pool %s exempts destinations, and gives out no addresses: check the address", text.Graphic(pool)))
		}
		what := fmt.Sprintf("set natOutgoing of pool %s", text.Graphic(pool))
		if reason.Pools[0].Disabled {
			what += ", if a pod has the address: the pool is disabled, and gives out no new ones"
		}
		return []natFix{{what + settingsOf(pool, "true"), a.patchPool(pool, `{"spec":{"natOutgoing":true}}`), setNATOutgoing(pool, true)}}
	case nat.SourceInNoPool:
		return a.inNoPool(reason)
	case nat.IPv6Unsupported:
		return felix("let Felix program IPv6", `{"ipv6Support":true}`, func(spec *nat.FelixSpec) { spec.IPv6Support = new(true) })
	case nat.SourceNotWorkload:
		return never("the eBPF dataplane masquerades workloads only")
	case nat.OwnNode:
		return never("the traffic does not leave the node, which has a route to its pods")
	case nat.DestinationExempt:
		return a.exempt(reason)
	case nat.DestinationIsHost, nat.DestinationIsExternalNode:
		return felix("exempt pools only, not nodes, for all destinations", `{"natOutgoingExclusions":"IPPoolsOnly"}`, func(spec *nat.FelixSpec) { spec.NATOutgoingExclusions = "IPPoolsOnly" })
	case nat.InterfaceFilter:
		// "none" and not null, which would give a node the filter of default.
		return felix("remove the interface filter", `{"iptablesNATOutgoingInterfaceFilter":"none"}`, func(spec *nat.FelixSpec) { spec.InterfaceFilter = "none" })
	default:
		return nil
	}
}

// isNoNAT reports whether the pool is one of --no-nat-to, which no pod has an address of.
func (a *adviser) isNoNAT(name string) bool {
	return slices.ContainsFunc(a.cluster.Pools, func(pool *v3.IPPool) bool { return pool != nil && pool.Name == name && plan.IsNoNAT(pool) })
}

// inNoPool returns why a source in no pool is not masqueraded.
func (a *adviser) inNoPool(reason nat.Reason) []natFix {
	source, destination := a.verdict.Source, a.verdict.Destination
	never := func(texts ...string) (fixes []natFix) {
		for _, text := range texts {
			fixes = append(fixes, natFix{text: text})
		}
		return fixes
	}
	exempt := a.reasons(nat.DestinationExempt)
	toPod := len(exempt) > 0 && exempt[0].Pools[0].Use == nat.ForWorkloads && !exempt[0].Pools[0].Disabled
	switch {
	case reason.Node != "":
		texts := []string{fmt.Sprintf("no pool does: the address is one of node %s, whose network routes it", text.Graphic(reason.Node))}
		if a.encapsulates() {
			texts = append(texts, "but by a tunnel (tunl0, vxlan.calico) Felix gives the node's own traffic the tunnel's address")
		}
		return never(texts...)
	case a.isService(source):
		return never("the source is a Service's address, which no packet has as its source: use the pod's or the node's")
	case toPod:
		return []natFix{{
			text:    fmt.Sprintf("nothing is needed for replies: they follow the connection; are %s and %s swapped?", source, destination),
			command: fmt.Sprintf("calico-bootstrap nat %s %s", destination, source),
		}}
	default:
		return never("the source is in none of Calico's pools: check the address",
			"if it is a pod's, another IPAM has assigned it: masquerade there, or with a pool over its range")
	}
}

// encapsulates reports whether a pool of the source's family is encapsulated.
func (a *adviser) encapsulates() bool {
	on := func(mode string) bool { return mode != "" && mode != "Never" }
	return slices.ContainsFunc(a.cluster.Pools, func(pool *v3.IPPool) bool {
		prefix, err := netip.ParsePrefix(pool.Spec.CIDR)
		return err == nil && prefix.Addr().Is4() == a.verdict.Source.Is4() && (on(string(pool.Spec.IPIPMode)) || on(string(pool.Spec.VXLANMode)))
	})
}

// exempt returns what ends the exemption by pools.
func (a *adviser) exempt(reason nat.Reason) []natFix {
	var fixes []natFix
	for _, pool := range reason.Pools {
		name := text.Graphic(pool.Name)
		switch {
		case pool.Use == nat.ForLoadBalancers:
			fixes = append(fixes, natFix{
				text:   fmt.Sprintf("upgrade Calico: from 3.31.6, but in 3.32.0, pool %s for LoadBalancers does not exempt", name),
				change: func(c *nat.Cluster) { c.Version = "" },
			})
		case pool.Disabled:
			fixes = append(fixes, natFix{
				fmt.Sprintf("delete pool %s if it is there only to exempt, and replace it by pools for the rest of its range", name),
				a.deletePool(pool.Name), deletePool(pool.Name),
			})
		default:
			fixes = append(fixes,
				natFix{text: fmt.Sprintf("no setting does: pool %s exempts %s for all sources", name, pool.CIDR)},
				natFix{text: "if other hosts than pods have addresses of that range, move the pods to a range of their own"})
		}
	}
	return fixes
}
