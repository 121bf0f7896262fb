// Package factstest creates facts for tests.
package factstest

import (
	"net/netip"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// Source returns a source with the pod CIDRs.
func Source(name origin.Origin, cidrs ...string) facts.PodCIDRSource {
	source := facts.PodCIDRSource{Name: name}
	for _, cidr := range cidrs {
		source.Prefixes = append(source.Prefixes, netip.MustParsePrefix(cidr))
	}
	return source
}

// Prefixes parses prefixes.
func Prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// Locate returns the prefixes with a source.
func Locate(source origin.Origin, prefixes ...netip.Prefix) []facts.Located {
	var all []facts.Located
	for _, prefix := range prefixes {
		all = append(all, facts.Located{Prefix: prefix, Source: source})
	}
	return all
}

// At is Locate for CIDRs as text.
func At(source origin.Origin, cidrs ...string) []facts.Located {
	return Locate(source, Prefixes(cidrs...)...)
}

// Node returns a node with the addresses. CIDRs among them become its podCIDRs.
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
