package integration

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

type values = map[string]any

// chartCopy returns a copy of the chart in which a file has another content.
func chartCopy(t *testing.T, file, content string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "calico-bootstrap")
	require.NoError(t, os.CopyFS(folder, os.DirFS(chart)))
	require.NoError(t, os.WriteFile(filepath.Join(folder, file), []byte(content), 0o600))
	return folder
}

// sourceLine is the first line of an object that a dependency of the chart parent renders.
var sourceLine = regexp.MustCompile(`(?m)^# Source: parent/charts/(c\d+x)/`)

// renderedEach renders the chart with each of the values in one run of helm: a parent chart
// has it as a dependency with many aliases.
func renderedEach(t *testing.T, each []values) []string {
	t.Helper()
	parent, all := t.TempDir(), values{}
	require.NoError(t, os.CopyFS(filepath.Join(parent, "charts", "calico-bootstrap"), os.DirFS(chart)))
	dependencies := []values{}
	for i, given := range each {
		alias := fmt.Sprintf("c%dx", i)
		dependencies = append(dependencies, values{"name": "calico-bootstrap", "alias": alias, "version": ">=0.0.0-0"})
		all[alias] = values{"image": values{"repository": "registry.example.com/calico-bootstrap", "tag": "v1"}, "nameOverride": "calico-bootstrap"}
		maps.Copy(all[alias].(values), given)
	}
	for name, content := range map[string]any{
		"Chart.yaml":  values{"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": dependencies},
		"values.yaml": all,
	} {
		encoded, err := yaml.Marshal(content)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(parent, name), encoded, 0o600))
	}
	cmd := helmCommand(t, "template", "pools", parent, "--namespace", "network")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, &stderr)
	documents := make([]string, len(each))
	for document := range strings.SplitSeq(string(out), "---\n") {
		source := sourceLine.FindStringSubmatch(document)
		if source == nil {
			continue
		}
		var i int
		_, err := fmt.Sscanf(source[1], "c%dx", &i)
		require.NoError(t, err)
		documents[i] += "---\n" + strings.ReplaceAll(document, source[1], "calico-bootstrap")
	}
	return documents
}

// TestHelmNullValues renders the chart with each top-level value null, and with the values of
// an older chart, as `helm upgrade --reuse-values` does: the defaults apply.
func TestHelmNullValues(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(chart + "/values.yaml")
	require.NoError(t, err)
	var defaults values
	require.NoError(t, yaml.Unmarshal(content, &defaults))
	want, err := rendered(t, withImage...)
	require.NoError(t, err)
	older := map[string]string{"no values": "{}"}
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		if name != "image" {
			documents, err := rendered(t, append(withImage, "--set", name+"=null")...)
			require.NoError(t, err, name)
			assert.Equal(t, want, documents, name)
		}
		without := maps.Clone(defaults)
		delete(without, name)
		encoded, err := yaml.Marshal(without)
		require.NoError(t, err)
		older["without "+name] = string(encoded)
	}
	for name, values := range older {
		documents, err := renderedFrom(t, chartCopy(t, "values.yaml", values), withImage...)
		require.NoError(t, err, name)
		assert.Equal(t, want, documents, name)
	}

	// Where null means something, and in maps whose keys others name, it removes the value.
	documents, err := rendered(t, append(withImage, "--set", "job.activeDeadlineSeconds=null,job.ttlSecondsAfterFinished=null,settings.timeout=null,job.backoffLimit=null,nodeSelector.kubernetes\\.io/os=null,podSecurityContext.fsGroup=null")...)
	require.NoError(t, err)
	job := jobOf(t, documents).Spec
	assert.Nil(t, job.ActiveDeadlineSeconds)
	assert.Nil(t, job.TTLSecondsAfterFinished)
	assert.Equal(t, int32(2), *job.BackoffLimit)
	assert.Empty(t, job.Template.Spec.NodeSelector)
	assert.Nil(t, job.Template.Spec.SecurityContext.FSGroup)
	assert.NotContains(t, documents, "CALICO_IPPOOLS_TIMEOUT")
}

// TestHelmServiceAccount checks that roles are not bound to the ServiceAccount default, which
// every pod of the namespace may use.
func TestHelmServiceAccount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ set, want, account string }{
		{"serviceAccount.create=false", "serviceAccount.name: is required with serviceAccount.create=false", ""},
		{"serviceAccount.create=false,openshift=true,test.enabled=false", "serviceAccount.name: is required", ""},
		{"serviceAccount.create=false,serviceAccount.name=network", "", "network"},
		{"serviceAccount.create=false,rbac.create=false", "", "default"},
		{"serviceAccount.create=false,settings.etcdEndpoints=https://10.0.0.1:2379", "", "default"},
		{"serviceAccount.name=network", "", "network"},
	} {
		documents, err := rendered(t, append(withImage, "--set", tt.set)...)
		if tt.want != "" {
			assert.ErrorContains(t, err, tt.want, tt.set)
			continue
		}
		require.NoError(t, err, tt.set)
		assert.Equal(t, tt.account, jobOf(t, documents).Spec.Template.Spec.ServiceAccountName, tt.set)
		assert.Equal(t, tt.account == "network", strings.Contains(documents, "ClusterRoleBinding"), tt.set)
	}
}
