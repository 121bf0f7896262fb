package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Limits of a list of pools.
const (
	maxPools      = 20_000
	maxPoolBytes  = 64 << 20
	maxPoolMemory = 96 << 20
)

// poolList returns the list of the pools of a group, without a page size: nearly every
// cluster has a few pools only.
func poolList(group schema.GroupVersion) api.List {
	return api.List{
		Path: path(group, poolResource), Kind: v3.KindIPPoolList, APIVersion: group.String(),
		MaxBytes: maxPoolBytes, MaxItems: maxPools, MaxMemory: maxPoolMemory,
	}
}

// readPools reads all pools of a group, including malformed ones.
func readPools(ctx context.Context, client *api.Client, action api.Action, group schema.GroupVersion) (datastore.Snapshot, error) {
	var snapshot datastore.Snapshot
	var items cutter
	revision, err := client.ReadList(ctx, action, poolList(group), func(item []byte) (int, error) {
		record, unreadable, memory, err := items.readPool(item)
		switch {
		case err != nil:
			return 0, err
		case record == nil:
			snapshot.Unreadable = append(snapshot.Unreadable, unreadable)
		default:
			snapshot.Pools = append(snapshot.Pools, record)
		}
		return memory, nil
	})
	if err != nil {
		return datastore.Snapshot{}, err
	}
	snapshot.Revision = revision
	snapshot.CLI = datastore.CLI{Program: datastore.Kubectl, Resource: poolResource + "." + group.Group} // a short name may mean the other group
	slices.SortFunc(snapshot.Pools, func(a, b *ippool.Record) int { return cmp.Compare(a.Pool().Name, b.Pool().Name) })
	slices.SortFunc(snapshot.Unreadable, func(a, b datastore.Unreadable) int { return cmp.Compare(a.Name, b.Name) })
	return snapshot, nil
}

// object has the fields that all objects share.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
}

// readPool decodes an item of a list, and returns about how much memory it takes. It is an
// error if it is no pool, or has no name. A pool whose other fields can't be decoded is
// unreadable; then the record is nil.
func (c *cutter) readPool(item []byte) (record *ippool.Record, unreadable datastore.Unreadable, memory int, err error) {
	stored := c.withoutUnused(item)
	record, failed := ippool.DecodeRecord(stored)
	var kind, name string
	if failed == nil {
		kind, name = record.Pool().Kind, record.Pool().Name
	} else {
		var named object
		err = json.Unmarshal(item, &named)
		kind, name = named.Kind, named.Metadata.Name
	}
	// An API server leaves out the kinds of the items of some lists.
	if err != nil || name == "" || kind != "" && kind != v3.KindIPPool {
		return nil, datastore.Unreadable{}, 0, api.ErrNoList
	}
	if failed != nil {
		unreadable = datastore.Unreadable{Name: name, Err: failed, CIDR: ippool.RecordCIDR(item)}
		return nil, unreadable, poolMemory + len(unreadable.Name) + len(unreadable.CIDR) + 3*len(failed.Error()), nil
	}
	return record, unreadable, memoryOf(record.Pool(), len(stored)), nil
}

const (
	poolMemory  = 1 << 10 // of a record without its texts
	entryMemory = 200     // of an entry of a map or list, decoded and encoded
)

// memoryOf returns about how much memory the record of a pool takes: it has its texts as
// they were stored, decoded and, if it changes, encoded.
func memoryOf(pool *v3.IPPool, stored int) int {
	entries := len(pool.Labels) + len(pool.Annotations) + len(pool.OwnerReferences) + len(pool.Finalizers) +
		len(pool.ManagedFields) + len(pool.Spec.AllowedUses)
	return poolMemory + 3*stored + entryMemory*entries
}
