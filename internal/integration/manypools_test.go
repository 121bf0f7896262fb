package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// manyPools returns n disjoint pools.
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

// beforeTransaction calls a hook with the number of each transaction, from 1, before
// the server executes it.
func beforeTransaction(hook func(n int)) etcdtest.Option {
	var n atomic.Int32
	return etcdtest.WithUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if _, ok := req.(*etcdserverpb.TxnRequest); ok {
			hook(int(n.Add(1)))
		}
		return handler(ctx, req)
	})
}

// TestEtcdTransactions commits more changes than etcd allows in a transaction by
// default: they are written in several.
func TestEtcdTransactions(t *testing.T) {
	t.Parallel()
	for n, transactions := range map[int]int{1: 1, 127: 1, 128: 2, 254: 2, 255: 3, 500: 4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			world := newEtcdWorld(t)
			store := open(t, configOf(world.server))
			snapshot, err := store.Snapshot(t.Context())
			require.NoError(t, err)
			changes := changesOf(manyPools(n)...)
			result, err := store.Commit(t.Context(), snapshot, changes)
			require.NoError(t, err)
			assert.Equal(t, transactions, world.server.Count("Txn"))
			assert.Equal(t, transactions, result.Transactions)
			assert.Equal(t, slices.Repeat([]datastore.State{datastore.Written}, n), statesOf(result, changes))
			assert.Len(t, world.Pools(t), n)
		})
	}
}

// TestEtcdTransactionsConflict writes a pool between two transactions: the next one
// is a conflict. The pools that the first wrote are in the result of a commit, and in
// the error of a run.
func TestEtcdTransactionsConflict(t *testing.T) {
	t.Parallel()
	var world *etcdWorld
	other := ippool.New("other")
	other.Spec.CIDR = "10.1.0.0/16"
	world = newEtcdWorld(t, beforeTransaction(func(n int) {
		if n == 2 {
			world.Write(t, other)
		}
	}))
	store := open(t, configOf(world.server))
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	changes := changesOf(manyPools(300)...)
	result, err := store.Commit(t.Context(), snapshot, changes)
	require.ErrorIs(t, err, datastore.ErrConflict)
	assert.Equal(t, slices.Concat(
		slices.Repeat([]datastore.State{datastore.Written}, 127), slices.Repeat([]datastore.State{datastore.NotWritten}, 300-127),
	), statesOf(result, changes))
	assert.Equal(t, "pool-0126", result.Of(126).Stored.Name)
	assert.Len(t, world.Pools(t), 128)

	// The next attempt of a run finds a pool that overlaps the remaining ones.
	world = newEtcdWorld(t, beforeTransaction(func(n int) {
		if n == 2 {
			world.Write(t, other)
		}
	}))
	_, err = runOn(t, configOf(world.server), fileOf(t, manyPools(300)))
	require.ErrorIs(t, err, plan.ErrIncompatible)
	require.NotErrorIs(t, err, datastore.ErrConflict)
	assert.ErrorContains(t, err, `overlaps 10.1.0.0/16 of IPPool "other"`)
	var partial *bootstrap.PartialError
	require.ErrorAs(t, err, &partial)
	assert.Len(t, partial.Created, 127)
	assert.Equal(t, "pool-0126", partial.Created[126])
	assert.Empty(t, partial.Updated)
	assert.Len(t, world.Pools(t), 128)
}

// fileOf returns settings with the pools in a file.
func fileOf(t *testing.T, pools []*v3.IPPool) settings.Settings {
	t.Helper()
	var text strings.Builder
	for _, pool := range pools {
		fmt.Fprintf(&text, "---\napiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: %s}\nspec: {cidr: %s}\n", pool.Name, pool.Spec.CIDR)
	}
	path := filepath.Join(t.TempDir(), "pools.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
	requested := patient()
	requested.PoolsFile = settings.Given(path, origin.Caller("test"))
	return requested
}

// TestEtcdTransactionsOfLargeRecords commits large records, of which a transaction has
// fewer: etcd's default limit is 1.5 MiB a request.
func TestEtcdTransactionsOfLargeRecords(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	store := open(t, configOf(world.server))
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	pools := manyPools(20)
	for _, pool := range pools {
		pool.Annotations = map[string]string{"note": strings.Repeat("x", 200<<10)}
	}
	result, err := store.Commit(t.Context(), snapshot, changesOf(pools...))
	require.NoError(t, err)
	assert.Equal(t, 4, result.Transactions)
	assert.Equal(t, 4, world.server.Count("Txn"), "five records of 200 KiB in each")
	assert.Len(t, world.Pools(t), 20)
}

// TestPoolIsTooLarge commits a pool that is larger than a request may be: the error is
// not retryable and names the pool, and nothing is written.
func TestPoolIsTooLarge(t *testing.T) {
	t.Parallel()
	pool := func(size int) datastore.Change {
		large := manyPools(1)[0]
		large.Annotations = map[string]string{"note": strings.Repeat("x", size)}
		return datastore.Change{Create: large}
	}
	check := func(t *testing.T, world suite.World, size int, message ...string) {
		t.Helper()
		store := world.Open(t)
		snapshot, err := store.Snapshot(t.Context())
		require.NoError(t, err)
		begin := time.Now()
		result, err := store.Commit(t.Context(), snapshot, []datastore.Change{pool(size)})
		assertPermanent(t, begin, err, message...)
		assert.Equal(t, datastore.NotWritten, result.Of(0).State)
		require.NotErrorIs(t, err, datastore.ErrUnreachable, "it is not retryable")
		assert.Less(t, len(err.Error()), 700, "the error does not quote the pool")
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
