//go:build host && linux

// Package natpackets compares the verdicts of package nat with the source addresses that
// real packets have at their destination. The packets pass network namespaces of a pod, its
// node, another node, a pod behind it, another pod and an outside host; the node is
// programmed as Felix does, with nftables and with iptables.
package natpackets

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

const (
	clusters         = 120 // of each dataplane
	probesPerCluster = 60  // all need a port of their own
	firstPort        = 3000
)

// TestNATPackets compares generated clusters and addresses, for each dataplane.
func TestNATPackets(t *testing.T) {
	needNamespaces(t)
	for _, d := range dataplanes {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d.need(t)
			start := time.Now()
			n := newNetwork(t)
			n.listen(t)
			covered := map[string]int{}
			port := uint16(firstPort)
			for seed := range uint64(clusters) {
				r := rand.New(rand.NewPCG(seed, 19))
				cluster, model := randomCluster(r, d.answers)
				require.Empty(t, model.Problems())
				all := []rules{newRules(cluster, families[0]), newRules(cluster, families[1])}
				require.NoError(t, d.program(n[node], all))
				var probes []*probe
				for i := range probesPerCluster {
					port++
					probes = append(probes, interestingProbe(t, r, model, families[i%2], port))
				}
				n.send(t, probes)
				for i, p := range probes {
					for _, kind := range check(t, model, all[i%2], p, fmt.Sprintf("seed %d: %s", seed, p)) {
						covered[p.family.name+" "+kind]++
					}
				}
				if t.Failed() {
					t.Fatalf("the cluster of seed %d: %+v", seed, all)
				}
			}
			requireCoverage(t, covered)
			t.Logf("%d decisions in %s", clusters*probesPerCluster, time.Since(start).Round(time.Millisecond))
		})
	}
}

// interestingProbe returns a probe whose source is often in a pool with natOutgoing.
func interestingProbe(t *testing.T, r *rand.Rand, model *nat.Model, f family, port uint16) *probe {
	t.Helper()
	var p *probe
	for range 4 {
		p = randomProbe(r, f, port)
		if explain(t, model, p.source.Addr(), p.target, nat.Options{Node: "n1"}).Row > 2 {
			break
		}
	}
	return p
}

// check compares a probe with its verdict, and returns what it covers.
func check(t *testing.T, model *nat.Model, r rules, p *probe, question string) []string {
	t.Helper()
	// Node n1 decides on every packet, also if the source is not on it.
	options := nat.Options{Node: "n1", Protocol: p.protocol}
	verdict := explain(t, model, p.source.Addr(), p.target, options)
	device := devices[p.to]
	masqueraded := verdict.Masqueraded == nat.Yes
	kinds := []string{fmt.Sprintf("row %d", verdict.Row), string(p.protocol), "from " + p.from.String(), "to " + p.to.String()}
	for _, reason := range verdict.Reasons {
		kinds = append(kinds, string(reason.Code))
	}
	if verdict.Masqueraded == nat.Depends {
		require.Equal(t, 7, verdict.Row, question)
		masqueraded = r.matches(device)
		kinds = append(kinds, fmt.Sprintf("interface filter matches %t", masqueraded))
	}
	if p.from == pod && p.to != node {
		// A question without a node has the same answer, if it does not depend on the node.
		anywhere := explain(t, model, p.source.Addr(), p.target, nat.Options{Protocol: p.protocol})
		if anywhere.Masqueraded != nat.Depends {
			assert.Equal(t, verdict.Masqueraded, anywhere.Masqueraded, question)
		}
	}
	if p.service {
		byService := explain(t, model, p.source.Addr(), p.family.service(p.target), options)
		assert.Equal(t, []any{nat.Depends, 1}, []any{byService.Masqueraded, byService.Row}, question)
		kinds = append(kinds, fmt.Sprintf("Service row %d", verdict.Row))
	}
	if back := explain(t, model, p.target, p.source.Addr(), options); back.Masqueraded == nat.Yes {
		// The answer arrived, so that its source is unchanged.
		kinds = append(kinds, "reply")
	}
	if !masqueraded {
		assert.Equal(t, p.source.String(), p.seen.String(), "%s: row %d", question, verdict.Row)
		return append(kinds, "not masqueraded")
	}
	as := verdict.As
	switch {
	case as.Interface && (device == "eth0" || device == "eth1"):
		assert.Equal(t, addressOf(p.family, device).String(), p.seen.Addr().String(), question)
		kinds = append(kinds, "as the address of "+device)
	case as.Interface:
		// An interface without an address uses one of another interface.
		assert.Contains(t, p.family.addresses(node), p.seen.Addr(), question)
	default:
		assert.Equal(t, as.Address.String(), p.seen.Addr().String(), question)
		kinds = append(kinds, "as natOutgoingAddress")
	}
	icmp := p.protocol == p.family.icmp
	switch {
	case icmp:
		assert.Zero(t, as.Ports, question)
		assert.Equal(t, p.source.Port(), p.seen.Port(), "%s: the identifier", question)
	case as.Ports.Last != 0:
		assert.GreaterOrEqual(t, p.seen.Port(), as.Ports.First, question)
		assert.LessOrEqual(t, p.seen.Port(), as.Ports.Last, question)
	}
	if r.ports != "" {
		assert.Equal(t, icmp, as.Ports == nat.PortRange{}, question)
		kinds = append(kinds, "port range "+string(p.protocol))
	}
	return append(kinds, "masqueraded")
}

func explain(t *testing.T, model *nat.Model, from, to netip.Addr, options nat.Options) nat.Verdict {
	t.Helper()
	verdict, err := model.Explain(from, to, options)
	require.NoError(t, err)
	return verdict
}

// addressOf returns the address of eth0 or eth1 of the node.
func addressOf(f family, device string) netip.Addr {
	return f.addresses(node)[map[string]int{"eth0": 0, "eth1": 1}[device]]
}

// requireCoverage checks that the generated probes are of every kind.
func requireCoverage(t *testing.T, covered map[string]int) {
	t.Helper()
	var want []string
	for _, f := range families {
		for _, kind := range []string{
			"row 2", "row 4", "row 5", "row 6", "row 7", "row 8", "tcp", "udp", string(f.icmp), "masqueraded", "not masqueraded", "reply",
			"interface filter matches true", "interface filter matches false", "Service row 2", "Service row 4", "Service row 5", "Service row 6", "Service row 7", "Service row 8",
			"as the address of eth0", "as the address of eth1", "port range tcp", "port range udp", "port range " + string(f.icmp),
		} {
			want = append(want, f.name+" "+kind)
		}
		for _, code := range []nat.Code{
			nat.SourceWithoutNAT, nat.SourceInNoPool, nat.OwnNode, nat.DestinationExempt, nat.LoadBalancerPool, nat.DestinationIsHost,
			nat.HostsNotExempt, nat.ExclusionsIgnored, nat.InterfaceFilter, nat.Masqueraded, nat.VersionAssumed,
		} {
			want = append(want, f.name+" "+string(code))
		}
		for p := pod; int(p) < len(placeNames); p++ {
			want = append(want, f.name+" from "+p.String(), f.name+" to "+p.String())
		}
	}
	for _, kind := range append(want, "IPv4 as natOutgoingAddress", "IPv4 "+string(nat.DestinationIsExternalNode)) {
		assert.GreaterOrEqual(t, covered[kind], 5, kind)
	}
	for _, kind := range slices.Sorted(maps.Keys(covered)) {
		t.Logf("%5d %s", covered[kind], kind)
	}
}
