package integration

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// failing returns err for the first calls of each method of KV.
func failing(err error, times int32) etcdtest.Option {
	counts := map[string]*atomic.Int32{"/etcdserverpb.KV/Range": {}, "/etcdserverpb.KV/Txn": {}}
	return etcdtest.WithUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if count := counts[info.FullMethod]; count != nil && count.Add(1) <= times {
			return nil, err
		}
		return handler(ctx, req)
	})
}

// TestEtcdRetryableErrors has etcd refuse calls because of too many requests and of
// expired tokens. Both are retried.
func TestEtcdRetryableErrors(t *testing.T) {
	t.Parallel()
	t.Run("too many requests", func(t *testing.T) {
		t.Parallel()
		world := newEtcdWorld(t, failing(rpctypes.ErrGRPCRequestTooManyRequests, 2))
		logs := newLogCounter()
		_, err := runOn(t, etcdv3.Config{Endpoints: world.server.Endpoints()}, patient(), bootstrap.WithLogger(logs.logger()))
		require.NoError(t, err)
		assert.Len(t, world.Pools(t), 2)
		assert.Positive(t, logs.count("waiting for the datastore"))
	})
	t.Run("the token expired", func(t *testing.T) {
		t.Parallel()
		server := etcdtest.Start(t, etcdtest.WithAuth(password), failing(rpctypes.ErrGRPCInvalidAuthToken, 3))
		_, err := runOn(t, etcdv3.Config{Endpoints: server.Endpoints(), Username: etcdtest.CalicoUser, Password: password}, patient())
		require.NoError(t, err)
	})
}

// TestEtcdTokenExpiresInMidRun lets the token expire between reading and writing:
// the client authenticates again, and the run does not have to retry.
func TestEtcdTokenExpiresInMidRun(t *testing.T) {
	t.Parallel()
	var once sync.Once
	var refused atomic.Int32 // writes with an expired token
	world := newEtcdWorld(t, etcdtest.WithAuth(password), etcdtest.WithTokenTime(1), etcdtest.WithUnaryInterceptor(
		func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if info.FullMethod == "/etcdserverpb.KV/Txn" {
				once.Do(func() { time.Sleep(4 * time.Second) }) // etcd checks for expired tokens once a second
			}
			answer, err := handler(ctx, req)
			if info.FullMethod == "/etcdserverpb.KV/Txn" && errors.Is(err, rpctypes.ErrGRPCInvalidAuthToken) {
				refused.Add(1)
			}
			return answer, err
		}))
	world.server.ResetRPCs()
	logs := newLogCounter()
	_, err := runOn(t, configOf(world.server), dual(patient()), bootstrap.WithLogger(logs.logger()))
	require.NoError(t, err)
	assert.Positive(t, refused.Load(), "the token expired before the write")
	assert.Greater(t, world.server.Count("Authenticate"), 1)
	assert.Zero(t, logs.count("waiting for the datastore"))
	assert.Equal(t, bothPools, described(world.Pools(t)))
}

// TestEtcdIsSlow delays every call by two seconds, which is not an error.
func TestEtcdIsSlow(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t, etcdtest.WithUnaryInterceptor(
		func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if strings.HasPrefix(info.FullMethod, "/etcdserverpb.KV/") {
				time.Sleep(2 * time.Second)
			}
			return handler(ctx, req)
		}))
	r := call(t, append([]string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0]}, bothCIDRs...))
	assert.Zero(t, r.code, r.stderr)
	assert.NotContains(t, r.stderr, "waiting")
	assert.Equal(t, defaultNames, names(world.Pools(t)))
}
