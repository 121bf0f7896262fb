// Package calicolinks knows the network interfaces that Calico makes on a host.
package calicolinks

import (
	"path"
	"slices"
)

// patterns match the names as path.Match reads them: pods' interfaces, then the
// tunnels (Felix's defaults).
var patterns = []string{"cali*", "tunl*", "vxlan.calico", "vxlan-v6.calico", "wireguard.cali", "wg-v6.cali"}

// Patterns returns globs for the names of Calico's interfaces.
func Patterns() []string { return slices.Clone(patterns) }

// Is reports whether Calico made the interface of that name.
func Is(name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		matched, _ := path.Match(pattern, name)
		return matched
	})
}
