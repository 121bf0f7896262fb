package bootstrap

import (
	"context"
	"net/netip"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Datastore is where Calico keeps its pools: what a run needs of it, and no
// more. Packages etcdv3 and kubernetes have one each. A run uses it from one
// goroutine at a time; only Blocks may run beside PodCIDRs and Survey of a
// datastore that is a Cluster too, each of the three once.
//
// Every method returns soon after its context is done: a run's time limit is its
// context's, and nothing else ends a call.
//
// Errors say what went wrong by wrapping this package's sentinels. An error
// that wraps ErrUnreachable or ErrNotInstalled is tried again; any other ends
// the run.
type Datastore interface {
	// Type is what reports call the datastore.
	Type() DatastoreType

	// Snapshot reads every pool, at one moment. It is one small read.
	Snapshot(ctx context.Context) (Snapshot, error)

	// Blocks returns the IPAM blocks of the families, in any order. It fetches
	// no more of them than it takes to know their CIDRs.
	Blocks(ctx context.Context, families []ippool.Family) ([]netip.Prefix, error)

	// Commit applies all changes, provided that no pool was written since the
	// snapshot; otherwise it applies none and returns ErrConflict. A datastore
	// that can't promise all or nothing says so in its documentation, and in a
	// PartialError what was written of a commit that failed.
	Commit(ctx context.Context, since Snapshot, changes []Change) error
}

// Batching is a Datastore whose Commit takes only so many changes at once, and
// more of them piece by piece.
type Batching interface {
	// Batches is in how many pieces the changes are written.
	Batches(changes []Change) int
}

// Snapshot is every pool in a datastore at one moment.
type Snapshot struct {
	// Pools are those that could be read, sorted by name. They may be
	// anything but valid. The resource version of a pool, if the datastore
	// gives it one, is that of the moment.
	Pools []*ippool.Record

	// Unreadable are records that are no pools, sorted by name.
	Unreadable []Unreadable

	// Revision is the datastore's own mark of the moment.
	Revision string
}

// Unreadable is a record among the pools that can't be read as one.
type Unreadable struct {
	Name string // the pool's, as its key or its object says it
	Err  error  // why it can't be read

	// CIDR is the pool's, if at least that could be read; else empty.
	CIDR string
}

// Change is something to be written: one of the two.
type Change struct {
	// Create is a pool that does not exist yet, whole and valid, with uid and
	// creation time. A datastore that gives out its own, or keeps the pool
	// otherwise, writes into it what it keeps as soon as it does, also if the
	// commit then fails for another pool: a run knows its pools by their uid.
	Create *v3.IPPool

	// Update is a record of the snapshot whose Pool was changed, in its spec
	// alone. Whatever else is stored stays, also what this module doesn't
	// know. A datastore writes into Pool what it keeps, as for Create.
	Update *ippool.Record
}

// Name is that of the pool.
func (c Change) Name() string { return c.pool().Name }

func (c Change) pool() *v3.IPPool {
	if c.Update != nil {
		return &c.Update.Pool
	}
	return c.Create
}
