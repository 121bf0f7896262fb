// Package calicolinks identifies the network interfaces that Calico creates on a
// host.
package calicolinks

import (
	"path"
	"slices"
)

// patterns are globs of path.Match: the pods' interfaces, then the tunnels, with
// Felix's default names.
var patterns = []string{"cali*", "tunl*", "vxlan.calico", "vxlan-v6.calico", "wireguard.cali", "wg-v6.cali"}

// Patterns returns globs for the names of Calico's interfaces, in a new slice.
func Patterns() []string { return slices.Clone(patterns) }

// Is reports whether an interface with that name is Calico's.
func Is(name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		matched, _ := path.Match(pattern, name)
		return matched
	})
}
