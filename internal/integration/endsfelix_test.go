package integration

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// A record as calicoctl stores it in etcd keeps a run from giving an IPv6 pool natOutgoing.
func TestEtcdFelixIsNotEnded(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	world.put(t, "/calico/resources/v3/projectcalico.org/felixconfigurations/default",
		`{"kind":"FelixConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"natOutgoingAddress":"192.0.2.10"}}`)
	var given settings.Settings
	given.IPv6.NATOutgoing = settings.Given("true", origin.Caller("test"))
	b := bootstrap.New(world.Open(t), bootstrap.WithHost(suite.Host{}))
	_, err := b.Run(t.Context(), given)
	require.ErrorIs(t, err, preflight.ErrEndsFelix)
	assert.Empty(t, world.Pools(t))

	given.Allow = settings.Given("NATAddressWithIPv6", origin.Caller("test"))
	_, err = b.Run(t.Context(), given)
	require.NoError(t, err)
	assert.Len(t, world.Pools(t), 2)
}

// The same on a real API server: a fresh run reads the FelixConfigurations with one request,
// writes nothing if Felix would end, and a run with existing pools reads the pools only.
func TestKubernetesFelixIsNotEnded(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	world.server.InstallNATCRDs(t, world.group, false)
	world.server.Apply(t, []byte(`{"kind":"FelixConfiguration","apiVersion":"crd.projectcalico.org/v1","metadata":{"name":"default"},"spec":{"natOutgoingAddress":"192.0.2.10"}}`))
	var sent requests
	config := sent.record(world.config)
	run := func(given settings.Settings) ([]string, error) {
		store := openKubernetes(t, kubernetes.Config{REST: config})
		_, err := bootstrap.New(store, bootstrap.WithHost(suite.Host{})).Run(t.Context(), given)
		return lines(sent.take()), err
	}
	given := withoutPreflight
	given.IPv4.CIDR, given.IPv6.CIDR = settings.Given("10.1.0.0/16", origin.Caller("test")), settings.Given("fd01::/64", origin.Caller("test"))
	fresh := []string{listPools, listBlocks}

	without, err := run(given)
	require.NoError(t, err)
	assert.Equal(t, append(fresh, createPool, createPool), without, "no IPv6 pool gets natOutgoing")
	world.empty(t)

	given.IPv6.NATOutgoing = settings.Given("true", origin.Caller("test"))
	refused, err := run(given)
	require.ErrorIs(t, err, preflight.ErrEndsFelix)
	require.ErrorContains(t, err, "natOutgoingAddress is 192.0.2.10 (FelixConfiguration default)")
	assert.Equal(t, append(fresh, listFelix), refused, "one request more, and no write")
	assert.Empty(t, world.Pools(t))

	given.Allow = settings.Given("NATAddressWithIPv6", origin.Caller("test"))
	allowed, err := run(given)
	require.NoError(t, err)
	assert.Equal(t, append(fresh, listFelix, createPool, createPool), allowed)
	assert.Len(t, world.Pools(t), 2)

	given.Allow = settings.Setting{}
	steady, err := run(given)
	require.NoError(t, err, "the combination exists")
	assert.Equal(t, []string{listPools}, steady)
}
