package etcdv3

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// etcdOf answers range reads as etcd does, from keys in order.
type etcdOf struct {
	keys     []*mvccpb.KeyValue
	requests []*etcdserverpb.RangeRequest
	alter    func(*etcdserverpb.RangeResponse) // changes each response; may be nil
	maxKeys  int64                             // a response with more is too large; 0: no limit
}

// answer is the function of answers.
func (e *etcdOf) answer(request *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
	e.requests = append(e.requests, request)
	response := &etcdserverpb.RangeResponse{Header: &etcdserverpb.ResponseHeader{ClusterId: 1, Revision: 6 + int64(len(e.requests))}}
	for _, kv := range e.keys {
		if string(kv.Key) < string(request.Key) || string(kv.Key) >= string(request.RangeEnd) {
			continue
		}
		response.Count++
		if int64(len(response.Kvs)) < request.Limit {
			response.Kvs = append(response.Kvs, kv)
		}
	}
	response.More = response.Count > int64(len(response.Kvs))
	if e.maxKeys > 0 && int64(len(response.Kvs)) > e.maxKeys {
		return nil, status.Error(codes.ResourceExhausted, "grpc: received message larger than max (5000000 vs. 2097152)")
	}
	if e.alter != nil {
		e.alter(response)
	}
	return response, nil
}

// stored returns keys of pools with the value.
func stored(value string, names ...string) []*mvccpb.KeyValue {
	var all []*mvccpb.KeyValue
	for _, name := range names {
		all = append(all, &mvccpb.KeyValue{Key: []byte(ippool.RecordKey(name)), Value: []byte(value), ModRevision: 3})
	}
	return all
}

const aPool = `{"spec":{"cidr":"10.0.0.0/16"}}`

// many returns the names of pools, in order.
func many(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("pool-%05d", i))
	}
	return names
}

// An incomplete response, or one that etcd never sends, is an error: for pools and for
// blocks, in the first page and in a later one.
func TestMalformedReads(t *testing.T) {
	t.Parallel()
	const hint = ": check that the endpoint is etcd's client port, and the proxies in between"
	for name, tt := range map[string]struct {
		alter func(*etcdserverpb.RangeResponse)
		text  string
	}{
		"no header":           {func(r *etcdserverpb.RangeResponse) { r.Header = nil }, "it has no header"},
		"no cluster":          {func(r *etcdserverpb.RangeResponse) { r.Header.ClusterId = 0 }, "its header has no cluster ID"},
		"no revision":         {func(r *etcdserverpb.RangeResponse) { r.Header.Revision = 0 }, "its header has the revision 0"},
		"a negative revision": {func(r *etcdserverpb.RangeResponse) { r.Header.Revision = -7 }, "its header has the revision -7"},
		"the last revision":   {func(r *etcdserverpb.RangeResponse) { r.Header.Revision = math.MaxInt64 }, "its header has the revision 9223372036854775807"},
		"no keys":             {func(r *etcdserverpb.RangeResponse) { r.Kvs = nil }, "it has 0 of "},
		"no keys and more":    {func(r *etcdserverpb.RangeResponse) { r.Kvs, r.Count, r.More = nil, 0, true }, "it has 0 of 0 keys, and more: true"},
		"one key less":        {func(r *etcdserverpb.RangeResponse) { r.Kvs, r.More = r.Kvs[1:], false }, "keys, and more: false"},
		"one key twice":       {func(r *etcdserverpb.RangeResponse) { r.Kvs[1] = r.Kvs[0] }, "is not one after"},
		"out of order":        {func(r *etcdserverpb.RangeResponse) { r.Kvs[0], r.Kvs[1] = r.Kvs[1], r.Kvs[0] }, "is not one after"},
		"a nil key":           {func(r *etcdserverpb.RangeResponse) { r.Kvs[0] = nil }, "it has an empty key"},
		"an empty key":        {func(r *etcdserverpb.RangeResponse) { r.Kvs[0] = &mvccpb.KeyValue{} }, `the key "" is not one after`},
		"a key before":        {func(r *etcdserverpb.RangeResponse) { r.Kvs[0] = &mvccpb.KeyValue{Key: []byte("/calico/a")} }, `the key "/calico/a" is not one after`},
		"a key after":         {func(r *etcdserverpb.RangeResponse) { r.Kvs[1] = &mvccpb.KeyValue{Key: []byte("/registry/a")} }, `the key "/registry/a" is not one after`},
		"no count":            {func(r *etcdserverpb.RangeResponse) { r.Count = 0 }, " of 0 keys, and more: "},
		"a higher count":      {func(r *etcdserverpb.RangeResponse) { r.Count, r.More = 1000000, false }, " of 1000000 keys, and more: false"},
		"more by mistake":     {func(r *etcdserverpb.RangeResponse) { r.More, r.Count = true, int64(len(r.Kvs)) }, "keys, and more: true"},
		"all at once": {func(r *etcdserverpb.RangeResponse) {
			for len(r.Kvs) <= blockPage {
				r.Kvs = append(r.Kvs, r.Kvs[0])
			}
		}, "keys, not at most "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, page := range []int{1, 2} {
				pools := &etcdOf{keys: stored(aPool, many(poolPage+2)...)}
				blocks := &etcdOf{}
				for i := range blockPage + 2 {
					blocks.keys = append(blocks.keys, &mvccpb.KeyValue{Key: fmt.Appendf(nil, "%sipv4/block/10.%03d.%03d.0-26", blockPrefix, i/256, i%256)})
				}
				for _, server := range []*etcdOf{pools, blocks} {
					server.alter = func(response *etcdserverpb.RangeResponse) {
						if len(server.requests) == page {
							tt.alter(response)
						}
					}
				}
				snapshot, err := answered(t, &answers{ranges: pools.answer}).Snapshot(t.Context())
				require.ErrorContains(t, err, "etcd http://127.0.0.1:1: reading IP pools: malformed response: ")
				require.ErrorContains(t, err, tt.text)
				require.ErrorContains(t, err, hint)
				assert.Zero(t, snapshot)
				assert.False(t, datastore.Retryable(err))
				read, err := answered(t, &answers{ranges: blocks.answer}).Blocks(t.Context(), []ippool.Family{ippool.IPv4})
				require.ErrorContains(t, err, "etcd http://127.0.0.1:1: reading IPAM block keys: malformed response: ")
				require.ErrorContains(t, err, tt.text)
				assert.Nil(t, read)
			}
		})
	}
}

// A client that returns neither a response nor an error is not trusted.
func TestNoResponse(t *testing.T) {
	t.Parallel()
	by := &answers{
		ranges:       func(*etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) { return nil, nil },
		transactions: []func() (*etcdserverpb.TxnResponse, error){func() (*etcdserverpb.TxnResponse, error) { return nil, nil }},
	}
	store := answered(t, by)
	store.client.KV = silent{}
	_, err := store.Snapshot(t.Context())
	require.ErrorContains(t, err, "malformed response: it is empty")
	result, err := answered(t, by).Commit(t.Context(), snapshotOf(1, 7), []datastore.Change{{Create: created("a")}})
	require.Error(t, err)
	assert.Equal(t, datastore.Unknown, result.Of(0).State)
}

// silent is a KV without responses.
type silent struct{ clientv3.KV }

func (silent) Get(context.Context, string, ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	return nil, nil
}

// Pools are read in pages at the revision of the first.
func TestSnapshotInPages(t *testing.T) {
	t.Parallel()
	server := &etcdOf{keys: stored(aPool, many(2*poolPage)...)}
	snapshot, err := answered(t, &answers{ranges: server.answer}).Snapshot(t.Context())
	require.NoError(t, err)
	assert.Len(t, snapshot.Pools, 2*poolPage)
	assert.Equal(t, "1/7", snapshot.Revision)
	require.Len(t, server.requests, 2, "no third read if the last page is full")
	assert.Zero(t, server.requests[0].Revision)
	assert.Equal(t, ippool.RecordPrefix, string(server.requests[0].Key))
	assert.Equal(t, int64(7), server.requests[1].Revision)
	assert.Equal(t, ippool.RecordKey(fmt.Sprintf("pool-%05d", poolPage-1))+"\x00", string(server.requests[1].Key))

	one := &etcdOf{keys: stored(aPool, many(poolPage)...)}
	_, err = answered(t, &answers{ranges: one.answer}).Snapshot(t.Context())
	require.NoError(t, err)
	assert.Len(t, one.requests, 1, "one read if they fit into a page")
}

// A page that is too large is read again with half of the keys; a single key that is too
// large is an error.
func TestSnapshotOfLargeRecords(t *testing.T) {
	t.Parallel()
	server := &etcdOf{keys: stored(aPool, many(600)...), maxKeys: 100}
	snapshot, err := answered(t, &answers{ranges: server.answer}).Snapshot(t.Context())
	require.NoError(t, err)
	assert.Len(t, snapshot.Pools, 600)

	tooLarge := status.Error(codes.ResourceExhausted, "grpc: received message larger than max (5000000 vs. 2097152)")
	requests := 0
	_, err = answered(t, &answers{ranges: func(*etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
		requests++
		return nil, tooLarge
	}}).Snapshot(t.Context())
	require.EqualError(t, err, "etcd http://127.0.0.1:1: reading IP pools: grpc: received message larger than max (5000000 vs. 2097152): "+
		"a response to a read must have at most 2097152 bytes, any other 65536")
	assert.False(t, datastore.Retryable(err))
	assert.Equal(t, 9, requests, "500 keys, halved until one")
}

// A revision that is compacted between two pages is read again by the run.
func TestSnapshotIsCompacted(t *testing.T) {
	t.Parallel()
	server := &etcdOf{keys: stored(aPool, many(poolPage+1)...)}
	_, err := answered(t, &answers{ranges: func(request *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
		if request.Revision != 0 {
			return nil, status.Error(codes.OutOfRange, "etcdserver: mvcc: required revision has been compacted")
		}
		return server.answer(request)
	}}).Snapshot(t.Context())
	require.ErrorIs(t, err, datastore.ErrUnreachable)
}

// A second cluster in the pages of one read is an error.
func TestPagesOfTwoClusters(t *testing.T) {
	t.Parallel()
	server := &etcdOf{keys: stored(aPool, many(poolPage+1)...)}
	server.alter = func(response *etcdserverpb.RangeResponse) { response.Header.ClusterId = uint64(len(server.requests)) }
	_, err := answered(t, &answers{ranges: server.answer}).Snapshot(t.Context())
	require.EqualError(t, err, "etcd http://127.0.0.1:1: reading IP pools: the endpoints belong to two etcd clusters, 1 and 2")
}

// Each limit is an error that names it. The largest supported cluster is below.
func TestReadLimits(t *testing.T) {
	t.Parallel()
	large := `{"metadata":{"annotations":{"a":"` + strings.Repeat("x", 1<<20) + `"}},"spec":{"cidr":"10.0.0.0/16"}}`
	lists := `{"metadata":{"ownerReferences":[{}` + strings.Repeat(",{}", 50_000) + `]},"spec":{"cidr":"10.0.0.0/16"}}`
	for name, tt := range map[string]struct {
		keys []*mvccpb.KeyValue
		text string
	}{
		"pools":  {stored(`{}`, many(maxPools+1)...), "more than 20000 keys with the prefix /calico/resources/v3/projectcalico.org/ippools/"},
		"bytes":  {stored(large, many(17)...), "the records of the IP pools have more than 16777216 bytes"},
		"values": {stored(lists, many(11)...), "the records of the IP pools have more than 500000 values"},
	} {
		_, err := answered(t, &answers{ranges: (&etcdOf{keys: tt.keys}).answer}).Snapshot(t.Context())
		require.ErrorContains(t, err, tt.text, name)
		assert.False(t, datastore.Retryable(err))
	}
	// One key a page, for ever.
	requests := 0
	_, err := answered(t, &answers{ranges: func(*etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
		requests++
		return &etcdserverpb.RangeResponse{
			Header: &etcdserverpb.ResponseHeader{ClusterId: 1, Revision: 7}, More: true, Count: 2, Kvs: stored(aPool, fmt.Sprintf("pool-%05d", requests)),
		}, nil
	}}).Snapshot(t.Context())
	require.ErrorContains(t, err, "more than 100 pages of keys with the prefix "+ippool.RecordPrefix)
	assert.Equal(t, maxPages, requests)

	record, err := ippool.NewRecord(ippool.New("x")).Encode()
	require.NoError(t, err)
	honest := stored(string(record)+strings.Repeat(" ", 2000), many(5000)...)
	snapshot, err := answered(t, &answers{ranges: (&etcdOf{keys: honest}).answer}).Snapshot(t.Context())
	require.NoError(t, err)
	assert.Len(t, snapshot.Pools, 5000)
}

// Decoding ends with the context.
func TestSnapshotHeedsTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := &etcdOf{keys: stored(aPool, many(3)...), alter: func(*etcdserverpb.RangeResponse) { cancel() }}
	_, err := answered(t, &answers{ranges: server.answer}).Snapshot(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// A key that Calico does not read as a pool, because of a further slash or no name, is
// unreadable and belongs to no family.
func TestKeysThatAreNoPools(t *testing.T) {
	t.Parallel()
	server := &etcdOf{keys: stored(aPool, "", "a", "a/b", "a/default/c")}
	snapshot, err := answered(t, &answers{ranges: server.answer}).Snapshot(t.Context())
	require.NoError(t, err)
	require.Len(t, snapshot.Pools, 1)
	assert.Equal(t, "a", snapshot.Pools[0].Pool().Name)
	require.Len(t, snapshot.Unreadable, 3)
	for i, name := range []string{"", "a/b", "a/default/c"} {
		assert.Equal(t, name, snapshot.Unreadable[i].Name)
		assert.Empty(t, snapshot.Unreadable[i].CIDR)
		assert.EqualError(t, snapshot.Unreadable[i].Err, "its key is not that of an IPPool")
	}
}

// A datastore without a client, and calls without a context or a pool, return errors.
func TestZeroDatastore(t *testing.T) {
	t.Parallel()
	var absent *Datastore
	for name, store := range map[string]*Datastore{"nil": absent, "zero": {}, "no client": New(nil), "a zero client": New(&clientv3.Client{})} {
		_, err := store.Snapshot(t.Context())
		require.ErrorIs(t, err, errNotOpen, name)
		_, err = store.Blocks(t.Context(), []ippool.Family{ippool.IPv4})
		require.ErrorIs(t, err, errNotOpen, name)
		result, err := store.Commit(t.Context(), snapshotOf(1, 7), []datastore.Change{{Create: created("a")}})
		require.ErrorIs(t, err, errNotOpen, name)
		assert.Zero(t, result)
		require.NoError(t, store.Close())
		assert.Equal(t, datastore.EtcdV3, store.Type())
	}
	store := answered(t, &answers{blocksOf: 1})
	var none context.Context
	_, err := store.Snapshot(none)
	require.EqualError(t, err, "etcd: the context is nil")
	_, err = store.Commit(t.Context(), snapshotOf(1, 7), []datastore.Change{{}})
	require.EqualError(t, err, "etcd: a change without a pool")
	_, err = store.Commit(t.Context(), datastore.Snapshot{}, []datastore.Change{{Create: created("a")}})
	require.EqualError(t, err, `etcd: the snapshot is from another datastore: revision ""`)
	_, err = store.Commit(t.Context(), snapshotOf(1, 7), []datastore.Change{{Update: &ippool.Record{}}})
	require.Error(t, err)
	_, err = Open(Config{})
	require.EqualError(t, err, "etcd: no endpoints")
}
