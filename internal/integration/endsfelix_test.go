package integration

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
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
