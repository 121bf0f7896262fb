package bootstrap

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUnknownVariables(t *testing.T) {
	for name, value := range map[string]string{
		"CALICO_IPV4POOL_NATOUTGOING": "false", "calico_ipv4pool_cidr": "10.0.0.0/8", "CALICO_IPPOOLS_TIMEOUTS": "1s",
		"CALICO_IPV6POOL_EMPTY": "", "CALICO_IPV4POOL_CIDR": "10.1.0.0/16", "CALICO_NETWORKING_BACKEND": "bird", "CALICO_IPV4": "x",
		"CALICO_IPPOOLS_SERVICE_HOST": "10.0.0.7", "CALICO_IPPOOLS_SERVICE_PORT_HTTP": "80", "CALICO_IPPOOLS_PORT": "tcp://10.0.0.7:80", "CALICO_IPPOOLS_PORT_80_TCP_ADDR": "10.0.0.7",
	} {
		t.Setenv(name, value)
	}
	settings, err := FromEnv()
	require.NoError(t, err)
	want := []Setting{
		{"false", "env CALICO_IPV4POOL_NATOUTGOING"},
		{"1s", "env CALICO_IPPOOLS_TIMEOUTS"},
		{"10.0.0.0/8", "env calico_ipv4pool_cidr"},
	}
	assert.ElementsMatch(t, want, settings.Unknown)
	assert.True(t, slices.IsSortedFunc(settings.Unknown, func(a, b Setting) int { return strings.Compare(string(a.Source), string(b.Source)) }))
	assert.Equal(t, settings.Unknown, Merge(Settings{}, settings).Unknown)
	config, err := settings.Resolve()
	require.NoError(t, err)
	assert.Equal(t, []string{
		`env CALICO_IPPOOLS_TIMEOUTS: "1s": no such setting, so it has no effect; did you mean CALICO_IPPOOLS_TIMEOUT?`,
		`env CALICO_IPV4POOL_NATOUTGOING: "false": no such setting, so it has no effect; did you mean CALICO_IPV4POOL_NAT_OUTGOING?`,
		`env calico_ipv4pool_cidr: "10.0.0.0/8": no such setting, so it has no effect; CALICO_IPV4POOL_CIDR, which is nearest, is set as well (env CALICO_IPV4POOL_CIDR)`,
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
		near, found := nearest(name)
		assert.Equal(t, want != "", found, "%s: %s", name, near.Env)
		if found {
			assert.Equal(t, want, near.Env, name)
		}
	}
	for _, d := range Definitions() {
		if strings.HasPrefix(d.Env, "CALICO_IP") {
			near, found := nearest(strings.ToLower(strings.ReplaceAll(d.Env, "_", "")))
			require.True(t, found, d.Env)
			assert.Equal(t, d.Env, near.Env, "the setting itself is nearest to itself")
		}
	}
}

func TestIPIPForIPv6IsToldToHaveNoEffect(t *testing.T) {
	t.Parallel()
	settings := given(t, cidrs...)
	settings.Unknown = unknownVariables([]string{"CALICO_IPV6POOL_IPIP=Always"})
	config, err := settings.Resolve()
	require.NoError(t, err)
	assert.Equal(t, []string{
		`env CALICO_IPV6POOL_IPIP: "Always" has no effect: IP-in-IP carries no IPv6; want CALICO_IPV6POOL_VXLAN to wrap it`,
	}, config.Warnings)
}

// Settings of a default pool that other settings leave out.
func TestIdleSettings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		want  []string
	}{
		{"nothing is idle", cidrs, nil},
		{"none alone", []string{"CALICO_IPV4POOL_CIDR=none", "CALICO_IPV6POOL_CIDR=none"}, nil},
		{"none", []string{"CALICO_IPV4POOL_CIDR=none", "--ipv4-pool-nat-outgoing=false", "CALICO_IPV4POOL_IPIP=Always"}, []string{
			`env CALICO_IPV4POOL_IPIP "Always", flag --ipv4-pool-nat-outgoing "false": no effect, as there is no default IPv4 pool: env CALICO_IPV4POOL_CIDR is "none"`,
		}},
		{"no default pools", []string{"NO_DEFAULT_POOLS=true", "CALICO_IPV6POOL_NAT_OUTGOING=true", "CALICO_IPV4POOL_NAME=x"}, []string{
			`env CALICO_IPV4POOL_NAME "x": no effect, as there is no default IPv4 pool: env NO_DEFAULT_POOLS is "true"`,
			`env CALICO_IPV6POOL_NAT_OUTGOING "true": no effect, as there is no default IPv6 pool: env NO_DEFAULT_POOLS is "true"`,
		}},
		{"no IPv6", []string{"FELIX_IPV6SUPPORT=false", "CALICO_IPV6POOL_CIDR=fd00::/64", "CALICO_IPV6POOL_NAT_OUTGOING=true"}, []string{
			`env CALICO_IPV6POOL_NAT_OUTGOING "true": no effect, as there is no default IPv6 pool: IPv6 is not supported: env FELIX_IPV6SUPPORT is "false"`,
		}},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, resolved(t, tt.lines...).Warnings, tt.name)
	}
}

// Strict makes errors of the warnings about settings, whatever else is wrong.
func TestStrict(t *testing.T) {
	t.Parallel()
	lines := []string{"CALICO_IPV4POOL_CIDR=10.1.2.3/16", "CALICO_IPV6POOL_NAT_OUTGOING=off"}
	config := resolved(t, append(lines, "--strict=false")...)
	require.Len(t, config.Warnings, 2)

	_, err := given(t, append(lines, "--strict=true", "CALICO_IPV4POOL_BLOCK_SIZE=7")...).Resolve()
	require.ErrorIs(t, err, ErrInvalidSettings)
	require.EqualError(t, err, strings.Join([]string{
		`env CALICO_IPV4POOL_BLOCK_SIZE: "7": must be from 20 to 32 for IPv4`,
		`env CALICO_IPV4POOL_CIDR: "10.1.2.3/16" has host bits, which are cleared: the pool is 10.1.0.0/16 (an error because of flag --strict)`,
		`env CALICO_IPV6POOL_NAT_OUTGOING: "off" is read as false here; calico-node reads it as true (an error because of flag --strict)`,
	}, "\n"))
	store := newStore()
	_, err = run(t, store, given(t, append(lines, "CALICO_IPPOOLS_STRICT=yes")...))
	require.ErrorIs(t, err, ErrInvalidSettings)
	assert.Empty(t, store.calls, "nothing is contacted")
	_, err = given(t, append(cidrs, "--strict=true")...).Resolve()
	require.NoError(t, err)
}

// A variable that is no setting may still hold a secret.
func TestUnknownVariablesKeepSecrets(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"CALICO_IPPOOLS_ETCD_PASSWORD", "CALICO_IPPOOLS_K8S_API_TOKEN", "calico_ippools_secret", "CALICO_IPPOOLS_ETCD_KEY"} {
		config, err := Settings{Unknown: unknownVariables([]string{name + "=hunter2"})}.Resolve()
		require.NoError(t, err)
		assert.Equal(t, []string{"env " + name + ": ***: no such setting, so it has no effect"}, config.Warnings)
	}
	config, err := Settings{Unknown: unknownVariables([]string{"CALICO_IPPOOLS_ENDPOINT=https://me:hunter2@10.0.0.1"})}.Resolve()
	require.NoError(t, err)
	assert.NotContains(t, config.Warnings[0], "hunter2")
}
