package bootstrap

import (
	"errors"
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
)

// ErrTimedOut comes when the time for the run is over. The error that was
// last in the way is wrapped with it.
var ErrTimedOut = errors.New("timed out")

// PartialError is an error beside which some pools were written all the same,
// on a datastore that can't promise all or nothing, or not for so many. They
// stay.
type PartialError struct {
	Created []string // the pools' names, in their order
	Updated []string // of the two, at least one name
	Err     error    // why there are not more
}

// Error returns the error, and a line for each pool that was written.
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

// planChangedError is a conflict that another attempt doesn't resolve: the plan that
// was agreed to is another one now.
type planChangedError struct{ how string }

func (e *planChangedError) Error() string { return "the plan is outdated: " + e.how }

func (e *planChangedError) Is(target error) bool { return target == datastore.ErrConflict }
