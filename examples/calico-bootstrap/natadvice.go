package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// natAdvice is what to do if a verdict is not what one wants. Its JSON is stable.
type natAdvice struct {
	When     string   `json:"when"` // the wish or the observation
	Text     string   `json:"text"`
	Commands []string `json:"commands"` // each on one line, for a POSIX shell; never null
}

// advice returns what to do about a verdict.
func (w *natWorld) advice(verdict nat.Verdict) []natAdvice {
	a := adviser{natWorld: w, verdict: verdict, advice: []natAdvice{}}
	switch decisive := a.decisive(); decisive.Code {
	case nat.Masqueraded:
		a.egressAddress(decisive.Setting)
		a.toKeep()
		a.onTheWire()
	case nat.InterfaceFilter:
		a.add("to know which applies", "the route on the node decides by which interface it leaves", "ip route get "+verdict.Destination.String())
		a.felix("to masquerade on every interface", "remove the filter", decisive.Setting, `{"iptablesNATOutgoingInterfaceFilter":null}`)
		a.toKeep()
		a.onTheWire()
	case nat.NodesDiffer:
		a.add("to know which applies", "name the node that the source runs on: calico-bootstrap nat SOURCE DESTINATION --node NODE")
	case nat.ServiceCIDR, nat.ServiceIP:
		a.service()
	case nat.SourceWithoutNAT:
		a.withoutNAT(decisive)
	case nat.SourceInNoPool:
		a.inNoPool()
	case nat.SourceNotWorkload:
		a.add("to masquerade", "the eBPF dataplane masquerades workloads only: the source needs an address that is routed back to it")
		a.returnRoute()
	case nat.OwnNode:
		a.add("to masquerade", "no setting does: the traffic does not leave the node, and the node has a route to its pods")
	case nat.DestinationExempt:
		a.exempt(decisive)
	case nat.DestinationIsHost:
		a.felix("to masquerade", "exempt pools only, not nodes; this is for all destinations", decisive.Setting, `{"natOutgoingExclusions":"IPPoolsOnly"}`)
	case nat.DestinationIsExternalNode:
		a.add("to masquerade", fmt.Sprintf("remove %s from externalNodesList of FelixConfiguration %s", decisive.Prefix, decisive.Setting.Configuration))
		a.returnRoute()
	}
	return a.advice
}

// adviser collects the advice about a verdict.
type adviser struct {
	*natWorld
	verdict nat.Verdict
	advice  []natAdvice
}

func (a *adviser) add(when, what string, commands ...string) {
	a.advice = append(a.advice, natAdvice{When: when, Text: what, Commands: append([]string{}, commands...)})
}

// decisive returns the last reason of the row that decides, which is the last that is not a
// note about the version.
func (a *adviser) decisive() nat.Reason {
	for _, reason := range slices.Backward(a.verdict.Reasons) {
		if reason.Code != nat.VersionAssumed {
			return reason
		}
	}
	return nat.Reason{}
}

func (a *adviser) reason(code nat.Code) (nat.Reason, bool) {
	i := slices.IndexFunc(a.verdict.Reasons, func(r nat.Reason) bool { return r.Code == code })
	if i < 0 {
		return nat.Reason{}, false
	}
	return a.verdict.Reasons[i], true
}

// toKeep advises how traffic that is masqueraded keeps the pod's address.
func (a *adviser) toKeep() {
	const when = "to keep the pod's address"
	if loadBalancer, found := a.reason(nat.LoadBalancerPool); found {
		a.add(when, fmt.Sprintf("a pool for LoadBalancers does not exempt, and no other pool may overlap %s; before Calico 3.31.6 and in 3.32.0 it exempts. If a Service has the address, nodes that know it replace the destination by a backend, and that decides", loadBalancer.Pools[0]))
		return
	}
	host, toHost := a.reason(nat.HostsNotExempt)
	if toHost {
		a.felix(when, "exempt all nodes (Calico 3.31.0 or newer); this is for all sources", host.Setting, `{"natOutgoingExclusions":"IPPoolsAndHostIPs"}`)
	}
	what := "exempt the destination, for all sources, with a disabled pool: set --no-nat-to (CALICO_IPPOOLS_NO_NAT_TO) of this program, which keeps clear of other pools, or use the command; choose the whole range that is to be exempt in the place of the one address"
	if toHost {
		what = "or, with any version, exempt the nodes' network with a disabled pool: set --no-nat-to (CALICO_IPPOOLS_NO_NAT_TO) of this program, which keeps clear of other pools, or use the command; choose the whole range in the place of the one address"
	}
	a.add(when, what, a.createExempting(a.verdict.Destination))
	if source, found := a.reason(nat.SourceInNATPool); found && len(source.Pools) == 1 {
		pool := source.Pools[0]
		a.add(when, fmt.Sprintf("or masquerade nothing from pool %s", pool.Name)+settingsOf(pool.Name, "false"), a.patchPool(pool.Name, `{"spec":{"natOutgoing":false}}`))
	}
	if isPrivate(a.verdict.Source) {
		a.returnRoute()
	}
}

// egressAddress advises about natOutgoingAddress, if the setting is that.
func (a *adviser) egressAddress(setting nat.Setting) {
	if setting.Field == "" {
		return
	}
	what := "natOutgoingAddress is for all pools of the nodes that it is set for, and must be an address of the node: replies come to the node that has it; Calico has no such address for a pool"
	if setting.Configuration == "default" {
		what += "; it is set for all nodes, so only pods of one node get replies: set it in a FelixConfiguration node.NAME instead"
	}
	a.add("for replies to arrive", what)
}

// settingsOf names the setting of a default pool, if it is one.
func settingsOf(pool, value string) string {
	for _, family := range []string{"4", "6"} {
		if pool == "default-ipv"+family+"-ippool" {
			return fmt.Sprintf("; with this program: --ipv%s-pool-nat-outgoing=%s (CALICO_IPV%[1]sPOOL_NAT_OUTGOING) and --on-drift=update", family, value)
		}
	}
	return ""
}

// onTheWire advises where to look if masqueraded traffic has the pod's address nevertheless.
func (a *adviser) onTheWire() {
	version, ipset, iptables := "ip", "cali40", "iptables"
	if a.verdict.Source.Is6() {
		version, ipset, iptables = "ip6", "cali60", "ip6tables"
	}
	nftables := []string{
		fmt.Sprintf("nft list chain %s calico nat-cali-nat-outgoing", version),
		fmt.Sprintf("nft list set %s calico %smasq-ipam-pools", version, ipset),
		fmt.Sprintf("nft list set %s calico %sall-ipam-pools", version, ipset),
	}
	legacy := []string{
		iptables + " -t nat -S cali-nat-outgoing",
		"ipset list " + ipset + "masq-ipam-pools",
		"ipset list " + ipset + "all-ipam-pools",
	}
	where := "look on the source's node, whether the chain exists, the first set has the source and the second lacks the destination; "
	var commands []string
	switch a.cluster.Dataplane {
	case nat.NFTables:
		commands = nftables
	case nat.IPTables:
		commands = legacy
	case nat.EBPF:
		where = "look on the source's node, whether the source's route has the flags of a pool with NAT, and the rule that masquerades exists; "
		commands = []string{"calico-node -bpf routes dump", iptables + " -t nat -S | grep -i masquerade"}
	default:
		where = "look on the source's node, whether the chain exists, the first set has the source and the second lacks the destination: with nftables by the first three commands, else by the others; "
		commands = slices.Concat(nftables, legacy)
	}
	a.add("if the pod's address is seen on the wire nevertheless", where+
		"FELIX_ variables and felix.cfg override what is stored, other rules may accept the packet before, and only the first packet of a connection is decided: conntrack -D -s "+
		a.verdict.Source.String()+" ends older connections", commands...)
	a.add("if another address is seen", "kube-proxy masquerades for reasons of its own (masqueradeAll, clusterCIDR, externalTrafficPolicy: Cluster), and so do rules of the host and its router")
}

// service advises about a destination in a Service CIDR.
func (a *adviser) service() {
	a.add("to know which applies", "a Service counts by its backend: run calico-bootstrap nat with the backend's address in the place of the Service's; a backend with an address of a pod is exempt",
		"kubectl get endpointslices --all-namespaces -o wide")
	a.add("if the backend sees a node's address", "kube-proxy masquerades, not Calico: see masqueradeAll, clusterCIDR and detectLocalMode in its configuration", "kubectl -n kube-system get configmap kube-proxy -o yaml")
}

// withoutNAT advises about a source in pools without natOutgoing.
func (a *adviser) withoutNAT(decisive nat.Reason) {
	pool := decisive.Pools[0]
	a.add("to masquerade", fmt.Sprintf("set natOutgoing of pool %s", pool.Name)+settingsOf(pool.Name, "true"), a.patchPool(pool.Name, `{"spec":{"natOutgoing":true}}`))
	a.returnRoute()
}

// inNoPool advises about a source that is in no pool.
func (a *adviser) inNoPool() {
	switch node, service := a.nodeOf(a.verdict.Source), a.isService(a.verdict.Source); {
	case node != "":
		a.add("to masquerade", fmt.Sprintf("Calico never masquerades a node's own address, and this is one of node %s: its network routes it", node))
	case service:
		a.add("to masquerade", "the source is a Service's address, which no packet has as its source: ask about the pod's or the node's address")
	default:
		a.add("to masquerade", "the source is none of Calico's pods: check the address. If it is a pod's, another IPAM has assigned it, and what assigns it masquerades; a pool with natOutgoing over its range does so, too")
		a.returnRoute()
	}
}

// exempt advises about a destination in exempting pools.
func (a *adviser) exempt(decisive nat.Reason) {
	const when = "to masquerade"
	pods := false
	for _, pool := range decisive.Pools {
		switch {
		case pool.Use == nat.ForLoadBalancers:
			a.add(when, fmt.Sprintf("upgrade Calico: from 3.31.6, but in 3.32.0, pools for LoadBalancers such as %s do not exempt", pool.Name))
		case pool.Disabled:
			a.add(when, fmt.Sprintf("delete pool %s, if no pod has an address of it and it is there only to exempt; replace it by pools for the rest of its range", pool.Name), a.deletePool(pool.Name))
		default:
			pods = true
			a.add(when, fmt.Sprintf("no setting does: every pool exempts, for all sources. If hosts other than pods and nodes have addresses of %s, move the pods to a pool whose range no other host uses", pool.CIDR))
		}
	}
	if !pods {
		a.returnRoute()
	}
}

// returnRoute advises about the route that a private source needs if it is not masqueraded.
func (a *adviser) returnRoute() {
	source, destination := a.verdict.Source, a.verdict.Destination
	to := netip.PrefixFrom(source, source.BitLen())
	for _, code := range []nat.Code{nat.SourceInNATPool, nat.SourceWithoutNAT} {
		if reason, found := a.reason(code); found {
			to = reason.Pools[0].CIDR
		}
	}
	const when = "for replies to arrive without masquerading"
	switch {
	case a.nodeOf(destination) != "":
		a.add(when, fmt.Sprintf("node %s needs a route to %s, which Calico's BGP or VXLAN gives it", a.nodeOf(destination), to))
	case isPrivate(source) && !isPrivate(destination):
		a.add(when, fmt.Sprintf("%s is a private address, and %s is not: if it is on the internet, no route leads back, and something else must masquerade; in a network of your own, its router needs a route to %s by the nodes (BGP, or static)", source, destination, to))
	default:
		a.add(when, fmt.Sprintf("%s, or its router, needs a route to %s by the nodes (BGP, or static)", destination, to))
	}
}

// nodeOf returns the node that has the address; empty if none is known to have it.
func (w *natWorld) nodeOf(addr netip.Addr) string {
	for _, node := range w.cluster.Nodes {
		for _, own := range slices.Concat(node.HostIPs, node.OtherAddresses) {
			own, _, _ = strings.Cut(own, "/")
			if parsed, err := netip.ParseAddr(own); err == nil && parsed.Unmap() == addr {
				return text.Graphic(node.Name)
			}
		}
	}
	return ""
}

func (w *natWorld) isService(addr netip.Addr) bool {
	return slices.ContainsFunc(w.cluster.ServiceCIDRs, func(cidr string) bool {
		prefix, err := netip.ParsePrefix(cidr)
		return err == nil && prefix.Contains(addr)
	})
}

// sharedSpace is that of carrier-grade NAT (RFC 6598).
var sharedSpace = netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10)

func isPrivate(addr netip.Addr) bool {
	return addr.IsPrivate() || sharedSpace.Contains(addr) || addr.IsLinkLocalUnicast()
}

// felix advises to set fields of the FelixConfiguration that has the setting, or of default.
func (a *adviser) felix(when, what string, setting nat.Setting, spec string) {
	name := cmp.Or(setting.Configuration, "default")
	exists := slices.ContainsFunc(a.cluster.FelixConfigurations, func(felix nat.FelixConfiguration) bool { return felix.Name == name })
	a.add(when, what, a.cli.SetFelixConfiguration(name, spec, datastore.ExistenceOf(exists, a.felixKnown)))
}

func (w *natWorld) patchPool(name, patch string) string { return w.cli.Patch(name, patch) }
func (w *natWorld) deletePool(name string) string       { return w.cli.Delete(name) }

// createExempting returns the command that creates the pool of --no-nat-to for an address.
func (w *natWorld) createExempting(addr netip.Addr) string {
	prefix := netip.PrefixFrom(addr, addr.BitLen())
	pool := plan.NoNATPool(prefix, prefix)
	return w.cli.Apply(v3.KindIPPool, pool.Name, pool.Labels, pool.Spec)
}
