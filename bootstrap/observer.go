package bootstrap

import (
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// WithObserver has Run tell what it is at, as it gets there: for whoever shows
// progress or counts it. What came of the run is in the report and the error.
//
// The function is called from the goroutine of Run, one call after the other,
// so a slow one takes from the run's time, and a panic in it ends the run. It
// gets events of kinds that are added in later versions, too: let a switch over
// them have a default.
func WithObserver(observe func(Event)) Option { return func(r *runner) { r.observe = observe } }

// EventKind says what happened, and which fields of an Event are set.
type EventKind string

// The kinds, in the order in which an attempt has them.
const (
	// EventReading begins an attempt: the pools are about to be read.
	EventReading EventKind = "reading"

	// EventPlanned says what the attempt will do, or would in a dry run: Pools.
	EventPlanned EventKind = "planned"

	// EventWriting says that Pools are about to be written: those that are to
	// be created or updated, no others.
	EventWriting EventKind = "writing"

	// EventWritten says that Pools were, also if the attempt fails for others.
	// Each pool is told once in a run, even if that took another attempt to
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
	Action Action        // of what is not written yet: WouldCreate, WouldUpdate
	Reason string        // as a part of a sentence
}

// tellOf tells the observer, if there is one.
func (r *runner) tellOf(event Event) {
	if r.observe == nil {
		return
	}
	event.Attempt = r.attempts
	r.observe(event)
}

// tellOfPlan tells what is planned.
func (r *runner) tellOfPlan(plan Plan, dryRun bool) {
	if r.observe == nil {
		return
	}
	report := newReport("", plan, nil, true)
	pools, writes := make([]PoolEvent, 0, len(report.Pools)), []PoolEvent{}
	for _, pool := range report.Pools {
		event := PoolEvent{pool.Name, pool.Family, pool.Action, pool.Reason}
		pools = append(pools, event)
		if pool.Action == WouldCreate || pool.Action == WouldUpdate {
			writes = append(writes, event)
		}
	}
	r.tellOf(Event{Kind: EventPlanned, Pools: pools})
	if !dryRun && len(writes) > 0 {
		r.tellOf(Event{Kind: EventWriting, Pools: writes})
	}
}

// tellOfWritten tells of the steps that are done and were not told of.
func (r *runner) tellOfWritten(steps []Step) {
	if r.observe == nil {
		return
	}
	var pools []PoolEvent
	for _, step := range steps {
		if !r.toldOf[step.Name] {
			r.toldOf[step.Name] = true
			pools = append(pools, PoolEvent{step.Name, step.Family, step.Action, step.Reason})
		}
	}
	if len(pools) > 0 {
		r.tellOf(Event{Kind: EventWritten, Pools: pools})
	}
}
