package settings_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

const configHead = "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\n"

// writeConfig returns the path of a file with the text.
func writeConfig(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "calicoctl.cfg")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const everyField = configHead + `
metadata:
  name: mine
spec:
  datastoreType: etcdv3
  etcdEndpoints: https://10.0.0.1:2379,https://10.0.0.2:2379
  etcdDiscoverySrv: example.com
  etcdUsername: calico
  etcdPassword: hunter2
  etcdCACertFile: /etc/calico/ca.pem
  etcdCertFile: /etc/calico/cert.pem
  etcdKeyFile: /etc/calico/key.pem
  etcdCACert: |
    -----BEGIN CERTIFICATE-----
    ca
  etcdCert: "cert\n"
  etcdKey: key
  kubeconfig: /etc/calico/kubeconfig
  kubeconfigInline: "{}"
  k8sAPIEndpoint: https://10.0.0.3:6443
  k8sKeyFile: /etc/calico/k8s-key.pem
  k8sCertFile: /etc/calico/k8s-cert.pem
  k8sCAFile: /etc/calico/k8s-ca.pem
  k8sAPIToken: hunter3
  k8sInsecureSkipTLSVerify: true
  k8sDisableNodePoll: true
  usePodCIDR: true
  k8sClientQPS: 12.5
  k8sClientBurst: 20
  k8sCurrentContext: admin
  calicoAPIGroup: projectcalico.org/v3
`

func TestFromFileReadsEachField(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, everyField)
	got, err := settings.FromFile(path)
	require.NoError(t, err)
	at := func(field, value string) settings.Setting {
		return settings.Given(value, origin.File(path+" spec."+field))
	}
	assert.Equal(t, settings.Settings{Datastore: settings.DatastoreSettings{
		DatastoreType:    at("datastoreType", "etcdv3"),
		EtcdEndpoints:    at("etcdEndpoints", "https://10.0.0.1:2379,https://10.0.0.2:2379"),
		EtcdDiscoverySRV: at("etcdDiscoverySrv", "example.com"),
		EtcdUsername:     at("etcdUsername", "calico"),
		EtcdPassword:     at("etcdPassword", "hunter2"),
		EtcdCACertFile:   at("etcdCACertFile", "/etc/calico/ca.pem"),
		EtcdCertFile:     at("etcdCertFile", "/etc/calico/cert.pem"),
		EtcdKeyFile:      at("etcdKeyFile", "/etc/calico/key.pem"),
		EtcdCACert:       at("etcdCACert", "-----BEGIN CERTIFICATE-----\nca\n"),
		EtcdCert:         at("etcdCert", "cert\n"),
		EtcdKey:          at("etcdKey", "key"),

		Kubeconfig:               at("kubeconfig", "/etc/calico/kubeconfig"),
		KubeconfigInline:         at("kubeconfigInline", "{}"),
		K8sAPIEndpoint:           at("k8sAPIEndpoint", "https://10.0.0.3:6443"),
		K8sCAFile:                at("k8sCAFile", "/etc/calico/k8s-ca.pem"),
		K8sCertFile:              at("k8sCertFile", "/etc/calico/k8s-cert.pem"),
		K8sKeyFile:               at("k8sKeyFile", "/etc/calico/k8s-key.pem"),
		K8sAPIToken:              at("k8sAPIToken", "hunter3"),
		K8sInsecureSkipTLSVerify: at("k8sInsecureSkipTLSVerify", "true"),
		K8sCurrentContext:        at("k8sCurrentContext", "admin"),
		K8sClientQPS:             at("k8sClientQPS", "12.5"),
		K8sClientBurst:           at("k8sClientBurst", "20"),
		CalicoAPIGroup:           at("calicoAPIGroup", "projectcalico.org/v3"),
	}}, got)
}

func TestFromFileForms(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       map[string]string // field to value
	}{
		{"JSON", `{"apiVersion":"projectcalico.org/v3","kind":"CalicoAPIConfig","metadata":{},"spec":{"etcdUsername":"calico"}}`,
			map[string]string{"etcdUsername": "calico"}},
		{"no spec", configHead, nil},
		{"empty spec", configHead + "spec: {}\n", nil},
		{"a comment and a document mark", "# mine\n---\n" + configHead + "spec:\n  etcdUsername: calico # the user\n",
			map[string]string{"etcdUsername": "calico"}},
		{"empty values are unset", configHead + "spec:\n  etcdUsername: ''\n  etcdPassword:\n  etcdKeyFile: null\n", nil},
		{"a number for a password", configHead + "spec:\n  etcdPassword: 12345\n", map[string]string{"etcdPassword": "12345"}},
		{"a number in quotes", configHead + "spec:\n  etcdPassword: '007'\n", map[string]string{"etcdPassword": "007"}},
		{"a value in quotes", configHead + "spec:\n  etcdPassword: '*hunter2'\n", map[string]string{"etcdPassword": "*hunter2"}},
		{"white space is kept", configHead + "spec:\n  etcdPassword: ' a '\n", map[string]string{"etcdPassword": " a "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := writeConfig(t, tt.text)
			got, err := settings.FromFile(path)
			require.NoError(t, err)
			var want settings.Settings
			for field, value := range tt.want {
				setting := settings.Given(value, origin.File(path+" spec."+field))
				switch field {
				case "etcdUsername":
					want.Datastore.EtcdUsername = setting
				case "etcdPassword":
					want.Datastore.EtcdPassword = setting
				}
			}
			assert.Equal(t, want, got)
		})
	}
}

func TestFromFileFaults(t *testing.T) {
	t.Parallel()
	const (
		decoding = "not a CalicoAPIConfig: json: "
		reading  = "not a CalicoAPIConfig: yaml: "
	)
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{`apiVersion is ""; must be projectcalico.org/v3`, `kind is ""; must be CalicoAPIConfig`}},
		{"only comments", "# nothing\n", []string{`apiVersion is ""; must be projectcalico.org/v3`, `kind is ""; must be CalicoAPIConfig`}},
		{"wrong apiVersion", "apiVersion: v1\nkind: CalicoAPIConfig\n", []string{`apiVersion is "v1"; must be projectcalico.org/v3`}},
		{"wrong kind", "apiVersion: projectcalico.org/v3\nkind: IPPool\n", []string{`kind is "IPPool"; must be CalicoAPIConfig`}},
		{"unknown field", configHead + "spec:\n  etcdEndpoint: http://10.0.0.1:2379\n", []string{decoding + `unknown field "etcdEndpoint"`}},
		{"unknown field outside", configHead + "data: {}\n", []string{decoding + `unknown field "data"`}},
		{"field twice", configHead + "spec:\n  etcdUsername: a\n  etcdUsername: b\n",
			[]string{reading + `unmarshal errors: line 5: key "etcdUsername" already set in map`}},
		{"wrong type", configHead + "spec:\n  k8sInsecureSkipTLSVerify: maybe\n",
			[]string{decoding + "cannot unmarshal string into Go struct field Spec.spec.k8sInsecureSkipTLSVerify of type bool"}},
		{"a list", "- a\n- b\n", []string{decoding + "cannot unmarshal array into Go value of type apiconfig.Config"}},
		{"a string", "ETCD_ENDPOINTS=http://10.0.0.1:2379", []string{decoding + "cannot unmarshal string into Go value of type apiconfig.Config"}},
		{"tab", configHead + "spec:\n\tetcdUsername: a\n", []string{reading + "line 4: found character that cannot start any token"}},
		{"truncated", configHead + "spec: {", []string{reading + "line 3: did not find expected node content"}},
		{"not text", "\x00\x01\x02", []string{reading + "control characters are not allowed"}},
		{"secret that looks like an alias", configHead + "spec:\n  etcdPassword: *hunter2\n", []string{reading + "unknown anchor *** referenced"}},
		{"secret that looks like a key", configHead + "spec:\n  etcdPassword: {[hunter2]: x}\n", []string{reading + "invalid map key: ***"}},
		{"secret with a wrong tag", configHead + "spec:\n  etcdPassword: !!int hunter2\n", []string{reading + "cannot decode !!str ***"}},
		{"secret with a wrong tag and a backtick", configHead + "spec:\n  etcdPassword: !!float x`hunter2\n", []string{reading + "cannot decode !!str ***"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := writeConfig(t, tt.text)
			_, err := settings.FromFile(path)
			var want []string
			for _, problem := range tt.want {
				want = append(want, `file `+path+`: `+problem)
			}
			require.EqualError(t, err, strings.Join(want, "\n"))
			require.ErrorIs(t, err, settings.ErrInvalidSettings)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestFromFileUnreadable(t *testing.T) {
	t.Parallel()
	missing, directory := filepath.Join(t.TempDir(), "missing"), t.TempDir()
	_, err := settings.FromFile(missing)
	require.EqualError(t, err, `file `+missing+`: can't be read: no such file or directory; must be a CalicoAPIConfig file`)
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	_, err = settings.FromFile(directory)
	require.EqualError(t, err, `file `+directory+`: can't be read: is a directory; must be a CalicoAPIConfig file`)

	_, err = settings.FromFile("a\nb\x00")
	require.EqualError(t, err, `file ***: can't be read: invalid argument; must be a CalicoAPIConfig file`)
}

// The readable settings of a file with faults are returned, and can be validated.
func TestFromFileFaultsAndSettings(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, "apiVersion: v1\nkind: CalicoAPIConfig\nspec:\n  datastoreType: etcd\n")
	given, err := settings.FromFile(path)
	require.EqualError(t, err, `file `+path+`: apiVersion is "v1"; must be projectcalico.org/v3`)
	assert.EqualError(t, errors.Join(err, given.Validate()),
		err.Error()+"\nfile "+path+` spec.datastoreType: "etcd": unknown datastore; must be etcdv3 or kubernetes`)
}

func TestLoad(t *testing.T) {
	clearEnv(t)
	t.Setenv("CALICO_IPV4POOL_NAME", "from-env")
	t.Setenv("CALICO_IPPOOLS_TIMEOUT", "5s")
	t.Setenv("CALICO_ETCD_ENDPOINTS", "https://10.9.9.9:2379")
	t.Setenv("ETCD_ENDPOINTS", "https://10.8.8.8:2379")
	t.Setenv("ETCD_PASSWORD", "hunter2")
	flags := settingstest.Given(t, "--timeout=7s", "--etcd-username=flagged")
	path := writeConfig(t, configHead+"spec:\n  etcdEndpoints: https://10.0.0.1:2379\n  etcdUsername: filed\n  etcdKey: pem\n")

	t.Run("without a file", func(t *testing.T) {
		given, warnings, err := settings.Load(flags, "")
		require.NoError(t, err)
		assert.Empty(t, warnings)
		want := settingstest.Given(t, "CALICO_IPV4POOL_NAME=from-env", "--timeout=7s", "--etcd-username=flagged",
			"CALICO_ETCD_ENDPOINTS=https://10.9.9.9:2379", "ETCD_PASSWORD=hunter2")
		assert.Equal(t, want, given)
	})
	t.Run("with a file, which replaces the datastore variables", func(t *testing.T) {
		given, warnings, err := settings.Load(flags, path)
		require.NoError(t, err)
		assert.Equal(t, []string{
			"env CALICO_ETCD_ENDPOINTS has no effect: file " + path + " configures the datastore",
			"env ETCD_PASSWORD has no effect: file " + path + " configures the datastore",
		}, warnings)
		want := settingstest.Given(t, "CALICO_IPV4POOL_NAME=from-env", "--timeout=7s", "--etcd-username=flagged")
		want.Datastore.EtcdEndpoints = settings.Given("https://10.0.0.1:2379", origin.File(path+" spec.etcdEndpoints"))
		want.Datastore.EtcdKey = settings.Given("pem", origin.File(path+" spec.etcdKey"))
		assert.Equal(t, want, given)
	})
	t.Run("with an invalid file, and another fault", func(t *testing.T) {
		t.Setenv("CALICO_IPPOOLS_TIMEOUT", "5")
		invalid := writeConfig(t, "kind: CalicoAPIConfig\n")
		given, _, err := settings.Load(settings.Settings{}, invalid)
		require.EqualError(t, err, `file `+invalid+`: apiVersion is ""; must be projectcalico.org/v3`)
		assert.EqualError(t, given.Validate(),
			`env CALICO_IPPOOLS_TIMEOUT: "5": a duration without a unit; did you mean 5s?`)
		assert.Equal(t, "from-env", given.IPv4.Name.Value)
	})
	t.Run("with a missing file", func(t *testing.T) {
		given, _, err := settings.Load(flags, filepath.Join(t.TempDir(), "missing"))
		require.ErrorIs(t, err, settings.ErrInvalidSettings)
		assert.Equal(t, settingstest.Given(t, "CALICO_IPV4POOL_NAME=from-env", "--timeout=7s", "--etcd-username=flagged"), given)
	})
}
