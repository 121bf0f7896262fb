package etcdtest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

func TestClusterSurvivesItsLeader(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 3)
	require.Len(t, c.Members(), 3)
	require.Len(t, c.Endpoints(), 3)
	cl := c.Client(t)
	put(t, cl, "a", "1")

	first := c.Leader()
	require.Contains(t, []int{0, 1, 2}, first)
	old := c.Members()[first]
	status, err := cl.Status(t.Context(), old.Endpoints()[0])
	require.NoError(t, err)
	require.Equal(t, status.Header.MemberId, status.Leader, "the leader names itself")

	old.Stop()
	put(t, cl, "a", "2")
	second := c.Leader()
	assert.NotEqual(t, first, second)
	assert.NotEqual(t, -1, second)

	old.Restart()
	assert.Equal(t, "2", get(t, old.Client(t), "a"), "it has caught up")
}

// TestClusterSurvivesItsLeadersDeath kills the leader: the others elect a new one.
func TestClusterSurvivesItsLeadersDeath(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 3)
	cl := c.Client(t)
	put(t, cl, "a", "1")
	first := c.Leader()
	c.Members()[first].Kill()
	second := c.Leader()
	assert.NotEqual(t, first, second)
	require.NotEqual(t, -1, second)
	assert.Equal(t, "1", get(t, cl, "a"))
	put(t, cl, "a", "2")
}

func TestClusterWithoutQuorum(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 3)
	put(t, c.Client(t), "a", "1")
	for _, m := range c.Members() {
		m.Stop()
	}
	assert.Equal(t, -1, c.Leader())

	c.Members()[0].Restart()
	assert.Equal(t, -1, c.Leader())
	for _, m := range c.Members()[1:] {
		m.Restart()
	}
	assert.NotEqual(t, -1, c.Leader())
	assert.Equal(t, "1", get(t, c.Client(t), "a"))
}

// TestClusterWithOptions checks that every member requires the certificate and the
// password and records its own calls only.
func TestClusterWithOptions(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 3, etcdtest.WithMutualTLS(), etcdtest.WithAuth(password))
	put(t, c.Client(t), etcdtest.CalicoPrefix+"a", "1")
	pki := c.PKI()
	for i, m := range c.Members() {
		assert.Same(t, pki, m.PKI())
		for _, other := range c.Members() {
			other.ResetRPCs()
		}
		cfg := clientv3.Config{Endpoints: m.Endpoints(), TLS: pki.TLS(t, pki.Client()), Username: etcdtest.CalicoUser, Password: password}
		cl := connect(t, cfg)
		assert.Equal(t, "1", get(t, cl, etcdtest.CalicoPrefix+"a"))
		_, err := cl.Get(t.Context(), etcdtest.OtherPrefix)
		assert.Equal(t, rpctypes.ErrPermissionDenied, err)
		for j, other := range c.Members() {
			assert.Equal(t, j == i, other.Count("Range") > 0, "calls at member %d for member %d", j, i)
		}
		cfg.Password = "wrong"
		_, err = dial(t, cfg)
		assert.Equal(t, rpctypes.ErrAuthFailed, err)
	}
}

func TestClusterOfOne(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1)
	assert.Equal(t, 0, c.Leader())
	put(t, c.Client(t), "a", "1")
}
