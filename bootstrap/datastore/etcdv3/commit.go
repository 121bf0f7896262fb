package etcdv3

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/clientv3util"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// maxChanges is the number of changes per transaction: etcd allows 128 comparisons by
// default (--max-txn-ops), one for the prefix and one per change.
const maxChanges = 127

// maxBytes is the size of the records per transaction: etcd accepts requests of
// 1.5 MiB by default (--max-request-bytes), including keys.
const maxBytes = 1 << 20

// batches splits the changes into batches that fit into a transaction, in order.
func batches(changes []datastore.Change) [][]datastore.Change {
	var (
		all   [][]datastore.Change
		first int
		bytes int
	)
	for i, change := range changes {
		size := sizeOf(change)
		if i > first && (i-first == maxChanges || bytes+size > maxBytes) {
			all, first, bytes = append(all, changes[first:i]), i, 0
		}
		bytes += size
	}
	if first < len(changes) {
		all = append(all, changes[first:])
	}
	return all
}

// sizeOf returns the bytes of the records of a change: the one it writes and the one it
// compares with.
func sizeOf(change datastore.Change) int {
	record := change.Update
	if record == nil {
		record = ippool.NewRecord(change.Create)
	}
	value, _ := record.Encode() // write reports the error
	return len(value) + len(record.Raw())
}

// Commit writes all changes in one transaction, or none: it returns
// datastore.ErrConflict if a pool was written since the snapshot. More than 127
// changes, or more than 1 MiB of records, need several transactions, each conditional
// on the previous one; the result has what was written before an error.
//
// Commit returns an error if the endpoints belong to two etcd clusters and the other one
// responds: the result has what was written there. Reads after the snapshot return such an
// error before anything is written.
func (d *Datastore) Commit(ctx context.Context, since datastore.Snapshot, changes []datastore.Change) (datastore.Result, error) {
	var result datastore.Result
	if d == nil {
		return result, errNotOpen
	}
	if slices.ContainsFunc(changes, func(change datastore.Change) bool { return change.Pool() == nil }) {
		return result, errors.New("etcd: a change without a pool")
	}
	at, err := parseRevision(since.Revision)
	if err != nil {
		return result, err
	}
	for _, batch := range batches(changes) {
		var state datastore.State
		if at.revision, state, err = d.write(ctx, at, batch); state == datastore.NotWritten {
			return result, err
		}
		result.Transactions++
		for _, change := range batch {
			outcome := datastore.Outcome{State: state}
			if state == datastore.Written {
				outcome.Stored = change.Pool().DeepCopy()
			}
			result.Outcomes = append(result.Outcomes, outcome)
		}
		if err != nil {
			return result, err
		}
	}
	return result, nil
}

// otherClusterError is the error of a transaction that was applied to another cluster
// than the one of the snapshot.
type otherClusterError struct{ read, written uint64 }

func (e *otherClusterError) Error() string {
	return fmt.Sprintf("the endpoints belong to two etcd clusters: the pools were read from %x and written to %x", e.read, e.written)
}

// write commits one transaction and returns its revision and the state of its changes.
func (d *Datastore) write(ctx context.Context, at snapshotRevision, changes []datastore.Change) (int64, datastore.State, error) {
	guard := []clientv3.Cmp{nothingNewer(at.revision)}
	puts := make([]clientv3.Op, 0, len(changes))
	operation := "creating IP pools"
	for _, change := range changes {
		key := ippool.RecordKey(change.Name())
		if change.Update == nil {
			guard = append(guard, clientv3util.KeyMissing(key))
		} else {
			operation = "writing IP pools"
			guard = append(guard, clientv3.Compare(clientv3.Value(key), "=", string(change.Update.Raw())))
		}
		value, err := encode(change)
		if err != nil {
			return 0, datastore.NotWritten, err
		}
		puts = append(puts, clientv3.OpPut(key, string(value)))
	}
	var (
		revision int64
		state    datastore.State
	)
	err := d.call(ctx, operation, func(ctx context.Context, client *clientv3.Client) error {
		resp, err := client.Txn(ctx).If(guard...).Then(puts...).Commit()
		if err == nil {
			err = checkTxn(resp, len(puts))
		}
		switch {
		case err != nil:
			if !isRefusal(err) {
				state = datastore.Unknown
			}
			return err
		case resp.Header.ClusterId != at.cluster && resp.Succeeded:
			state = datastore.Written
			return &otherClusterError{read: at.cluster, written: resp.Header.ClusterId}
		case resp.Header.ClusterId != at.cluster:
			return twoClustersError{at.cluster, resp.Header.ClusterId}
		case !resp.Succeeded:
			return datastore.ErrConflict
		default:
			revision, state = resp.Header.Revision, datastore.Written
			return nil
		}
	})
	return revision, state, err
}

// checkTxn returns an error if the response is not one to a transaction of so many puts.
// Then it is unknown whether they were applied.
func checkTxn(resp *clientv3.TxnResponse, puts int) error {
	if resp == nil {
		return malformedError("it is empty")
	}
	if err := checkHeader(resp.Header); err != nil {
		return err
	}
	if !resp.Succeeded {
		puts = 0
	}
	if len(resp.Responses) != puts {
		return malformedError(fmt.Sprintf("it has %d results, not %d; succeeded: %t", len(resp.Responses), puts, resp.Succeeded))
	}
	for _, result := range resp.Responses {
		if result.GetResponsePut() == nil {
			return malformedError("it has a result that is not that of a put")
		}
	}
	return nil
}

// isRefusal reports whether the error of a transaction shows that it was not applied:
// etcd refused it, or it is too large to be sent. Any other error may be one of the
// response.
func isRefusal(err error) bool {
	var refused rpctypes.EtcdError
	return isTooLarge(err) || errors.As(err, &refused) && !isRetryable(err)
}

// encode returns the value to store. An update changes only the spec: if the name in the
// record differs from its key, it stays.
func encode(change datastore.Change) ([]byte, error) {
	if change.Update == nil {
		return ippool.NewRecord(change.Create).Encode()
	}
	record, err := ippool.DecodeRecord(change.Update.Raw())
	if err != nil {
		return nil, err
	}
	record.Pool().Spec = change.Update.Pool().Spec
	return record.Encode()
}

// nothingNewer is true if no key under the pools' prefix was written after the
// revision. If etcd was restored from a backup in between, revisions are not
// comparable; then the comparison of each key, missing or with the value that was read,
// protects existing pools.
func nothingNewer(revision int64) clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(ippool.RecordPrefix).WithPrefix(), "<", revision+1)
}
