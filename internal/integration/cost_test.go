package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// describe returns a line for each call that a server received: the method, the key,
// and whether only keys were read.
func describe(calls []etcdtest.RPC) []string {
	var all []string
	var at []time.Time
	for _, call := range calls {
		at = append(at, call.At)
		text := call.Name()
		if call.Range != nil {
			text += " " + string(call.Range.Key)
			if call.Range.KeysOnly {
				text += " (keys only)"
			}
		}
		all = append(all, text)
	}
	return all[rereads(all, at):]
}

// TestRequests checks the exact calls of a run on etcd: one read if the pools exist,
// and no unnecessary ones if they don't.
func TestRequests(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	opened := func(t *testing.T) *bootstrap.Bootstrap {
		t.Helper()
		store := world.Open(t)
		world.server.ResetRPCs()
		return bootstrap.New(store, bootstrap.WithHost(suite.Host{}))
	}
	run := func(t *testing.T, settings settings.Settings) {
		t.Helper()
		_, err := opened(t).Run(t.Context(), settings)
		require.NoError(t, err)
	}
	const (
		pools  = "Range " + ippool.RecordPrefix
		blocks = "Range /calico/ipam/v2/assignment/"
	)
	both := settings.Settings{}
	none := settings.Settings{NoDefaultPools: settings.Given("true", origin.Caller("test"))}

	planned, err := opened(t).Plan(t.Context(), both)
	require.NoError(t, err)
	assert.Equal(t, []string{pools, blocks + "ipv4/block/ (keys only)", "Range /calico/resources/v3/projectcalico.org/felixconfigurations/"},
		describe(world.server.RPCs()), "plan on a fresh cluster; the random IPv6 prefix is not drawn")

	run(t, none)
	assert.Equal(t, []string{pools}, describe(world.server.RPCs()), "no pools are desired")

	run(t, both)
	assert.Equal(t, []string{pools, blocks + "ipv4/block/ (keys only)", "Txn"},
		describe(world.server.RPCs()), "fresh cluster; no IPv6 blocks are read, as none can be in a random prefix")

	run(t, both)
	assert.Equal(t, []string{pools}, describe(world.server.RPCs()), "the pools exist")

	world.empty(t)
	_, err = opened(t).Apply(t.Context(), planned)
	require.NoError(t, err)
	assert.Equal(t, []string{pools, blocks + "ipv4/block/ (keys only)", "Txn"}, describe(world.server.RPCs()), "apply of a plan")
}

// TestBlocksAreReadInPages stores more blocks than one page of keys.
func TestBlocksAreReadInPages(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	const many = 5100 // a page is 5,000 keys
	for i := range many {
		world.WriteBlock(t, blockOf(i))
	}
	store := world.Open(t)
	world.server.ResetRPCs()
	blocks, err := store.Blocks(t.Context(), []ippool.Family{ippool.IPv4})
	require.NoError(t, err)
	assert.Len(t, blocks, many)
	assert.Len(t, world.server.RPCs(), 2)
}

// TestTransaction checks the only write: it has all pools, and compares that no key
// under the pools' prefix is newer than the snapshot and that none of the pools
// exists.
func TestTransaction(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	world.put(t, "/calico/other", "1")
	_, err := bootstrap.New(world.Open(t), bootstrap.WithHost(suite.Host{})).Run(t.Context(), settings.Settings{})
	require.NoError(t, err)

	calls := world.server.RPCs()
	txn := calls[len(calls)-1].Txn
	require.NotNil(t, txn)
	require.Len(t, txn.Compare, 3)
	guard := txn.Compare[0]
	assert.Equal(t, ippool.RecordPrefix, string(guard.Key))
	assert.Equal(t, "/calico/resources/v3/projectcalico.org/ippools0", string(guard.RangeEnd))
	for i, record := range world.records(t) {
		missing := txn.Compare[i+1]
		assert.Equal(t, record.key, string(missing.Key))
		assert.Equal(t, etcdserverpb.Compare_VERSION, missing.Target)
		assert.Zero(t, missing.GetVersion())
	}
	assert.Len(t, txn.Success, 2)
	assert.Empty(t, txn.Failure)
}
