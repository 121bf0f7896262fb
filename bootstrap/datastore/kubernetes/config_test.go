package kubernetes

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

func given(value string) settings.Setting { return settings.Given(value, origin.Caller("test")) }

// kubeconfig has two clusters, three users and three contexts.
const kubeconfig = `apiVersion: v1
kind: Config
current-context: admin
clusters:
- name: one
  cluster: {server: "https://one.example:6443"}
- name: two
  cluster: {server: "https://two.example:6443", insecure-skip-tls-verify: true}
users:
- name: admin
  user: {token: hunter2}
- name: plugin
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: get-token
      args: [--cluster, one]
      interactiveMode: Never
contexts:
- name: admin
  context: {cluster: one, user: admin}
- name: other
  context: {cluster: two, user: plugin}
- name: broken
  context: {cluster: three, user: nobody}
`

func TestFromSettingsKubeconfig(t *testing.T) {
	t.Parallel()
	path := apitest.File(t, "config", kubeconfig)

	config, warnings, err := FromSettings(settings.DatastoreSettings{Kubeconfig: given(path)})
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Equal(t, "https://one.example:6443", config.REST.Host)
	assert.Equal(t, "hunter2", config.REST.BearerToken)
	assert.InDelta(t, api.NoLimit, config.REST.QPS, 0)
	assert.Equal(t, schema.GroupVersion{}, config.APIGroup)

	config, _, err = FromSettings(settings.DatastoreSettings{
		Kubeconfig: given(path), K8sCurrentContext: given("other"), CalicoAPIGroup: given("ProjectCalico.org/v3"),
		K8sClientQPS: given("2.5"), K8sClientBurst: given("7"),
	})
	require.NoError(t, err)
	assert.Equal(t, "https://two.example:6443", config.REST.Host)
	assert.True(t, config.REST.Insecure)
	assert.Equal(t, "get-token", config.REST.ExecProvider.Command)
	assert.Equal(t, v3.SchemeGroupVersion, config.APIGroup)
	assert.InDelta(t, 2.5, config.REST.QPS, 0)
	assert.Equal(t, 7, config.REST.Burst)

	t.Run("inline", func(t *testing.T) {
		config, _, err := FromSettings(settings.DatastoreSettings{KubeconfigInline: given(kubeconfig)})
		require.NoError(t, err)
		assert.Equal(t, "https://one.example:6443", config.REST.Host)
	})
	t.Run("in the home directory", func(t *testing.T) {
		pod := settings.DatastoreSettings{}
		pod.Ambient.HomeKubeconfig = given(path)
		pod.Ambient.KubernetesServiceHost, pod.Ambient.KubernetesServicePort = given("10.96.0.1"), given("443")
		config, _, err := FromSettings(pod)
		require.NoError(t, err)
		assert.Equal(t, "https://one.example:6443", config.REST.Host, "a kubeconfig in the home directory takes precedence over the pod's ServiceAccount")

		for _, change := range []func(*settings.DatastoreSettings){
			func(s *settings.DatastoreSettings) { s.K8sAPIToken = given("hunter2") },
			func(s *settings.DatastoreSettings) { s.K8sCAFile = given(path) },
		} {
			unselected := settings.DatastoreSettings{Ambient: settings.Ambient{HomeKubeconfig: given(path)}}
			change(&unselected)
			_, _, err := FromSettings(unselected)
			require.ErrorContains(t, err, "no API server is set", "no setting names the kubeconfig")
		}
	})
	t.Run("a server without a scheme", func(t *testing.T) {
		config, _, err := FromSettings(settings.DatastoreSettings{KubeconfigInline: given(strings.ReplaceAll(kubeconfig, "https://one", "one"))})
		require.NoError(t, err)
		assert.Equal(t, "one.example:6443", config.REST.Host)
	})
}

// Settings for an endpoint override the kubeconfig.
func TestFromSettingsOverKubeconfig(t *testing.T) {
	t.Parallel()
	cert, key := apitest.KeyPair(t)
	pem := func(name string, data []byte) settings.Setting { return given(apitest.File(t, name, string(data))) }
	authority, _ := apitest.KeyPair(t)
	trusting := strings.ReplaceAll(kubeconfig, `one.example:6443"`, `one.example:6443", certificate-authority-data: `+base64.StdEncoding.EncodeToString(cert))
	type connection = settings.DatastoreSettings
	tests := []struct {
		name     string
		settings connection
		want     rest.Config // only credentials and TLS are compared
		warnings []string
	}{
		{"a token", connection{Kubeconfig: pem("c", []byte(kubeconfig)), K8sCurrentContext: given("other"), K8sAPIToken: given(" hunter3\n")},
			rest.Config{BearerToken: "hunter3", TLSClientConfig: rest.TLSClientConfig{Insecure: true}}, nil},
		{"a CA", connection{Kubeconfig: pem("c", []byte(trusting)), K8sCAFile: pem("ca", authority)},
			rest.Config{BearerToken: "hunter2", TLSClientConfig: rest.TLSClientConfig{CAData: authority}}, nil},
		{"a CA in place of insecure-skip-tls-verify", connection{Kubeconfig: pem("c", []byte(kubeconfig)), K8sCurrentContext: given("other"), K8sAPIToken: given("a"), K8sCAFile: pem("ca", authority)},
			rest.Config{BearerToken: "a", TLSClientConfig: rest.TLSClientConfig{CAData: authority}}, nil},
		{"a client certificate", connection{Kubeconfig: pem("c", []byte(kubeconfig)), K8sCertFile: pem("cert", cert), K8sKeyFile: pem("key", key)},
			rest.Config{BearerToken: "hunter2", TLSClientConfig: rest.TLSClientConfig{CertData: cert, KeyData: key}}, nil},
		{"no verification", connection{Kubeconfig: pem("c", []byte(trusting)), K8sInsecureSkipTLSVerify: given("yes")},
			rest.Config{BearerToken: "hunter2", TLSClientConfig: rest.TLSClientConfig{Insecure: true}},
			[]string{"test: TLS verification of the API server is skipped, which is insecure"}},
		{"a burst without a rate", connection{Kubeconfig: pem("c", []byte(kubeconfig)), K8sClientBurst: given("7")},
			rest.Config{BearerToken: "hunter2"}, []string{"test has no effect: it requires kubernetes.clientQPS, which is not set"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config, warnings, err := FromSettings(tt.settings)
			require.NoError(t, err)
			assert.Equal(t, tt.warnings, warnings)
			got := config.REST
			assert.Equal(t, tt.want, rest.Config{BearerToken: got.BearerToken, TLSClientConfig: got.TLSClientConfig, ExecProvider: got.ExecProvider})
			store, err := Open(config)
			require.NoError(t, err, "client-go accepts it")
			require.NoError(t, store.Close())
		})
	}
}

func TestFromSettingsMergesKubeconfigs(t *testing.T) {
	t.Parallel()
	list := func(paths ...string) settings.Setting {
		return given(strings.Join(paths, string(filepath.ListSeparator)))
	}
	folder := t.TempDir()
	ca := filepath.Join(folder, "ca.pem")
	pem, _ := apitest.KeyPair(t)
	require.NoError(t, os.WriteFile(ca, pem, 0o600))
	cluster := filepath.Join(folder, "cluster")
	require.NoError(t, os.WriteFile(cluster, []byte("apiVersion: v1\nkind: Config\nclusters:\n- name: one\n  cluster: {server: 'https://first.example', certificate-authority: ca.pem}\n"), 0o600))
	full := apitest.File(t, "config", kubeconfig)
	missing := filepath.Join(folder, "missing")

	config, warnings, err := FromSettings(settings.DatastoreSettings{Kubeconfig: list(cluster, missing, "", full)})
	require.NoError(t, err)
	assert.Equal(t, "https://first.example", config.REST.Host, "the first file takes precedence")
	assert.Equal(t, pem, config.REST.CAData, "a path is relative to its file")
	assert.Empty(t, config.REST.CAFile)
	assert.Equal(t, "hunter2", config.REST.BearerToken)
	assert.Equal(t, []string{fmt.Sprintf("test: %q does not exist and is ignored", missing)}, warnings)
}

func TestFromSettingsEndpoint(t *testing.T) {
	t.Parallel()
	cert, key := apitest.KeyPair(t)
	ca, certFile, keyFile := apitest.File(t, "ca.pem", string(cert)), apitest.File(t, "cert.pem", string(cert)), apitest.File(t, "key.pem", string(key))
	config, warnings, err := FromSettings(settings.DatastoreSettings{
		K8sAPIEndpoint: given("https://10.0.0.1:6443/"), K8sCAFile: given(ca), K8sCertFile: given(certFile), K8sKeyFile: given(keyFile),
		K8sInsecureSkipTLSVerify: given("no"),
	})
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Equal(t, "https://10.0.0.1:6443", config.REST.Host)
	assert.Equal(t, cert, config.REST.CAData)
	assert.Equal(t, cert, config.REST.CertData)
	assert.Equal(t, key, config.REST.KeyData)
	assert.False(t, config.REST.Insecure)

	config, warnings, err = FromSettings(settings.DatastoreSettings{
		K8sAPIEndpoint: given("https://10.0.0.1:6443/k8s/clusters/c-1"), K8sAPIToken: given("hunter2"), K8sInsecureSkipTLSVerify: given("yes"),
	})
	require.NoError(t, err)
	assert.Equal(t, "https://10.0.0.1:6443/k8s/clusters/c-1", config.REST.Host)
	assert.Equal(t, "hunter2", config.REST.BearerToken)
	assert.True(t, config.REST.Insecure)
	assert.Equal(t, []string{"test: TLS verification of the API server is skipped, which is insecure"}, warnings)

	_, warnings, err = FromSettings(settings.DatastoreSettings{K8sAPIEndpoint: given("http://127.0.0.1:8080"), K8sAPIToken: given("hunter2")})
	require.NoError(t, err)
	assert.Equal(t, []string{"test: http:// is not encrypted: a token can be read on the way, and TLS files have no effect"}, warnings)
}

func TestInCluster(t *testing.T) {
	t.Parallel()
	cert, _ := apitest.KeyPair(t)
	folder := t.TempDir()
	reader := &reader{serviceAccount: folder}
	reader.settings.Ambient.KubernetesServiceHost = settings.Given("fd00::1", origin.Env("KUBERNETES_SERVICE_HOST"))
	reader.settings.Ambient.KubernetesServicePort = settings.Given("443", origin.Env("KUBERNETES_SERVICE_PORT"))

	reader.rest()
	require.EqualError(t, reader.faults.Err(), fmt.Sprintf(
		"env KUBERNETES_SERVICE_HOST (in-cluster config): %q: can't be read: no such file or directory; must be the token of a ServiceAccount (automountServiceAccountToken), or set a kubeconfig\n"+
			"env KUBERNETES_SERVICE_HOST (in-cluster config): %q: can't be read: no such file or directory; must be a PEM file",
		filepath.Join(folder, "token"), filepath.Join(folder, "ca.crt")))

	require.NoError(t, os.WriteFile(filepath.Join(folder, "token"), []byte("hunter2\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "ca.crt"), cert, 0o600))
	reader.faults = nil
	config := reader.rest()
	require.NoError(t, reader.faults.Err())
	assert.Equal(t, "https://[fd00::1]:443", config.Host)
	assert.Equal(t, filepath.Join(folder, "token"), config.BearerTokenFile)
	assert.Equal(t, cert, config.CAData)
}

func TestFromSettingsFaults(t *testing.T) {
	t.Parallel()
	path := apitest.File(t, "config", kubeconfig)
	cert, key := apitest.KeyPair(t)
	_, otherKey := apitest.KeyPair(t)
	certFile, keyFile, otherFile := apitest.File(t, "cert.pem", string(cert)), apitest.File(t, "key.pem", string(key)), apitest.File(t, "other.pem", string(otherKey))
	const endpoint = "https://10.0.0.1:6443"
	type connection = settings.DatastoreSettings
	tests := []struct {
		name     string
		settings connection
		want     []string // a part of each fault
	}{
		{"nothing", connection{}, []string{"no datastore is configured: no kubeconfig (kubernetes.kubeconfig, or ~/.kube/config), no API server (kubernetes.apiEndpoint), and not running in a pod; for etcd set etcd.endpoints"}},
		{"missing file", connection{Kubeconfig: given("/nonexistent")}, []string{`test: "/nonexistent": can't be read: no such file or directory; must be a kubeconfig`}},
		{"only separators", connection{Kubeconfig: given(string(filepath.ListSeparator))}, []string{"can't be read: file does not exist; must be a kubeconfig"}},
		{"a folder", connection{Kubeconfig: given(filepath.Dir(path))}, []string{"is a directory; must be a kubeconfig"}},
		{"malformed", connection{Kubeconfig: given(apitest.File(t, "c", "clusters: [\n  hunter2"))}, []string{"not a kubeconfig: "}},
		{"another kind", connection{Kubeconfig: given(apitest.File(t, "c", "apiVersion: v1\nkind: Secret\n"))}, []string{`not a kubeconfig: its kind is "Secret"; must be Config`}},
		{"no base64", connection{Kubeconfig: given(apitest.File(t, "c", "clusters:\n- name: a\n  cluster: {certificate-authority-data: '-----BEGIN hunter2'}\n"))}, []string{"illegal base64 data at input byte 0, in a field whose name ends with -data"}},
		{"a secret for an anchor", connection{Kubeconfig: given(apitest.File(t, "c", "users:\n- name: a\n  user: {token: *hunter2}\n"))}, []string{"not a kubeconfig: "}},
		{"a text", connection{Kubeconfig: given(apitest.File(t, "c", "hunter2"))}, []string{"not a kubeconfig: a string in place of a mapping"}},
		{"a number for a token", connection{Kubeconfig: given(apitest.File(t, "c", "users:\n- name: a\n  user: {token: 7}\n"))}, []string{"not a kubeconfig: users.user.token: has a number in place of a string"}},
		{"a text for a boolean", connection{Kubeconfig: given(apitest.File(t, "c", "clusters:\n- name: a\n  cluster: {insecure-skip-tls-verify: hunter2}\n"))}, []string{"not a kubeconfig: clusters.cluster.insecure-skip-tls-verify: has a string in place of true or false"}},
		{"malformed, inline", connection{KubeconfigInline: given("hunter2: [")}, []string{"test: ***: not a kubeconfig: "}},
		{"empty", connection{Kubeconfig: given(apitest.File(t, "c", ""))}, []string{"it has no contexts; must be a kubeconfig with a context"}},
		{"no current context", connection{Kubeconfig: given(apitest.File(t, "c", strings.ReplaceAll(kubeconfig, "current-context: admin", "")))},
			[]string{"it has no current-context; set kubernetes.currentContext to one of admin, broken, other"}},
		{"missing current context", connection{Kubeconfig: given(apitest.File(t, "c", strings.ReplaceAll(kubeconfig, "current-context: admin", "current-context: gone")))},
			[]string{`its current-context "gone" does not exist; must be one of admin, broken, other`}},
		{"unknown context", connection{Kubeconfig: given(path), K8sCurrentContext: given("gone")},
			[]string{`test: "gone": no such context in the kubeconfig; must be one of admin, broken, other`}},
		{"context without cluster and user", connection{Kubeconfig: given(path), K8sCurrentContext: given("broken")},
			[]string{`context "broken": user "nobody" was not found`, `context "broken": cluster "three" was not found`, `context "broken": no server found`}},
		{"a password in the server's URL", connection{Kubeconfig: given(apitest.File(t, "c", strings.ReplaceAll(kubeconfig, "https://one", "https://root:hunter2@one")))},
			[]string{"its server must be only a scheme, a host and a path"}},
		{"a password with a slash in the server's URL", connection{Kubeconfig: given(apitest.File(t, "c", strings.ReplaceAll(kubeconfig, "https://one", "https://root:1/hunter2@one")))},
			[]string{"its server must be only a scheme, a host and a path"}},
		{"a token in the server's URL", connection{Kubeconfig: given(apitest.File(t, "c", strings.ReplaceAll(kubeconfig, "one.example:6443", "one.example:6443?token=hunter2")))},
			[]string{"its server must be only a scheme, a host and a path"}},
		{"a password in a proxy's URL", connection{Kubeconfig: given(apitest.File(t, "c", strings.ReplaceAll(kubeconfig, `:6443"}`, `:6443", proxy-url: "ftp://root:hunter2@p"}`)))},
			[]string{"its proxy-url must be an http, https or socks5 URL"}},
		{"a server that is not a URL", connection{Kubeconfig: given(apitest.File(t, "c", strings.ReplaceAll(kubeconfig, "https://one", "://hunter2")))},
			[]string{`context "admin": its server must be a URL such as https://10.0.0.1:6443`}},
		{"a server of another scheme", connection{Kubeconfig: given(apitest.File(t, "c", strings.ReplaceAll(kubeconfig, "https://one", "ftp://one")))},
			[]string{`context "admin": its server must be a URL such as https://10.0.0.1:6443`}},
		{"missing token file", connection{Kubeconfig: given(apitest.File(t, "c", strings.ReplaceAll(kubeconfig, "token: hunter2", "tokenFile: /nonexistent")))},
			[]string{`context "admin": open /nonexistent: no such file or directory`}},
		{"client certificate that is not PEM", connection{Kubeconfig: given(apitest.File(t, "c", strings.ReplaceAll(kubeconfig, "token: hunter2", "client-certificate-data: aHVudGVyMg==, client-key-data: aHVudGVyMg==")))},
			[]string{`context "admin": tls: failed to find any PEM data in certificate input`}},
		{"unknown context and missing CA", connection{Kubeconfig: given(path), K8sCurrentContext: given("gone"), K8sCAFile: given("/nonexistent")},
			[]string{"no such context", `"/nonexistent": can't be read`}},
		{"both files and inline", connection{Kubeconfig: given(path), KubeconfigInline: given(kubeconfig)}, []string{"test: ***: contradicts test; set a file or the inline text, not both"}},
		{"kubeconfig and endpoint", connection{Kubeconfig: given(path), K8sAPIEndpoint: given(endpoint)},
			[]string{`test: "https://10.0.0.1:6443": contradicts test; set a kubeconfig or an endpoint, not both`}},
		{"context and endpoint", connection{K8sCurrentContext: given("admin"), K8sAPIEndpoint: given(endpoint)}, []string{`test: "admin": contradicts test: an endpoint has no contexts`}},
		{"not a URL", connection{K8sAPIEndpoint: given("10.0.0.1:6443")}, []string{`test: "10.0.0.1:6443": `}},
		{"another scheme", connection{K8sAPIEndpoint: given("ftp://10.0.0.1")}, []string{"the scheme must be https or http"}},
		{"no host", connection{K8sAPIEndpoint: given("https://")}, []string{"no host"}},
		{"IPv6 without brackets", connection{K8sAPIEndpoint: given("https://fd00::1:6443/x")},
			[]string{`test: "https://fd00::1:6443/x": an IPv6 address requires brackets: [fd00::1]:6443; must be`}},
		{"IPv6 without brackets and port", connection{K8sAPIEndpoint: given("2001:db8::a")}, []string{`test: "2001:db8::a": an IPv6 address requires brackets: [2001:db8::a]; must be`}},
		{"IPv6 without brackets in a kubeconfig", connection{KubeconfigInline: given(strings.ReplaceAll(kubeconfig, "https://one.example:6443", "https://fd00::1:6443"))},
			[]string{"the IPv6 address of its server requires brackets, as in https://[fd00::1]:6443"}},
		{"several URLs", connection{K8sAPIEndpoint: given("https://a:6443,https://b:6443")}, []string{`test: "https://a:6443,https://b:6443": several URLs; must be one`}},
		{"several URLs, semicolon", connection{K8sAPIEndpoint: given("https://a:6443; https://b:6443")}, []string{"several URLs; must be one"}},
		{"only quotes", connection{K8sAPIEndpoint: given(`""`)}, []string{`test: "\"\"": the scheme must be https or http`}},
		{"only quotes for a token", connection{K8sAPIEndpoint: given("https://a:6443"), K8sAPIToken: given(`" "`)}, []string{`test: "\" \"": not a token`}},
		{"a CalicoAPIConfig", connection{Kubeconfig: given(apitest.File(t, "c", "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nspec: {etcdPassword: hunter2}\n"))},
			[]string{"a CalicoAPIConfig; must be a kubeconfig: give this file as configFile instead"}},
		{"a CalicoAPIConfig of calicoctl 2", connection{KubeconfigInline: given(`{"apiVersion": "v1", "kind": "calicoApiConfig"}`)},
			[]string{"test: ***: must be a kubeconfig, not a CalicoAPIConfig"}},
		{"a query beside an IPv6 address without brackets", connection{K8sAPIEndpoint: given("https://fd00::1/foo?x=hunter2")},
			[]string{"test: ***: an IPv6 address requires brackets: [fd00::1]; must be"}},
		{"a scheme without slashes", connection{K8sAPIEndpoint: given("https:/10.0.0.1:6443")}, []string{`test: "https:/10.0.0.1:6443": no // after https:; must be`}},
		{"a semicolon in a password", connection{K8sAPIEndpoint: given("https://root:hunter2;x@h:6443")}, []string{"test: ***: a user in a URL is not used"}},
		{"a zone", connection{K8sAPIEndpoint: given("https://[fe80::1%eth0]:6443")}, []string{`test: "https://[fe80::1%eth0]:6443": an IPv6 address with a zone is not supported`}},
		{"white space", connection{K8sAPIEndpoint: given("https://a b:6443")}, []string{`test: "https://a b:6443": white space in it`}},
		{"a template", connection{K8sAPIEndpoint: given("https://<host>:6443")}, []string{`test: "https://<host>:6443": is a template, which must be rendered first`}},
		{"a template for a token", connection{K8sAPIEndpoint: given(endpoint), K8sAPIToken: settings.Given("$(TOKEN)", origin.Env("K8S_API_TOKEN"))},
			[]string{"env K8S_API_TOKEN: ***: is a template, which must be rendered first"}},
		{"a type without a place", connection{DatastoreType: given("kubernetes")},
			[]string{`test: "kubernetes": selects Kubernetes, but there is no kubeconfig, no API server, and no pod; set kubernetes.kubeconfig or kubernetes.apiEndpoint`}},
		{"a type beside etcd endpoints", connection{DatastoreType: given("kubernetes"), EtcdEndpoints: settings.Given("http://a:1", origin.Env("ETCD_ENDPOINTS"))},
			[]string{`test: "kubernetes": selects Kubernetes, but there is no kubeconfig, no API server, and no pod; env ETCD_ENDPOINTS is set: did you mean etcdv3?`}},
		{"a misspelt variable beside ~/.kube/config", connection{Ambient: settings.Ambient{HomeKubeconfig: given(path), Similar: []origin.Origin{origin.Env("ETCD_ENDPIONTS")}}},
			[]string{"env ETCD_ENDPIONTS: unknown; did you mean ETCD_ENDPOINTS? Nothing selects a datastore: set"}},
		{"a misspelt variable without ~/.kube/config", connection{Ambient: settings.Ambient{Similar: []origin.Origin{origin.Env("ETCD_ENDPOINT")}}},
			[]string{"env ETCD_ENDPOINT: unknown; did you mean ETCD_ENDPOINTS? Nothing selects a datastore: set"}},
		{"etcdctl's endpoints beside ~/.kube/config", connection{Ambient: settings.Ambient{HomeKubeconfig: given(path), Similar: []origin.Origin{origin.Env("ETCDCTL_ENDPOINTS")}}},
			[]string{"env ETCDCTL_ENDPOINTS: looks like a setting of the datastore, but selects none; set"}},
		{"an invalid port", connection{K8sAPIEndpoint: given("https://10.0.0.1:99999")}, []string{"not a URL"}},
		{"a user in the URL", connection{K8sAPIEndpoint: given("https://root:hunter2@10.0.0.1")}, []string{"test: ***: a user in a URL is not used"}},
		{"a slash in a password in the URL", connection{K8sAPIEndpoint: given("https://root:1/hunter2@10.0.0.1")}, []string{"test: ***: a user in a URL is not used"}},
		{"a query in the URL", connection{K8sAPIEndpoint: given("https://10.0.0.1?token=hunter2")}, []string{"test: ***: more than a host and a path"}},
		{"missing CA", connection{K8sAPIEndpoint: given(endpoint), K8sCAFile: given("/nonexistent")}, []string{`"/nonexistent": can't be read`}},
		{"CA that is not PEM", connection{K8sAPIEndpoint: given(endpoint), K8sCAFile: given(path)}, []string{"must be PEM with a certificate"}},
		{"certificate without key", connection{K8sAPIEndpoint: given(endpoint), K8sCertFile: given(certFile)}, []string{"a client certificate without its key"}},
		{"key without certificate", connection{K8sAPIEndpoint: given(endpoint), K8sKeyFile: given(keyFile)}, []string{"a key without its client certificate"}},
		{"key of another certificate", connection{K8sAPIEndpoint: given(endpoint), K8sCertFile: given(certFile), K8sKeyFile: given(otherFile)}, []string{"does not match the key of test"}},
		{"a token of two lines", connection{K8sAPIEndpoint: given(endpoint), K8sAPIToken: given("hunter2\nhunter2")}, []string{"test: ***: not a token"}},
		{"an empty token", connection{K8sAPIEndpoint: given(endpoint), K8sAPIToken: given(" ")}, []string{"test: ***: not a token"}},
		{"not a boolean", connection{K8sAPIEndpoint: given(endpoint), K8sInsecureSkipTLSVerify: given("maybe")}, []string{`test: "maybe": not a boolean`}},
		{"insecure with a CA", connection{K8sAPIEndpoint: given(endpoint), K8sInsecureSkipTLSVerify: given("yes"), K8sCAFile: given(certFile)}, []string{"contradicts the CA file"}},
		{"no server for the token", connection{K8sAPIToken: given("hunter2")}, []string{"test: ***: no API server is set"}},
		{"no server for anything", connection{K8sCAFile: given(certFile), K8sCertFile: given(certFile), K8sKeyFile: given(keyFile), K8sCurrentContext: given("a"), K8sInsecureSkipTLSVerify: given("yes")},
			[]string{"no API server is set", "no API server is set", "no API server is set", "no kubeconfig is set", "no API server is set"}},
		{"unknown group", connection{Kubeconfig: given(path), CalicoAPIGroup: given("v3")}, []string{`test: "v3": unknown API group; must be crd.projectcalico.org/v1 or projectcalico.org/v3`}},
		{"QPS", connection{Kubeconfig: given(path), K8sClientQPS: given("NaN"), K8sClientBurst: given("1.5")}, []string{"must be a number of requests per second above 0", "must be an integer above 0"}},
		{"several faults", connection{Kubeconfig: given("/nonexistent"), CalicoAPIGroup: given("v1"), K8sClientQPS: given("0"), K8sClientBurst: given("0")},
			[]string{"unknown API group", "can't be read", "above 0", "above 0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config, _, err := FromSettings(tt.settings)
			require.ErrorIs(t, err, settings.ErrInvalidSettings)
			var faults *settings.Error
			require.ErrorAs(t, err, &faults)
			lines := strings.Split(err.Error(), "\n")
			require.Len(t, lines, len(tt.want), err.Error())
			for i, want := range tt.want {
				assert.Contains(t, lines[i], want)
			}
			for _, verb := range []string{"%v", "%+v", "%#v"} {
				assert.NotContains(t, fmt.Sprintf(verb, config)+err.Error(), "hunter2")
			}
			require.NotNil(t, config.REST)
		})
	}
}

func TestOpenFaults(t *testing.T) {
	t.Parallel()
	for _, config := range []Config{
		{},
		{REST: &rest.Config{Host: "https://127.0.0.1:1"}, APIGroup: schema.GroupVersion{Group: "example.org", Version: "v1"}},
		{REST: &rest.Config{Host: "https://127.0.0.1:1", TLSClientConfig: rest.TLSClientConfig{CAFile: "/nonexistent"}}},
		{REST: &rest.Config{Host: "://"}},
	} {
		_, err := Open(config)
		assert.Error(t, err)
		assert.NotErrorIs(t, err, settings.ErrInvalidSettings)
	}
}

// Open does not modify the caller's config.
func TestOpenCopiesTheConfig(t *testing.T) {
	t.Parallel()
	var agent string
	config := &rest.Config{Host: "https://127.0.0.1:1", ContentConfig: rest.ContentConfig{ContentType: "application/vnd.kubernetes.protobuf"}}
	config.Transport = apitest.RoundTripper(func(request *http.Request) (*http.Response, error) {
		agent = request.UserAgent()
		return nil, syscall.ECONNREFUSED
	})
	store, err := Open(Config{REST: config})
	require.NoError(t, err)
	assert.Empty(t, config.UserAgent)
	assert.Equal(t, "application/vnd.kubernetes.protobuf", config.ContentType)
	_, err = store.Snapshot(t.Context())
	require.ErrorIs(t, err, datastore.ErrUnreachable)
	var failure *datastore.Error
	require.True(t, errors.As(err, &failure))
	assert.Equal(t, "Kubernetes https://127.0.0.1:1", failure.Place)
	assert.Equal(t, UserAgent("(devel)"), agent)

	config.UserAgent = "installer/1"
	store, err = Open(Config{REST: config})
	require.NoError(t, err)
	_, err = store.Snapshot(t.Context())
	require.ErrorIs(t, err, datastore.ErrUnreachable)
	assert.Equal(t, "installer/1", agent, "the caller's user agent is kept")
}

// The version is part of the user agent, which API servers log.
func TestLibraryVersion(t *testing.T) {
	t.Parallel()
	of := func(deps ...*debug.Module) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Path: "example.org/installer", Version: "v7.0.0"}, Deps: deps}
	}
	other := &debug.Module{Path: "example.org/other", Version: "v3.0.0"}
	assert.Equal(t, "v1.2.3", libraryVersion(of(other, &debug.Module{Path: modulePath, Version: "v1.2.3"})))
	assert.Equal(t, "(devel)", libraryVersion(of(other, &debug.Module{Path: modulePath})), "in a workspace")
	assert.Equal(t, "(devel)", libraryVersion(of(other)))
	assert.Equal(t, "(devel)", libraryVersion(nil))
}

// A printed config shows the API server, but none of its secrets.
func TestConfigShowsNoSecret(t *testing.T) {
	t.Parallel()
	config := Config{REST: &rest.Config{Host: "https://root:hunter2@10.0.0.1:6443", BearerToken: "hunter3"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.Equal(t, "Kubernetes https://10.0.0.1:6443", fmt.Sprintf(verb, config))
	}
	assert.Equal(t, "Kubernetes", fmt.Sprint(Config{}), "without a rest.Config")
}

// Calico's install-cni wrote kubeconfigs with brackets around an IPv4 address.
func TestFromSettingsBrackets(t *testing.T) {
	t.Parallel()
	config, warnings, err := FromSettings(settings.DatastoreSettings{K8sAPIEndpoint: given("https://[10.0.0.1]:6443")})
	require.NoError(t, err)
	assert.Equal(t, "https://10.0.0.1:6443", config.REST.Host)
	assert.Contains(t, warnings, "test: brackets around an address that is not IPv6 are ignored")

	config, warnings, err = FromSettings(settings.DatastoreSettings{KubeconfigInline: given(strings.ReplaceAll(kubeconfig, "https://one.example", "https://[one.example]"))})
	require.NoError(t, err)
	assert.Equal(t, "https://one.example:6443", config.REST.Host)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "brackets around an address that is not IPv6 are ignored in its server")

	config, warnings, err = FromSettings(settings.DatastoreSettings{K8sAPIEndpoint: given("https://[fd00::1]:6443")})
	require.NoError(t, err)
	assert.Equal(t, "https://[fd00::1]:6443", config.REST.Host)
	assert.Empty(t, warnings)
}
