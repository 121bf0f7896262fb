package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// natAdvice is what to do if a verdict is not what one wants. Its JSON is stable.
type natAdvice struct {
	When     string   `json:"when"` // the wish or the observation
	Text     string   `json:"text"`
	Commands []string `json:"commands"` // each on one line, for a POSIX shell; never null
}

// advice returns what to do about a verdict. It has only what changes the verdict, as decided
// again with the change.
func (w *natWorld) advice(verdict nat.Verdict, options nat.Options) []natAdvice {
	a := adviser{natWorld: w, verdict: verdict, options: options, advice: []natAdvice{}}
	source, destination := verdict.Source, verdict.Destination
	switch verdict.Decisive().Code {
	case nat.ServiceCIDR, nat.ServiceIP:
		a.service()
		return a.advice
	case nat.NodesDiffer:
		a.add("to know which applies", "name the node that the source runs on", fmt.Sprintf("calico-bootstrap nat %s %s --node NODE", source, destination))
	case nat.InterfaceFilter:
		a.add("to know which applies", "the route on the node decides by which interface it leaves", "ip route get "+destination.String())
	}
	if verdict.Masqueraded != nat.Yes {
		a.toMasquerade()
	}
	if verdict.Masqueraded == nat.No {
		if a.needsRoute() {
			a.add("for replies to arrive without masquerading", a.returnRoute())
		}
		return a.advice
	}
	a.egressAddress()
	a.keep()
	if isPrivate(source) {
		a.add(toKeep, "then "+a.returnRoute())
	}
	a.onTheWire()
	return a.advice
}

// adviser collects the advice about a verdict.
type adviser struct {
	*natWorld
	verdict nat.Verdict
	options nat.Options // of the question
	advice  []natAdvice
}

func (a *adviser) add(when, what string, commands ...string) {
	a.advice = append(a.advice, natAdvice{When: when, Text: what, Commands: append([]string{}, commands...)})
}

// reasons returns the reasons of a kind, of the verdict and of those of nodes that differ.
func (a *adviser) reasons(code nat.Code) []nat.Reason {
	var found []nat.Reason
	for _, verdict := range a.verdicts() {
		for _, reason := range verdict.Reasons {
			if reason.Code == code {
				found = append(found, reason)
			}
		}
	}
	return found
}

const toKeep = "to keep the pod's address"

// keep advises how traffic that is masqueraded keeps the pod's address: each is enough.
func (a *adviser) keep() {
	const when = toKeep
	destination := a.verdict.Destination
	or := ""
	offer := func(what string, changes []natChange, commands ...string) {
		if len(changes) == 0 || a.whatIf(changes...).Masqueraded != nat.No {
			return
		}
		a.add(when, or+what, commands...)
		or = "or "
	}
	var (
		changes  []natChange
		commands []string
	)
	for _, reason := range a.reasons(nat.HostsNotExempt) {
		name := cmp.Or(reason.Setting.Configuration, "default")
		if command := a.setFelix(name, `{"natOutgoingExclusions":"IPPoolsAndHostIPs"}`); !slices.Contains(commands, command) {
			changes, commands = append(changes, setExclusions(name, "IPPoolsAndHostIPs")), append(commands, command)
		}
	}
	needs := ""
	if known, _ := nat.LoadBalancersExempt(a.cluster.Version); !known {
		needs = " (Calico 3.31.0 or newer)"
	}
	offer("exempt all nodes, for all sources"+needs, changes, commands...)

	if loadBalancers := a.reasons(nat.LoadBalancerPool); len(loadBalancers) > 0 {
		a.add(when, fmt.Sprintf("a pool for LoadBalancers does not exempt, and no other pool may overlap %s", loadBalancers[0].Pools[0]))
		a.add(when, "if a Service has the address, nodes that know it replace it by a backend, and that decides")
	} else if command := a.noNATCommand(netip.PrefixFrom(destination, destination.BitLen())); command != "" {
		offer("exempt the destination, or its whole range, for all sources (CALICO_IPPOOLS_NO_NAT_TO; keep it in later runs)", []natChange{exemptAddress(destination)}, command)
	}

	changes, commands = nil, nil
	var names []string
	setting := ""
	if source := a.reasons(nat.SourceInNATPool); len(source) > 0 {
		for _, pool := range source[0].Pools {
			names = append(names, text.Graphic(pool.Name))
			changes = append(changes, setNATOutgoing(pool.Name, false))
			commands = append(commands, a.patchPool(pool.Name, `{"spec":{"natOutgoing":false}}`))
			setting += settingsOf(pool.Name, "false")
		}
	}
	offer("masquerade nothing from pool "+strings.Join(names, " and ")+setting, changes, commands...)
}

// noNATCommand returns the command that exempts the range besides those of the environment, and
// creates no other pool. It is empty if the program would refuse it, or warn of it. Variables of
// default pools contradict --no-default-pools, or would have no effect: the command is run without
// them.
func (w *natWorld) noNATCommand(to netip.Prefix) string {
	environment := w.environment
	environment.PoolsFile, environment.PoolManifests = settings.Setting{}, nil // its files are not a matter of the flags
	alone, err := environment.Resolve()
	if err != nil {
		return ""
	}
	var ranges []string
	for _, other := range alone.Desired.NoNATTo {
		ranges = append(ranges, other.Prefix.String())
	}
	by, list := origin.Caller("advice"), strings.Join(append(ranges, to.String()), ",")
	flags := settings.Settings{NoNATTo: settings.Given(list, by)}
	if _, err := settings.Merge(flags, environment).Resolve(); err != nil {
		return "" // a later run with the variables would be refused
	}
	flags.NoDefaultPools = settings.Given("true", by)
	accepted := func(environment settings.Settings) bool {
		config, err := settings.Merge(flags, environment).Resolve()
		return err == nil && !slices.ContainsFunc(config.Warnings, func(warning string) bool { return !slices.Contains(alone.Warnings, warning) })
	}
	command := "calico-bootstrap --no-default-pools --no-nat-to " + list
	if accepted(environment) {
		return command
	}
	without := environment
	without.IPv4, without.IPv6 = settings.IPv4PoolSettings{}, settings.IPv6PoolSettings{}
	if !accepted(without) {
		return ""
	}
	var unset string
	for _, d := range settings.Definitions() {
		if given := d.Of(&environment); given.IsSet() && !d.Of(&without).IsSet() {
			unset += " -u " + given.Source.Name()
		}
	}
	return "env" + unset + " " + command
}

// egressAddress advises about natOutgoingAddress, if it is set.
func (a *adviser) egressAddress() {
	const when = "for replies to arrive"
	for _, reason := range a.reasons(nat.Masqueraded) {
		if reason.Setting.Field == "" {
			continue
		}
		a.add(when, "natOutgoingAddress must be an address of the node: replies come to the node that has it")
		a.add(when, "it is for all pools: Calico has no such address for one pool")
		if reason.Setting.Configuration == "default" {
			a.add(when, "it is set for all nodes, so only pods of one node get replies: set it in FelixConfigurations node.NAME")
		}
		return
	}
}

// settingsOf names the settings that change a default pool, if it is one.
func settingsOf(pool, value string) string {
	for _, family := range []string{"4", "6"} {
		if pool == "default-ipv"+family+"-ippool" {
			return fmt.Sprintf(" (--ipv%s-pool-nat-outgoing=%s with --on-drift=update)", family, value)
		}
	}
	return ""
}

// service advises about a destination in a Service CIDR.
func (a *adviser) service() {
	a.add("to know which applies", "ask about the address of a backend in the place of the Service's",
		"kubectl get endpointslices --all-namespaces -o wide", fmt.Sprintf("calico-bootstrap nat %s BACKEND", a.verdict.Source))
	if a.model.Dataplane(a.options.Node) != nat.EBPF {
		a.add("if the backend sees a node's address", "kube-proxy masquerades, not Calico: see masqueradeAll, clusterCIDR and detectLocalMode",
			"kubectl -n kube-system get configmap kube-proxy -o yaml")
	}
}

// needsRoute reports whether replies to a source that is not masqueraded need a route that
// the cluster may not have.
func (a *adviser) needsRoute() bool {
	for _, reason := range a.verdict.Blocking() {
		toPod := reason.Code == nat.DestinationExempt && slices.ContainsFunc(reason.Pools, func(pool nat.Pool) bool { return !pool.Disabled && pool.Use != nat.ForLoadBalancers })
		if toPod || reason.Code == nat.OwnNode || reason.Code == nat.SourceInNoPool && (reason.Node != "" || a.isService(a.verdict.Source)) {
			return false
		}
	}
	return true
}

// returnRoute returns which route replies need to a source that is not masqueraded.
func (a *adviser) returnRoute() string {
	source, destination := a.verdict.Source, a.verdict.Destination
	to := netip.PrefixFrom(source, source.BitLen())
	for _, reason := range slices.Concat(a.reasons(nat.SourceInNATPool), a.reasons(nat.SourceWithoutNAT)) {
		to = reason.Pools[0].CIDR
	}
	switch {
	case a.nodeOf(destination) != "":
		return fmt.Sprintf("node %s needs a route to %s, which Calico's BGP or VXLAN gives it", a.nodeOf(destination), to)
	case isPrivate(source) && !isPrivate(destination):
		return fmt.Sprintf("the router of %s needs a route to %s by the nodes; the internet has none", destination, to)
	default:
		return fmt.Sprintf("%s, or its router, needs a route to %s by the nodes (BGP, or static)", destination, to)
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
	return addr.IsPrivate() || sharedSpace.Contains(addr)
}

// setFelix returns the command that sets fields of a FelixConfiguration.
func (w *natWorld) setFelix(name, spec string) string {
	exists := slices.ContainsFunc(w.cluster.FelixConfigurations, func(felix nat.FelixConfiguration) bool { return felix.Name == name })
	return w.cli.SetFelixConfiguration(name, spec, datastore.ExistenceOf(exists, w.felixKnown))
}

func (w *natWorld) patchPool(name, patch string) string { return w.cli.Patch(name, patch) }
func (w *natWorld) deletePool(name string) string       { return w.cli.Delete(name) }
