// Package datastore has the interface of the place where Calico keeps its IPPools,
// with its snapshots, changes, results and errors. Packages etcdv3 and kubernetes
// implement it; package open opens either from settings.
package datastore

import (
	"context"
	"net/netip"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Type says where Calico keeps its IPPools.
type Type string

// The datastore types.
const (
	EtcdV3     Type = "etcdv3"
	Kubernetes Type = "kubernetes"
)

// Datastore is where Calico keeps its IPPools: what a run needs of it, and no
// more. A run uses it from one goroutine at a time; only Blocks may run beside
// PodCIDRs and Survey of a datastore that is a facts.Cluster too, each of the
// three once.
//
// Every method returns soon after its context is done: a run's time limit is its
// context's, and nothing else ends a call.
//
// Errors wrap the sentinels of this package. One that is [Retryable] makes a run
// try again; any other ends it.
type Datastore interface {
	// Type is what reports call the datastore.
	Type() Type

	// Snapshot reads every pool, at one moment. It is one small read.
	Snapshot(ctx context.Context) (Snapshot, error)

	// Blocks returns the IPAM blocks of the families, in any order. It fetches
	// no more of them than it takes to know their CIDRs.
	Blocks(ctx context.Context, families []ippool.Family) ([]netip.Prefix, error)

	// Commit applies all changes, provided that no pool was written since the
	// snapshot; otherwise it applies none and returns ErrConflict. The result
	// says what became of each change, also beside an error: a datastore that
	// can't promise all or nothing says so in its documentation. The changes
	// stay as they are.
	Commit(ctx context.Context, since Snapshot, changes []Change) (Result, error)
}

// Snapshot is every pool in a datastore at one moment.
type Snapshot struct {
	// Pools are those that could be decoded, sorted by name. They may be
	// anything but valid. The resource version of a pool, if the datastore
	// gives it one, is that of the moment.
	Pools []*ippool.Record

	// Unreadable are records that can't be decoded, sorted by name.
	Unreadable []Unreadable

	// Revision is the datastore's own mark of the moment.
	Revision string
}

// Unreadable is a record among the pools that can't be decoded.
type Unreadable struct {
	Name string // the pool's, as its key or its object says it
	Err  error  // why it can't be decoded

	// CIDR is the pool's, if at least that could be decoded; else empty.
	CIDR string
}

// Change is a pool to be created or updated: one of the two.
type Change struct {
	// Create is a pool that does not exist yet, whole and valid, with uid and
	// creation time. A datastore may give it others.
	Create *v3.IPPool

	// Update is a record of the snapshot whose Pool was changed, in its spec
	// alone. Whatever else is stored stays, also fields that this module
	// doesn't know.
	Update *ippool.Record
}

// Name is that of the pool.
func (c Change) Name() string { return c.Pool().Name }

// Pool is the pool to be created, or the updated one.
func (c Change) Pool() *v3.IPPool {
	if c.Update != nil {
		return c.Update.Pool()
	}
	return c.Create
}

// Result is what became of the changes of a commit.
type Result struct {
	// Outcomes are in the order of the changes. Where they end, nothing was
	// written: the zero Result is a commit that wrote nothing.
	Outcomes []Outcome

	// Transactions is how many it took, where the datastore has transactions.
	// Zero: it has none, or none was made.
	Transactions int
}

// State is what became of a change.
type State string

// The states. The zero State is NotWritten.
const (
	NotWritten State = ""
	Written    State = "written"
	Unknown    State = "unknown" // the answer was lost: it may be written, or yet be
)

// Outcome is what became of one change.
type Outcome struct {
	State State // the zero value: not written

	// Stored is the pool as the datastore keeps it: with the uid that it gave
	// out, and without fields that it doesn't know. Nil unless it is Written.
	Stored *v3.IPPool
}

// Of returns the outcome of the change at that place.
func (r Result) Of(i int) Outcome {
	if i < len(r.Outcomes) {
		return r.Outcomes[i]
	}
	return Outcome{}
}
