package settings_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// A flag beside a config file has its effect, and a warning names the field that it replaces;
// one that selects another datastore is an error.
func TestFlagsBesideConfig(t *testing.T) {
	clearEnv(t)
	const etcd, kube = "spec:\n  etcdEndpoints: http://10.0.0.1:2379\n", "spec:\n  kubeconfig: /k\n"
	for _, tt := range []struct {
		name, file string
		flags      []string
		warnings   []string
		err        string
		want       datastore.Type
	}{
		{"a kubeconfig beside etcd", etcd, []string{"--kubeconfig=/prod"}, nil,
			`flag --kubeconfig: "/prod": contradicts file F:4 spec.etcdEndpoints, which selects etcdv3; set only one of them`, ""},
		{"endpoints beside a kubeconfig", kube, []string{"--etcd-endpoints=http://a:1"}, nil,
			`flag --etcd-endpoints: "http://a:1": contradicts file F:4 spec.kubeconfig, which selects kubernetes; set only one of them`, ""},
		{"an API server beside a type", inEtcd[len(configHead):], []string{"--k8s-api-endpoint=https://a:1"}, nil,
			`flag --k8s-api-endpoint: "https://a:1": contradicts file F:4 spec.datastoreType, which selects etcdv3; set only one of them`, ""},
		{"a type beside endpoints", etcd, []string{"--datastore-type=kubernetes"}, nil,
			`flag --datastore-type: "kubernetes": contradicts file F:4 spec.etcdEndpoints, which selects etcdv3; set only one of them`, ""},
		{"other endpoints", etcd, []string{"--etcd-endpoints=http://other:1"},
			[]string{"file F:4 spec.etcdEndpoints has no effect: flag --etcd-endpoints replaces it"}, "", datastore.EtcdV3},
		{"the same endpoints", etcd, []string{"--etcd-endpoints=http://10.0.0.1:2379", "--datastore-type=etcdv3"}, nil, "", datastore.EtcdV3},
		{"a domain beside endpoints", etcd, []string{"--etcd-discovery-srv=example.org"},
			[]string{"file F:4 spec.etcdEndpoints has no effect: flag --etcd-discovery-srv replaces it"}, "", datastore.EtcdV3},
		{"an API server beside a kubeconfig", kube, []string{"--k8s-api-endpoint=https://a:1"},
			[]string{"file F:4 spec.kubeconfig has no effect: flag --k8s-api-endpoint replaces it"}, "", datastore.Kubernetes},
		{"a user and certificates", etcd + "  etcdUsername: a\n  etcdCACert: pem\n", []string{"--etcd-username=b", "--etcd-ca-cert-file=/ca", "--etcd-key-file=/key"},
			[]string{
				"file F:5 spec.etcdUsername has no effect: flag --etcd-username replaces it",
				"file F:6 spec.etcdCACert has no effect: flag --etcd-ca-cert-file replaces it",
			}, "", datastore.EtcdV3},
		{"a token beside etcd", etcd, []string{"--k8s-ca-file=/ca"},
			[]string{"flag --k8s-ca-file has no effect: file F:4 spec.etcdEndpoints selects etcdv3"}, "", datastore.EtcdV3},
		{"a choice of both", etcd + "  kubeconfig: /k\n", []string{"--datastore-type=kubernetes"}, nil, "", datastore.Kubernetes},
		{"only new fields", etcd, []string{"--etcd-ca-cert-file=/ca"}, nil, "", datastore.EtcdV3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := writeConfig(t, configHead+tt.file)
			given, warnings, err := settings.Load(settingstest.Given(t, tt.flags...), path)
			assert.Equal(t, tt.warnings, withoutPath(warnings, path))
			if tt.err != "" {
				require.EqualError(t, err, strings.ReplaceAll(tt.err, "file F", "file "+path))
				return
			}
			require.NoError(t, err)
			config, err := given.Resolve()
			require.NoError(t, err)
			assert.Equal(t, tt.want, config.Datastore)
			assert.Empty(t, config.Warnings)
			assert.Empty(t, config.Notes)
		})
	}
}

func withoutPath(warnings []string, path string) []string {
	var short []string
	for _, warning := range warnings {
		short = append(short, strings.ReplaceAll(warning, path, "F"))
	}
	return short
}

// A config file decides alone: ~/.kube/config is not used beside it.
func TestConfigWithoutHome(t *testing.T) {
	clearEnv(t)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("ETCD_ENDPOINT", "http://a:1")
	path := writeConfig(t, configHead+"spec: {datastoreType: kubernetes}\n")
	given, _, err := settings.Load(settings.Settings{}, path)
	require.NoError(t, err)
	assert.Zero(t, given.Datastore.Ambient)
	given, _, err = settings.Load(settings.Settings{}, "")
	require.NoError(t, err)
	assert.NotZero(t, given.Datastore.Ambient.HomeKubeconfig)
	assert.Equal(t, []origin.Origin{origin.Env("ETCD_ENDPOINT")}, given.Datastore.Ambient.Similar)
}

// Messages name the fields of the file, which replaces the variables.
func TestNamesOfConfig(t *testing.T) {
	clearEnv(t)
	flags := settings.Settings{Datastore: settings.DatastoreSettings{Names: settings.FlagNames}}
	path := writeConfig(t, configHead+"spec: {datastoreType: kubernetes}\n")
	given, _, err := settings.Load(flags, path)
	require.NoError(t, err)
	fields := 0
	for _, d := range settings.Definitions() {
		if name := given.Names().Of(d.ID); d.Prefixed || d.ID == origin.SettingCalicoAPIGroup {
			assert.Regexp(t, `^spec\.[a-zA-Z0-9]+ in `, name)
			fields++
		} else {
			assert.Equal(t, "--"+d.Flag, name)
		}
	}
	assert.Greater(t, fields, 15)
}
