package bootstrap

import (
	"errors"
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
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

// keptError reports a pool that was written before the run failed and is not rolled
// back.
type keptError struct {
	name   string
	action plan.Action
}

func (e *keptError) Error() string {
	return fmt.Sprintf("IPPool %s was %s and not rolled back", text.Quote(e.name), e.action)
}

// planChangedError is a conflict that a retry doesn't resolve: the plan to apply is
// outdated.
type planChangedError struct{ how string }

func (e *planChangedError) Error() string { return "the plan is outdated: " + e.how }

func (e *planChangedError) Is(target error) bool { return target == datastore.ErrConflict }
