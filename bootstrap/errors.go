package bootstrap

import (
	"errors"
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
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
	return errors.Join(e.Unwrap()...).Error()
}

// Unwrap returns Err, and an error for each pool that was written: the lines of Error.
func (e *PartialError) Unwrap() []error {
	errs := []error{e.Err}
	for _, name := range e.Created {
		errs = append(errs, &keptError{name, plan.Created})
	}
	for _, name := range e.Updated {
		errs = append(errs, &keptError{name, plan.Updated})
	}
	return errs
}

// keptError is about a pool that was written, and stays, beside an error.
type keptError struct {
	name   string
	action plan.Action
}

func (e *keptError) Error() string {
	return fmt.Sprintf("IPPool %q was %s and not rolled back", e.name, e.action)
}

// planChangedError is a conflict that another attempt doesn't resolve: the plan that
// was agreed to is another one now.
type planChangedError struct{ how string }

func (e *planChangedError) Error() string { return "the plan is outdated: " + e.how }

func (e *planChangedError) Is(target error) bool { return target == datastore.ErrConflict }
