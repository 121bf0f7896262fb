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
	"github.com/calico-bootstrap/calico-bootstrap/internal/realinputtest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// FuzzPresentSettings checks that each setting of a default pool has its effect, or is
// reported, or says what happens anyway; and that no message has a secret.
func FuzzPresentSettings(f *testing.F) {
	pools := poolDefinitions()
	index := map[string]uint8{}
	for i, d := range pools {
		index[d.Env] = uint8(i)
	}
	for _, variable := range realinputtest.Variables(f) {
		name, value, _ := strings.Cut(variable, "=")
		if i, known := index[name]; known {
			for _, other := range []string{"", "none", "10.244.0.0/16", "fd00:10:244::/56", "Always"} {
				f.Add(i, value, i+1, other, "", "")
				f.Add(i, value, i-1, other, "true", "")
				f.Add(i, value, uint8(0), other, "", "false")
			}
		}
	}
	const secret = "hunter2secret"
	f.Fuzz(func(t *testing.T, a uint8, aValue string, b uint8, bValue, noPools, ipv6 string) {
		first, second := pools[int(a)%len(pools)], pools[int(b)%len(pools)]
		given := settingstest.Given(t, first.Env+"="+aValue, "NO_DEFAULT_POOLS="+noPools, "FELIX_IPV6SUPPORT="+ipv6,
			"DATASTORE_TYPE=etcdv3", "ETCD_PASSWORD="+secret, "K8S_API_TOKEN="+secret)
		if first.Env != second.Env {
			*second.Of(&given) = settings.Given(bValue, origin.Env(second.Env))
		}
		config, err := given.Resolve()
		messages := strings.Join(config.Warnings, "\n")
		if err != nil {
			messages += "\n" + err.Error()
		}
		if !strings.Contains(aValue+bValue+noPools+ipv6, secret) {
			assert.NotContains(t, messages, secret)
		}
		if err != nil {
			return
		}
		for _, d := range []settings.Definition{first, second} {
			if setting := d.Of(&given); setting.IsSet() && !strings.Contains(messages, setting.Source.String()) {
				require.True(t, hasEffect(config, *setting), "%s is ignored in silence", setting)
			}
		}
	})
}

// hasEffect reports whether a value of the desired pools comes from the setting, or its
// pool is skipped because of it or in agreement with it.
func hasEffect(config settings.Config, setting settings.Setting) bool {
	for _, pool := range config.Desired.Pools {
		if pool.Skip != "" {
			of6 := strings.Contains(setting.Source.Name(), "IPV6")
			value := strings.ToLower(setting.Value)
			if of6 == (pool.Family == ippool.IPv6) && slices.Contains([]string{"none", "never", "off"}, value) {
				return true
			}
			continue
		}
		for _, value := range pool.Values {
			if value.Source == setting.Source {
				return true
			}
		}
	}
	return false
}

// poolDefinitions returns the definitions of the settings of default pools.
func poolDefinitions() []settings.Definition {
	var pools []settings.Definition
	for _, d := range settings.Definitions() {
		if strings.Contains(d.Env, "POOL_") {
			pools = append(pools, d)
		}
	}
	return pools
}
