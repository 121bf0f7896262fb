package etcdv3

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/mem"
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
	const pages = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range pages {
		decode()
	}
	runtime.ReadMemStats(&after)
	assert.Less(t, (after.TotalAlloc-before.TotalAlloc)/pages, uint64(2*poolPage*record))
}
