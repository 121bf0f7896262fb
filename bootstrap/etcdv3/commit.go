package etcdv3

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/clientv3util"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// maxChanges is how many changes one transaction takes: etcd allows 128
// comparisons by default (--max-txn-ops), and each change needs one beside that
// of the whole prefix.
const maxChanges = 127

var _ bootstrap.Batching = (*Datastore)(nil)

// maxBytes is how much of records a transaction is given: etcd takes requests of
// 1.5 MiB by default (--max-request-bytes), with keys and all.
const maxBytes = 1 << 20

// Batches is how many transactions the changes take.
func (d *Datastore) Batches(changes []bootstrap.Change) int { return len(batches(changes)) }

// batches are the changes in pieces that a server takes, in their order.
func batches(changes []bootstrap.Change) [][]bootstrap.Change {
	var (
		all   [][]bootstrap.Change
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
func sizeOf(change bootstrap.Change) int {
	record := change.Update
	if record == nil {
		record = ippool.NewRecord(change.Create)
	}
	value, _ := record.Encode() // its error comes where it is written
	return len(value) + len(record.Raw())
}

// Commit writes all changes in one transaction, or none: it returns
// bootstrap.ErrConflict if a pool was written since the snapshot. Of more than
// 127 changes, or than 1 MiB of records, it makes several transactions, each
// guarded by the one before: a *bootstrap.PartialError says what was written by
// the ones before an error.
func (d *Datastore) Commit(ctx context.Context, since bootstrap.Snapshot, changes []bootstrap.Change) error {
	at, err := parseMoment(since.Revision)
	if err != nil {
		return err
	}
	var done bootstrap.PartialError
	for _, batch := range batches(changes) {
		if at.revision, err = d.write(ctx, at, batch); err != nil {
			if len(done.Created)+len(done.Updated) == 0 {
				return err
			}
			done.Err = err
			return &done
		}
		for _, change := range batch {
			if change.Update != nil {
				done.Updated = append(done.Updated, change.Name())
			} else {
				done.Created = append(done.Created, change.Name())
			}
		}
	}
	return nil
}

// write makes one transaction and returns its revision.
func (d *Datastore) write(ctx context.Context, at moment, changes []bootstrap.Change) (int64, error) {
	guard := []clientv3.Cmp{nothingNewer(at.revision)}
	puts := make([]clientv3.Op, 0, len(changes))
	doing := "creating IP pools"
	for _, change := range changes {
		key := ippool.RecordKey(change.Name())
		if change.Update == nil {
			guard = append(guard, clientv3util.KeyMissing(key))
		} else {
			doing = "writing IP pools"
			guard = append(guard, clientv3.Compare(clientv3.Value(key), "=", string(change.Update.Raw())))
		}
		value, err := encode(change)
		if err != nil {
			return 0, err
		}
		puts = append(puts, clientv3.OpPut(key, string(value)))
	}
	var revision int64
	err := d.call(ctx, doing, func(ctx context.Context, client *clientv3.Client) error {
		resp, err := client.Txn(ctx).If(guard...).Then(puts...).Commit()
		switch {
		case err != nil:
			return err
		case resp.Header.ClusterId != at.cluster:
			return fmt.Errorf("the endpoints are of two etcd clusters, %x and %x", at.cluster, resp.Header.ClusterId)
		case !resp.Succeeded:
			return bootstrap.ErrConflict
		default:
			revision = resp.Header.Revision
			return nil
		}
	})
	return revision, err
}

// encode returns the value to store. Of a record that is updated, nothing but the
// spec is changed: it may call itself otherwise than its key does, and goes on to.
func encode(change bootstrap.Change) ([]byte, error) {
	if change.Update == nil {
		return ippool.NewRecord(change.Create).Encode()
	}
	record, err := ippool.DecodeRecord(change.Update.Raw())
	if err != nil {
		return nil, err
	}
	record.Pool.Spec = change.Update.Pool.Spec
	return record.Encode()
}

// nothingNewer holds while no key under the pools' prefix has been written
// after the revision. On an etcd that was restored from a backup meanwhile, a
// revision says nothing: there it is the comparison of each key, missing or with
// the value that was read, that keeps what exists.
func nothingNewer(revision int64) clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(ippool.RecordPrefix).WithPrefix(), "<", revision+1)
}
