//go:build host && linux

package natpackets

import (
	"fmt"
	"strings"
)

// programNFTables programs the node with nft.
func programNFTables(namespace string, all []rules) error {
	return feed(nftables(all), "ip", "netns", "exec", namespace, "nft", "-f", "-")
}

// nftables returns the input of nft.
func nftables(all []rules) string {
	var b strings.Builder
	fmt.Fprintln(&b, "flush ruleset")
	for _, r := range all {
		ip := r.family.nft
		fmt.Fprintf(&b, "add table %s calico\n", ip)
		for _, set := range []struct {
			name, flags string
			elements    []string
		}{{"sources", "", r.sources}, {"exempt", "", r.exempt}, {"hosts", "auto-merge; ", r.hosts}} {
			fmt.Fprintf(&b, "add set %s calico %s { type %s_addr; flags interval; %s}\n", ip, set.name, strings.ToLower(r.family.name), set.flags)
			if len(set.elements) > 0 {
				fmt.Fprintf(&b, "add element %s calico %s { %s }\n", ip, set.name, strings.Join(set.elements, ", "))
			}
		}
		var services []string
		for _, service := range r.family.services() {
			services = append(services, fmt.Sprintf("%s : %s", service[0], service[1]))
		}
		for _, hook := range []string{"prerouting", "output"} {
			fmt.Fprintf(&b, "add chain %s calico %s { type nat hook %s priority -100; }\n", ip, hook, hook)
			fmt.Fprintf(&b, "add rule %s calico %s dnat to %s daddr map { %s }\n", ip, hook, ip, strings.Join(services, ", "))
		}
		fmt.Fprintf(&b, "add chain %s calico postrouting { type nat hook postrouting priority 100; }\n", ip)
		for _, protocol := range r.protocols() {
			rule := fmt.Sprintf("add rule %[1]s calico postrouting %[1]s saddr @sources %[1]s daddr != @exempt", ip)
			if len(r.hosts) > 0 {
				rule += fmt.Sprintf(" %s daddr != @hosts", ip)
			}
			if r.device != "" {
				rule += fmt.Sprintf(" oifname %q", r.device)
			}
			ports := ""
			if protocol != "" {
				rule, ports = rule+" meta l4proto "+protocol, ":"+r.ports
			}
			switch {
			case r.address != "":
				rule += " snat to " + r.address + ports
			case ports != "":
				rule += " masquerade to " + ports
			default:
				rule += " masquerade"
			}
			fmt.Fprintln(&b, rule)
		}
	}
	return b.String()
}
