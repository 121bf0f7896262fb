package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHelmJobName checks what the name of a plain Job depends on, beside the values that
// TestHelmEveryValueMatters changes: on the image, and so on the version of the program, but
// not on that of the chart. An upgrade to a chart with the same Job does not run it again.
func TestHelmJobName(t *testing.T) {
	t.Parallel()
	name := func(version, appVersion, set string) string {
		t.Helper()
		documents, err := renderedFrom(t, chartAt(t, version, appVersion), append(withImage, "--set", "hook.enabled=false,"+set)...)
		require.NoError(t, err)
		return jobOf(t, documents).Name
	}
	const released = "image.tag="
	first := name("0.0.0", "v1.2.3", released)
	assert.Equal(t, first, name("0.0.0", "v1.2.3", released))
	assert.Equal(t, first, name("1.2.3", "v1.2.3", released))
	assert.NotEqual(t, first, name("0.0.0", "v1.2.4", released))
	const pools = "pools[0].name=a,pools[0].cidr=10."
	assert.NotEqual(t, name("0.0.0", "v0.0.0", pools+"1.0.0/16"), name("0.0.0", "v0.0.0", pools+"2.0.0/16"), "the content of the ConfigMap")
	assert.Equal(t, name("0.0.0", "v0.0.0", "image.tag=v2"), name("0.0.0", "v1.2.3", "image.tag=v2"))
}

// chartAt returns a copy of the chart with other versions.
func chartAt(t *testing.T, version, appVersion string) string {
	t.Helper()
	content, err := os.ReadFile(chart + "/Chart.yaml")
	require.NoError(t, err)
	text := regexp.MustCompile(`(?m)^version: .*$`).ReplaceAllString(string(content), "version: "+version)
	return chartCopy(t, "Chart.yaml", regexp.MustCompile(`(?m)^appVersion: .*$`).ReplaceAllString(text, "appVersion: "+appVersion))
}

// TestHelmLongNames checks that names have at most 63 characters, those of a Job being
// labels of its pods, and that they end as names may.
func TestHelmLongNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 51)
	for _, tt := range []struct{ release, set string }{
		{long + "bc", ""},
		{long + ".c", ""},
		{long + "-c", ""},
		{"pools", "fullnameOverride=" + long + "b"},
		{"pools", "nameOverride=" + strings.Repeat("b", 63)},
	} {
		for _, enabled := range []string{"true", "false"} {
			out, err := helmCommand(t, append([]string{"template", tt.release, chart, "--set", "pools[0].name=a,pools[0].cidr=10.1.0.0/16,hook.enabled=" + enabled + "," + tt.set}, withImage...)...).CombinedOutput()
			require.NoError(t, err, string(out))
			assert.LessOrEqual(t, len(jobOf(t, string(out)).Name), 63)
			for _, object := range documentsOf(t, string(out)) {
				_, name, of := strings.Cut(object.Name, ":")
				if !of {
					name = object.Name
				}
				assert.LessOrEqual(t, len(name), 63, name)
				assert.Regexp(t, `^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`, name)
			}
		}
	}
}

// TestHelmNumbers renders values with large numbers, which YAML's are in Helm as
// floating-point numbers, and duplicate keys: the last one applies.
func TestHelmNumbers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
hook: {weight: 1000000}
job: {activeDeadlineSeconds: 30000000, ttlSecondsAfterFinished: 2000000, backoffLimit: 1000000}
podSecurityContext: {runAsUser: 1000650000, fsGroup: 1000650000}
tolerations: [{operator: Exists, effect: NoExecute, tolerationSeconds: 9007199254740991}]
settings:
  k8sClientQps: 4000000
  k8sClientBurst: 5000000
  timeout: 5m
  timeout: 6m
pools: [{name: a, cidr: 10.1.0.0/16, blockSize: 26, blockSize: 27}]
`), 0o600))
	documents, err := rendered(t, append(withImage, "--values", file)...)
	require.NoError(t, err)
	assert.NotRegexp(t, `[0-9]e[+][0-9]`, documents)
	job := jobOf(t, documents)
	assert.Equal(t, "1000000", job.Annotations["helm.sh/hook-weight"])
	assert.Equal(t, []int64{30000000, 2000000, 1000000}, []int64{*job.Spec.ActiveDeadlineSeconds, int64(*job.Spec.TTLSecondsAfterFinished), int64(*job.Spec.BackoffLimit)})
	pod := job.Spec.Template.Spec
	assert.Equal(t, int64(1000650000), *pod.SecurityContext.RunAsUser)
	assert.Equal(t, int64(9007199254740991), *pod.Tolerations[0].TolerationSeconds)
	var env []string
	for _, variable := range pod.Containers[0].Env {
		env = append(env, variable.Name+"="+variable.Value)
	}
	assert.Subset(t, env, []string{"K8S_CLIENT_QPS=4000000", "K8S_CLIENT_BURST=5000000", "CALICO_IPPOOLS_TIMEOUT=6m"})
	assert.Contains(t, configMapOf(t, documents)["pools.yaml"], "blockSize: 27\n")
	documents, err = rendered(t, append(withImage, "--set", "job.activeDeadlineSeconds=9007199254740993")...)
	require.NoError(t, err)
	assert.Equal(t, int64(9007199254740993), *jobOf(t, documents).Spec.ActiveDeadlineSeconds)
}
