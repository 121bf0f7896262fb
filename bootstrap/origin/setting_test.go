package origin

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNames(t *testing.T) {
	t.Parallel()
	var identity Names
	assert.Equal(t, "onDrift", identity.Of(SettingOnDrift))
	assert.Equal(t, "onDrift=update", identity.With(SettingOnDrift, "update"))
	shouted := Names(func(s Setting) string { return strings.ToUpper(string(s)) })
	assert.Equal(t, "ETCD.ENDPOINTS", shouted.Of(SettingEtcdEndpoints))
	assert.Equal(t, "ONDRIFT=update", shouted.With(SettingOnDrift, "update"))
}

func TestPoolSetting(t *testing.T) {
	t.Parallel()
	assert.Equal(t, Setting("ipv4.pool.natOutgoing"), PoolSetting(4, "natOutgoing"))
	assert.Equal(t, Setting("ipv6.pool.cidr"), PoolSetting(6, "cidr"))
}
