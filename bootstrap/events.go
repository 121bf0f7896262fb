package bootstrap

import (
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// EventKind says what happened, and which fields of an Event are set.
type EventKind string

// The kinds, in the order in which an attempt has them.
const (
	// EventReading begins an attempt: the pools are about to be read.
	EventReading EventKind = "reading"

	// EventPlanned says what the attempt will do, or would in a plan: Pools.
	EventPlanned EventKind = "planned"

	// EventWriting says that Pools are about to be written: those that are to
	// be created or updated, no others.
	EventWriting EventKind = "writing"

	// EventWritten says that Pools were, also if the attempt fails for others.
	// Each pool is reported once in a run, even if that took another attempt to
	// find out.
	EventWritten EventKind = "written"

	// EventRetrying says that the attempt failed for Err, and that the next
	// one begins after Wait.
	EventRetrying EventKind = "retrying"
)

// Event is a moment of a run. Nobody else has what is in it: it may be kept.
type Event struct {
	Kind    EventKind // says which of the other fields are set
	Attempt int       // from 1

	// Pools are of the kinds planned, writing and written, in the plan's
	// order. Nil for other kinds.
	Pools []PoolEvent

	// Err is of the kind retrying: a conflict (ErrConflict), or a datastore
	// that is out of reach. Nil for other kinds.
	Err error

	// Wait is of the kind retrying: at least 0.
	Wait time.Duration
}

// PoolEvent finishes the sentence "pool NAME is …".
type PoolEvent struct {
	Name   string        // the pool's
	Family ippool.Family // the pool's
	Action plan.Action   // of what is not written yet: WouldCreate, WouldUpdate
	Reason string        // as a part of a sentence
}
