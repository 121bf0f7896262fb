package etcdtest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// The users of a server with WithAuth. They share one password.
const (
	// RootUser has all permissions.
	RootUser = "root"
	// CalicoUser may read and write CalicoPrefix.
	CalicoUser = "calico"
	// OtherUser may read and write OtherPrefix, but not CalicoPrefix.
	OtherUser = "other"
	// ReaderUser may read CalicoPrefix.
	ReaderUser = "reader"
)

// The prefixes that users of a server with WithAuth have permissions for.
const (
	CalicoPrefix = "/calico/"
	OtherPrefix  = "/other/"
)

const (
	readWrite = clientv3.PermissionType(clientv3.PermReadWrite)
	readOnly  = clientv3.PermissionType(clientv3.PermRead)

	// dialTimeout is the time limit for a token, which may take long on a busy
	// machine.
	dialTimeout = 20 * time.Second
)

// enableAuth creates users and roles and enables authentication for the cluster.
func enableAuth(tb testing.TB, o options, endpoints []string) {
	tb.Helper()
	o.auth = false // no users exist
	c, err := clientv3.New(adminConfig(tb, o, endpoints))
	require.NoError(tb, err)
	defer func() { _ = c.Close() }()

	ctx, cancel := context.WithTimeout(tb.Context(), readyTimeout)
	defer cancel()
	for _, u := range []struct {
		name, prefix string
		perm         clientv3.PermissionType
	}{
		{name: RootUser}, // the role of this name needs no permissions
		{name: CalicoUser, prefix: CalicoPrefix, perm: readWrite},
		{name: OtherUser, prefix: OtherPrefix, perm: readWrite},
		{name: ReaderUser, prefix: CalicoPrefix, perm: readOnly},
	} {
		_, err := c.UserAdd(ctx, u.name, o.password)
		require.NoError(tb, err, "user %s", u.name)
		_, err = c.RoleAdd(ctx, u.name)
		require.NoError(tb, err, "role %s", u.name)
		if u.prefix != "" {
			end := clientv3.GetPrefixRangeEnd(u.prefix)
			_, err = c.RoleGrantPermission(ctx, u.name, u.prefix, end, u.perm)
			require.NoError(tb, err, "permission for role %s", u.name)
		}
		_, err = c.UserGrantRole(ctx, u.name, u.name)
		require.NoError(tb, err, "role for user %s", u.name)
	}
	_, err = c.AuthEnable(ctx)
	require.NoError(tb, err)
}

func adminClient(tb testing.TB, o options, endpoints []string) *clientv3.Client {
	tb.Helper()
	c, err := clientv3.New(adminConfig(tb, o, endpoints))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

func adminConfig(tb testing.TB, o options, endpoints []string) clientv3.Config {
	tb.Helper()
	cfg := clientv3.Config{
		Endpoints:   endpoints,
		DialTimeout: dialTimeout,
		Logger:      zap.NewNop(),
	}
	if o.tls != tlsNone {
		cfg.TLS = o.pki.TLS(tb, o.pki.Client())
		// The server certificate may be invalid on purpose; the test's own client
		// must work all the same.
		cfg.TLS.InsecureSkipVerify = o.cert != ServerCertValid
	}
	if o.auth {
		cfg.Username, cfg.Password = RootUser, o.password
	}
	return cfg
}
