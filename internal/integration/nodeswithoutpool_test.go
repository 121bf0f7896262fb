package integration

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

// textsOf returns the texts of the findings with the code.
func textsOf(report bootstrap.Report, code preflight.FindingCode) []string {
	var texts []string
	for _, finding := range report.Findings {
		if finding.Code == code {
			texts = append(texts, finding.Text)
		}
	}
	return texts
}

// TestNodesWithoutPool has nodes of a real API server that no pool's nodeSelector matches:
// plan reports them for existing pools, apply for pools that it creates, once a family.
func TestNodesWithoutPool(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	world.empty(t)
	zone := func(name, zone string) kubetest.Node {
		labels := map[string]string{"kubernetes.io/os": "linux"}
		if zone != "" {
			labels["topology.kubernetes.io/zone"] = zone
		}
		return kubetest.Node{Name: name, Labels: labels}
	}
	putNodes(t, world.server, zone("w1", "a"), zone("w2", "b"), zone("w3", "c"), zone("w4", "c"), zone("w5", ""))
	manifest := func(pools string) string {
		file := filepath.Join(t.TempDir(), "pools.yaml")
		require.NoError(t, os.WriteFile(file, []byte("ip_pools:\n"+pools), 0o600))
		return file
	}
	const racks = "- {name: zone-a, cidr: 10.1.0.0/16, natOutgoing: true, nodeSelector: topology.kubernetes.io/zone == 'a'}\n" +
		"- {name: zone-b, cidr: 10.2.0.0/16, natOutgoing: true, nodeSelector: topology.kubernetes.io/zone == 'b'}\n"
	env := slices.Concat(preflightOn, []string{"KUBECONFIG=" + world.server.Kubeconfig(t)})
	call := func(verb string, more ...string) (bootstrap.Report, result) {
		return calledForReport(t, slices.Concat(env, more), verb)
	}
	want := []string{"3 of the cluster's 5 node(s) have no IPv4 pool for automatic assignment, because no nodeSelector matches their labels: " +
		`topology.kubernetes.io/zone="c" (w3, w4), no topology.kubernetes.io/zone (w5): pods there get no IPv4 address; label these nodes, or add an IPv4 pool with a nodeSelector that matches them`}

	report, r := call("apply", "CALICO_IPPOOLS_FILE="+manifest(racks), "CALICO_IPPOOLS_PREFLIGHT=strict")
	assert.Equal(t, 2, r.code, r.stderr)
	assert.Equal(t, want, textsOf(report, preflight.NodesWithoutPool))
	assert.Empty(t, world.Pools(t), "nothing is written")

	report, r = call("apply", "CALICO_IPPOOLS_FILE="+manifest(racks))
	require.Zero(t, r.code, r.stderr)
	assert.Equal(t, want, textsOf(report, preflight.NodesWithoutPool))
	require.Len(t, world.Pools(t), 2)

	// The pools exist: a plan reports the nodes, a run reads none.
	report, r = call("plan", "CALICO_IPV6POOL_CIDR=none")
	require.Zero(t, r.code, r.stderr)
	assert.Equal(t, want, textsOf(report, preflight.NodesWithoutPool))
	report, r = call("apply", "CALICO_IPV6POOL_CIDR=none")
	require.Zero(t, r.code, r.stderr)
	assert.Empty(t, report.Findings)

	// A pool on request does not serve them, one for the rest does.
	onRequest := poolstest.Stored("on-request", "10.3.0.0/16", func(pool *v3.IPPool) {
		mode := v3.Manual
		pool.Spec.AssignmentMode = &mode
	})
	world.Write(t, &onRequest)
	report, _ = call("plan", "CALICO_IPV6POOL_CIDR=none")
	assert.Equal(t, want, textsOf(report, preflight.NodesWithoutPool))
	rest := racks + "- {name: rest, cidr: 10.4.0.0/16, natOutgoing: true, nodeSelector: \"!has(topology.kubernetes.io/zone) || topology.kubernetes.io/zone not in {'a', 'b'}\"}\n"
	report, r = call("apply", "CALICO_IPPOOLS_FILE="+manifest(rest), "CALICO_IPPOOLS_PREFLIGHT=strict")
	require.Zero(t, r.code, r.stderr)
	assert.Empty(t, report.Findings)
}
