package integration

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// findingsOf returns the code of each finding and the prefix that it conflicts with, in
// their order.
func findingsOf(report bootstrap.Report) []string {
	all := []string{}
	for _, finding := range report.Findings {
		text := string(finding.Code)
		if finding.Other != nil {
			text += " " + finding.Other.Prefix.String() + " " + finding.Other.Source.String()
		}
		all = append(all, text)
	}
	return all
}

// TestPreflightOnKubernetes checks pools against the nodes, Services and pod CIDRs of a
// real API server.
func TestPreflightOnKubernetes(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	putNodes(t, world.server,
		kubetest.Node{Name: "a", Labels: map[string]string{"zone": "a"}, Addresses: []kubetest.NodeAddress{{Type: "InternalIP", Address: "10.244.0.10"}}, PodCIDRs: []string{"10.243.0.0/24"}},
		kubetest.Node{Name: "b", Addresses: []kubetest.NodeAddress{{Type: "InternalIP", Address: "192.0.2.11"}}, PodCIDRs: []string{"10.244.1.0/24"}},
	)
	world.server.PutServiceCIDR(t, "more", "10.244.128.0/20")
	t.Cleanup(func() { world.server.DeleteServiceCIDR(t, "more") })
	desired := func(changes ...func(*settings.Settings)) settings.Settings {
		requested := cidrsOf("10.244.0.0/16", "none")
		for _, change := range changes {
			change(&requested)
		}
		return requested
	}
	run := func(requested settings.Settings) (bootstrap.Report, error) {
		return bootstrap.New(world.Open(t), bootstrap.WithHost(suite.Host{})).Run(t.Context(), requested)
	}
	conflicts := []string{
		"NodeAddressOverlap 10.244.0.10/32 node a", "ServiceCIDROverlap 10.244.128.0/20 ServiceCIDR more", "OutsideNodePodCIDR 10.243.0.0/24 podCIDRs of node a",
	}

	report, err := run(desired(func(s *settings.Settings) { s.Preflight = settings.Given("strict", origin.Caller("test")) }))
	require.ErrorIs(t, err, preflight.ErrFindings)
	assert.Equal(t, conflicts, findingsOf(report))
	assert.Empty(t, world.Pools(t), "nothing is written")

	report, err = run(desired(func(s *settings.Settings) {
		s.Preflight, s.Allow = settings.Given("strict", origin.Caller("test")), settings.Given("NodeAddressOverlap,ServiceCIDROverlap,OutsideNodePodCIDR", origin.Caller("test"))
		s.IPv4.NodeSelector, s.IPv4.NATOutgoing = settings.Given("zone == 'b'", origin.Caller("test")), settings.Given("false", origin.Caller("test"))
	}))
	require.ErrorIs(t, err, preflight.ErrFindings)
	assert.Equal(t, []string{"PrivateWithoutNAT", "NodeSelectorMatchesNoNode"}, findingsOf(report))

	report, err = run(desired(func(s *settings.Settings) { s.IPv4.CIDR = settings.Given("198.18.0.0/26", origin.Caller("test")) }))
	require.NoError(t, err)
	assert.Equal(t, []string{"OutsideNodePodCIDR 10.243.0.0/24 podCIDRs of node a", "FewerBlocksThanNodes"}, findingsOf(report)[:2])
	require.Len(t, world.Pools(t), 1, "created with a warning")

	report, err = run(desired())
	require.NoError(t, err)
	assert.Empty(t, report.Findings, "a run does not check existing pools")
	planned, err := bootstrap.New(world.Open(t), bootstrap.WithHost(suite.Host{})).Plan(t.Context(), desired())
	require.NoError(t, err)
	assert.Contains(t, findingsOf(planned.Report), "FewerBlocksThanNodes", "a plan checks existing pools")
}

// TestPreflightOfTheProgram creates a pool that overlaps the loopback interface, which
// every machine has.
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

	r = apply("--preflight=strict", "--allow=HostInterfaceOverlap,UnroutableRange")
	assert.Zero(t, r.code, r.stderr)
	assert.Contains(t, r.stdout, "In etcd, 1 record(s)")
}

// calledForReport runs the program with -o json and returns its report, with any exit
// code.
func calledForReport(t *testing.T, env []string, args ...string) (bootstrap.Report, result) {
	t.Helper()
	r := call(t, env, append(args, "-o", "json")...)
	var report bootstrap.Report
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report), "%s%s", r.stdout, r.stderr)
	return report, r
}

// TestStrictPreflightOfARandomRange has nodes whose IPv6 podCIDRs can't be in a random
// range: apply reports that for the range that it drew, plan for any range.
func TestStrictPreflightOfARandomRange(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	world.empty(t)
	putNodes(t, world.server,
		kubetest.Node{Name: "a", PodCIDRs: []string{"2001:db8:1::/64"}}, kubetest.Node{Name: "b", PodCIDRs: []string{"2001:db8:2::/64"}})
	env := slices.Concat(preflightOn, []string{
		"KUBECONFIG=" + world.server.Kubeconfig(t), "CALICO_IPPOOLS_PREFLIGHT=strict", "CALICO_IPV4POOL_CIDR=none", "CALICO_IPV6POOL_NAT_OUTGOING=true",
	})
	found := []string{"OutsideNodePodCIDR 2001:db8:1::/64 podCIDRs of node a"}
	const chosen = `IPPool "default-ipv6-ippool": cidr "fd`
	const undrawn = `IPPool "default-ipv6-ippool": the random ULA /48 that is generated for it`
	const message = " does not contain the podCIDRs that kube-controller-manager assigned to nodes, such as a (2001:db8:1::/64), b (2001:db8:2::/64): "
	for verb, prefix := range map[string]string{"apply": chosen, "plan": undrawn} {
		report, r := calledForReport(t, env, verb)
		assert.Equal(t, 2, r.code, r.stderr)
		require.Equal(t, found, findingsOf(report), verb)
		assert.Equal(t, "default-ipv6-ippool", report.Findings[0].Pool)
		text := report.Findings[0].Text
		assert.True(t, strings.HasPrefix(text, prefix), text)
		assert.Contains(t, text, message)
		assert.Contains(t, r.stderr, "error: OutsideNodePodCIDR: "+text+"\n")
		assert.Contains(t, r.stderr, "error: env CALICO_IPPOOLS_PREFLIGHT makes preflight findings errors")
		assert.Equal(t, plan.WouldCreate, report.Pools[1].Action)
		assert.Empty(t, world.Pools(t), "nothing is written")
	}

	report, r := calledForReport(t, env, "apply", "--allow=OutsideNodePodCIDR")
	assert.Zero(t, r.code, r.stderr)
	assert.Empty(t, report.Findings)
	assert.Equal(t, defaultNames[1:], names(world.Pools(t)))
}

// TestTerminatingPool has pools that are being deleted and kept by a finalizer: they
// count until they are gone, are not modified, and are a finding.
func TestTerminatingPool(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	t.Cleanup(func() { world.empty(t) }) // the finalizer would block the deletion of the CRD
	env := slices.Concat(preflightOn, bothCIDRs, []string{"KUBECONFIG=" + world.server.Kubeconfig(t), "CALICO_IPV6POOL_NAT_OUTGOING=true"})
	for _, name := range []string{"default-ipv4-ippool", "another"} {
		t.Run(name, func(t *testing.T) {
			world.empty(t)
			world.WriteRaw(t, name, `{"kind":"IPPool","metadata":{"name":"`+name+`","finalizers":["example.org/keep"]},"spec":{"cidr":"10.244.0.0/16","natOutgoing":true}}`)
			world.Delete(t, name)
			require.NotNil(t, world.Pools(t)[0].DeletionTimestamp)
			before := raw(t, world)
			text := `IPPool "` + name + `" is being deleted and counts as an IPv4 pool until the deletion completes; run again afterwards`
			check := func(t *testing.T, report bootstrap.Report, six plan.Action) {
				t.Helper()
				require.Equal(t, []string{"PoolTerminating"}, findingsOf(report))
				assert.Equal(t, name, report.Findings[0].Pool)
				assert.Equal(t, text, report.Findings[0].Text)
				assert.Equal(t, plan.Unchanged, report.Pools[0].Action)
				assert.Equal(t, name, report.Pools[0].Name)
				assert.Equal(t, six, report.Pools[1].Action)
			}

			report, r := calledForReport(t, env, "plan")
			assert.Zero(t, r.code, r.stderr)
			check(t, report, plan.WouldCreate)

			report, r = calledForReport(t, env, "apply", "--preflight=strict")
			assert.Equal(t, 2, r.code, r.stderr)
			check(t, report, plan.WouldCreate)
			assert.Contains(t, r.stderr, "error: PoolTerminating: "+text+"\n")
			assert.Equal(t, before, raw(t, world), "nothing is written")

			report, r = calledForReport(t, env, "apply")
			assert.Zero(t, r.code, r.stderr)
			check(t, report, plan.Created)
			assert.Contains(t, r.stderr, "being deleted")
			after := raw(t, world)
			assert.Equal(t, before[name], after[name], "the terminating pool is not modified")
			assert.Len(t, after, 2, "only the other family's pool is created")
		})
	}
}
