package bootstrap

import (
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// EventKind is the kind of an Event. It determines which fields of the Event are set.
type EventKind string

// The kinds, in the order in which they occur in an attempt.
const (
	// EventReading is sent when an attempt starts, before the pools are read.
	EventReading EventKind = "reading"

	// EventPlanned is sent when the attempt is planned. Pools are all pools of
	// the plan.
	EventPlanned EventKind = "planned"

	// EventWriting is sent before pools are written. Pools are only those to be
	// created or updated.
	EventWriting EventKind = "writing"

	// EventWritten is sent after Pools were written, even if the attempt fails
	// for other pools. Each pool is reported once per run, even if only a later
	// attempt finds out that it was written.
	EventWritten EventKind = "written"

	// EventRetrying is sent when the attempt failed with Err and the next one
	// starts after Wait.
	EventRetrying EventKind = "retrying"
)

// Event describes the progress of a run. The receiver may keep it.
type Event struct {
	Kind    EventKind // determines which of the other fields are set
	Attempt int       // number of the attempt, starting at 1

	// Pools is set for the kinds planned, writing and written, in plan order.
	// It is nil for other kinds.
	Pools []PoolEvent

	// Err is set for the kind retrying: a conflict ([datastore.ErrConflict]), or an
	// unreachable datastore. It is nil for other kinds.
	Err error

	// Wait is set for the kind retrying. It is at least 0.
	Wait time.Duration
}

// PoolEvent describes one pool. It completes the sentence "pool NAME is …".
type PoolEvent struct {
	Name   string        // name of the pool
	Family ippool.Family // family of the pool
	Action plan.Action   // WouldCreate and WouldUpdate before the pool is written
	Reason string        // reason for the action, as part of a sentence
}
