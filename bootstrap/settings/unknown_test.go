package settings_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

func TestUnknownVariables(t *testing.T) {
	for name, value := range map[string]string{
		"CALICO_IPV4POOL_NATOUTGOING": "false", "calico_ipv4pool_cidr": "10.0.0.0/8", "CALICO_IPPOOLS_TIMEOUTS": "1s",
		"CALICO_IPV6POOL_EMPTY": "", "CALICO_IPV4POOL_CIDR": "10.1.0.0/16", "CALICO_NETWORKING_BACKEND": "bird", "CALICO_IPV4": "x",
		"CALICO_IPPOOLS_SERVICE_HOST": "10.0.0.7", "CALICO_IPPOOLS_SERVICE_PORT_HTTP": "80", "CALICO_IPPOOLS_PORT": "tcp://10.0.0.7:80", "CALICO_IPPOOLS_PORT_80_TCP_ADDR": "10.0.0.7",
	} {
		t.Setenv(name, value)
	}
	given, err := settings.FromEnv()
	require.NoError(t, err)
	want := []settings.Setting{
		{"false", origin.Env("CALICO_IPV4POOL_NATOUTGOING")},
		{"1s", origin.Env("CALICO_IPPOOLS_TIMEOUTS")},
		{"10.0.0.0/8", origin.Env("calico_ipv4pool_cidr")},
	}
	assert.ElementsMatch(t, want, given.Unknown)
	assert.True(t, slices.IsSortedFunc(given.Unknown, func(a, b settings.Setting) int { return strings.Compare(a.Source.String(), b.Source.String()) }))
	assert.Equal(t, given.Unknown, settings.Merge(settings.Settings{}, given).Unknown)
	config, err := given.Resolve()
	require.NoError(t, err)
	assert.Equal(t, []string{
		`env CALICO_IPPOOLS_TIMEOUTS: unknown setting, ignored; did you mean CALICO_IPPOOLS_TIMEOUT?`,
		`env CALICO_IPV4POOL_NATOUTGOING: unknown setting, ignored; did you mean CALICO_IPV4POOL_NAT_OUTGOING?`,
		`env calico_ipv4pool_cidr: unknown setting, ignored; CALICO_IPV4POOL_CIDR, the closest one, is set too (env CALICO_IPV4POOL_CIDR)`,
	}, config.Warnings)
}

func TestNearest(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ // a name to the nearest setting; empty: none
		"CALICO_IPV4POOL_NATOUTGOING":     "CALICO_IPV4POOL_NAT_OUTGOING",
		"CALICO_IPV4POOL_NAT":             "CALICO_IPV4POOL_NAT_OUTGOING",
		"CALICO_IPV6POOL_NAT_OUTGOING_":   "CALICO_IPV6POOL_NAT_OUTGOING",
		"CALICO_IPV6POOL_NAT_OUTGONG":     "CALICO_IPV6POOL_NAT_OUTGOING",
		"CALICO_IPV4POOL_BLOCKSIZE":       "CALICO_IPV4POOL_BLOCK_SIZE",
		"CALICO_IPV4POOL_BLOCK":           "CALICO_IPV4POOL_BLOCK_SIZE",
		"CALICO_IPV4POOL_VLAN":            "CALICO_IPV4POOL_VXLAN",
		"CALICO_IPV4POOL_IP_IP":           "CALICO_IPV4POOL_IPIP",
		"CALICO_IPV4_POOL_CIDR":           "CALICO_IPV4POOL_CIDR",
		"CALICO_IPV6_POOL_NODESELECTOR":   "CALICO_IPV6POOL_NODE_SELECTOR",
		"CALICO_IPPOOL_FILE":              "CALICO_IPPOOLS_FILE",
		"CALICO_IPPOOLS_ONDRIFT":          "CALICO_IPPOOLS_ON_DRIFT",
		"CALICO_IPV4POOL_DISABLE_BGP":     "CALICO_IPV4POOL_DISABLE_BGP_EXPORT",
		"CALICO_IPV4POOL_ENCAPSULATION":   "",
		"CALICO_IPV4POOL_N":               "",
		"CALICO_IPPOOLS_SOMETHING_ELSE":   "",
		"CALICO_IPV4POOL_ALLOWED_USES":    "",
		"CALICO_IPV4POOL_NAMESPACE_SELEC": "",
	}
	for name, want := range tests {
		near, found := settings.Nearest(name)
		assert.Equal(t, want != "", found, "%s: %s", name, near.Env)
		if found {
			assert.Equal(t, want, near.Env, name)
		}
	}
	for _, d := range settings.Definitions() {
		if strings.HasPrefix(d.Env, "CALICO_IP") {
			near, found := settings.Nearest(strings.ToLower(strings.ReplaceAll(d.Env, "_", "")))
			require.True(t, found, d.Env)
			assert.Equal(t, d.Env, near.Env, "a setting is nearest to itself")
		}
	}
}

// The value of an unknown variable is never shown: it may be a secret.
func TestUnknownVariablesKeepSecrets(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"CALICO_IPPOOLS_ETCD_PASSWORD", "CALICO_IPPOOLS_ETCD_PASSWD", "calico_ippools_secret", "CALICO_IPPOOLS_ENDPOINT", "ETCD_AUTHORITY", "NO_DEFAULT_POOL"} {
		given := settings.Settings{Unknown: settings.UnknownVariables([]string{name + "=hunter2"})}
		given.Datastore.DatastoreType = settings.Given("etcdv3", origin.Caller("test"))
		config, err := given.Resolve()
		require.NoError(t, err)
		require.Len(t, config.Warnings, 1, name)
		assert.Contains(t, config.Warnings[0], "env "+name+": unknown setting, ignored")
		assert.NotContains(t, config.Warnings[0], "hunter2")
	}
}

// IPv6 pools have no IP-in-IP. The warning about it names VXLAN.
func TestIPIPForIPv6(t *testing.T) {
	t.Parallel()
	given := settingstest.Given(t, settingstest.CIDRs...)
	given.Unknown = settings.UnknownVariables([]string{"CALICO_IPV6POOL_IPIP=Always"})
	config, err := given.Resolve()
	require.NoError(t, err)
	assert.Equal(t, []string{
		`env CALICO_IPV6POOL_IPIP has no effect: IP-in-IP does not carry IPv6; set CALICO_IPV6POOL_VXLAN to encapsulate it`,
	}, config.Warnings)
	given.Unknown = settings.UnknownVariables([]string{"calico_ipip_mode_ipv6=Always", "CALICO_IPIP_MODE_IPV6=CrossSubnet"})
	config, err = given.Resolve()
	require.NoError(t, err)
	assert.Equal(t, []string{
		`env CALICO_IPIP_MODE_IPV6 has no effect: IP-in-IP does not carry IPv6; set CALICO_IPV6POOL_VXLAN to encapsulate it`,
		`env calico_ipip_mode_ipv6 has no effect: IP-in-IP does not carry IPv6; set CALICO_IPV6POOL_VXLAN to encapsulate it`,
	}, config.Warnings, "kubespray's name")
	given.Unknown = settings.UnknownVariables([]string{"calico_ipip_mode_ipv6=Never"})
	config, err = given.Resolve()
	require.NoError(t, err)
	assert.Empty(t, config.Warnings)
}
