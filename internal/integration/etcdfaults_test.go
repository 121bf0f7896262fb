package integration

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/etcdv3"
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
