// Package datastore defines the interface to the datastore of Calico's IPPools.
//
// A run takes a [Snapshot] of a [Datastore], and commits each [Change] provided that
// the pools were not modified in between; the [Result] has the outcome of each change.
// Errors wrap the sentinels of this package, such as [ErrConflict], and most are an
// [Error]; [Retryable] reports whether a retry may help.
//
// Packages etcdv3 and kubernetes implement the interface. Package open opens either of
// them from settings.
package datastore

import (
	"context"
	"net/netip"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Type is the type of a datastore.
type Type string

// The datastore types.
const (
	EtcdV3     Type = "etcdv3"
	Kubernetes Type = "kubernetes"
)

// Datastore reads and writes Calico's IPPools. A run calls it from one goroutine at a
// time, with one exception: if the datastore is also a facts.Cluster, Blocks, PodCIDRs
// and Survey may run concurrently, each at most once.
//
// Every method returns soon after its context is done: the context is the only limit
// on the duration of a call.
//
// Errors wrap the sentinels of this package. A run retries after ErrConflict and after
// errors that are [Retryable]; any other error ends it.
type Datastore interface {
	// Type returns the type of the datastore, for reports.
	Type() Type

	// Snapshot reads all pools at one revision, in one small read.
	Snapshot(ctx context.Context) (Snapshot, error)

	// Blocks returns the IPAM blocks of the families, in any order. It reads
	// only what contains their CIDRs: keys or names, not whole blocks.
	Blocks(ctx context.Context, families []ippool.Family) ([]netip.Prefix, error)

	// Commit applies all changes if no pool was written since the snapshot;
	// otherwise it applies none and returns ErrConflict. The result has the
	// outcome of each change, even with an error. An implementation without
	// such transactions documents that. Commit does not modify the changes.
	Commit(ctx context.Context, since Snapshot, changes []Change) (Result, error)
}

// Snapshot is all pools of a datastore at one revision.
type Snapshot struct {
	// Pools are the records that could be decoded, sorted by name. They are not
	// necessarily valid. The resource version of a pool, if any, is the one at
	// the time of the snapshot.
	Pools []*ippool.Record

	// Unreadable are the records that can't be decoded, sorted by name.
	Unreadable []Unreadable

	// Revision identifies the snapshot in the datastore. Its format is up to
	// the implementation.
	Revision string

	// CLI is the client that messages suggest for changes by hand. The zero value
	// means that it is unknown.
	CLI CLI
}

// Unreadable is a pool record that can't be decoded.
type Unreadable struct {
	Name string // name of the pool, from its key or object
	Err  error  // why it can't be decoded

	// CIDR is the CIDR of the pool, if it could be decoded; otherwise empty.
	CIDR string
}

// Change is a pool to create or to update. Exactly one field is set.
type Change struct {
	// Create is a complete and valid pool that does not exist yet, with uid and
	// creation time. A datastore may assign its own.
	Create *v3.IPPool

	// Update is a record of the snapshot whose Pool has a modified spec. All
	// other stored data is preserved, including fields that this module doesn't
	// know.
	Update *ippool.Record
}

// Name returns the name of the pool; empty if the change has none.
func (c Change) Name() string {
	if pool := c.Pool(); pool != nil {
		return pool.Name
	}
	return ""
}

// Pool returns the pool to create, or the updated pool; nil if the change has none.
func (c Change) Pool() *v3.IPPool {
	if c.Update != nil {
		return c.Update.Pool()
	}
	return c.Create
}

// Result holds the outcomes of a commit. The zero Result is a commit that wrote
// nothing.
type Result struct {
	// Outcomes are in the order of the changes. Changes without an outcome were
	// not written.
	Outcomes []Outcome

	// Transactions is the number of transactions, if the datastore has
	// transactions and made any; otherwise zero.
	Transactions int
}

// State is the state of a change after a commit.
type State string

// The states. The zero State is NotWritten.
const (
	NotWritten State = ""
	Written    State = "written"
	Unknown    State = "unknown" // no response, or a malformed one: the change may be or may still become written
)

// Outcome is the outcome of one change. The zero value is a change that was not
// written.
type Outcome struct {
	State State // zero: not written

	// Stored is the pool as the datastore stored it: with the uid that it
	// assigned, and without fields that it doesn't know. Nil unless State is
	// Written.
	Stored *v3.IPPool
}

// Of returns the outcome of the change at index i.
func (r Result) Of(i int) Outcome {
	if i < len(r.Outcomes) {
		return r.Outcomes[i]
	}
	return Outcome{}
}
