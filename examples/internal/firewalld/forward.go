package firewalld

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// notForwarded returns the ranges that firewalld doesn't forward. With the iptables
// backend, Calico's rules precede firewalld's and accept the packets of pods. With
// the nftables backend, firewalld has its own tables, and every table must accept a
// packet.
func (f *Firewalld) notForwarded(ctx context.Context, ranges []netip.Prefix) ([]string, error) {
	var backend dbus.Variant
	err := f.call(ctx, configPath, "org.freedesktop.DBus.Properties.Get", config, "FirewallBackend").Store(&backend)
	if err != nil || backend.Value() != "nftables" { // before 0.6.0, iptables was the only backend and the property didn't exist
		return nil, nil
	}
	policies, err := f.policies(ctx, []string{anyZone}, anyZone, f.runtimePolicies, f.runtimePolicy)
	if err != nil {
		return nil, explain(ctx, err, "querying firewalld for its policies")
	}
	var kept []string
	for _, prefix := range ranges {
		if !forwarded(policies, prefix) {
			kept = append(kept, prefix.String())
		}
	}
	return kept, nil
}

// forwarded reports whether policies accept the range in both directions.
func forwarded(policies []Policy, prefix netip.Prefix) bool {
	var from, to bool
	for _, policy := range policies {
		if policy.Rules.Target == "ACCEPT" {
			return true
		}
		for _, text := range policy.Rules.Rich {
			rule := readRichRule(text)
			if rule.action != "accept" || rule.inverted || rule.other || rule.service != "" || rule.protocol != "" || rule.port != (Port{}) {
				continue
			}
			from = from || rule.destination == "" && covers(rule.source, prefix)
			to = to || rule.source == "" && covers(rule.destination, prefix)
		}
	}
	return from && to
}

// covers reports whether the range is within a rule's addresses.
func covers(address string, prefix netip.Prefix) bool {
	within, err := netip.ParsePrefix(address)
	return err == nil && within.Masked().Bits() <= prefix.Bits() && within.Contains(prefix.Addr())
}

func join(all []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(all))), ", ")
}
