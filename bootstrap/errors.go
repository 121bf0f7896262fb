package bootstrap

import (
	"errors"
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
)

// ErrTimedOut is returned when the timeout of the run expires. The returned error
// also wraps the last error that caused a retry.
var ErrTimedOut = errors.New("timed out")

// PartialError is the error of a run that wrote some of its pools: on a datastore
// without transactions, or with more pools than fit into one. The written pools are
// not rolled back. Created and Updated hold at least one name together.
type PartialError struct {
	Created []string // names of the created pools, in plan order
	Updated []string // names of the updated pools, in plan order
	Err     error    // why the run failed
}

// Error returns the text of Err, and one line per written pool.
func (e *PartialError) Error() string {
	text := e.Err.Error()
	for _, name := range e.Created {
		text += fmt.Sprintf("\nIPPool %q was created and not rolled back", name)
	}
	for _, name := range e.Updated {
		text += fmt.Sprintf("\nIPPool %q was updated and not rolled back", name)
	}
	return text
}

// Unwrap returns the error.
func (e *PartialError) Unwrap() error { return e.Err }

// planChangedError is a conflict that a retry doesn't resolve: the plan to apply is
// outdated.
type planChangedError struct{ how string }

func (e *planChangedError) Error() string { return "the plan is outdated: " + e.how }

func (e *planChangedError) Is(target error) bool { return target == datastore.ErrConflict }
