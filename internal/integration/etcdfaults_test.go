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

// failing fails the first calls of each method of KV, with this error, and lets
// all others through.
func failing(err error, times int32) etcdtest.Option {
	counts := map[string]*atomic.Int32{"/etcdserverpb.KV/Range": {}, "/etcdserverpb.KV/Txn": {}}
	return etcdtest.WithUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if count := counts[info.FullMethod]; count != nil && count.Add(1) <= times {
			return nil, err
		}
		return handler(ctx, req)
	})
}

// etcd turns away what it can't keep up with, and tokens whose time is over. Both
// pass.
func TestEtcdRefusalsThatPass(t *testing.T) {
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
	t.Run("the token's time is over", func(t *testing.T) {
		t.Parallel()
		server := etcdtest.Start(t, etcdtest.WithAuth(password), failing(rpctypes.ErrGRPCInvalidAuthToken, 3))
		_, err := runOn(t, etcdv3.Config{Endpoints: server.Endpoints(), Username: etcdtest.CalicoUser, Password: password}, patient())
		require.NoError(t, err)
	})
}

// TestEtcdTokenExpiresInMidRun has a run take longer between reading and writing
// than etcd keeps a token: the client gets another, and nobody notices.
func TestEtcdTokenExpiresInMidRun(t *testing.T) {
	t.Parallel()
	var once sync.Once
	var refused, writes atomic.Int32 // of all calls, and of those that write
	world := newEtcdWorld(t, etcdtest.WithAuth(password), etcdtest.WithTokenTime(1), etcdtest.WithUnaryInterceptor(
		func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if info.FullMethod == "/etcdserverpb.KV/Txn" {
				once.Do(func() { time.Sleep(4 * time.Second) }) // etcd looks once a second
			}
			answer, err := handler(ctx, req)
			if errors.Is(err, rpctypes.ErrGRPCInvalidAuthToken) {
				refused.Add(1)
				if info.FullMethod == "/etcdserverpb.KV/Txn" {
					writes.Add(1)
				}
			}
			return answer, err
		}))
	world.server.ResetRPCs()
	logs := newLogCounter()
	_, err := runOn(t, configOf(world.server), dual(patient()), bootstrap.WithLogger(logs.logger()))
	require.NoError(t, err)
	assert.Positive(t, writes.Load(), "its time was over")
	// On a busy machine a read may come too late as well.
	assert.EqualValues(t, 1+refused.Load(), world.server.Count("Authenticate"))
	assert.Zero(t, logs.count("waiting for the datastore"))
	assert.Equal(t, bothPools, described(world.Pools(t)))
}

// An etcd that takes two seconds for every call is slow, and no fault.
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
