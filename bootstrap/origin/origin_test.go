package origin

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOrigins(t *testing.T) {
	t.Parallel()
	tests := []struct {
		origin     Origin
		kind       Kind
		name, text string
	}{
		{Origin{}, KindNone, "", ""},
		{Default, KindDefault, "", "default"},
		{DefaultBecause("random ULA"), KindDefault, "random ULA", "default (random ULA)"},
		{Flag("ipv4-pool-cidr"), KindFlag, "ipv4-pool-cidr", "flag --ipv4-pool-cidr"},
		{Env("CALICO_IPV4POOL_CIDR"), KindEnv, "CALICO_IPV4POOL_CIDR", "env CALICO_IPV4POOL_CIDR"},
		{File("/etc/pools"), KindFile, "/etc/pools", "file /etc/pools"},
		{Line("/etc/pools", 7), KindFile, "/etc/pools:7", "file /etc/pools:7"},
		{Line("/etc/pools", 0), KindFile, "/etc/pools", "file /etc/pools"},
		{Cluster("kubeadm-config"), KindCluster, "kubeadm-config", "kubeadm-config"},
		{Host("interface eth0"), KindHost, "interface eth0", "interface eth0"},
		{Datastore, KindDatastore, "", "datastore"},
		{Caller("cluster.yaml: ipv4.masquerade"), KindCaller, "cluster.yaml: ipv4.masquerade", "cluster.yaml: ipv4.masquerade"},
	}
	for i, tt := range tests {
		assert.Equal(t, tt.kind, tt.origin.Kind(), tt.text)
		assert.Equal(t, tt.name, tt.origin.Name(), tt.text)
		assert.Equal(t, tt.text, tt.origin.String())
		encoded, err := json.Marshal(map[string]Origin{"source": tt.origin})
		require.NoError(t, err)
		assert.JSONEq(t, `{"source":"`+tt.text+`"}`, string(encoded))
		for j, other := range tests {
			same := i == j || tt.text == other.text // line 0 means the whole file
			assert.Equal(t, same, tt.origin == other.origin, "%s and %s", tt.origin, other.origin)
		}
	}
}

// The kind does not depend on the text: a caller's text is never taken for another kind.
func TestKindIsNotInTheText(t *testing.T) {
	t.Parallel()
	for _, other := range []Origin{Default, DefaultBecause("x"), Flag("x"), Env("X"), File("x"), Cluster("x"), Host("x"), Datastore} {
		caller := Caller(other.String())
		assert.Equal(t, KindCaller, caller.Kind())
		assert.Equal(t, other.String(), caller.String())
		assert.NotEqual(t, other, caller)
	}
	assert.NotEqual(t, Flag("x"), Env("x"))
	assert.NotEqual(t, Cluster("x"), Host("x"))
}

func TestAnd(t *testing.T) {
	t.Parallel()
	both := Host("interface eth0").And(Host("interface eth1"))
	assert.Equal(t, Host("interface eth0, interface eth1"), both)
	assert.Equal(t, "interface eth0, interface eth1, flag --x", both.And(Flag("x")).String())
	assert.Equal(t, KindFlag, Flag("a").And(Env("B")).Kind())
	assert.Equal(t, "flag --a, env B", Flag("a").And(Env("B")).String())
}

// The encoded text does not have the kind, so that a decoded origin is a caller's.
func TestUnmarshal(t *testing.T) {
	t.Parallel()
	for _, origin := range []Origin{Flag("x"), Default, Caller("here")} {
		encoded, err := json.Marshal(origin)
		require.NoError(t, err)
		var decoded Origin
		require.NoError(t, json.Unmarshal(encoded, &decoded))
		assert.Equal(t, Caller(origin.String()), decoded)
	}
}
