package bootstrap

import (
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// given returns settings from lines such as "CALICO_IPV4POOL_CIDR=10.0.0.0/8"
// and "--ipv4-pool-cidr=10.0.0.0/8", without touching the environment.
func given(t testing.TB, lines ...string) Settings {
	t.Helper()
	var settings Settings
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		*settingNamed(t, &settings, name) = Given(value, sourceNamed(name))
	}
	return settings
}

func sourceNamed(name string) Source {
	if flag, ok := strings.CutPrefix(name, "--"); ok {
		return SourceFlag(flag)
	}
	return SourceEnv(name)
}

// settingNamed finds a setting by its flag or its variable.
func settingNamed(t testing.TB, settings *Settings, name string) *Setting {
	t.Helper()
	for _, d := range Definitions() {
		if name == d.Env || name == "--"+d.Flag || d.Prefixed && name == "CALICO_"+d.Env {
			return d.Of(settings)
		}
	}
	require.FailNow(t, "no such setting", name)
	return nil
}

func resolved(t testing.TB, lines ...string) Config {
	t.Helper()
	config, err := given(t, lines...).Resolve()
	require.NoError(t, err)
	return config
}

// stored is a pool as it may stand in a datastore.
func stored(name, cidr string, changes ...func(*v3.IPPool)) v3.IPPool {
	pool := ippool.New(name)
	pool.UID = "stored"
	pool.Spec.CIDR = cidr
	ippool.Default(pool)
	for _, change := range changes {
		change(pool)
	}
	return *pool
}

func disabled(pool *v3.IPPool) { pool.Spec.Disabled = true }

func forLoadBalancers(pool *v3.IPPool) {
	pool.Spec.AllowedUses = []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseLoadBalancer}
}

// records are the pools as a snapshot has them.
func records(pools ...v3.IPPool) []*ippool.Record {
	var all []*ippool.Record
	for _, pool := range pools {
		all = append(all, ippool.NewRecord(&pool))
	}
	return all
}
