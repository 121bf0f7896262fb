package etcdv3

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// answers is a client with a fixed response to each transaction, in order.
type answers struct {
	etcdserverpb.KVClient
	transactions []func() (*etcdserverpb.TxnResponse, error)
	sent         []*etcdserverpb.TxnRequest
	blocksOf     uint64                                                                // the cluster that answers range reads
	ranges       func(*etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) // nil: there are no keys
}

func (a *answers) Txn(_ context.Context, request *etcdserverpb.TxnRequest, _ ...grpc.CallOption) (*etcdserverpb.TxnResponse, error) {
	a.sent = append(a.sent, request)
	response, err := a.transactions[len(a.sent)-1]()
	if response != nil && response.Succeeded && response.Responses == nil {
		for range request.Success {
			response.Responses = append(response.Responses, putResult())
		}
	}
	return response, err
}

func (a *answers) Range(_ context.Context, request *etcdserverpb.RangeRequest, _ ...grpc.CallOption) (*etcdserverpb.RangeResponse, error) {
	if a.ranges != nil {
		return a.ranges(request)
	}
	return &etcdserverpb.RangeResponse{Header: &etcdserverpb.ResponseHeader{ClusterId: a.blocksOf, Revision: 7}}, nil
}

func putResult() *etcdserverpb.ResponseOp {
	return &etcdserverpb.ResponseOp{Response: &etcdserverpb.ResponseOp_ResponsePut{ResponsePut: &etcdserverpb.PutResponse{}}}
}

// answer returns a cluster's response to a transaction that succeeded or not.
func answer(cluster uint64, revision int64, succeeded bool) func() (*etcdserverpb.TxnResponse, error) {
	return func() (*etcdserverpb.TxnResponse, error) {
		return &etcdserverpb.TxnResponse{Header: &etcdserverpb.ResponseHeader{ClusterId: cluster, Revision: revision}, Succeeded: succeeded}, nil
	}
}

func failing(err error) func() (*etcdserverpb.TxnResponse, error) {
	return func() (*etcdserverpb.TxnResponse, error) { return nil, err }
}

// answered returns a datastore that gets these answers.
func answered(t *testing.T, by *answers) *Datastore {
	t.Helper()
	return &Datastore{
		config:        Config{Endpoints: []string{"http://127.0.0.1:1"}, RequestTimeout: defaultRequestTimeout},
		client:        &clientv3.Client{KV: clientv3.NewKVFromKVClient(by, nil)},
		callersClient: true,
	}
}

// snapshotOf returns a snapshot of the cluster at the revision.
func snapshotOf(cluster uint64, revision int64) datastore.Snapshot {
	return datastore.Snapshot{Revision: snapshotRevision{cluster, revision}.String()}
}

// changed returns a record of a snapshot with a changed pool.
func changed(t *testing.T, name string) *ippool.Record {
	t.Helper()
	record, err := ippool.DecodeRecord(fmt.Appendf(nil, `{"metadata":{"name":%q,"uid":"u","labels":{"a":"b"}},"spec":{"cidr":"10.0.0.0/16","natOutgoing":true,"future":1}}`, name))
	require.NoError(t, err)
	record.Pool().Spec.NATOutgoing = false
	return record
}

// created returns a pool to create.
func created(name string) *v3.IPPool {
	pool := ippool.New(name)
	pool.UID, pool.Labels = "drawn here", map[string]string{"l": "1"}
	pool.Spec.CIDR, pool.Spec.AllowedUses = "10.1.0.0/16", []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseWorkload}
	return pool
}

// manyCreated returns one change more than a transaction takes.
func manyCreated() []datastore.Change {
	var changes []datastore.Change
	for i := range maxChanges + 1 {
		changes = append(changes, datastore.Change{Create: created(fmt.Sprintf("pool-%d", i))})
	}
	return changes
}

// TestCommit checks the outcome of each change for every response of etcd.
func TestCommit(t *testing.T) {
	t.Parallel()
	broken := status.Error(codes.Unavailable, "error reading from server: EOF")
	two := []datastore.Change{{Create: created("a")}, {Create: created("b")}}
	const otherCluster = "etcd http://127.0.0.1:1: creating IP pools: the endpoints belong to two etcd clusters"
	type transactions = []func() (*etcdserverpb.TxnResponse, error)
	tests := []struct {
		name         string
		changes      []datastore.Change
		transactions transactions
		states       map[datastore.State]int // the number of outcomes in each state
		count        int                     // Result.Transactions
		kind         error                   // nil: none of the sentinels
		text         string
	}{
		{"nothing", nil, nil, nil, 0, nil, ""},
		{"written", two, transactions{answer(1, 8, true)}, map[datastore.State]int{datastore.Written: 2}, 1, nil, ""},
		{"modified concurrently", two, transactions{answer(1, 8, false)}, nil, 0, datastore.ErrConflict, "pools were modified concurrently"},
		{"the answer is lost", two, transactions{failing(broken)}, map[datastore.State]int{datastore.Unknown: 2}, 1, datastore.ErrUnreachable, "error reading from server: EOF"},
		{"refused", two, transactions{failing(rpctypes.ErrGRPCNoSpace)}, nil, 0, nil, "etcd http://127.0.0.1:1: creating IP pools: etcdserver: mvcc: database space exceeded"},
		{"carried out by another cluster", two, transactions{answer(2, 8, true)}, map[datastore.State]int{datastore.Written: 2}, 1, nil,
			otherCluster + ": the pools were read from 1 and written to 2"},
		{"refused by another cluster", two, transactions{answer(2, 8, false)}, nil, 0, nil, otherCluster + ", 1 and 2"},
		{"two transactions", manyCreated(), transactions{answer(1, 8, true), answer(1, 9, true)}, map[datastore.State]int{datastore.Written: maxChanges + 1}, 2, nil, ""},
		{"a conflict after the first", manyCreated(), transactions{answer(1, 8, true), answer(1, 10, false)}, map[datastore.State]int{datastore.Written: maxChanges}, 1,
			datastore.ErrConflict, "pools were modified concurrently"},
		{"lost after the first", manyCreated(), transactions{answer(1, 8, true), failing(broken)},
			map[datastore.State]int{datastore.Written: maxChanges, datastore.Unknown: 1}, 2, datastore.ErrUnreachable, "error reading from server: EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			by := &answers{transactions: tt.transactions}
			result, err := answered(t, by).Commit(t.Context(), snapshotOf(1, 7), tt.changes)
			assert.Len(t, by.sent, len(tt.transactions))
			if tt.text == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.text)
			}
			for _, kind := range []error{datastore.ErrConflict, datastore.ErrUnreachable, datastore.ErrTLS, datastore.ErrForbidden} {
				assert.Equal(t, kind == tt.kind, errors.Is(err, kind), "%v: %v", kind, err)
			}
			assert.Equal(t, tt.count, result.Transactions)
			var states map[datastore.State]int
			for i, outcome := range result.Outcomes {
				if states == nil {
					states = map[datastore.State]int{}
				}
				states[outcome.State]++
				if outcome.State == datastore.Written {
					assert.Equal(t, tt.changes[i].Create, outcome.Stored)
					assert.NotSame(t, tt.changes[i].Create, outcome.Stored)
				} else {
					assert.Nil(t, outcome.Stored)
				}
			}
			assert.Equal(t, tt.states, states)
		})
	}
}

// Each transaction is guarded by the revision of the one before.
func TestCommitGuards(t *testing.T) {
	t.Parallel()
	by := &answers{transactions: []func() (*etcdserverpb.TxnResponse, error){answer(1, 8, true), answer(1, 9, true)}}
	_, err := answered(t, by).Commit(t.Context(), snapshotOf(1, 7), manyCreated())
	require.NoError(t, err)
	require.Len(t, by.sent, 2)
	for i, revision := range []int64{8, 9} { // exclusive: 7 and 8 are allowed
		guard := by.sent[i].Compare[0]
		assert.Equal(t, etcdserverpb.Compare_LESS, guard.Result)
		assert.Equal(t, etcdserverpb.Compare_MOD, guard.Target)
		assert.Equal(t, ippool.RecordPrefix, string(guard.Key))
		assert.NotEmpty(t, guard.RangeEnd)
		assert.Equal(t, revision, guard.GetModRevision())
		assert.Len(t, by.sent[i].Compare, len(by.sent[i].Success)+1, "and one that each pool does not exist")
	}
}

// The outcome of a cancelled commit is unknown.
func TestCommitCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	by := &answers{transactions: []func() (*etcdserverpb.TxnResponse, error){func() (*etcdserverpb.TxnResponse, error) {
		cancel() // while the request is sent
		return nil, status.Error(codes.Canceled, "context canceled")
	}}}
	result, err := answered(t, by).Commit(ctx, snapshotOf(1, 7), []datastore.Change{{Create: created("a")}})
	require.EqualError(t, err, "etcd http://127.0.0.1:1: creating IP pools: context canceled")
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, datastore.Outcome{State: datastore.Unknown}, result.Of(0))
}

// A read of another cluster than the snapshot's is an error, before anything is written.
func TestReadsOfTwoClusters(t *testing.T) {
	t.Parallel()
	by := &answers{blocksOf: 1, transactions: []func() (*etcdserverpb.TxnResponse, error){answer(1, 8, true)}}
	store := answered(t, by)
	family4, changes := []ippool.Family{ippool.IPv4}, []datastore.Change{{Create: created("a")}}
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	by.blocksOf = 2
	const twoClusters = ": the endpoints belong to two etcd clusters, 1 and 2"
	_, err = store.Blocks(t.Context(), family4)
	require.EqualError(t, err, "etcd http://127.0.0.1:1: reading IPAM block keys"+twoClusters)
	assert.False(t, datastore.Retryable(err))
	_, _, err = store.FelixConfigurations(t.Context())
	require.EqualError(t, err, "etcd http://127.0.0.1:1: reading felixconfigurations"+twoClusters)
	_, err = store.NAT(t.Context())
	require.ErrorContains(t, err, twoClusters)
	_, err = store.Snapshot(t.Context())
	require.NoError(t, err, "a run that begins again may find another cluster")
	_, err = store.NAT(t.Context())
	require.NoError(t, err)

	// Without a snapshot, the first read determines the cluster.
	reads := 0
	turns := answered(t, &answers{ranges: func(*etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
		reads++
		return &etcdserverpb.RangeResponse{Header: &etcdserverpb.ResponseHeader{ClusterId: uint64(reads), Revision: 7}}, nil
	}})
	_, err = turns.NAT(t.Context())
	require.EqualError(t, err, "etcd http://127.0.0.1:1: reading nodes"+twoClusters)

	// A datastore that has read only blocks has seen one cluster, not two.
	by.blocksOf = 1
	other := answered(t, by)
	_, err = other.Blocks(t.Context(), family4)
	require.NoError(t, err)
	_, err = other.Commit(t.Context(), snapshot, changes)
	require.NoError(t, err)

	_, err = other.Commit(t.Context(), datastore.Snapshot{Revision: "7"}, changes)
	require.EqualError(t, err, `etcd: the snapshot is from another datastore: revision "7"`)
}

// A write to another cluster is reported even if the caller cancels.
func TestCommitToAnotherClusterThatIsCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	by := &answers{transactions: []func() (*etcdserverpb.TxnResponse, error){func() (*etcdserverpb.TxnResponse, error) {
		cancel()
		return answer(2, 8, true)()
	}}}
	result, err := answered(t, by).Commit(ctx, snapshotOf(1, 7), []datastore.Change{{Create: created("a")}})
	require.ErrorContains(t, err, "the pools were read from 1 and written to 2")
	assert.Equal(t, datastore.Written, result.Of(0).State)
}

// Commit does not modify its arguments, whether it succeeds or fails. An update changes
// only the spec of a record.
func TestCommitDoesNotModifyTheChanges(t *testing.T) {
	t.Parallel()
	for name, txn := range map[string]func() (*etcdserverpb.TxnResponse, error){
		"it succeeds": answer(1, 8, true), "it conflicts": answer(1, 8, false), "it fails": failing(rpctypes.ErrGRPCNoSpace),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			by := &answers{transactions: []func() (*etcdserverpb.TxnResponse, error){txn}}
			record := changed(t, "a")
			snapshot := snapshotOf(1, 7)
			snapshot.Pools = []*ippool.Record{record}
			changes := []datastore.Change{{Create: created("b")}, {Update: record}}
			result, err := answered(t, by).Commit(t.Context(), snapshot, changes)
			require.Equal(t, name != "it succeeds", err != nil, "%v", err)
			assert.Equal(t, []datastore.Change{{Create: created("b")}, {Update: changed(t, "a")}}, changes)
			assert.Equal(t, []*ippool.Record{changed(t, "a")}, snapshot.Pools)

			require.Len(t, by.sent, 1)
			put := by.sent[0].Success[1].GetRequestPut()
			assert.Equal(t, ippool.RecordKey("a"), string(put.Key))
			assert.Equal(t, strings.Replace(string(record.Raw()), `"natOutgoing":true,`, "", 1), string(put.Value))
			if stored := result.Of(1).Stored; err == nil {
				require.NotNil(t, stored)
				assert.Equal(t, record.Pool(), stored)
				stored.Spec.CIDR = "other"
				assert.NotEqual(t, "other", record.Pool().Spec.CIDR, "it is a copy")
			}
		})
	}
}
