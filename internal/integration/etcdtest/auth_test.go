package etcdtest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

const password = "correct horse"

func TestAuth(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithAuth(password))
	assert.Empty(t, s.RPCs(), "calls of Start are not recorded")
	admin := s.Client(t)
	put(t, admin, etcdtest.CalicoPrefix+"a", "1")
	put(t, admin, etcdtest.OtherPrefix+"a", "1")
	put(t, admin, "unowned", "1")
	assert.Positive(t, s.Count("Authenticate"))

	denied := rpctypes.ErrPermissionDenied
	for user, want := range map[string]struct{ read, write, readOther, writeOther error }{
		etcdtest.CalicoUser: {readOther: denied, writeOther: denied},
		etcdtest.ReaderUser: {write: denied, readOther: denied, writeOther: denied},
		etcdtest.OtherUser:  {read: denied, write: denied},
	} {
		t.Run(user, func(t *testing.T) {
			c := connect(t, clientv3.Config{Endpoints: s.Endpoints(), Username: user, Password: password})
			ctx := t.Context()
			_, err := c.Get(ctx, etcdtest.CalicoPrefix, clientv3.WithPrefix())
			assert.Equal(t, want.read, err, "read")
			_, err = createKey(c, ctx, etcdtest.CalicoPrefix+"a", "2")
			assert.Equal(t, want.write, err, "write")
			_, err = c.Get(ctx, etcdtest.OtherPrefix, clientv3.WithPrefix())
			assert.Equal(t, want.readOther, err, "read OtherPrefix")
			_, err = c.Put(ctx, etcdtest.OtherPrefix+"a", "2")
			assert.Equal(t, want.writeOther, err, "write OtherPrefix")
			_, err = c.Get(ctx, "unowned")
			assert.Equal(t, denied, err)
		})
	}
}

// TestAuthRefuses checks that invalid credentials are an error when the client is
// created, and missing ones at the first call.
func TestAuthRefuses(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithAuth(password))
	for name, cfg := range map[string]clientv3.Config{
		"wrong password": {Username: etcdtest.CalicoUser, Password: "wrong"},
		"unknown user":   {Username: "unknown", Password: password},
	} {
		cfg.Endpoints = s.Endpoints()
		_, err := dial(t, cfg)
		assert.Equal(t, rpctypes.ErrAuthFailed, err, name)
	}
	assert.Positive(t, s.Count("Authenticate"))

	for name, cfg := range map[string]clientv3.Config{
		"no user":     {},
		"no password": {Username: etcdtest.CalicoUser},
	} {
		cfg.Endpoints = s.Endpoints()
		_, err := connect(t, cfg).Get(t.Context(), etcdtest.CalicoPrefix)
		assert.Equal(t, rpctypes.ErrUserEmpty, err, name)
	}
}

func TestAuthAfterRestart(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithAuth(password))
	c := connect(t, clientv3.Config{Endpoints: s.Endpoints(), Username: etcdtest.CalicoUser, Password: password})
	put(t, c, etcdtest.CalicoPrefix+"a", "1")

	s.Restart()
	s.ResetRPCs()
	assert.Equal(t, "1", get(t, c, etcdtest.CalicoPrefix+"a"))
	assert.Positive(t, s.Count("Authenticate"), "the old token is invalid")
	_, err := c.Get(t.Context(), etcdtest.OtherPrefix)
	assert.Equal(t, rpctypes.ErrPermissionDenied, err)
}

// TestAuthWithMutualTLS checks that the common name of the client certificate is the
// user, unless the client has a token.
func TestAuthWithMutualTLS(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithMutualTLS(), etcdtest.WithAuth(password))
	pki := s.PKI()
	put(t, s.Client(t), etcdtest.CalicoPrefix+"a", "1")

	byName := connect(t, clientv3.Config{Endpoints: s.Endpoints(), TLS: pki.TLS(t, pki.NewClient(t, etcdtest.CalicoUser))})
	assert.Equal(t, "1", get(t, byName, etcdtest.CalicoPrefix+"a"))
	_, err := byName.Get(t.Context(), etcdtest.OtherPrefix)
	assert.Equal(t, rpctypes.ErrPermissionDenied, err)

	unknown := connect(t, clientv3.Config{Endpoints: s.Endpoints(), TLS: pki.TLS(t, pki.Client())})
	_, err = unknown.Get(t.Context(), etcdtest.CalicoPrefix)
	require.Error(t, err)
	assert.Equal(t, rpctypes.ErrPermissionDenied, err)

	byToken := connect(t, clientv3.Config{
		Endpoints: s.Endpoints(), TLS: pki.TLS(t, pki.Client()),
		Username: etcdtest.CalicoUser, Password: password,
	})
	assert.Equal(t, "1", get(t, byToken, etcdtest.CalicoPrefix+"a"))
}
