package bootstrap

import (
	"errors"
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// ErrTimedOut is returned when the timeout of the run expires. The returned error
// also wraps the last error that caused a retry.
var ErrTimedOut = errors.New("timed out")

// ErrStrict is returned with the setting Strict if a source of the cluster is present and
// can't be used, and the CIDR of a new pool depends on it. Nothing was written. The error
// has a line for each source.
var ErrStrict = errors.New("a source can't be used")

// strictError is a warning about a source that the setting Strict makes an error.
type strictError struct {
	warning string
	source  origin.Origin // of the setting
}

func (e *strictError) Error() string {
	return fmt.Sprintf("%s (an error because of %s)", e.warning, e.source)
}

func (e *strictError) Is(target error) bool { return target == ErrStrict }

// PartialError is the error of a run that wrote some of its pools, or may have: on a
// datastore without transactions, with more pools than fit into one, or if the response
// to a write was lost or malformed. The pools are not rolled back. Created, Updated and
// Unknown hold at least one name together.
type PartialError struct {
	Created []string // names of the created pools, in plan order
	Updated []string // names of the updated pools, in plan order
	Unknown []string // names of the pools that may have been written, in plan order; the next run finds out
	Err     error    // why the run failed
}

// Error returns the text of Err, and one line per pool.
func (e *PartialError) Error() string {
	if errs := e.Unwrap(); len(errs) > 0 {
		return errors.Join(errs...).Error()
	}
	return "the run failed"
}

// Unwrap returns Err, and an error for each pool: the lines of Error.
func (e *PartialError) Unwrap() []error {
	var errs []error
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	for _, name := range e.Created {
		errs = append(errs, &keptError{name, "was created and not rolled back"})
	}
	for _, name := range e.Updated {
		errs = append(errs, &keptError{name, "was updated and not rolled back"})
	}
	for _, name := range e.Unknown {
		errs = append(errs, &keptError{name, "may have been written: there was no valid response"})
	}
	return errs
}

// keptError reports a pool that was written, or may have been, before the run failed.
type keptError struct{ name, what string }

func (e *keptError) Error() string { return fmt.Sprintf("IPPool %s %s", text.Quote(e.name), e.what) }

// planChangedError is a conflict that a retry doesn't resolve: the plan to apply is
// outdated.
type planChangedError struct{ how string }

func (e *planChangedError) Error() string { return "the plan is outdated: " + e.how }

func (e *planChangedError) Is(target error) bool { return target == datastore.ErrConflict }
