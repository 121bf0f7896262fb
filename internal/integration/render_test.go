package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// everyField is a pools file that sets every field except the one that an Installation
// does not have.
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

// forTeams is a pool with the field that an Installation does not have.
const forTeams = `- name: teams
  cidr: 10.11.0.0/16
  namespaceSelector: has(team)
  allowedUses: [Workload]
`

func render(t *testing.T, pools string, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "every.yaml")
	require.NoError(t, os.WriteFile(file, []byte(pools), 0o600))
	r := call(t, bothCIDRs, append([]string{"render", "--pools-file", file, "--ipv4-pool-ipip", "CrossSubnet"}, args...)...)
	require.Zero(t, r.code, r.stderr)
	return r.stdout
}

// TestRenderIsAcceptedByKubectl applies the output of render, in each format, with kubectl's
// strictest validation, client-side and server-side, to our CRDs and to Calico's.
func TestRenderIsAcceptedByKubectl(t *testing.T) {
	t.Parallel()
	for _, definitions := range []struct {
		name     string
		newWorld func(*testing.T, schema.GroupVersion) *kubernetesWorld
	}{{"our CRDs", newKubernetesWorld}, {"Calico's CRDs", newCalicoWorld}} {
		for _, group := range []schema.GroupVersion{ippool.CRDV1, v3.SchemeGroupVersion} {
			t.Run(definitions.name+" "+group.String(), func(t *testing.T) {
				world := definitions.newWorld(t, group)
				for _, format := range []string{"yaml", "json"} {
					world.empty(t)
					path := filepath.Join(t.TempDir(), "pools."+format)
					require.NoError(t, os.WriteFile(path, []byte(render(t, everyField+forTeams, "-o", format, "--calico-api-group", group.String())), 0o600))
					kubectl(t, world.server, "apply", "--validate=strict", "-f", path)
					assert.Equal(t, []string{"default-ipv4-ippool", "default-ipv6-ippool", "every", "services", "teams"}, names(world.Pools(t)))
					kubectl(t, world.server, "apply", "--server-side", "--validate=strict", "-f", path)
				}
			})
		}
	}
}

// TestRenderIsAcceptedByPoolsFile checks that render with its own output as --pools-file
// prints the same.
func TestRenderIsAcceptedByPoolsFile(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"yaml", "json"} {
		first := render(t, everyField+forTeams, "-o", format)
		path := filepath.Join(t.TempDir(), "pools."+format)
		require.NoError(t, os.WriteFile(path, []byte(first), 0o600))
		again := call(t, nil, "render", "-o", format, "--pools-file", path)
		require.Zero(t, again.code, again.stderr)
		assert.Equal(t, first, again.stdout)
	}
}

// TestRenderIsAcceptedByTheOperator checks that an API server with the operator's schema
// accepts the Installation and keeps all its fields. The commands are those of the
// README.
func TestRenderIsAcceptedByTheOperator(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, v3.SchemeGroupVersion)
	world.server.InstallOperatorCRD(t)
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	rendered := render(t, everyField, "-o", "installation")
	golden(t, "render.installation", rendered)
	path := file("rendered.yaml", rendered)
	existing := file("existing.yaml",
		"apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}\nspec: {variant: Calico, calicoNetwork: {bgp: Enabled, ipPools: [{cidr: 192.168.0.0/16}]}}\n")

	type installation struct {
		Spec struct {
			Variant       string
			CalicoNetwork struct {
				BGP     string
				IPPools []map[string]any
			}
		}
	}
	stored := func() (i installation) {
		require.NoError(t, json.Unmarshal([]byte(kubectl(t, world.server, "get", "installation", "default", "-o", "json")), &i))
		kubectl(t, world.server, "delete", "installation", "default")
		return i
	}

	kubectl(t, world.server, "create", "--validate=strict", "-f", path)
	fresh := stored()
	pools := fresh.Spec.CalicoNetwork.IPPools
	require.Len(t, pools, 4)
	assert.Equal(t, map[string]any{
		"name": "every", "cidr": "10.9.0.0/16", "encapsulation": "VXLANCrossSubnet", "natOutgoing": "Enabled", "blockSize": 28.0,
		"nodeSelector": "rack == 'a'", "disableBGPExport": true, "disableNewAllocations": true,
		"allowedUses": []any{"Workload"}, "assignmentMode": "Manual",
	}, pools[2])

	// The patch keeps the other fields of the Installation, whether it was created or
	// applied.
	for _, verb := range []string{"create", "apply"} {
		kubectl(t, world.server, verb, "-f", existing)
		kubectl(t, world.server, "patch", "installation", "default", "--type", "merge", "--patch-file", path)
		want := fresh
		want.Spec.Variant, want.Spec.CalicoNetwork.BGP = "Calico", "Enabled"
		assert.Equal(t, want, stored(), "kubectl %s", verb)
	}

	// The server refuses an invalid value and an unknown field.
	for _, invalid := range []string{
		strings.ReplaceAll(rendered, "encapsulation: None", "encapsulation: Never"),
		strings.ReplaceAll(rendered, "natOutgoing: Enabled", "natOutgoing: true"),
		strings.ReplaceAll(rendered, "disableNewAllocations", "disabled"),
	} {
		require.NotEqual(t, rendered, invalid)
		_, err := kubectlResult(t, world.server, "create", "--validate=strict", "-f", file("invalid.yaml", invalid))
		assert.ErrorContains(t, err, "ipPools")
	}
}

// TestRenderInstallationBadInput renders pools that an Installation can't represent:
// that is an error of the settings.
func TestRenderInstallationBadInput(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pools.yaml")
	require.NoError(t, os.WriteFile(file, []byte("ip_pools:\n- {name: a, cidr: 10.9.0.0/16, namespaceSelector: has(team), allowedUses: [Workload]}\n- {name: b, cidr: 10.10.0.0/28, disabled: true}\n"), 0o600))
	r := call(t, nil, "render", "-o", "installation", "--pools-file", file)
	assert.Equal(t, 2, r.code)
	assert.Empty(t, r.stdout)
	assert.Equal(t, `error: flag --output: "installation": IPPool "a": namespaceSelector "has(team)": the Installation has no such field
error: flag --output: "installation": IPPool "b": cidr "10.10.0.0/28" is smaller than a block (/26), which the operator rejects even in a disabled pool
`, r.stderr)
}

// TestRenderInstallationWarnings checks the warnings about settings that an Installation
// ignores.
func TestRenderInstallationWarnings(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pools.yaml")
	require.NoError(t, os.WriteFile(file, []byte("apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: services, labels: {team: x}}\nspec: {cidr: 10.10.0.0/24, allowedUses: [LoadBalancer]}\n"), 0o600))
	r := call(t, nil, "render", "-o", "installation", "--pools-file", file, "--calico-api-group", "projectcalico.org/v3")
	require.Zero(t, r.code, r.stderr)
	for _, warning := range []string{
		"flag --calico-api-group has no effect: an Installation has its own API group",
		`its labels and annotations are omitted: the Installation has no field for them`,
		`is for LoadBalancer: `,
	} {
		assert.Equal(t, 1, strings.Count(r.stderr, warning), "%s\n%s", warning, r.stderr)
	}
	assert.Equal(t, 3, strings.Count(r.stderr, "WARN"), r.stderr)
}
