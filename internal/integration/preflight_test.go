package integration

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// findingsOf are the codes and what clashes, in their order.
func findingsOf(report bootstrap.Report) []string {
	all := []string{}
	for _, finding := range report.Findings {
		text := string(finding.Code)
		if finding.Other != nil {
			text += " " + finding.Other.Prefix.String() + " " + string(finding.Other.Source)
		}
		all = append(all, text)
	}
	return all
}

// TestPreflightOnKubernetes holds pools to what a real API server says of nodes,
// Services and pod CIDRs.
func TestPreflightOnKubernetes(t *testing.T) {
	world := newKubernetesWorld(t, ippool.CRDV1)
	putNodes(t, world.server,
		kubetest.Node{Name: "a", Labels: map[string]string{"zone": "a"}, Addresses: []kubetest.NodeAddress{{Type: "InternalIP", Address: "10.244.0.10"}}, PodCIDRs: []string{"10.243.0.0/24"}},
		kubetest.Node{Name: "b", Addresses: []kubetest.NodeAddress{{Type: "InternalIP", Address: "192.0.2.11"}}, PodCIDRs: []string{"10.244.1.0/24"}},
	)
	world.server.PutServiceCIDR(t, "more", "10.244.128.0/20")
	t.Cleanup(func() { world.server.DeleteServiceCIDR(t, "more") })
	settings := func(changes ...func(*bootstrap.Settings)) bootstrap.Settings {
		settings := cidrsOf("10.244.0.0/16", "none")
		for _, change := range changes {
			change(&settings)
		}
		return settings
	}
	run := func(settings bootstrap.Settings, options ...bootstrap.Option) (bootstrap.Report, error) {
		return bootstrap.Run(t.Context(), world.Open(t), settings, append(options, bootstrap.WithHost(suite.Host{}))...)
	}
	clashes := []string{
		"NodeAddressOverlap 10.244.0.10/32 node a", "ServiceCIDROverlap 10.244.128.0/20 ServiceCIDR more", "OutsideNodePodCIDR 10.243.0.0/24 podCIDRs of node a",
	}

	report, err := run(settings(func(s *bootstrap.Settings) { s.Preflight = bootstrap.Given("strict", "test") }))
	require.ErrorIs(t, err, bootstrap.ErrFindings)
	assert.Equal(t, clashes, findingsOf(report))
	assert.Empty(t, world.Pools(t), "nothing is written")

	report, err = run(settings(func(s *bootstrap.Settings) {
		s.Preflight, s.Allow = bootstrap.Given("strict", "test"), bootstrap.Given("NodeAddressOverlap,ServiceCIDROverlap,OutsideNodePodCIDR", "test")
		s.IPv4.NodeSelector, s.IPv4.NATOutgoing = bootstrap.Given("zone == 'b'", "test"), bootstrap.Given("false", "test")
	}))
	require.ErrorIs(t, err, bootstrap.ErrFindings)
	assert.Equal(t, []string{"PrivateWithoutNAT", "NodeSelectorMatchesNoNode"}, findingsOf(report))

	report, err = run(settings(func(s *bootstrap.Settings) { s.IPv4.CIDR = bootstrap.Given("203.0.113.0/26", "test") }))
	require.NoError(t, err)
	assert.Equal(t, []string{"OutsideNodePodCIDR 10.243.0.0/24 podCIDRs of node a", "FewerBlocksThanNodes"}, findingsOf(report)[:2])
	require.Len(t, world.Pools(t), 1, "warned of, and created")

	report, err = run(settings())
	require.NoError(t, err)
	assert.Empty(t, report.Findings, "a boot where the pool exists looks at nothing")
	report, err = run(settings(), bootstrap.WithDryRun())
	require.NoError(t, err)
	assert.Contains(t, findingsOf(report), "FewerBlocksThanNodes", "a plan looks at what exists")
}

// TestPreflightOfTheProgram has a pool over the loopback interface, which every
// machine has.
func TestPreflightOfTheProgram(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "etcd")
	apply := func(args ...string) result {
		args = append(args, "--datastore-type", "embedded", "--data-dir", folder, "--ipv4-pool-cidr=127.1.0.0/16", "--ipv6-pool-cidr=none")
		return call(t, []string{"CALICO_IPPOOLS_PREFLIGHT="}, args...)
	}
	r := apply("plan", "-o", "json")
	require.Zero(t, r.code, r.stderr)
	var report bootstrap.Report
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
	assert.Contains(t, findingsOf(report), "HostInterfaceOverlap 127.0.0.0/8 interface lo")

	r = apply("--preflight=strict")
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.stderr, `error: HostInterfaceOverlap: IPPool "default-ipv4-ippool": cidr "127.1.0.0/16" (flag --ipv4-pool-cidr) overlaps 127.0.0.0/8 (interface lo on this host)`)
	assert.Contains(t, r.stdout, "would-create")
	assert.Contains(t, r.stdout, "In etcd, 0 record(s)", "nothing is written")

	r = apply("--preflight=strict", "--allow=HostInterfaceOverlap")
	assert.Zero(t, r.code, r.stderr)
	assert.Contains(t, r.stdout, "In etcd, 1 record(s)")
}
