package settings_test

import (
	"errors"
	"fmt"
	"maps"
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

// inEtcd is a file up to fields of its spec.
const inEtcd = configHead + "spec:\n  datastoreType: etcdv3\n"

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
		line := 1 + strings.Count(everyField[:strings.Index(everyField, "\n  "+field+":")+1], "\n")
		return settings.Given(value, origin.File(fmt.Sprintf("%s:%d spec.%s", path, line, field)))
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
		{"JSON", `{"apiVersion":"projectcalico.org/v3","kind":"CalicoAPIConfig","metadata":{},"spec":{"datastoreType":"etcdv3","etcdUsername":"calico"}}`,
			map[string]string{"etcdUsername": "calico"}},
		{"a comment and a document mark", "# mine\n---\n" + inEtcd + "  etcdUsername: calico # the user\n",
			map[string]string{"etcdUsername": "calico"}},
		{"empty documents around it", "---\n---\n" + inEtcd + "---\n# nothing\n---\n", nil},
		{"metadata of an export", inEtcd + "metadata: {name: a, uid: b, labels: {etcdEndpoints: c}}\n", nil},
		{"fields for other parts of Calico", inEtcd + "  k8sDisableNodePoll: true\n  usePodCIDR: false\n", nil},
		{"a list of endpoints", inEtcd + "  etcdEndpoints:\n  - https://a:1\n  - https://b:1\n", map[string]string{"etcdEndpoints": "https://a:1,https://b:1"}},
		{"a JSON list of endpoints", `{"apiVersion":"projectcalico.org/v3","kind":"CalicoAPIConfig","spec":{"datastoreType":"etcdv3","etcdEndpoints":["https://a:1"]}}`,
			map[string]string{"etcdEndpoints": "https://a:1"}},
		{"an empty list of endpoints", inEtcd + "  etcdEndpoints: []\n", nil},
		{"an explicit string", inEtcd + "  etcdPassword: !!str 007\n", map[string]string{"etcdPassword": "007"}},
		{"what looks like a template, in a password", inEtcd + "  etcdPassword: 'a{{b}}<c>$D'\n", map[string]string{"etcdPassword": "a{{b}}<c>$D"}},
		{"empty values are unset", inEtcd + "  etcdUsername: ''\n  etcdPassword:\n  etcdKeyFile: null\n", nil},
		{"a number for a password", inEtcd + "  etcdPassword: 12345\n", map[string]string{"etcdPassword": "12345"}},
		{"a number in quotes", inEtcd + "  etcdPassword: '007'\n", map[string]string{"etcdPassword": "007"}},
		{"a value in quotes", inEtcd + "  etcdPassword: '*hunter2'\n", map[string]string{"etcdPassword": "*hunter2"}},
		{"white space is kept", inEtcd + "  etcdPassword: ' a '\n", map[string]string{"etcdPassword": " a "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := writeConfig(t, tt.text)
			got, err := settings.FromFile(path)
			require.NoError(t, err)
			fields := map[string]string{}
			for _, d := range settings.Definitions() {
				if setting := d.Of(&got); setting.IsSet() {
					_, field, _ := strings.Cut(setting.Source.Name(), " spec.")
					fields[field] = setting.Value
				}
			}
			want := map[string]string{"datastoreType": "etcdv3"}
			maps.Copy(want, tt.want)
			assert.Equal(t, want, fields)
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
	require.ErrorContains(t, err, `file `+path+`:1: "v1": apiVersion: the format of calicoctl 1 and 2; must be projectcalico.org/v3`)
	assert.EqualError(t, errors.Join(err, given.Validate()),
		err.Error()+"\nfile "+path+`:4 spec.datastoreType: "etcd": unknown datastore; must be etcdv3 or kubernetes`)
}

// A misplaced or misspelt field is an error, and its value is validated as that of the
// field that is meant, unless that is given as well.
func TestFromFileReadsMisplacedFields(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, configHead+"datastoretype: etcd\nmetadata: {etcdUsername: x}\nspec: {etcdUsername: a, etcdPasword: b}\n")
	given, err := settings.FromFile(path)
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	d := given.Datastore
	assert.Equal(t, settings.Given("etcd", origin.File(path+":3 datastoretype")), d.DatastoreType)
	assert.Equal(t, settings.Given("a", origin.File(path+":5 spec.etcdUsername")), d.EtcdUsername)
	assert.Equal(t, settings.Given("b", origin.File(path+":5 spec.etcdPasword")), d.EtcdPassword)
	assert.ErrorContains(t, given.Validate(), path+`:3 datastoretype: "etcd": unknown datastore`)
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
		given.Datastore.Names = nil // functions can't be compared
		assert.Equal(t, want, given)
	})
	t.Run("with a file, which replaces the datastore variables", func(t *testing.T) {
		given, warnings, err := settings.Load(flags, path)
		require.NoError(t, err)
		assert.Equal(t, []string{
			"env CALICO_ETCD_ENDPOINTS has no effect: file " + path + " configures the datastore",
			"env ETCD_PASSWORD has no effect: file " + path + " configures the datastore",
			"file " + path + ":5 spec.etcdUsername has no effect: flag --etcd-username replaces it",
		}, warnings)
		want := settingstest.Given(t, "CALICO_IPV4POOL_NAME=from-env", "--timeout=7s", "--etcd-username=flagged")
		want.Datastore.EtcdEndpoints = settings.Given("https://10.0.0.1:2379", origin.File(path+":4 spec.etcdEndpoints"))
		want.Datastore.EtcdKey = settings.Given("pem", origin.File(path+":6 spec.etcdKey"))
		assert.Equal(t, "spec.etcdPassword in "+path, given.Names().Of(origin.SettingEtcdPassword))
		assert.Equal(t, "CALICO_IPPOOLS_ON_DRIFT", given.Names().Of(origin.SettingOnDrift))
		given.Datastore.Names = nil
		assert.Equal(t, want, given)
		named := flags
		named.Datastore.Names = settings.FlagNames
		given, _, err = settings.Load(named, path)
		require.NoError(t, err)
		assert.Equal(t, "--on-drift", given.Names().Of(origin.SettingOnDrift))
	})
	t.Run("with an invalid file, and another fault", func(t *testing.T) {
		t.Setenv("CALICO_IPPOOLS_TIMEOUT", "5")
		invalid := writeConfig(t, "kind: CalicoAPIConfig\nspec: {datastoreType: etcdv3}\n")
		given, _, err := settings.Load(settings.Settings{}, invalid)
		require.EqualError(t, err, `file `+invalid+`:1: apiVersion: is missing; must be projectcalico.org/v3`)
		assert.EqualError(t, given.Validate(),
			`env CALICO_IPPOOLS_TIMEOUT: "5": a duration without a unit; did you mean 5s?`)
		assert.Equal(t, "from-env", given.IPv4.Name.Value)
	})
	t.Run("with a file that names no datastore", func(t *testing.T) {
		user := writeConfig(t, configHead+"spec: {etcdUsername: a}\n")
		_, _, err := settings.Load(flags, user)
		require.ErrorContains(t, err, `file `+user+`:3: spec: names no datastore; must have datastoreType, etcdEndpoints`)
		given, _, err := settings.Load(settingstest.Given(t, "--etcd-endpoints=https://10.0.0.1:2379"), user)
		require.NoError(t, err)
		assert.Equal(t, "a", given.Datastore.EtcdUsername.Value)
	})
	t.Run("with another kind of file", func(t *testing.T) {
		named := flags
		named.Datastore.Names = settings.FlagNames
		_, _, err := settings.Load(named, writeConfig(t, "apiVersion: v1\nkind: Config\nusers: [{name: a, user: {token: hunter2}}]\n"))
		require.ErrorContains(t, err, "calicoctl.cfg:2: a kubeconfig; must be a CalicoAPIConfig: give this file as --kubeconfig or KUBECONFIG instead")
	})
	t.Run("with a missing file", func(t *testing.T) {
		given, _, err := settings.Load(flags, filepath.Join(t.TempDir(), "missing"))
		require.ErrorIs(t, err, settings.ErrInvalidSettings)
		given.Datastore.Names = nil
		assert.Equal(t, settingstest.Given(t, "CALICO_IPV4POOL_NAME=from-env", "--timeout=7s", "--etcd-username=flagged"), given)
	})
}
