package etcdv3

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// alert returns the error of crypto/tls for an alert of the peer.
func alert(number tls.AlertError) error { return &net.OpError{Op: "remote error", Err: number} }

// TestExplain checks the kinds and hints of the errors that etcd returns.
func TestExplain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		kind error // nil: no kind
		want string
	}{
		{rpctypes.ErrAuthFailed, datastore.ErrUnauthorized, `check the user name ("calico") and the password`},
		{rpctypes.ErrUserEmpty, datastore.ErrUnauthorized, "etcd has authentication enabled: set etcd.username, and etcd.password, or use a client certificate whose common name is an etcd user"},
		{rpctypes.ErrPermissionDenied, datastore.ErrForbidden, `grant a role of user "calico" access: etcdctl role grant-permission ROLE --prefix=true readwrite /calico/resources/v3/projectcalico.org/ippools/`},
		{rpctypes.ErrInvalidAuthToken, datastore.ErrUnreachable, ""},
		{rpctypes.ErrAuthOldRevision, datastore.ErrUnreachable, ""},
		{rpctypes.ErrNoLeader, datastore.ErrUnreachable, ""},
		{rpctypes.ErrTooManyRequests, datastore.ErrUnreachable, ""},
		{status.Error(codes.Unknown, "raft proposal dropped"), datastore.ErrUnreachable, ""},
		{status.Error(codes.Unknown, "another"), nil, ""},
		{context.DeadlineExceeded, datastore.ErrUnreachable, "check that the endpoint is etcd's client port, and the firewalls in between"},
		{rpctypes.ErrNoSpace, nil, "etcd rejects writes: free space (etcdctl compact, etcdctl defrag), then etcdctl alarm disarm"},
		{rpctypes.ErrRequestTooLarge, nil, "an IPPool is larger than etcd accepts (--max-request-bytes, 1.5 MiB by default): shorten its labels and annotations"},
		{rpctypes.ErrCorrupt, nil, ""},
	} {
		store := &Datastore{config: Config{Endpoints: []string{"https://a:1"}, Username: "calico", Password: "hunter2"}}
		err := store.explain("writing IP pools", test.err)
		var failure *datastore.Error
		require.ErrorAs(t, err, &failure, "%v", test.err)
		assert.Equal(t, test.kind, failure.Kind, "%v", test.err)
		assert.Equal(t, test.want, failure.Hint, "%v", test.err)
		require.ErrorIs(t, err, test.err)
		assert.True(t, strings.HasPrefix(err.Error(), "etcd https://a:1: writing IP pools: "), "%v", err)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	broken := status.Error(codes.Unavailable, "error reading from server: read tcp 127.0.0.1:53006->127.0.0.1:2379: read: connection reset by peer")
	assert.EqualError(t, new(Datastore).explain("reading", broken), "etcd: reading: datastore unreachable: "+
		"rpc error: code = Unavailable desc = error reading from server: read: read: connection reset by peer", "without local ports, which vary")
	require.NoError(t, new(Datastore).explain("", nil))
	assert.Equal(t, datastore.ErrConflict, new(Datastore).explain("", datastore.ErrConflict), "unchanged")
}

// A cancelled read is not retryable, and its error has no hint.
func TestCancelled(t *testing.T) {
	t.Parallel()
	store, err := Open(Config{Endpoints: []string{"http://127.0.0.1:1"}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = store.Snapshot(ctx)
	require.EqualError(t, err, "etcd http://127.0.0.1:1: reading IP pools: context canceled")
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, datastore.ErrUnreachable)
	require.NoError(t, store.Close())
}

// The error has the cause of each member.
func TestConnectionRefused(t *testing.T) {
	t.Parallel()
	store, err := Open(Config{Endpoints: []string{"http://127.0.0.1:2", "http://127.0.0.1:1"}})
	require.NoError(t, err)
	for range 10 { // in the same order each time
		blocks, err := store.Blocks(t.Context(), []ippool.Family{ippool.IPv4, ippool.IPv6})
		assert.Nil(t, blocks)
		require.ErrorIs(t, err, datastore.ErrUnreachable)
		require.EqualError(t, err, "etcd http://127.0.0.1:2,http://127.0.0.1:1: reading IPAM block keys: datastore unreachable: "+
			"127.0.0.1:1: dial: connect: connection refused; 127.0.0.1:2: dial: connect: connection refused: "+
			"no process listens on this address: check the endpoint, and that etcd is running")
	}
	require.NoError(t, store.Close())
}

// The text of a cause must not depend on the local port.
func TestStableText(t *testing.T) {
	t.Parallel()
	lookup := &net.DNSError{Err: "read udp 127.0.0.1:46149->127.0.0.53:53: i/o timeout", Name: "etcd.test"}
	assert.Equal(t, "lookup etcd.test: i/o timeout", stable(&net.OpError{Op: "dial", Err: lookup}))
	assert.Equal(t, "lookup a: no such host; lookup b: no such host", stable(errors.Join(
		&net.DNSError{Err: "no such host", Name: "a"}, &net.DNSError{Err: "no such host", Name: "b"})))
	read := &net.OpError{Op: "read", Source: &net.TCPAddr{Port: 40000}, Err: syscall.ECONNRESET}
	assert.Equal(t, "read: "+syscall.ECONNRESET.Error(), stable(read))
	assert.Equal(t, "EOF", stable(io.EOF))
}

func TestOpenValidatesEndpoints(t *testing.T) {
	t.Parallel()
	for _, endpoints := range [][]string{
		{"unix:///run/etcd.sock"}, {"http://a"}, {"https://a:1", "http://b:1"}, {"a:1", "https://b:1"},
	} {
		_, err := Open(Config{Endpoints: endpoints})
		require.Error(t, err, endpoints)
	}
	_, err := Open(Config{Endpoints: []string{"http://a:1"}, DiscoverySRV: "b"})
	require.Error(t, err)

	store, err := Open(Config{Endpoints: []string{"http://a:1", "http://a:1/"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"http://a:1"}, store.config.Endpoints)
}

// Hints name the fields of the caller's client, which no setting changes.
func TestHintsForCallersClient(t *testing.T) {
	t.Parallel()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"http://127.0.0.1:1"}})
	require.NoError(t, err)
	defer client.Close()
	err = New(client).explain("reading IP pools", rpctypes.ErrUserEmpty)
	assert.ErrorContains(t, err, "set clientv3.Config.Username, and clientv3.Config.Password, or use a client certificate")
}
