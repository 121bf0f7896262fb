package etcdv3

import (
	"bytes"
	"context"
	"fmt"
	"math"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// prefixRead is a read of all keys with a prefix, in pages.
type prefixRead struct {
	operation string // for errors
	prefix    string
	page      int  // keys per page; fewer if a response is too large
	maxKeys   int  // an error if there are more
	pinned    bool // all pages are read at the revision of the first
	snapshot  bool // any cluster may respond; else that of the last snapshot, or of the first read
	options   []clientv3.OpOption
}

// pages reads all keys with the prefix and passes each page to use. It returns the
// cluster and the revision of the first page. A response that is incomplete, or that
// etcd never sends, is a malformedError.
func (d *Datastore) pages(ctx context.Context, r prefixRead, use func([]*mvccpb.KeyValue) error) (snapshotRevision, error) {
	var (
		first snapshotRevision
		from  = r.prefix
		end   = clientv3.GetPrefixRangeEnd(r.prefix)
		size  = r.page
		keys  = 0
	)
	for page := 0; page < maxPages; {
		var resp *clientv3.GetResponse
		retry := false
		err := d.call(ctx, r.operation, func(ctx context.Context, client *clientv3.Client) error {
			options := append([]clientv3.OpOption{clientv3.WithRange(end), clientv3.WithLimit(int64(size))}, r.options...)
			if r.pinned && from != r.prefix {
				options = append(options, clientv3.WithRev(first.revision))
			}
			var err error
			if resp, err = client.Get(ctx, from, options...); err != nil {
				if retry = exceedsLimit(err) && size > 1; retry {
					err = nil
				}
				return err
			}
			if err := checkRange(resp, from, end, size); err != nil {
				return err
			}
			at := snapshotRevision{resp.Header.ClusterId, resp.Header.Revision}
			if first.revision == 0 {
				if r.snapshot || d.cluster == 0 {
					d.cluster = at.cluster
				}
				first = snapshotRevision{d.cluster, at.revision}
			}
			if first.cluster != at.cluster {
				return twoClustersError{first.cluster, at.cluster}
			}
			if keys += len(resp.Kvs); keys > r.maxKeys {
				return limitError(fmt.Sprintf("more than %d keys with the prefix %s", r.maxKeys, r.prefix))
			}
			return use(resp.Kvs)
		})
		switch {
		case err != nil:
			return first, err
		case retry:
			size /= 2 // not a page
		case !resp.More:
			return first, nil
		default:
			from = string(resp.Kvs[len(resp.Kvs)-1].Key) + "\x00"
			size = min(2*size, r.page) // the large records may be behind
			page++
		}
	}
	return first, d.explain(r.operation, limitError(fmt.Sprintf("more than %d pages of keys with the prefix %s", maxPages, r.prefix)))
}

// checkRange returns an error if the response is not one to a read of the first limit
// keys between from and end: nothing may be written after an incomplete read.
func checkRange(resp *clientv3.GetResponse, from, end string, limit int) error {
	if resp == nil {
		return malformedError("it is empty")
	}
	if err := checkHeader(resp.Header); err != nil {
		return err
	}
	got := int64(len(resp.Kvs))
	switch {
	case got > int64(limit):
		return malformedError(fmt.Sprintf("it has %d keys, not at most %d", got, limit))
	case resp.More && got == 0, resp.More && resp.Count <= got, !resp.More && resp.Count != got:
		return malformedError(fmt.Sprintf("it has %d of %d keys, and more: %t", got, resp.Count, resp.More))
	}
	for i, kv := range resp.Kvs {
		switch {
		case kv == nil:
			return malformedError("it has an empty key")
		case i > 0 && bytes.Compare(kv.Key, resp.Kvs[i-1].Key) <= 0: // keys are in order
			return malformedError(fmt.Sprintf("the key %.200q is not one after %.200q", kv.Key, resp.Kvs[i-1].Key))
		case string(kv.Key) < from || string(kv.Key) >= end:
			return malformedError(fmt.Sprintf("the key %.200q is not one after %.200q", kv.Key, from))
		}
	}
	return nil
}

// checkHeader returns an error if the header of a response is missing or has no
// cluster or revision.
func checkHeader(header *etcdserverpb.ResponseHeader) error {
	switch {
	case header == nil:
		return malformedError("it has no header")
	case header.ClusterId == 0:
		return malformedError("its header has no cluster ID")
	case header.Revision < 1 || header.Revision == math.MaxInt64: // the guard of a commit is the next one
		return malformedError(fmt.Sprintf("its header has the revision %d", header.Revision))
	}
	return nil
}

// malformedError is a response that etcd never sends. Its text is the problem.
type malformedError string

func (e malformedError) Error() string { return "malformed response: " + string(e) }

// limitError is more data than a limit allows. Its text is the limit and what exceeds
// it.
type limitError string

func (e limitError) Error() string { return string(e) }

// twoClustersError is a response of another cluster than the one before.
type twoClustersError [2]uint64

func (e twoClustersError) Error() string {
	return fmt.Sprintf("the endpoints belong to two etcd clusters, %x and %x", e[0], e[1])
}
