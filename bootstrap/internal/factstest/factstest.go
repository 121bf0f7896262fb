// Package factstest makes facts for tests.
package factstest

import (
	"net/netip"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// Says is a source that knows these pod CIDRs.
func Source(name origin.Origin, cidrs ...string) facts.PodCIDRSource {
	source := facts.PodCIDRSource{Name: name}
	for _, cidr := range cidrs {
		source.Prefixes = append(source.Prefixes, netip.MustParsePrefix(cidr))
	}
	return source
}

// Prefixes parses texts.
func Prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// Locate finds the prefixes in one place.
func Locate(source origin.Origin, prefixes ...netip.Prefix) []facts.Located {
	var all []facts.Located
	for _, prefix := range prefixes {
		all = append(all, facts.Located{Prefix: prefix, Source: source})
	}
	return all
}

// At is Locate of texts.
func At(source origin.Origin, cidrs ...string) []facts.Located {
	return Locate(source, Prefixes(cidrs...)...)
}

// Node has addresses, which may be CIDRs of pods, too.
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
