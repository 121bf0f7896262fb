package settings_test

import (
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

// poolVariables, runVariables and datastoreVariables are the names that users
// have in their manifests. A name that changes here breaks them.
var (
	poolVariables = []string{
		"CALICO_IPV4POOL_CIDR", "CALICO_IPV4POOL_NAME", "CALICO_IPV4POOL_BLOCK_SIZE", "CALICO_IPV4POOL_IPIP",
		"CALICO_IPV4POOL_VXLAN", "CALICO_IPV4POOL_NAT_OUTGOING", "CALICO_IPV4POOL_NODE_SELECTOR",
		"CALICO_IPV4POOL_DISABLE_BGP_EXPORT",
		"CALICO_IPV6POOL_CIDR", "CALICO_IPV6POOL_NAME", "CALICO_IPV6POOL_BLOCK_SIZE",
		"CALICO_IPV6POOL_VXLAN", "CALICO_IPV6POOL_NAT_OUTGOING", "CALICO_IPV6POOL_NODE_SELECTOR",
		"CALICO_IPV6POOL_DISABLE_BGP_EXPORT",
	}
	runVariables = []string{
		"NO_DEFAULT_POOLS", "FELIX_IPV6SUPPORT", "WAIT_FOR_DATASTORE",
		"CALICO_IPPOOLS_TIMEOUT", "CALICO_STARTUP_LOGLEVEL", "CALICO_IPPOOLS_LOG_FORMAT",
		"CALICO_IPPOOLS_FILE", "CALICO_IPPOOLS_ON_DRIFT", "CALICO_IPPOOLS_PREFLIGHT", "CALICO_IPPOOLS_ALLOW", "CALICO_IPPOOLS_CLUSTER_CIDR", "CALICO_IPPOOLS_SERVICE_CIDR", "CALICO_IPPOOLS_STRICT", "CALICO_NETWORKING_BACKEND", "CALICO_IPPOOLS_NO_NAT_TO",
	}
	// Each of these also has a name with CALICO_ in front.
	datastoreVariables = []string{
		"DATASTORE_TYPE", "ETCD_ENDPOINTS", "ETCD_DISCOVERY_SRV", "ETCD_USERNAME", "ETCD_PASSWORD",
		"ETCD_CA_CERT_FILE", "ETCD_CERT_FILE", "ETCD_KEY_FILE",
		"KUBECONFIG", "K8S_API_ENDPOINT", "K8S_CA_FILE", "K8S_CERT_FILE", "K8S_KEY_FILE", "K8S_API_TOKEN",
		"K8S_INSECURE_SKIP_TLS_VERIFY", "K8S_CURRENT_CONTEXT", "K8S_CLIENT_QPS", "K8S_CLIENT_BURST", "CALICO_API_GROUP",
	}
)

// clearEnv unsets every variable of the process during the test.
func clearEnv(t testing.TB) {
	t.Helper()
	for _, line := range os.Environ() {
		name, _, _ := strings.Cut(line, "=")
		if name != "" {
			t.Setenv(name, "") // which restores it after the test
		}
	}
	os.Clearenv()
}

// fromEnv returns the settings of FromEnv, without the names, as functions can't be compared.
func fromEnv(t testing.TB) settings.Settings {
	t.Helper()
	given, err := settings.FromEnv()
	require.NoError(t, err)
	given.Datastore.Names = nil
	return given
}

func TestFromEnvReadsEachVariable(t *testing.T) {
	clearEnv(t)
	require.Equal(t, settings.Settings{}, fromEnv(t))

	names := append(append([]string{}, poolVariables...), runVariables...)
	for _, name := range datastoreVariables {
		names = append(names, name, "CALICO_"+name)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			const text = " any\ttext=\n"
			t.Setenv(name, text)
			var want settings.Settings
			*settingstest.Named(t, &want, name) = settings.Setting{Value: text, Source: origin.Env(name)}
			assert.Equal(t, want, fromEnv(t), "this setting and no other")
		})
	}
}

func TestFromEnvReadsEachDefinition(t *testing.T) {
	clearEnv(t)
	var documented []string
	for _, d := range settings.Definitions() {
		documented = append(documented, d.Env)
		t.Run(d.Env, func(t *testing.T) {
			t.Setenv(d.Env, "x")
			got := fromEnv(t)
			assert.Equal(t, settings.Given("x", origin.Env(d.Env)), *d.Of(&got))
		})
	}
	want := append(append(append([]string{}, poolVariables...), runVariables...), datastoreVariables...)
	assert.ElementsMatch(t, want, documented)
}

// Both address families have the same variables, except for IPIP, but separate settings.
func TestFromEnvSeparatesFamilies(t *testing.T) {
	clearEnv(t)
	t.Setenv("CALICO_IPV4POOL_CIDR", "four")
	t.Setenv("CALICO_IPV6POOL_CIDR", "six")
	t.Setenv("CALICO_IPV6POOL_IPIP", "Always")
	var want settings.Settings
	want.IPv4.CIDR = settings.Given("four", origin.Env("CALICO_IPV4POOL_CIDR"))
	want.IPv6.CIDR = settings.Given("six", origin.Env("CALICO_IPV6POOL_CIDR"))
	want.Unknown = []settings.Setting{{"Always", origin.Env("CALICO_IPV6POOL_IPIP")}}
	assert.Equal(t, want, fromEnv(t))
}

func TestFromEnvPrefixTakesPrecedence(t *testing.T) {
	for _, name := range datastoreVariables {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			t.Setenv(name, "plain")
			t.Setenv("CALICO_"+name, "prefixed")
			given := fromEnv(t)
			assert.Equal(t, settings.Given("prefixed", origin.Env("CALICO_"+name)), *settingstest.Named(t, &given, name))

			t.Setenv("CALICO_"+name, "")
			given = fromEnv(t)
			assert.Equal(t, settings.Given("plain", origin.Env(name)), *settingstest.Named(t, &given, name),
				"an empty variable is unset")

			t.Setenv(name, "")
			assert.Equal(t, settings.Settings{}, fromEnv(t))
		})
	}
}

// FromEnv also reads variables that are no settings: those of a pod's API server and the
// home directory.
func TestFromEnvReadsAmbientAccess(t *testing.T) {
	clearEnv(t)
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	t.Setenv("HOME", "/home/me")
	assert.Equal(t, settings.Ambient{
		KubernetesServiceHost: settings.Given("10.96.0.1", origin.Env("KUBERNETES_SERVICE_HOST")),
		KubernetesServicePort: settings.Given("443", origin.Env("KUBERNETES_SERVICE_PORT")),
		HomeKubeconfig:        settings.Given(filepath.Join("/home/me", ".kube", "config"), origin.Default),
	}, fromEnv(t).Datastore.Ambient)

	clearEnv(t)
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	assert.Equal(t, settings.Ambient{KubernetesServicePort: settings.Given("443", origin.Env("KUBERNETES_SERVICE_PORT"))}, fromEnv(t).Datastore.Ambient)
}

// An empty variable is unset. It has no source, so that it overrides no other layer and no
// message names it.
func TestFromEnvEmptyIsUnset(t *testing.T) {
	clearEnv(t)
	for _, d := range settings.Definitions() {
		t.Setenv(d.Env, "")
		t.Setenv("CALICO_"+d.Env, "")
	}
	assert.Equal(t, settings.Settings{}, fromEnv(t))
}

// envconfig falls back to the bare name or tag of a field. Neither those nor similar names
// may be read.
func TestFromEnvReadsNothingElse(t *testing.T) {
	clearEnv(t)
	for _, name := range []string{
		"CIDR", "NAME", "BLOCK_SIZE", "BLOCKSIZE", "VXLAN", "IPIP", "NAT_OUTGOING", "NATOUTGOING", "NODE_SELECTOR",
		"DISABLE_BGP_EXPORT", "DISABLEBGPEXPORT",
		"IPV4_CIDR", "IPV4POOL_CIDR", "IPV4_POOL_CIDR", "CALICO_IPV4POOL", "CALICO_IPV4POOL_POOLSETTINGS_CIDR",
		"CALICO_CIDR", "CALICO_NAME", "CALICO_IPV4_CIDR", "CALICO_IPV4POOL_BLOCKSIZE", "CALICO_IPV4POOL_NATOUTGOING",
		"NODEFAULTPOOLS", "IPV6SUPPORT", "IPV6_SUPPORT", "WAITFORDATASTORE", "TIMEOUT", "LOGLEVEL", "LOG_LEVEL", "LOGFORMAT", "LOG_FORMAT",
		"CALICO_WAIT_FOR_DATASTORE", "CALICO_FELIX_IPV6SUPPORT",
		"DATASTORE", "DATASTORETYPE", "DATASTORE_DATASTORE_TYPE", "DATASTORE_ETCD_ENDPOINTS", "CALICO_DATASTORE_ETCD_ENDPOINTS",
		"ETCDENDPOINTS", "CALICO_CALICO_ETCD_ENDPOINTS", "ENDPOINTS", "USERNAME", "PASSWORD",
		// PEM texts are read only from a file.
		"ETCD_CA_CERT", "ETCD_CERT", "ETCD_KEY", "CALICO_ETCD_CA_CERT", "CALICO_ETCD_CERT", "CALICO_ETCD_KEY",
		"calico_ipv4pool_cidr",
	} {
		t.Setenv(name, "stray")
	}
	read := fromEnv(t)
	read.Unknown, read.Datastore.Ambient.Similar = nil, nil // Resolve and package kubernetes report them
	assert.Equal(t, settings.Settings{}, read)
}

func TestFromEnvNeverFails(t *testing.T) {
	clearEnv(t)
	for _, value := range []string{" ", "true", "false", "0", "-1", "1e99", "\n", "\xff", "[]", "{}", `"`, "a,b", "k:v"} {
		for _, d := range settings.Definitions() {
			t.Setenv(d.Env, value)
		}
		given := fromEnv(t)
		for _, d := range settings.Definitions() {
			assert.Equal(t, settings.Given(value, origin.Env(d.Env)), *d.Of(&given))
		}
	}
}
