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
	// RootUser may do everything.
	RootUser = "root"
	// CalicoUser may read and write CalicoPrefix.
	CalicoUser = "calico"
	// OtherUser may read and write OtherPrefix and nothing of CalicoPrefix.
	OtherUser = "other"
	// ReaderUser may read CalicoPrefix and write nothing.
	ReaderUser = "reader"
)

// The prefixes that users of a server with WithAuth have a right to.
const (
	CalicoPrefix = "/calico/"
	OtherPrefix  = "/other/"
)

const (
	readWrite = clientv3.PermissionType(clientv3.PermReadWrite)
	readOnly  = clientv3.PermissionType(clientv3.PermRead)

	// dialTimeout bounds the wait for a token; on a busy machine etcd takes
	// its time, but not this long.
	dialTimeout = 20 * time.Second
)

// enableAuth creates users and roles, and turns authentication on for the
// whole cluster at the endpoints.
func enableAuth(tb testing.TB, o options, endpoints []string) {
	tb.Helper()
	o.auth = false // there are no users yet
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
		// The test's own look at the data must not stumble over the fault
		// that the test is about.
		cfg.TLS.InsecureSkipVerify = o.cert != ServerCertValid
	}
	if o.auth {
		cfg.Username, cfg.Password = RootUser, o.password
	}
	return cfg
}
