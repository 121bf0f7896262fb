package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestReapplyOfOlderPools exports pools that today's rules reject and applies them again from
// the file: unchanged, and with another natOutgoing. A conflict that the stored pool doesn't
// have is an error, and nothing is written.
func TestReapplyOfOlderPools(t *testing.T) {
	t.Parallel()
	const tenant = `"cidr":"10.1.0.0/16","vxlanMode":"Never","ipipMode":"Never","blockSize":26,"nodeSelector":"all()","namespaceSelector":"has(team)","assignmentMode":"Automatic","allowedUses":["Workload","Tunnel"]`
	check := func(world suite.World, env, spec string) {
		t.Helper()
		world.WriteRaw(t, "tenant", storedRecord("tenant", spec))
		exported := func(change func(pool map[string]any)) string {
			t.Helper()
			pool := map[string]any{}
			require.NoError(t, json.Unmarshal([]byte(world.Raw(t, "tenant")), &pool))
			change(pool)
			data, err := json.Marshal(pool)
			require.NoError(t, err)
			path := filepath.Join(t.TempDir(), "pool.json")
			require.NoError(t, os.WriteFile(path, data, 0o600))
			return path
		}
		same := exported(func(map[string]any) {})
		report, r := calledForReport(t, []string{env}, "apply", "--pools-file", same)
		require.Zero(t, r.code, r.stderr)
		assert.Equal(t, plan.Unchanged, report.Pools[2].Action)
		assert.Empty(t, report.Pools[2].Drift)

		before := map[string]any{}
		require.NoError(t, json.Unmarshal([]byte(world.Raw(t, "tenant")), &before))
		report, r = calledForReport(t, []string{env}, "apply", "--on-drift=update", "--pools-file",
			exported(func(pool map[string]any) { pool["spec"].(map[string]any)["natOutgoing"] = true }))
		require.Zero(t, r.code, r.stderr)
		assert.Equal(t, plan.Updated, report.Pools[2].Action)
		before["spec"].(map[string]any)["natOutgoing"] = true
		after, err := json.Marshal(before)
		require.NoError(t, err)
		assert.JSONEq(t, string(after), world.Raw(t, "tenant"), "nothing else changes")

		unchanged := world.Raw(t, "tenant")
		for name, change := range map[string]func(pool map[string]any){
			"a new pool": func(pool map[string]any) {
				pool["metadata"] = map[string]any{"name": "another"}
				pool["spec"].(map[string]any)["cidr"] = "10.2.0.0/16"
			},
			"a new conflict": func(pool map[string]any) {
				pool["spec"].(map[string]any)["ipipMode"], pool["spec"].(map[string]any)["vxlanMode"] = "CrossSubnet", "CrossSubnet"
			},
			"a value that is invalid alone": func(pool map[string]any) { pool["spec"].(map[string]any)["blockSize"] = 33 },
		} {
			r := call(t, []string{env}, "apply", "--on-drift=update", "--pools-file", exported(change))
			assert.Equal(t, 2, r.code, "%s: %s", name, r.stderr)
			assert.Contains(t, r.stderr, "error: file ", name)
			assert.Equal(t, unchanged, world.Raw(t, "tenant"), name)
			assert.Len(t, world.Pools(t), 1, name)
		}
		r = call(t, nil, "render", "--pools-file", same)
		assert.Equal(t, 2, r.code, "render has no existing pools to compare with: %s", r.stderr)
		world.Delete(t, "tenant")
	}
	older := []string{
		tenant,
		`"cidr":"10.1.0.0/16","namespaceSelector":"has(team)"`,
		`"cidr":"10.1.0.0/16","ipipMode":"Always","vxlanMode":"Always"`,
		`"cidr":"10.1.0.0/16","allowedUses":["LoadBalancer"],"disableBGPExport":true,"nodeSelector":"has(edge)"`,
	}
	etcd := newEtcdWorld(t)
	for _, spec := range older {
		check(etcd, "ETCD_ENDPOINTS="+etcd.server.Endpoints()[0], spec)
	}
	kubernetes := newKubernetesWorld(t, ippool.CRDV1) // without validation
	kubeconfig := "KUBECONFIG=" + kubernetes.server.Kubeconfig(t)
	for _, spec := range older {
		check(kubernetes, kubeconfig, spec)
	}

	// Of these, Calico's own CRDs of today accept a namespaceSelector without uses.
	check(newCalicoWorld(t, ippool.CRDV1), kubeconfig, older[1])
	check(newCalicoWorld(t, v3.SchemeGroupVersion), kubeconfig, older[1])
}
