package plan_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

var random = netip.MustParsePrefix("fd12:3456:789a::/48")

const (
	noIPv4 = "CALICO_IPV4POOL_CIDR=none"
	noIPv6 = "CALICO_IPV6POOL_CIDR=none"
)

// computed returns the plan for the desired and the existing pools.
func computed(t *testing.T, desired plan.Desired, existing ...v3.IPPool) plan.Plan {
	t.Helper()
	made, err := plan.Compute(desired, datastore.Snapshot{Pools: poolstest.Records(existing...)}, plan.DriftReport)
	require.NoError(t, err)
	return made
}

// created returns name, CIDR and its source of each pool that a plan creates.
func created(made plan.Plan) []string {
	var lines []string
	for _, step := range made.Steps {
		if step.Action != plan.Created {
			continue
		}
		line := step.Name + " without a CIDR"
		if len(step.Unknown) == 0 {
			line = step.Name + " " + step.Pool.Spec.CIDR
		}
		for _, value := range step.Values {
			if value.Field == "cidr" {
				line += fmt.Sprintf(" (%s)", value.Source)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func TestSettle(t *testing.T) {
	t.Parallel()
	const (
		randomIPv6 = "default-ipv6-ippool fd12:3456:789a::/48 (default (random ULA))"
		usual      = "default-ipv4-ippool 192.168.0.0/16 (default)"
		onHost     = " (default (192.168.0.0/16 is in use on this host))"
		byOthers   = " (default (192.168.0.0/16 is in use))"
	)
	host := factstest.At(origin.Host("interface eth0"), "192.168.1.0/24")
	kubeadm := origin.Cluster("kubeadm-config")
	services := func(cidrs ...string) facts.Survey {
		return facts.Survey{ServiceCIDRs: factstest.At(origin.Cluster("servicecidrs/kubernetes"), cidrs...)}
	}
	tests := []struct {
		name     string
		given    []string
		pools    []plan.DesiredPool // of files
		existing []v3.IPPool
		known    facts.Facts
		random   netip.Prefix
		want     []string
	}{
		{name: "nothing is known", random: random, want: []string{usual, randomIPv6}},
		{name: "no random prefix yet", want: []string{usual, "default-ipv6-ippool without a CIDR (default)"}},
		{
			name:  "CIDRs of settings are used",
			given: settingstest.CIDRs, random: random,
			known: facts.Facts{
				Networks: factstest.At(origin.Host("interface eth0"), "10.244.0.0/16"),
				PodCIDRs: []facts.PodCIDRSource{factstest.Source(kubeadm, "10.1.0.0/16", "fd01::/48")},
			},
			want: []string{"default-ipv4-ippool 10.244.0.0/16 (env CALICO_IPV4POOL_CIDR)", "default-ipv6-ippool fd00:10:244::/64 (env CALICO_IPV6POOL_CIDR)"},
		},
		{
			name:     "nothing is chosen for existing or skipped pools",
			given:    []string{noIPv6},
			existing: []v3.IPPool{poolstest.Stored("mine", "192.168.0.0/16")}, random: random,
			known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{factstest.Source(kubeadm, "10.1.0.0/16", "fd01::/48")}},
		},

		{
			name: "the first pod CIDR of the family", random: random,
			known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{
				{Name: origin.Cluster("network config"), Problem: "it is not there", Absent: true},
				factstest.Source(kubeadm, "10.1.0.0/16", "10.2.0.0/16"), factstest.Source(origin.Cluster("kube-proxy"), "fd01::/48", "10.3.0.0/16"),
			}},
			want: []string{"default-ipv4-ippool 10.1.0.0/16 (kubeadm-config)", "default-ipv6-ippool fd01::/48 (kube-proxy)"},
		},
		{
			name: "a pod CIDR, even if it overlaps other ranges", random: random,
			known: facts.Facts{Networks: factstest.At(origin.Host("interface eth0"), "192.168.1.0/24"), Survey: services("192.168.0.0/17"),
				PodCIDRs: []facts.PodCIDRSource{factstest.Source(kubeadm, "192.168.0.0/16")}},
			want: []string{"default-ipv4-ippool 192.168.0.0/16 (kubeadm-config)", randomIPv6},
		},

		{name: "a network of the host", given: []string{noIPv6}, known: facts.Facts{Networks: host}, want: []string{"default-ipv4-ippool 172.16.0.0/16" + onHost}},
		{
			name: "Services in the first fallback", given: []string{noIPv6},
			known: facts.Facts{Networks: host, Survey: services("fd00::/108", "172.16.0.0/16")},
			want:  []string{"default-ipv4-ippool 172.17.0.0/16" + onHost},
		},
		{name: "Services in the default", given: []string{noIPv6}, known: facts.Facts{Survey: services("192.168.128.0/17")}, want: []string{"default-ipv4-ippool 172.16.0.0/16" + byOthers}},
		{
			name: "routes", given: []string{noIPv6},
			known: facts.Facts{Networks: host, Routes: factstest.At(origin.Host("route dev tun0"), "172.16.3.0/24", "172.18.0.0/15", "172.17.255.255/32")},
			want:  []string{"default-ipv4-ippool 172.20.0.0/16" + onHost},
		},
		{
			name: "addresses of nodes", given: []string{noIPv6},
			known: facts.Facts{Survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "fd00::1", "192.168.7.7"), factstest.Node("b", "172.16.0.1", "172.17.0.1")}}},
			want:  []string{"default-ipv4-ippool 172.18.0.0/16" + byOthers},
		},
		{
			// podCIDRs are for pods, so that a pool may overlap them.
			name: "podCIDRs of nodes are not avoided", given: []string{noIPv6},
			known: facts.Facts{Survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "192.168.7.0/24")}}},
			want:  []string{usual},
		},
		{
			name: "existing pools that files name", given: []string{noIPv6},
			pools:    []plan.DesiredPool{desiredByFile("a", "192.168.3.0/24", false), desiredByFile("b", "172.16.0.0/12", false)},
			existing: []v3.IPPool{poolstest.Stored("a", "192.168.3.0/24"), poolstest.Stored("b", "172.16.7.7/15")},
			want:     []string{"default-ipv4-ippool 172.18.0.0/16" + byOthers},
		},
		{
			name: "pools of files that are created", given: []string{noIPv6},
			pools: []plan.DesiredPool{desiredByFile("a", "192.168.3.0/24", false), desiredByFile("b", "172.16.0.0/15", false)},
			want: []string{
				"default-ipv4-ippool 172.18.0.0/16" + byOthers, "a 192.168.3.0/24 (file pools.yaml:4)", "b 172.16.0.0/15 (file pools.yaml:4)",
			},
		},
		{
			name: "blocks of another size, not those of the same", given: []string{noIPv6},
			known: facts.Facts{Networks: host, Blocks: factstest.Prefixes("172.16.0.0/28", "172.17.0.0/26")},
			want:  []string{"default-ipv4-ippool 172.17.0.0/16" + onHost},
		},
		{
			name: "Services of a source of pod CIDRs", given: []string{noIPv6},
			known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{{Name: kubeadm, Services: factstest.At(kubeadm, "192.168.0.0/16")}}},
			want:  []string{"default-ipv4-ippool 172.16.0.0/16" + byOthers},
		},
		{
			name: "some podCIDRs of nodes", given: []string{noIPv6},
			known: facts.Facts{Survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "192.168.1.0/24", "fd00::/64"), factstest.Node("b", "10.1.0.0/24")}}},
			want:  []string{"default-ipv4-ippool 172.16.0.0/16" + byOthers},
		},
		{
			name: "not the podCIDRs of all nodes", given: []string{noIPv6},
			known: facts.Facts{Survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "192.168.1.0/24", "fd00::/64"), factstest.Node("b", "192.168.2.0/24")}}},
			want:  []string{usual},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made := computed(t, with(t, tt.pools, tt.given...), tt.existing...)
			settled, err := made.Settle(tt.known, tt.random)
			require.NoError(t, err)
			assert.Equal(t, tt.want, created(settled))
			assert.Equal(t, made.Warnings, settled.Warnings)
			assert.Equal(t, made.Existing, settled.Existing)

			again, err := settled.Settle(facts.Facts{}, tt.random)
			require.NoError(t, err)
			assert.Equal(t, settled, again, "a chosen CIDR is kept")
		})
	}
}

func TestSettleWarnsWhereNothingIsFree(t *testing.T) {
	t.Parallel()
	existing := datastore.Snapshot{Unreadable: []datastore.Unreadable{{Name: "x", Err: errors.New("no JSON")}}}
	made, err := plan.Compute(settingstest.Resolved(t, noIPv6).Desired, existing, plan.DriftReport)
	require.NoError(t, err)
	settled, err := made.Settle(facts.Facts{Networks: factstest.At(origin.Host("interface eth0"), "0.0.0.0/0")}, netip.Prefix{})
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool 192.168.0.0/16 (default)"}, created(settled))
	assert.Equal(t, []string{
		`IPPool "x" is malformed and is ignored: no JSON; repair or delete it`,
		"this host has networks in 192.168.0.0/16 and in all of 172.16.0.0/16 to 172.31.0.0/16: the IPv4 pool overlaps one of them; set a free range with ipv4.pool.cidr",
	}, settled.Warnings)
	assert.Len(t, made.Warnings, 1, "the argument is not modified")
}

// The error has the block sizes that fit, and the settings for both.
func TestSettlePodCIDRIsTooSmall(t *testing.T) {
	t.Parallel()
	small := func(cidr, block, fit string) string {
		return fmt.Sprintf("spec.cidr: Invalid value: %q: is smaller than one block of /%s: Calico can't assign addresses from it; widen it to at least /%[2]s, or use blocks of %s", cidr, block, fit)
	}
	tests := []struct {
		source, cidr string
		given        []string
		want         string
	}{
		{"kubeadm-config", "10.1.0.0/27", []string{noIPv6}, small("10.1.0.0/27", "26", "/27 to /32") + "; set another CIDR with ipv4.pool.cidr, or smaller blocks with ipv4.pool.blockSize"},
		{"networks.config.openshift.io", "10.1.0.0/32", []string{noIPv6}, small("10.1.0.0/32", "26", "/32") + "; set another CIDR with ipv4.pool.cidr, or smaller blocks with ipv4.pool.blockSize"},
		{"kubeadm-config", "10.1.0.0/24", []string{noIPv6, "CALICO_IPV4POOL_BLOCK_SIZE=22"}, small("10.1.0.0/24", "22", "/24 to /32") + "; set another CIDR with ipv4.pool.cidr, or smaller blocks with ipv4.pool.blockSize"},
		{"kubeadm-config", "fd00::/124", []string{noIPv4}, small("fd00::/124", "122", "/124 to /128") + "; set another CIDR with ipv6.pool.cidr, or smaller blocks with ipv6.pool.blockSize"},
		{"kubeadm-config", "169.254.0.0/16", []string{noIPv6}, `spec.cidr: Invalid value: "169.254.0.0/16": overlaps the link-local range 169.254.0.0/16; must be outside it; set another CIDR with ipv4.pool.cidr, or other settings for it`},
	}
	for _, tt := range tests {
		made, err := plan.Compute(settingstest.Resolved(t, tt.given...).Desired, datastore.Snapshot{}, plan.DriftReport)
		require.NoError(t, err)
		_, err = made.Settle(facts.Facts{PodCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster(tt.source), tt.cidr)}}, random)
		require.ErrorIs(t, err, plan.ErrPodCIDR)
		require.EqualError(t, err, fmt.Sprintf("invalid pod CIDR: %s of %s is not a valid pool: %s", tt.cidr, tt.source, tt.want))
	}
	// The hint is right.
	made, err := plan.Compute(settingstest.Resolved(t, noIPv6, "CALICO_IPV4POOL_BLOCK_SIZE=27").Desired, datastore.Snapshot{}, plan.DriftReport)
	require.NoError(t, err)
	_, err = made.Settle(facts.Facts{PodCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/27")}}, random)
	require.NoError(t, err)
}

func TestSettleIncompatible(t *testing.T) {
	t.Parallel()
	invalid := func(want plan.DesiredPool) plan.DesiredPool {
		want.Pool.Spec.NodeSelector = "zone =="
		return want
	}
	tests := []struct {
		name     string
		given    []string
		pools    []plan.DesiredPool // of files
		existing []v3.IPPool
		known    facts.Facts
		want     []string // one per line
	}{
		{
			name:     "a pod CIDR that overlaps a pool",
			given:    []string{noIPv6},
			pools:    []plan.DesiredPool{desiredByFile("a", "10.1.2.0/24", false)},
			existing: []v3.IPPool{poolstest.Stored("a", "10.1.2.0/24")},
			known:    facts.Facts{PodCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16")}},
			want:     []string{`IPPool "default-ipv4-ippool": 10.1.0.0/16 (kubeadm-config) overlaps 10.1.2.0/24 of IPPool "a": choose another range`},
		},
		{
			name:     "a random range that overlaps a pool",
			given:    []string{noIPv4},
			pools:    []plan.DesiredPool{desiredByFile("a", "fd12:3456::/32", false)},
			existing: []v3.IPPool{poolstest.Stored("a", "fd12:3456::/32")},
			want:     []string{`IPPool "default-ipv6-ippool": fd12:3456:789a::/48 (default (random ULA)) overlaps fd12:3456::/32 of IPPool "a": choose another range`},
		},
		{
			name:  "blocks of another size",
			given: []string{"CALICO_IPV4POOL_CIDR=10.1.0.0/16", noIPv6},
			known: facts.Facts{Blocks: factstest.Prefixes("10.1.3.0/24", "10.1.4.0/26", "10.2.0.0/24")},
			want: []string{`IPPool "default-ipv4-ippool": spec.blockSize: Invalid value: 26: ` +
				`1 IPAM block(s) inside 10.1.0.0/16 have a different size, the first is 10.1.3.0/24; set that block size or another CIDR`},
		},
		{
			name:     "several conflicts",
			given:    []string{noIPv4},
			pools:    []plan.DesiredPool{invalid(desiredByFile("a", "10.1.2.0/24", false))},
			existing: []v3.IPPool{poolstest.Stored("mine", "fd12::/16", func(pool *v3.IPPool) { pool.Name = "b" })},
			known:    facts.Facts{Blocks: factstest.Prefixes("10.1.2.0/28")},
			want: []string{
				`IPPool "a": spec.nodeSelector: Invalid value: "zone ==": `,
				`IPPool "a": spec.blockSize: Invalid value: 26: `,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made, err := plan.Compute(with(t, tt.pools, tt.given...), datastore.Snapshot{Pools: poolstest.Records(tt.existing...)}, plan.DriftReport)
			require.NoError(t, err)
			settled, err := made.Settle(tt.known, random)
			require.ErrorIs(t, err, plan.ErrIncompatible)
			lines := strings.Split(err.Error(), "\n")
			require.Len(t, lines, len(tt.want), "%v", err)
			for i, want := range tt.want {
				assert.Contains(t, lines[i], "conflicts with existing pools: "+want)
			}
			assert.Equal(t, plan.Plan{}, settled)
		})
	}
}

// Overlaps between existing pools are no conflict.
func TestSettleKeepsExistingOverlaps(t *testing.T) {
	t.Parallel()
	made := computed(t, settingstest.Resolved(t).Desired, poolstest.Stored("a", "10.0.0.0/8"), poolstest.Stored("b", "10.1.0.0/16"), poolstest.Stored("six", "fd00::/64"))
	_, err := made.Settle(facts.Facts{Blocks: factstest.Prefixes("10.1.3.0/24")}, random)
	require.NoError(t, err)
}

// A plan can be settled more than once, and is not modified.
func TestSettleDoesNotModifyThePlan(t *testing.T) {
	t.Parallel()
	desired := func() plan.Desired {
		return with(t, []plan.DesiredPool{desiredByFile("a", "10.1.2.0/24", false)}, "CALICO_IPV4POOL_NAME=mine")
	}
	given := desired()
	made, want := computed(t, given), computed(t, desired())
	made.Warnings = append(make([]string, 0, 8), "a warning") // with spare capacity
	want.Warnings = []string{"a warning"}
	require.Equal(t, []string{"cidr"}, made.Steps[0].Unknown)

	all := facts.Facts{Networks: factstest.At(origin.Host("interface eth0"), "0.0.0.0/0")}
	first, err := made.Settle(all, random)
	require.NoError(t, err)
	second, err := made.Settle(facts.Facts{PodCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("here"), "172.20.0.0/16", "fd01::/48")}}, random)
	require.NoError(t, err)

	assert.Equal(t, want, made)
	assert.Equal(t, desired(), given, "the desired pools are not modified")
	assert.Equal(t, []string{"mine 192.168.0.0/16 (default)", "default-ipv6-ippool fd12:3456:789a::/48 (default (random ULA))", "a 10.1.2.0/24 (file pools.yaml:4)"}, created(first))
	assert.Len(t, first.Warnings, 2)
	assert.Equal(t, []string{"mine 172.20.0.0/16 (here)", "default-ipv6-ippool fd01::/48 (here)", "a 10.1.2.0/24 (file pools.yaml:4)"}, created(second))
	assert.Equal(t, want.Warnings, second.Warnings)

	step := second.Steps[0]
	assert.Nil(t, step.Unknown)
	assert.Equal(t, plan.Value{"name", "mine", origin.Env("CALICO_IPV4POOL_NAME")}, step.Values[0])
	assert.Equal(t, plan.Value{"cidr", "172.20.0.0/16", origin.Cluster("here")}, step.Values[1])
	assert.Equal(t, made.Steps[0].Values[2:], step.Values[2:])
	assert.Equal(t, made.Steps[2], second.Steps[2])
}

func TestNeedsRandom(t *testing.T) {
	t.Parallel()
	kubeadm := func(cidrs ...string) facts.Facts {
		return facts.Facts{PodCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), cidrs...)}}
	}
	tests := []struct {
		name     string
		given    []string
		existing []v3.IPPool
		known    facts.Facts
		want     bool
	}{
		{"nothing is known", nil, nil, facts.Facts{}, true},
		{"an IPv4 pod CIDR", nil, nil, kubeadm("10.1.0.0/16"), true},
		{"an IPv6 pod CIDR", nil, nil, kubeadm("10.1.0.0/16", "fd01::/48"), false},
		{"the CIDR is set", []string{"CALICO_IPV6POOL_CIDR=fd00::/64"}, nil, facts.Facts{}, false},
		{"the pool is skipped", []string{noIPv6}, nil, facts.Facts{}, false},
		{"the pool exists", nil, []v3.IPPool{poolstest.Stored("six", "fd00::/64")}, facts.Facts{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made := computed(t, settingstest.Resolved(t, tt.given...).Desired, tt.existing...)
			assert.Equal(t, tt.want, made.NeedsRandom(tt.known))
			settled, err := made.Settle(tt.known, netip.Prefix{})
			require.NoError(t, err)
			unknown := slices.ContainsFunc(settled.Steps, func(step plan.Step) bool { return step.Unknown != nil })
			assert.Equal(t, tt.want, unknown, "without a random prefix, a CIDR stays unknown")
		})
	}
}

func TestDefaultRange(t *testing.T) {
	t.Parallel()
	for _, family := range poolstest.BothFamilies {
		assert.Equal(t, family, ippool.FamilyOf(plan.DefaultRange(family)))
	}
}
