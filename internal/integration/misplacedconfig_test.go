package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/faultproxy"
)

// TestMisplacedConfig gives calicoctl.cfg files that name an etcd in a wrong place or form,
// or no datastore at all. The program reports all errors of the file and contacts nothing:
// not that etcd, and not the cluster of ~/.kube/config.
func TestMisplacedConfig(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	etcd := strings.TrimPrefix(server.Endpoints()[0], "http://")
	first, other := faultproxy.NewTCP(t, etcd), faultproxy.NewTCP(t, etcd)
	endpoint := "http://" + first.Address()

	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, ".kube"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".kube", "config"), []byte("{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],"+
		"clusters: [{name: a, cluster: {server: \"http://"+other.Address()+"\"}}], users: [{name: a, user: {token: "+password+"}}]}"), 0o600))
	env := append([]string{"HOME=" + home, "CALICO_IPPOOLS_TIMEOUT=2s", "ETCD_ENDPOINTS=http://" + other.Address()}, bothCIDRs...)

	const head = "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\n"
	file := filepath.Join(t.TempDir(), "calicoctl.cfg")
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"under metadata": {head + "metadata:\n  datastoreType: etcdv3\n  etcdEndpoints: " + endpoint + "\n  etcdPassword: " + password + "\n",
			[]string{":4: metadata.datastoreType: unknown field; must be spec.datastoreType", ":5: metadata.etcdEndpoints: unknown field; must be spec.etcdEndpoints", ":6: metadata.etcdPassword: "}},
		"at the top level": {head + "etcdEndpoints: " + endpoint + "\n", []string{":3: etcdEndpoints: unknown field; must be spec.etcdEndpoints"}},
		"in spec.spec":     {head + "spec:\n  spec: {etcdEndpoints: " + endpoint + "}\n", []string{":4: spec.spec.etcdEndpoints: unknown field; must be spec.etcdEndpoints"}},
		"misspelt, and another error": {head + "spec:\n  etcdEndpoint: " + endpoint + ";" + endpoint + "\n  etcdUsername: a\n",
			[]string{":4: spec.etcdEndpoint: unknown field; must be etcdEndpoints", "several endpoints that commas don't separate", "a user without a password"}},
		"calicoctl 2": {"apiVersion: v1\nkind: calicoApiConfig\nspec:\n  datastoreType: etcdv2\n  etcdEndpoints: " + endpoint + "\n",
			[]string{`:1: "v1": apiVersion: the format of calicoctl 1 and 2`, `:2: "calicoApiConfig": kind: must be CalicoAPIConfig`, `"etcdv2": the datastore of Calico 1 and 2`}},
		"not rendered": {head + "spec:\n  etcdEndpoints: __ETCD_ENDPOINTS__\n", []string{":4: spec.etcdEndpoints: is a template"}},
		"a tab":        {head + "spec:\n\tetcdEndpoints: " + endpoint + "\n", []string{":4: etcdEndpoints: invalid YAML: a tab in the indentation"}},
		"two documents": {head + "spec: {etcdEndpoints: '" + endpoint + "'}\n---\n" + head + "spec: {datastoreType: kubernetes}\n",
			[]string{":5: a second document; must be one CalicoAPIConfig"}},
		"a kubeconfig":     {"apiVersion: v1\nkind: Config\n", []string{":2: a kubeconfig; must be a CalicoAPIConfig: give this file as --kubeconfig or KUBECONFIG instead"}},
		"no datastore":     {head + "spec:\n  etcdPassword: " + password + "\n", []string{":3: spec: names no datastore; must have datastoreType, etcdEndpoints", "; it has only etcdPassword"}},
		"empty values":     {head + "spec:\n  datastoreType: ''\n  etcdEndpoints: []\n", []string{":3: spec: names no datastore"}},
		"nothing":          {"", []string{":1: is empty; must be a CalicoAPIConfig"}},
		"only a directory": {head + "metadata: {name: a}\n", []string{":1: spec: names no datastore"}},
	} {
		require.NoError(t, os.WriteFile(file, []byte(test.text), 0o600))
		r := call(t, env, "apply", "--config", file)
		assert.Equal(t, 2, r.code, "%s: %s", name, r.stderr)
		for _, want := range test.want {
			assert.Contains(t, r.stderr, want, name)
		}
		assert.NotContains(t, r.stderr, "no etcd endpoints", name)
		assert.NotContains(t, r.stdout+r.stderr, password, name)
	}
	assert.Zero(t, first.Connections())
	assert.Zero(t, other.Connections())

	// A CalicoAPIConfig is no kubeconfig.
	require.NoError(t, os.WriteFile(file, []byte(head+"spec: {etcdEndpoints: '"+endpoint+"'}\n"), 0o600))
	r := call(t, []string{"HOME=" + home, "KUBECONFIG=" + file})
	assert.Equal(t, 2, r.code, r.stderr)
	assert.Contains(t, r.stderr, "a CalicoAPIConfig; must be a kubeconfig: give this file as --config instead")

	// The right file reaches its etcd, and only that; a list of endpoints is fine.
	require.NoError(t, os.WriteFile(file, []byte(head+"spec:\n  etcdEndpoints:\n  - "+endpoint+"\n---\n"), 0o600))
	r = call(t, env, "apply", "--config", file)
	assert.Zero(t, r.code, r.stderr)
	assert.Contains(t, r.stdout, "created")
	assert.NotZero(t, first.Connections())
	assert.Zero(t, other.Connections())
}
