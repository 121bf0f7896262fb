package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oddSettings have values with shell metacharacters, and a secret.
var oddSettings = []string{
	"CALICO_IPV4POOL_CIDR=10.244.0.0/16", "CALICO_IPV4POOL_NODE_SELECTOR=zone == 'a' && has(rack) || x == \"$5 `id` \\\\\"",
	"ETCD_ENDPOINTS=https://10.0.0.1:2379", "CALICO_ETCD_ENDPOINTS=https://127.0.0.1:2379", "ETCD_USERNAME=calico",
	"ETCD_PASSWORD=" + password, "CALICO_IPPOOLS_TIMEOUT=5s",
}

func TestConfigTable(t *testing.T) {
	t.Parallel()
	r := call(t, oddSettings, "config", "--ipv4-pool-nat-outgoing=no", "--allow=ULAWithoutNAT", "--allow=NoUsablePool")
	assert.Zero(t, r.code, r.stderr)
	golden(t, "config.txt", r.stdout)
	assert.NotContains(t, r.stdout+r.stderr, password)
}

// TestConfigAsFileToSource sources the output of config -o env in a shell: it gives
// the same settings, and overrides the variables that were set before.
func TestConfigAsFileToSource(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("sh is not installed")
	}
	first := call(t, oddSettings, "config", "-o", "env", "--ipv4-pool-nat-outgoing=no", "--etcd-endpoints", "https://127.0.0.1:1")
	require.Zero(t, first.code, first.stderr)
	assert.Contains(t, first.stdout, "\n# CALICO_ETCD_PASSWORD is secret and not shown (env ETCD_PASSWORD)\n")
	assert.NotContains(t, first.stdout+first.stderr, password)

	file := filepath.Join(t.TempDir(), "settings.env")
	require.NoError(t, os.WriteFile(file, []byte(first.stdout), 0o600))
	again := command(t, append([]string{"CALICO_IPV4POOL_NAT_OUTGOING=true", "CALICO_IPPOOLS_TIMEOUT=1h"}, oddSettings...), "config", "-o", "json")
	again.Args = append([]string{shell, "-c", `. "$1"; shift; exec "$@"`, "sh", file, again.Path}, again.Args[1:]...)
	again.Path = shell
	var stdout strings.Builder
	again.Stdout = &stdout
	require.NoError(t, again.Run())
	var settings []struct{ Setting, Variable, Value, Source string }
	require.NoError(t, json.Unmarshal([]byte(stdout.String()), &settings))
	values := map[string]string{}
	for _, s := range settings {
		values[s.Setting] = s.Value
	}
	assert.Equal(t, "no", values["ipv4-pool-nat-outgoing"])
	assert.Equal(t, "5s", values["timeout"])
	assert.Equal(t, "https://127.0.0.1:1", values["etcd-endpoints"])
	assert.Equal(t, "zone == 'a' && has(rack) || x == \"$5 `id` \\\\\"", values["ipv4-pool-node-selector"])
	assert.Equal(t, "***", values["etcd-password"])
}

// TestConfigOfInvalidSettings checks that invalid settings are printed and reported.
func TestConfigOfInvalidSettings(t *testing.T) {
	t.Parallel()
	invalid := []string{"CALICO_IPV4POOL_IPIP=sometimes", "CALICO_IPV4POOL_NATOUTGOING=false", "ETCD_ENDPOINTS=https://root:" + password + "@127.0.0.1:1"}
	r := call(t, invalid, "config")
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.stdout, "sometimes")
	assert.Contains(t, r.stderr, `error: env CALICO_IPV4POOL_IPIP: "sometimes": unknown mode`)
	assert.Contains(t, r.stderr, `CALICO_IPV4POOL_NATOUTGOING: unknown setting, ignored; did you mean CALICO_IPV4POOL_NAT_OUTGOING?`)
	assert.NotContains(t, r.stdout+r.stderr, password)
}

// TestStrictProgram checks that --strict turns every warning about settings into an
// error, whichever package returns it, before any server is contacted.
func TestStrictProgram(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "calicoctl.cfg")
	require.NoError(t, os.WriteFile(file, []byte("apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nspec: {datastoreType: etcdv3, etcdEndpoints: 'http://127.0.0.1:1'}\n"), 0o600))
	env := []string{"CALICO_IPV4POOL_NATOUTGOING=false", "ETCD_USERNAME=x"}
	for _, verb := range []string{"apply", "plan", "render", "config"} {
		r := call(t, env, verb, "--config", file, "--strict")
		assert.Equal(t, 2, r.code, "%s: %s", verb, r.stderr)
		assert.Contains(t, r.stderr, "did you mean CALICO_IPV4POOL_NAT_OUTGOING? (an error because of flag --strict)", verb)
		assert.Contains(t, r.stderr, "error: env ETCD_USERNAME has no effect", verb)
		assert.NotContains(t, r.stderr, "connection refused", verb)
	}
	r := call(t, append(env, "CALICO_IPPOOLS_STRICT=false"), "render", "--config", file)
	assert.Zero(t, r.code, r.stderr)
}
