package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// everyField are settings that need every field of a pool.
const everyField = `ip_pools:
- name: every
  cidr: 10.9.0.0/16
  vxlanMode: CrossSubnet
  natOutgoing: true
  disabled: true
  disableBGPExport: true
  blockSize: 28
  nodeSelector: rack == 'a'
  allowedUses: [Workload]
  assignmentMode: Manual
- name: services
  cidr: 10.10.0.0/24
  allowedUses: [LoadBalancer]
`

func render(t *testing.T, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "every.yaml")
	require.NoError(t, os.WriteFile(file, []byte(everyField), 0o600))
	r := call(t, bothCIDRs, append([]string{"render", "--pools-file", file, "--ipv4-pool-ipip", "CrossSubnet"}, args...)...)
	require.Zero(t, r.code, r.stderr)
	return r.stdout
}

// kubectl takes what render prints, in either format, without a word about it.
func TestRenderIsTakenByKubectl(t *testing.T) {
	for _, group := range []schema.GroupVersion{ippool.CRDV1, ippool.V3} {
		for _, format := range []string{"yaml", "json"} {
			world := newKubernetesWorld(t, group)
			path := filepath.Join(t.TempDir(), "pools."+format)
			require.NoError(t, os.WriteFile(path, []byte(render(t, "-o", format, "--calico-api-group", group.String())), 0o600))
			kubectl(t, world.server, "apply", "--server-side", "--validate=strict", "-f", path)
			assert.Equal(t, []string{"default-ipv4-ippool", "default-ipv6-ippool", "every", "services"}, names(world.Pools(t)))
		}
	}
}

// What render prints, --pools-file takes, and it stays the same.
func TestRenderIsTakenByPoolsFile(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"yaml", "json"} {
		first := render(t, "-o", format)
		path := filepath.Join(t.TempDir(), "pools."+format)
		require.NoError(t, os.WriteFile(path, []byte(first), 0o600))
		again := call(t, nil, "render", "-o", format, "--pools-file", path)
		require.Zero(t, again.code, again.stderr)
		assert.Equal(t, first, again.stdout)
	}
}

// An API server with the operator's schema takes the Installation, and none of
// its fields is lost; it is merged into one that is there.
func TestRenderIsTakenByTheOperator(t *testing.T) {
	world := newKubernetesWorld(t, ippool.V3)
	world.server.InstallOperatorCRD(t)
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	rendered := render(t, "-o", "installation")
	golden(t, "render.installation", rendered)
	kubectl(t, world.server, "apply", "-f", file("there.yaml",
		"apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}\nspec: {variant: Calico, calicoNetwork: {bgp: Enabled}}\n"))
	path := file("rendered.yaml", rendered)
	kubectl(t, world.server, "apply", "--server-side", "--validate=strict", "--field-manager=calico-bootstrap", "-f", path)
	kubectl(t, world.server, "apply", "--validate=strict", "-f", path)

	var stored struct {
		Spec struct {
			CalicoNetwork struct {
				IPPools []map[string]any
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(kubectl(t, world.server, "get", "installation", "default", "-o", "json")), &stored))
	pools := stored.Spec.CalicoNetwork.IPPools
	require.Len(t, pools, 4)
	assert.Equal(t, map[string]any{
		"name": "every", "cidr": "10.9.0.0/16", "encapsulation": "VXLANCrossSubnet", "natOutgoing": "Enabled", "blockSize": 28.0,
		"nodeSelector": "rack == 'a'", "disableBGPExport": true, "disableNewAllocations": true,
		"allowedUses": []any{"Workload"}, "assignmentMode": "Manual",
	}, pools[2])

	// The server would notice a wrong word, or a field too many.
	for _, wrong := range []string{
		strings.ReplaceAll(rendered, "encapsulation: None", "encapsulation: Never"),
		strings.ReplaceAll(rendered, "natOutgoing: Enabled", "natOutgoing: true"),
		strings.ReplaceAll(rendered, "disableNewAllocations", "disabled"),
	} {
		require.NotEqual(t, rendered, wrong)
		_, err := kubectlResult(t, world.server, "apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", file("wrong.yaml", wrong))
		assert.ErrorContains(t, err, "ipPools")
	}
}

// What an Installation can't hold is wrong with the settings.
func TestRenderInstallationBadInput(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pools.yaml")
	require.NoError(t, os.WriteFile(file, []byte("ip_pools:\n- {name: a, cidr: 10.9.0.0/16, namespaceSelector: has(team), allowedUses: [Workload]}\n- {name: b, cidr: 10.10.0.0/28, disabled: true}\n"), 0o600))
	r := call(t, nil, "render", "-o", "installation", "--pools-file", file)
	assert.Equal(t, 2, r.code)
	assert.Empty(t, r.stdout)
	assert.Equal(t, `error: flag --output: "installation": IPPool "a": namespaceSelector "has(team)": the Installation has no such field
error: flag --output: "installation": IPPool "b": cidr "10.10.0.0/28" is smaller than a block (/26), which the operator refuses also of a disabled pool
`, r.stderr)
}
