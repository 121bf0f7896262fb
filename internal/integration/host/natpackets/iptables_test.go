//go:build host && linux

package natpackets

import (
	"fmt"
	"strings"
)

func iptablesNeeds(variant string) [][]string {
	return [][]string{
		{"iptables-" + variant, "-t", "nat", "-S"}, {"ip6tables-" + variant, "-t", "nat", "-S"},
		{"ipset", "create", "probe", "hash:net"}, {"iptables-" + variant, "-t", "nat", "-A", "POSTROUTING", "-m", "set", "--match-set", "probe", "src", "-j", "MASQUERADE"},
	}
}

// programIPTables returns the function that programs the node with ipset and a variant of
// iptables.
func programIPTables(variant string) func(namespace string, all []rules) error {
	return func(namespace string, all []rules) error {
		for _, r := range all {
			sets, table := iptables(r)
			if err := feed(sets, "ip", "netns", "exec", namespace, "ipset", "restore", "-exist"); err != nil {
				return err
			}
			if err := feed(table, "ip", "netns", "exec", namespace, r.family.iptables+"-"+variant+"-restore"); err != nil {
				return err
			}
		}
		return nil
	}
}

// iptables returns the inputs of ipset restore and of iptables-restore.
func iptables(r rules) (sets, table string) {
	var s, b strings.Builder
	name := func(set string) string { return set + "-" + r.family.nft }
	for _, set := range []struct {
		name     string
		elements []string
	}{{"sources", r.sources}, {"exempt", r.exempt}, {"hosts", r.hosts}} {
		fmt.Fprintf(&s, "create %[1]s hash:net family %[2]s\nflush %[1]s\n", name(set.name), r.family.ipset)
		for _, element := range set.elements {
			fmt.Fprintf(&s, "add %s %s\n", name(set.name), element)
		}
	}
	fmt.Fprintln(&b, "*nat")
	for _, service := range r.family.services() {
		for _, chain := range []string{"PREROUTING", "OUTPUT"} {
			fmt.Fprintf(&b, "-A %s -d %s -j DNAT --to-destination %s\n", chain, service[0], service[1])
		}
	}
	for _, protocol := range r.protocols() {
		rule := fmt.Sprintf("-A POSTROUTING -m set --match-set %s src -m set ! --match-set %s dst", name("sources"), name("exempt"))
		if len(r.hosts) > 0 {
			rule += fmt.Sprintf(" -m set ! --match-set %s dst", name("hosts"))
		}
		if r.device != "" {
			rule += " -o " + r.device
		}
		ports := ""
		if protocol != "" {
			rule, ports = rule+" -p "+protocol, r.ports
		}
		switch {
		case r.address != "" && ports != "":
			rule += " -j SNAT --to-source " + r.address + ":" + ports
		case r.address != "":
			rule += " -j SNAT --to-source " + r.address
		case ports != "":
			rule += " -j MASQUERADE --to-ports " + ports
		default:
			rule += " -j MASQUERADE"
		}
		fmt.Fprintln(&b, rule)
	}
	fmt.Fprintln(&b, "COMMIT")
	return s.String(), b.String()
}
