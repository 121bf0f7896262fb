package integration

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// phase runs a function once, when any member receives a call of the given method,
// and delays that call so that the function takes effect during it.
type phase struct {
	mu     sync.Mutex
	method string
	then   func()
}

// when arms the phase. The function that it returns waits until then has returned.
func (m *phase) when(method string, then func()) (wait func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	done := make(chan struct{})
	m.method, m.then = method, func() {
		defer close(done)
		then()
	}
	return func() { <-done }
}

func (m *phase) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	m.mu.Lock()
	then := m.then
	if info.FullMethod == m.method {
		m.then = nil
	} else {
		then = nil
	}
	m.mu.Unlock()
	if then != nil {
		go then()
		time.Sleep(50 * time.Millisecond)
	}
	return handler(ctx, req)
}

// TestCluster disturbs a cluster of three members during a run: it stops a follower,
// stops and kills the leader, changes leaders, and stops a majority until one member
// is back.
func TestCluster(t *testing.T) {
	t.Parallel()
	var current phase
	cluster := etcdtest.StartCluster(t, 3, etcdtest.WithUnaryInterceptor(current.intercept))
	config := etcdv3.Config{Endpoints: cluster.Endpoints(), RequestTimeout: 3 * time.Second}
	members := cluster.Members()

	check := func(t *testing.T, method string, then func()) {
		t.Helper()
		admin := cluster.Client(t)
		require.Eventually(t, func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			_, err := admin.Delete(ctx, ippool.RecordPrefix, clientv3.WithPrefix())
			return err == nil
		}, 30*time.Second, 50*time.Millisecond)
		wait := current.when(method, then)
		report, err := runOn(t, config, patient())
		require.NoError(t, err)
		wait()
		resp, err := admin.Get(t.Context(), ippool.RecordPrefix, clientv3.WithPrefix())
		require.NoError(t, err)
		require.Len(t, resp.Kvs, 2)
		for _, kv := range resp.Kvs {
			assert.EqualValues(t, 1, kv.Version, "written once")
		}
		for _, pool := range report.Pools {
			assert.Equal(t, plan.Created, pool.Action)
		}
	}
	const read, write = "/etcdserverpb.KV/Range", "/etcdserverpb.KV/Txn"
	for _, at := range []struct{ name, method string }{{"reading", read}, {"writing", write}} {
		t.Run("a follower stops while "+at.name, func(t *testing.T) {
			follower := members[(cluster.Leader()+1)%3]
			check(t, at.method, follower.Stop)
			follower.Restart()
		})
		t.Run("the leader stops while "+at.name, func(t *testing.T) {
			leader := members[cluster.Leader()]
			check(t, at.method, leader.Stop)
			leader.Restart()
		})
		t.Run("the leader is killed while "+at.name, func(t *testing.T) {
			leader := members[cluster.Leader()]
			check(t, at.method, leader.Kill)
			leader.Restart()
		})
		t.Run("the leader changes repeatedly while "+at.name, func(t *testing.T) {
			check(t, at.method, func() {
				for range 10 {
					cluster.MoveLeader()
					time.Sleep(pollInterval)
				}
			})
		})
		t.Run("the quorum is lost while "+at.name+" and comes back", func(t *testing.T) {
			leader := cluster.Leader()
			follower, second := members[(leader+1)%3], members[leader]
			check(t, at.method, func() {
				follower.Kill()
				second.Kill()
				time.Sleep(time.Second)
				follower.Restart()
			})
			second.Restart()
		})
	}
}
