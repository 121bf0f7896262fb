// Package factstest creates facts for tests.
package factstest

import (
	"net/netip"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// Source returns a source with these pod CIDRs. It panics if one is invalid.
func Source(name origin.Origin, cidrs ...string) facts.PodCIDRSource {
	source := facts.PodCIDRSource{Name: name}
	for _, cidr := range cidrs {
		source.Prefixes = append(source.Prefixes, netip.MustParsePrefix(cidr))
	}
	return source
}

// Prefixes parses CIDRs. It panics if one is invalid.
func Prefixes(cidrs ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, cidr := range cidrs {
		all = append(all, netip.MustParsePrefix(cidr))
	}
	return all
}

// Locate returns the prefixes with one source.
func Locate(source origin.Origin, prefixes ...netip.Prefix) []facts.Located {
	var all []facts.Located
	for _, prefix := range prefixes {
		all = append(all, facts.Located{Prefix: prefix, Source: source})
	}
	return all
}

// At is Locate with CIDRs as text.
func At(source origin.Origin, cidrs ...string) []facts.Located {
	return Locate(source, Prefixes(cidrs...)...)
}

// Node returns a node. Each of addresses is an address of the node or one of its pod
// CIDRs.
func Node(name string, addresses ...string) facts.Node {
	node := facts.Node{Name: name, Labels: map[string]string{"name": name}}
	for _, text := range addresses {
		if addr, err := netip.ParseAddr(text); err == nil {
			node.Addresses = append(node.Addresses, addr)
			continue
		}
		node.PodCIDRs = append(node.PodCIDRs, netip.MustParsePrefix(text))
	}
	return node
}
