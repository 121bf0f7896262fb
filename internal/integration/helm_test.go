package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
)

const chart = "../../examples/helm/calico-bootstrap"

// withImage sets the only value of the chart that is required.
var withImage = []string{"--set", "image.repository=registry.example.com/calico-bootstrap"}

// helmCommand prepares helm with a home of its own.
func helmCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := kubetest.Helm(t.Context())
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	return cmd
}

// rendered returns the objects of the chart, and the error of helm.
func rendered(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return renderedFrom(t, chart, args...)
}

func renderedFrom(t *testing.T, folder string, args ...string) (string, error) {
	t.Helper()
	cmd := helmCommand(t, append([]string{"template", "pools", folder, "--namespace", "network"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, &stderr)
	}
	return stdout.String(), nil
}

// chartValues returns the files with values that the chart is tried with.
func chartValues(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(chart + "/ci/*-values.yaml")
	require.NoError(t, err)
	require.Len(t, files, 6)
	return files
}

func TestHelmLint(t *testing.T) {
	t.Parallel()
	for _, values := range append(chartValues(t), chart+"/values.yaml") {
		out, err := helmCommand(t, "lint", "--strict", chart, "--values", values).CombinedOutput()
		require.NoError(t, err, "%s: %s", values, out)
		assert.Contains(t, string(out), "1 chart(s) linted, 0 chart(s) failed")
		assert.NotContains(t, string(out), "[WARNING]")
	}
}

// TestHelmREADME compares the chart's README with what helm-docs writes.
func TestHelmREADME(t *testing.T) {
	t.Parallel()
	binary, err := kubetest.HelmDocs(t.Context())
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), binary, "--chart-search-root", chart, "--sort-values-order", "file", "--dry-run", "--log-level", "warning")
	cmd.Env = []string{"HOME=" + t.TempDir()}
	out, err := cmd.Output()
	require.NoError(t, err)
	text := strings.TrimRight(string(out), "\n") + "\n"
	for line := range strings.Lines(text) {
		assert.NotRegexp(t, `^\|.*\|  \|$`, line, "helm-docs found no description")
	}
	if *update {
		require.NoError(t, os.WriteFile(chart+"/README.md", []byte(text), 0o644))
		return
	}
	content, err := os.ReadFile(chart + "/README.md")
	require.NoError(t, err)
	assert.Equal(t, text, string(content))
}

// TestHelmValuesAreChecked makes typos and other mistakes in the values.
func TestHelmValuesAreChecked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		values string // of --set
		want   string // in the error
	}{
		{"setings.ipv4PoolCidr=10.244.0.0/16", "additional properties 'setings' not allowed"},
		{"settings.ipv4PoolCIDR=10.244.0.0/16", "additional properties 'ipv4PoolCIDR' not allowed"},
		{"settings.poolsFile=/pools.yaml", "additional properties 'poolsFile' not allowed"},
		{"settings.onDrift=updat", "value must be one of '', 'report', 'update', 'fail'"},
		{"settings.ipv4PoolIpip=Sometimes", "value must be one of"},
		{"settings.ipv4PoolNatOutgoing=yse", "value must be one of true, false, ''"},
		{"settings.calicoApiGroup=projectcalico.org/v1", "value must be one of"},
		{"settings.etcdPassword=secret", "got string, want object"},
		{"settings.etcdPassword.name=etcd", "missing property 'key'"},
		{"settings.noNatTo.a=b", "got object, want"},
		{"settings=none", "got string, want object"},
		{"image.repo=calico-bootstrap", "additional properties 'repo' not allowed"},
		{"image.digest=e3b0c442", "does not match pattern"},
		{"image.pullPolicy=always", "value must be one of 'Always', 'IfNotPresent', 'Never'"},
		{"hook.enable=true", "additional properties 'enable' not allowed"},
		{"hook.jobDeletePolicy=hook-suceeded", "does not match pattern"},
		{"job.backoffLimit=-1", "minimum: got -1, want 0"},
		{"pools[0].name=a", "missing property 'cidr'"},
		{"pools[0].name=a,pools[0].cidr=10.1.0.0/16,pools[0].natOutGoing=true", "additional properties 'natOutGoing' not allowed"},
		{"openshift=ture", "got string, want boolean"},
		{"nodeSelector.zone=1", "got number, want string"},
		{"image.repository=", "image.repository is required: no registry has the image"},
		{"pools[0].name=a,pools[0].cidr=10.1.0.0/16,poolsConfigMap=b", "poolsConfigMap: must be empty with pools"},
		{"etcdSecret.name=etcd,settings.etcdCertFile=/cert.pem", "settings.etcdCertFile: must be empty with etcdSecret.name"},
	} {
		_, err := rendered(t, append(withImage, "--set", tt.values)...)
		assert.ErrorContains(t, err, tt.want, tt.values)
	}
}

// TestHelmSettings sets every setting: the container gets the variable of each.
func TestHelmSettings(t *testing.T) {
	t.Parallel()
	var named struct {
		Settings map[string]any `json:"settings"`
	}
	content, err := os.ReadFile(chart + "/values.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(content, &named))
	given, want := map[string]any{}, []string{}
	for _, d := range settings.Definitions() {
		name := strings.ReplaceAll(d.Flag, "-", "")
		for value := range named.Settings {
			if strings.ToLower(value) == name {
				name = value
			}
		}
		switch {
		case d.Flag == "pools-file":
			continue // pools
		case d.Secret:
			given[name] = map[string]string{"name": "secret", "key": "the-" + name}
			want = append(want, d.Env+"=secret/the-"+name)
		case d.Bool:
			given[name] = false
			want = append(want, d.Env+"=false")
		case d.List:
			given[name] = []string{"a", "b"}
			want = append(want, d.Env+"=a,b")
		case d.Words != nil:
			given[name] = d.Words[0]
			want = append(want, d.Env+"="+d.Words[0])
		case strings.HasSuffix(d.Flag, "-qps"):
			given[name] = 2_000_000
			want = append(want, d.Env+"=2000000")
		default:
			given[name] = "a '\"b"
			want = append(want, d.Env+"=a '\"b")
		}
	}
	assert.Len(t, given, len(named.Settings))
	env := envOfChart(t, given)
	assert.ElementsMatch(t, want, env)
	assert.Subset(t, envOfChart(t, map[string]any{"ipv4PoolIpip": false, "preflight": false, "ipv4PoolNatOutgoing": false, "k8sClientQps": 0.5}),
		[]string{"CALICO_IPV4POOL_IPIP=off", "CALICO_IPPOOLS_PREFLIGHT=off", "CALICO_IPV4POOL_NAT_OUTGOING=false", "K8S_CLIENT_QPS=0.5"})
	assert.Equal(t, []string{"DATASTORE_TYPE=etcdv3"}, envOfChart(t, map[string]any{"etcdDiscoverySrv": "example.com", "timeout": nil})[:1])
}

// envOfChart returns the environment of the Job's container with these settings.
func envOfChart(t *testing.T, given map[string]any) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	text, err := yaml.Marshal(map[string]any{"settings": given, "apiServerConfigMap": ""})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))
	documents, err := rendered(t, append(withImage, "--values", file)...)
	require.NoError(t, err)
	var env []string
	for _, variable := range jobOf(t, documents).Spec.Template.Spec.Containers[0].Env {
		value := variable.Value
		if variable.ValueFrom != nil {
			value = variable.ValueFrom.SecretKeyRef.Name + "/" + variable.ValueFrom.SecretKeyRef.Key
		}
		env = append(env, variable.Name+"="+value)
	}
	return env
}
