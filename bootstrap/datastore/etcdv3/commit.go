package etcdv3

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/clientv3util"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// maxChanges is how many changes one transaction takes: etcd allows 128
// comparisons by default (--max-txn-ops), and each change needs one beside that
// of the whole prefix.
const maxChanges = 127

// maxBytes is how much of records a transaction is given: etcd takes requests of
// 1.5 MiB by default (--max-request-bytes), with keys and all.
const maxBytes = 1 << 20

// batches are the changes in pieces that a server takes, in their order.
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

// sizeOf is how many bytes of records a change has: what it writes, and what it
// compares with.
func sizeOf(change datastore.Change) int {
	record := change.Update
	if record == nil {
		record = ippool.NewRecord(change.Create)
	}
	value, _ := record.Encode() // its error comes where it is written
	return len(value) + len(record.Raw())
}

// Commit writes all changes in one transaction, or none: it returns
// datastore.ErrConflict if a pool was written since the snapshot. More than 127
// changes, or than 1 MiB of records, take several transactions, each guarded by
// the one before; the result says what was written by those before an error.
//
// Where the endpoints turn out to be of two etcd clusters, that is an error:
// before the write if an earlier answer was of the other cluster, else after it,
// with what was written in the result.
func (d *Datastore) Commit(ctx context.Context, since datastore.Snapshot, changes []datastore.Change) (datastore.Result, error) {
	var result datastore.Result
	at, err := parseRevision(since.Revision)
	if err == nil {
		err = d.oneCluster(at.cluster)
	}
	if err != nil {
		return result, err
	}
	for _, batch := range batches(changes) {
		state := datastore.Written
		if at.revision, err = d.write(ctx, at, batch); err != nil {
			var went *otherClusterError
			switch {
			case errors.As(err, &went):
			case datastore.Retryable(err), errors.Is(err, context.Canceled):
				state = datastore.Unknown
			default:
				return result, err
			}
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

// wentElsewhereError is a transaction that another cluster than that of the
// snapshot carried out.
type otherClusterError struct{ read, written uint64 }

func (e *otherClusterError) Error() string {
	return fmt.Sprintf("the endpoints belong to two etcd clusters: the pools were read from %x and written to %x", e.read, e.written)
}

// oneCluster returns an error if another cluster has answered than the snapshot
// was read from.
func (d *Datastore) oneCluster(read uint64) error {
	if d.other == 0 || d.other == read {
		return nil
	}
	return &datastore.Error{
		Place: d.config.place(), Operation: "writing IP pools",
		Err: fmt.Errorf("the endpoints belong to two etcd clusters, %x and %x", read, d.other),
	}
}

// write makes one transaction and returns its revision.
func (d *Datastore) write(ctx context.Context, at snapshotRevision, changes []datastore.Change) (int64, error) {
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
			return 0, err
		}
		puts = append(puts, clientv3.OpPut(key, string(value)))
	}
	var revision int64
	err := d.call(ctx, operation, func(ctx context.Context, client *clientv3.Client) error {
		resp, err := client.Txn(ctx).If(guard...).Then(puts...).Commit()
		switch {
		case err != nil:
			return err
		case resp.Header.ClusterId != at.cluster && resp.Succeeded:
			return &otherClusterError{read: at.cluster, written: resp.Header.ClusterId}
		case resp.Header.ClusterId != at.cluster:
			return fmt.Errorf("the endpoints belong to two etcd clusters, %x and %x", at.cluster, resp.Header.ClusterId)
		case !resp.Succeeded:
			return datastore.ErrConflict
		default:
			revision = resp.Header.Revision
			return nil
		}
	})
	return revision, err
}

// encode returns the value to store. Of a record that is updated, nothing but the
// spec is changed: it may call itself otherwise than its key does, and goes on to.
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

// nothingNewer holds while no key under the pools' prefix has been written
// after the revision. On an etcd that was restored from a backup meanwhile, a
// revision says nothing: there it is the comparison of each key, missing or with
// the value that was read, that keeps what exists.
func nothingNewer(revision int64) clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(ippool.RecordPrefix).WithPrefix(), "<", revision+1)
}
