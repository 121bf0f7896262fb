package main

import (
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// onTheWire advises where to look if masqueraded traffic has another source address.
func (a *adviser) onTheWire() {
	const when = "if another source is seen on the wire"
	source, destination := a.verdict.Source, a.verdict.Destination
	family, sets, iptables := "ip", "cali40", "iptables"
	if source.Is6() {
		family, sets, iptables = "ip6", "cali60", "ip6tables"
	}
	nftChain := fmt.Sprintf("nft list chain %s calico nat-cali-nat-outgoing", family)
	chain := iptables + " -t nat -S cali-nat-outgoing"
	var nftSets, ipSets string
	look := "the pod's address: look on its node for the chain and the sets that it names"
	if exempt := a.destinationSet(); exempt != "" {
		look = "the pod's address: look on its node for the chain and its sets; the second must lack the destination"
		nftSets = fmt.Sprintf("nft list set %s calico %smasq-ipam-pools; nft list set %[1]s calico %[2]s%s", family, sets, exempt)
		ipSets = fmt.Sprintf("ipset list %smasq-ipam-pools; ipset list %[1]s%s", sets, exempt)
	} else {
		nftSets = fmt.Sprintf("%s | grep -o '%s[a-z-]*' | xargs -n1 nft list set %s calico", nftChain, sets, family)
		ipSets = fmt.Sprintf("%s | grep -o '%s[a-z-]*' | xargs -n1 ipset list", chain, sets)
	}
	flush := fmt.Sprintf("conntrack -D -s %s -d %s  # ends connections from before a change", source, destination)
	other := "any other: by kube-proxy (masqueradeAll, clusterCIDR, externalTrafficPolicy), the host or a router"
	switch a.model.Dataplane(a.options.Node) {
	case nat.NFTables:
		a.add(when, look, nftChain, nftSets, flush)
	case nat.IPTables:
		a.add(when, look, chain, ipSets, flush)
	case nat.EBPF:
		a.add(when, "the pod's address: look on its node for the flags of the routes, which say what is in a pool",
			"calico-node -bpf routes dump", "calico-node -bpf conntrack dump  # connections from before a change keep their address")
		other = "any other: by rules of the host, or by a router"
	default:
		a.add(when, look, nftChain, nftSets, chain, ipSets, flush)
	}
	a.add(when, "FELIX_ variables and felix.cfg of the node override what is stored")
	a.add(when, other)
}

// destinationSet returns the name of Felix's set of exempt pools, without its prefix; empty if
// Calico's version is unknown. It was renamed when pools for LoadBalancers left it.
func (a *adviser) destinationSet() string {
	switch known, exempt := nat.LoadBalancersExempt(a.cluster.Version); {
	case !known:
		return ""
	case exempt:
		return "all-ipam-pools"
	default:
		return "network-ip-pools"
	}
}
