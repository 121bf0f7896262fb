package etcdtest_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect returns a client that is closed when the test ends.
func connect(t *testing.T, cfg clientv3.Config) *clientv3.Client {
	t.Helper()
	c, err := dial(t, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func dial(t *testing.T, cfg clientv3.Config) (*clientv3.Client, error) {
	t.Helper()
	cfg.Logger = zap.NewNop()
	cfg.DialTimeout = time.Minute
	return clientv3.New(cfg)
}

// callOnce makes one call that does not wait for a connection. clientv3 would retry until the
// context ends, and its error would not have the cause.
func callOnce(t *testing.T, c *clientv3.Client) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req := &etcdserverpb.RangeRequest{Key: []byte("a")}
	_, err := etcdserverpb.NewKVClient(c.ActiveConnection()).Range(ctx, req)
	return err
}

func put(t *testing.T, c *clientv3.Client, key, value string) {
	t.Helper()
	_, err := c.Put(t.Context(), key, value)
	require.NoError(t, err)
}

func get(t *testing.T, c *clientv3.Client, key string, opts ...clientv3.OpOption) string {
	t.Helper()
	resp, err := c.Get(t.Context(), key, opts...)
	require.NoError(t, err)
	require.Len(t, resp.Kvs, 1)
	return string(resp.Kvs[0].Value)
}

func createKey(c *clientv3.Client, ctx context.Context, key, value string) (bool, error) {
	resp, err := c.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, value)).
		Commit()
	if err != nil {
		return false, err
	}
	return resp.Succeeded, nil
}

func TestPutGet(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	require.Len(t, s.Endpoints(), 1)
	assert.True(t, strings.HasPrefix(s.Endpoints()[0], "http://127.0.0.1:"), s.Endpoints()[0])
	assert.Nil(t, s.PKI())

	c := s.Client(t)
	put(t, c, "a", "1")
	assert.Equal(t, "1", get(t, connect(t, clientv3.Config{Endpoints: s.Endpoints()}), "a"))

	// A client that uses the cluster's list of members still works.
	require.NoError(t, c.Sync(t.Context()))
	assert.Equal(t, s.Endpoints(), c.Endpoints())
}

func TestServersAreIndependent(t *testing.T) {
	t.Parallel()
	a, b := etcdtest.Start(t), etcdtest.Start(t)
	put(t, a.Client(t), "a", "1")
	resp, err := b.Client(t).Get(t.Context(), "a")
	require.NoError(t, err)
	assert.Empty(t, resp.Kvs)
}

func TestRPCs(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	c := s.Client(t)
	assert.Empty(t, s.RPCs())

	ctx, cancel := context.WithCancel(t.Context())
	<-c.Watch(ctx, "a", clientv3.WithCreatedNotify())
	put(t, c, "a", "1")
	get(t, c, "a", clientv3.WithSerializable())
	created, err := createKey(c, t.Context(), "b", "2")
	require.NoError(t, err)
	require.True(t, created)
	get(t, c, "b")
	cancel()

	calls := s.RPCs()
	var methods []string
	for _, r := range calls {
		methods = append(methods, r.Method)
	}
	require.Equal(t, []string{
		"/etcdserverpb.Watch/Watch",
		"/etcdserverpb.KV/Put",
		"/etcdserverpb.KV/Range",
		"/etcdserverpb.KV/Txn",
		"/etcdserverpb.KV/Range",
	}, methods)

	assert.Equal(t, "Range", calls[2].Name())
	require.NotNil(t, calls[2].Range)
	assert.Nil(t, calls[2].Txn)
	assert.Equal(t, "a", string(calls[2].Range.Key))
	assert.True(t, calls[2].Range.Serializable)
	require.NotNil(t, calls[3].Txn)
	assert.Nil(t, calls[3].Range)
	require.Len(t, calls[3].Txn.Compare, 1)
	assert.Equal(t, "b", string(calls[3].Txn.Compare[0].Key))
	require.Len(t, calls[3].Txn.Success, 1)
	assert.Equal(t, "2", string(calls[3].Txn.Success[0].GetRequestPut().GetValue()))
	assert.False(t, calls[4].Range.Serializable)

	assert.Equal(t, 2, s.Count("Range"))
	assert.Equal(t, 1, s.Count("Txn"))
	assert.Zero(t, s.Count("Authenticate"))

	s.ResetRPCs()
	assert.Empty(t, s.RPCs())
	assert.Len(t, calls, 5, "RPCs returns a copy")
}

func TestRestartKeepsDataAndAddress(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	before := s.Endpoints()
	c := s.Client(t)
	put(t, c, "a", "1")

	s.Stop()
	s.Stop()
	_, err := net.Dial("tcp", strings.TrimPrefix(before[0], "http://"))
	require.ErrorContains(t, err, "refused")
	require.Equal(t, codes.Unavailable, status.Code(callOnce(t, c)))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = c.Get(ctx, "a")
	require.ErrorIs(t, err, context.DeadlineExceeded)

	s.Restart()
	assert.Equal(t, before, s.Endpoints())
	assert.Equal(t, "1", get(t, c, "a"), "the old client")
	assert.Equal(t, "1", get(t, s.Client(t), "a"), "a new client")

	s.Restart()
	assert.Equal(t, "1", get(t, c, "a"), "restarted without a stop")
}

// TestServerStartsLate has a client wait for the server.
func TestServerStartsLate(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	s.Stop()
	c := connect(t, clientv3.Config{Endpoints: s.Endpoints()})
	done := make(chan error, 1)
	go func() {
		_, err := c.Put(t.Context(), "a", "1")
		done <- err
	}()
	time.Sleep(50 * time.Millisecond)
	require.Empty(t, done)
	s.Restart()
	require.NoError(t, <-done)
}

// TestStopEndsWatches checks that open watches do not delay Stop. They would delay etcd's
// graceful stop for more than five seconds.
func TestStopEndsWatches(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]etcdtest.Option{
		"plain": nil,
		"tls":   {etcdtest.WithServerTLS()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := etcdtest.Start(t, opts...)
			<-s.Client(t).Watch(t.Context(), "a", clientv3.WithCreatedNotify())
			start := time.Now()
			s.Stop()
			assert.Less(t, time.Since(start), 4*time.Second)
		})
	}
}

func TestUnaryInterceptor(t *testing.T) {
	t.Parallel()
	var lose, slow atomic.Bool
	order := make(chan string, 2)
	s := etcdtest.Start(t,
		// Start is not affected by the hooks.
		etcdtest.WithAuth("secret"),
		etcdtest.WithUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if strings.HasSuffix(info.FullMethod, "/Put") {
				order <- "first"
			}
			if slow.Load() {
				<-ctx.Done()
			}
			return next(ctx, req)
		}),
		etcdtest.WithUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if strings.HasSuffix(info.FullMethod, "/Put") {
				order <- "second"
			}
			resp, err := next(ctx, req)
			if lose.Load() {
				return nil, status.Error(codes.Unavailable, "the answer is lost")
			}
			return resp, err
		}))
	c := s.Client(t)
	put(t, c, "a", "1")
	assert.Equal(t, "first", <-order)
	assert.Equal(t, "second", <-order)

	// The server executes the transaction; the client gets an error.
	lose.Store(true)
	_, err := createKey(c, t.Context(), "b", "2")
	require.Equal(t, codes.Unavailable, status.Code(err))
	lose.Store(false)
	assert.Equal(t, "2", get(t, c, "b"))
	assert.Equal(t, 1, s.Count("Txn"), "a lost transaction is not retried")

	slow.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = c.Get(ctx, "a")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Equal(t, 2, s.Count("Range"), "a call that a hook blocks is recorded")
}
