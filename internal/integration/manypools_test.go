package integration

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// manyPools are n pools, all disjoint.
func manyPools(n int) []*v3.IPPool {
	var pools []*v3.IPPool
	for i := range n {
		pool := ippool.New(fmt.Sprintf("pool-%04d", i))
		pool.Spec.CIDR = fmt.Sprintf("10.%d.%d.0/24", i/256, i%256)
		ippool.Default(pool)
		pools = append(pools, pool)
	}
	return pools
}

// beforeTransaction calls a hook with the number of each transaction, from 1,
// before the server sees it.
func beforeTransaction(hook func(n int)) etcdtest.Option {
	var n atomic.Int32
	return etcdtest.WithUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if _, ok := req.(*etcdserverpb.TxnRequest); ok {
			hook(int(n.Add(1)))
		}
		return handler(ctx, req)
	})
}

// More changes than a transaction takes: a server with its defaults takes them
// in several, and each is the last that may have written a pool.
func TestEtcdTransactions(t *testing.T) {
	for n, transactions := range map[int]int{1: 1, 127: 1, 128: 2, 254: 2, 255: 3, 500: 4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			world := newEtcdWorld(t)
			store := open(t, configOf(world.server))
			snapshot, err := store.Snapshot(t.Context())
			require.NoError(t, err)
			require.NoError(t, store.Commit(t.Context(), snapshot, changesOf(manyPools(n)...)))
			assert.Equal(t, transactions, world.server.Count("Txn"))
			assert.Equal(t, transactions, store.Batches(changesOf(manyPools(n)...)))
			assert.Len(t, world.Pools(t), n)
		})
	}
}

// Somebody who writes a pool between two of the transactions is noticed by the
// next, and what the first wrote is told.
func TestEtcdTransactionsNoticeOthers(t *testing.T) {
	var world *etcdWorld
	foreign := ippool.New("foreign")
	foreign.Spec.CIDR = "10.1.0.0/16"
	world = newEtcdWorld(t, beforeTransaction(func(n int) {
		if n == 2 {
			world.Write(t, foreign)
		}
	}))
	store := open(t, configOf(world.server))
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	err = store.Commit(t.Context(), snapshot, changesOf(manyPools(300)...))
	require.ErrorIs(t, err, bootstrap.ErrConflict)
	var partial *bootstrap.PartialError
	require.ErrorAs(t, err, &partial)
	assert.Len(t, partial.Created, 127)
	assert.Equal(t, "pool-0126", partial.Created[126])
	assert.Len(t, world.Pools(t), 128)
}

// Records that are large are fewer in a transaction: a server takes requests of
// 1.5 MiB by default.
func TestEtcdTransactionsOfLargeRecords(t *testing.T) {
	world := newEtcdWorld(t)
	store := open(t, configOf(world.server))
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	pools := manyPools(20)
	for _, pool := range pools {
		pool.Annotations = map[string]string{"note": strings.Repeat("x", 200<<10)}
	}
	require.NoError(t, store.Commit(t.Context(), snapshot, changesOf(pools...)))
	assert.Equal(t, 4, world.server.Count("Txn"), "five of 200 KiB in each")
	assert.Len(t, world.Pools(t), 20)
}

// TestPoolIsTooLarge has a single pool that no request takes: that ends the run at
// once, with what it was, and nothing is written of it.
func TestPoolIsTooLarge(t *testing.T) {
	pool := func(size int) bootstrap.Change {
		large := manyPools(1)[0]
		large.Annotations = map[string]string{"note": strings.Repeat("x", size)}
		return bootstrap.Change{Create: large}
	}
	check := func(t *testing.T, world suite.World, size int, says ...string) {
		t.Helper()
		store := world.Open(t)
		snapshot, err := store.Snapshot(t.Context())
		require.NoError(t, err)
		begin := time.Now()
		err = store.Commit(t.Context(), snapshot, []bootstrap.Change{pool(size)})
		atOnce(t, begin, err, says...)
		require.NotErrorIs(t, err, bootstrap.ErrUnreachable, "waiting would not make it smaller")
		assert.Less(t, len(err.Error()), 700, "it doesn't quote the pool")
		assert.Empty(t, world.Pools(t))
	}
	etcd, cluster := newEtcdWorld(t), newSteadyWorld(t)
	cluster.empty(t)
	const hint = "--max-request-bytes, 1.5 MiB by default): shorten its labels and annotations"
	check(t, etcd, 1_700_000, "etcdserver: request is too large", hint)
	check(t, etcd, 5_000_000, "trying to send message larger than max", hint)
	check(t, cluster, 300_000, `creating IPPool "pool-0000": refused by the API server: metadata.annotations: Too long`)
	check(t, cluster, 5_000_000, `creating IPPool "pool-0000": `, "too large: limit is")
}
