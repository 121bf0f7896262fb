package etcdv3

import (
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/mem"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestAllocationsOfAPage checks that a page of pools is decoded with a buffer that the next page
// uses again: a page takes the memory of its records.
func TestAllocationsOfAPage(t *testing.T) {
	var page etcdserverpb.RangeResponse
	const record = 450
	for range poolPage {
		page.Kvs = append(page.Kvs, &mvccpb.KeyValue{Key: make([]byte, 64), Value: make([]byte, record)})
	}
	c := newCodec()
	encoded, err := c.Marshal(&page)
	require.NoError(t, err)
	data := encoded.Materialize()
	half := len(data) / 2
	frames := mem.BufferSlice{mem.SliceBuffer(data[:half]), mem.SliceBuffer(data[half:])}
	decode := func() {
		var decoded etcdserverpb.RangeResponse
		require.NoError(t, c.Unmarshal(frames, &decoded))
		require.Len(t, decoded.Kvs, poolPage)
		require.Len(t, decoded.Kvs[poolPage-1].Value, record)
	}
	decode()
	// The smallest of the pages counts: the race detector makes a sync.Pool drop what it is given
	// now and then, and a garbage collection empties it.
	smallest := uint64(math.MaxUint64)
	for range 20 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		decode()
		runtime.ReadMemStats(&after)
		smallest = min(smallest, after.TotalAlloc-before.TotalAlloc)
	}
	assert.Less(t, smallest, uint64(2*poolPage*record))
}

// TestAllocationsOfARecord limits what the record of a pool allocates: the record, its uses and its
// assignment mode. Neither its key nor its value is copied.
func TestAllocationsOfARecord(t *testing.T) {
	pool := ippool.New("a")
	pool.Spec.CIDR = "10.0.0.0/16"
	ippool.Default(pool)
	value, err := ippool.NewRecord(pool).Encode()
	require.NoError(t, err)
	snapshot := datastore.Snapshot{Pools: make([]*ippool.Record, 0, 1000)}
	name := []byte("a")
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { add(&snapshot, name, value) }), 3.0)
}
