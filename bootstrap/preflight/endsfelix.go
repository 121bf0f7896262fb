package preflight

import (
	"errors"
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// ErrEndsFelix is returned if a run would end Felix on nodes and no setting allows it.
// Nothing was written. The error is an *EndsFelixError.
var ErrEndsFelix = errors.New("the run would end Felix")

// EndsFelixError lists the findings of a run that would end Felix, whatever the mode is. It
// matches ErrEndsFelix and ErrFindings with errors.Is.
type EndsFelixError struct {
	Findings []Finding // at least one

	// Names returns how the error names a setting; nil: its identity.
	Names origin.Names `json:"-"`
}

// Error returns one line per finding, and one with the remedy: see Unwrap.
func (e *EndsFelixError) Error() string { return text.Lines(e.Unwrap()) }

// Unwrap returns the findings, followed by an error with the remedy.
func (e *EndsFelixError) Unwrap() []error {
	return append(text.Errors(e.Findings), fmt.Errorf("nothing is written, because Felix would end: correct this, or allow it with %s",
		e.Names.With(origin.SettingAllow, string(e.Findings[0].Code))))
}

// Is reports whether target is ErrEndsFelix or ErrFindings.
func (e *EndsFelixError) Is(target error) bool {
	return target == ErrEndsFelix || target == ErrFindings
}
