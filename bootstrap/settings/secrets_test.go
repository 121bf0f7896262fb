package settings_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

func TestSettingsKeepTheirSecrets(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	var given settings.Settings
	given.Datastore.EtcdEndpoints = settings.Given("http://10.0.0.1:2379", origin.Env("ETCD_ENDPOINTS"))
	given.Datastore.EtcdPassword = settings.Given(secret, origin.Env("ETCD_PASSWORD"))
	given.Datastore.EtcdKey = settings.Given(secret, origin.File("F spec.etcdKey"))

	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&printed, verb+"\n", given)
		fmt.Fprintf(&printed, verb+"\n", &given)
		fmt.Fprintf(&printed, verb+"\n", given.Datastore)
	}
	for _, logger := range []*slog.Logger{
		slog.New(slog.NewTextHandler(&printed, nil)), slog.New(slog.NewJSONHandler(&printed, nil)),
	} {
		logger.Info("settings", "all", given, "datastore", given.Datastore)
	}
	data, err := json.Marshal(given)
	require.NoError(t, err)
	printed.Write(data)

	assert.NotContains(t, printed.String(), secret)
	assert.Equal(t, `{etcd.endpoints="http://10.0.0.1:2379" etcd.password=*** file F spec.etcdKey=***}`, given.Datastore.String())
}

func TestHides(t *testing.T) {
	t.Parallel()
	tests := []struct {
		env, value string
		hides      bool
	}{
		{"ETCD_PASSWORD", "hunter2", true},
		{"K8S_API_TOKEN", "https://x", true},
		{"ETCD_ENDPOINTS", "https://10.0.0.1:2379,https://10.0.0.2:2379", false},
		{"ETCD_ENDPOINTS", "https://root:hunter2@10.0.0.1:2379", true},
		{"ETCD_ENDPOINTS", "root:hunter2@10.0.0.1:2379", true},
		{"ETCD_DISCOVERY_SRV", "example.org", false},
		{"ETCD_DISCOVERY_SRV", "root:hunter2@example.org", true},
		{"K8S_API_ENDPOINT", "https://10.0.0.1:6443/?token=hunter2", true},
		{"K8S_CURRENT_CONTEXT", "kubernetes-admin@kubernetes", false},
		{"KUBECONFIG", "/etc/k#8s/admin.conf", false},
		{"KUBECONFIG", "apiVersion: v1\nkind: Config\nusers: []\n", true},
		{"ETCD_KEY_FILE", "-----BEGIN PRIVATE KEY-----\nhunter2\n", true},
		{"CALICO_IPV4POOL_NODE_SELECTOR", "zone == 'a@b'", false},
		{"CALICO_IPV4POOL_NAME", "https://x:hunter2@y", true},
	}
	for _, tt := range tests {
		for _, definition := range settings.Definitions() {
			if definition.Env == tt.env {
				assert.Equal(t, tt.hides, definition.Hides(tt.value), "%s=%s", tt.env, tt.value)
			}
		}
	}
}

// A value of quotes alone is an empty one that was not unquoted, and no secret.
func TestQuotesAreNoSecret(t *testing.T) {
	t.Parallel()
	for _, d := range settings.Definitions() {
		for _, value := range []string{`""`, "''", `" "`, `"`, "\"\"\r"} {
			assert.False(t, d.Hides(value), "%s=%q", d.Env, value)
		}
		if d.Secret {
			assert.True(t, d.Hides(`"a"`), d.Env)
			assert.True(t, d.Hides(" "), d.Env)
		}
	}
	var faults settings.Faults
	faults.AddSecret(settings.Given(`""`, origin.Env("K8S_API_TOKEN")), "not a token")
	faults.AddSecret(settings.Given(`"hunter2"`, origin.Env("K8S_API_TOKEN")), "not a token")
	assert.EqualError(t, faults.Err(), `env K8S_API_TOKEN: "\"\"": not a token; remove the quotes around it`+"\nenv K8S_API_TOKEN: ***: not a token")
}
