package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// parentChart writes the chart network, which has this one as a dependency from a clone
// beside it, and gets the dependency.
func parentChart(t *testing.T, metadata, values string) string {
	t.Helper()
	parent := filepath.Join(t.TempDir(), "network")
	require.NoError(t, os.CopyFS(filepath.Join(parent, "..", "calico-bootstrap", "examples", "helm", "calico-bootstrap"), os.DirFS(chart)))
	require.NoError(t, os.Mkdir(parent, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(parent, "Chart.yaml"), []byte(metadata), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(parent, "values.yaml"), []byte(values), 0o600))
	out, err := helmCommand(t, "dependency", "update", parent).CombinedOutput()
	require.NoError(t, err, string(out))
	return parent
}

// TestHelmDependency renders the parent chart of docs/HELM.md, whose condition is a value of
// this chart.
func TestHelmDependency(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../docs/HELM.md")
	require.NoError(t, err)
	files := regexp.MustCompile("(?s)```yaml\n# network/Chart.yaml\n(.*?)# network/values.yaml\n(.*?)```").FindStringSubmatch(string(document))
	require.NotNil(t, files)
	metadata, _, _ := strings.Cut(files[1], "---\n")
	parent := parentChart(t, metadata, files[2])
	out, err := helmCommand(t, "template", "network", parent, "--set", "global.registry=registry.example.com").CombinedOutput()
	require.NoError(t, err, string(out))
	job := jobOf(t, string(out))
	assert.Equal(t, "network-calico-bootstrap", job.Name)
	assert.Contains(t, job.Spec.Template.Spec.Containers[0].Env, corev1.EnvVar{Name: "CALICO_IPPOOLS_TIMEOUT", Value: "10m"})
	out, err = helmCommand(t, "template", "network", parent, "--set", "calico-bootstrap.enabled=false").CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Empty(t, strings.TrimSpace(string(out)))
	_, err = rendered(t, append(withImage, "--set", "enabled=false")...)
	assert.ErrorContains(t, err, "enabled: must be true, or the condition of the dependency", "nothing turns it off")
}

// TestHelmAlias renders the chart under aliases that no name of an object may have.
func TestHelmAlias(t *testing.T) {
	t.Parallel()
	for alias, want := range map[string]string{"calicoBootstrap": "network-calicobootstrap", "ip_pools_": "network-ip-pools", "_IP-pools": "network-ip-pools"} {
		parent := parentChart(t, "{apiVersion: v2, name: network, version: 1.0.0, dependencies: [{name: calico-bootstrap, version: '>=0.0.0-0', repository: 'file://../calico-bootstrap/examples/helm/calico-bootstrap', alias: "+alias+"}]}",
			"{"+alias+": {image: {repository: registry.example.com/calico-bootstrap, tag: v1}}}")
		out, err := helmCommand(t, "template", "network", parent).CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Equal(t, want, jobOf(t, string(out)).Name)
		for _, object := range documentsOf(t, string(out)) {
			assert.Regexp(t, `^(default:|kube-system:)?[a-z0-9]([-a-z0-9]*[a-z0-9])?$`, object.Name)
			for name, value := range object.Labels {
				assert.Regexp(t, `^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`, value, name)
			}
		}
	}
}
