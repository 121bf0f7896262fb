package settings_test

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestReadyNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		id             origin.Setting
		variable, flag string
	}{
		{origin.PoolSetting(ippool.IPv4, "natOutgoing"), "CALICO_IPV4POOL_NAT_OUTGOING", "--ipv4-pool-nat-outgoing"},
		{origin.PoolSetting(ippool.IPv6, "vxlanMode"), "CALICO_IPV6POOL_VXLAN", "--ipv6-pool-vxlan"},
		{origin.PoolSetting(ippool.IPv6, "ipipMode"), "ipv6.pool.ipipMode", "ipv6.pool.ipipMode"}, // there is none
		{origin.SettingOnDrift, "CALICO_IPPOOLS_ON_DRIFT", "--on-drift"},
		{origin.SettingEtcdEndpoints, "ETCD_ENDPOINTS", "--etcd-endpoints or ETCD_ENDPOINTS"},
		{origin.SettingKubeconfig, "KUBECONFIG", "--kubeconfig or KUBECONFIG"},
		{origin.SettingEtcdPassword, "ETCD_PASSWORD", "ETCD_PASSWORD"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.variable, settings.VariableNames(tt.id))
		assert.Equal(t, tt.flag, settings.FlagNames(tt.id))
	}
}

// Identities are paths of fields, and no two settings share one.
func TestIdentities(t *testing.T) {
	t.Parallel()
	path := regexp.MustCompile(`^[a-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*)*$`)
	seen := map[origin.Setting]bool{}
	for _, d := range settings.Definitions() {
		assert.Regexp(t, path, d.ID)
		assert.False(t, seen[d.ID], d.ID)
		seen[d.ID] = true
	}
	for field, names := range map[string][]ippool.Family{
		"cidr": {ippool.IPv4, ippool.IPv6}, "name": {ippool.IPv4, ippool.IPv6}, "blockSize": {ippool.IPv4, ippool.IPv6}, "vxlanMode": {ippool.IPv4, ippool.IPv6},
		"natOutgoing": {ippool.IPv4, ippool.IPv6}, "nodeSelector": {ippool.IPv4, ippool.IPv6}, "disableBGPExport": {ippool.IPv4, ippool.IPv6}, "ipipMode": {ippool.IPv4},
	} {
		for _, family := range names {
			assert.True(t, seen[origin.PoolSetting(family, field)], "%s of %s", field, family)
		}
	}
}

// The names go where the settings go, and are no data.
func TestNamesAreKept(t *testing.T) {
	t.Parallel()
	var flags, environment settings.Settings
	environment.Datastore.Names = settings.VariableNames
	assert.Nil(t, settings.Merge(flags).Names())
	assert.Equal(t, "CALICO_IPPOOLS_ALLOW", settings.Merge(flags, environment).Names().Of(origin.SettingAllow))
	flags.Datastore.Names = settings.FlagNames
	merged := settings.Merge(flags, environment)
	assert.Equal(t, "--allow", merged.Names().Of(origin.SettingAllow))
	config, err := merged.Resolve()
	require.NoError(t, err)
	assert.Equal(t, "--allow", config.Desired.Names.Of(origin.SettingAllow))
	encoded, err := json.Marshal(merged)
	require.NoError(t, err)
	assert.NotContains(t, string(encoded), "Names")
}

// Messages about settings of FromEnv name variables, unless the caller has other names.
func TestFromEnvNamesVariables(t *testing.T) {
	clearEnv(t)
	t.Setenv("DATASTORE_TYPE", "etcdv3")
	t.Setenv("ETCD_CERT_FILE", "/cert.pem")
	t.Setenv("CALICO_IPV4POOL_IPIP", "Always")
	t.Setenv("CALICO_IPV4POOL_VXLAN", "Always")
	environment, err := settings.FromEnv()
	require.NoError(t, err)
	flags := settings.Settings{Datastore: settings.DatastoreSettings{Names: settings.FlagNames}}
	for name, tt := range map[string]struct {
		given settings.Settings
		want  string
	}{
		"alone":                   {environment, "ETCD_ENDPOINTS"},
		"after unnamed values":    {settings.Merge(settings.Settings{}, environment), "ETCD_ENDPOINTS"},
		"after flags":             {settings.Merge(flags, environment), "--etcd-endpoints or ETCD_ENDPOINTS"},
		"a caller's own settings": {settings.Settings{}, "etcd.endpoints"},
	} {
		assert.Equal(t, tt.want, tt.given.Names().Of(origin.SettingEtcdEndpoints), name)
	}
	_, err = environment.Resolve()
	require.Error(t, err)
	assert.NotRegexp(t, `\b(ipv4\.pool|etcd)\.`, err.Error())
	assert.Contains(t, err.Error(), "CALICO_IPV4POOL_")
}
