package settings

import (
	"fmt"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Fault is one thing that is wrong with the settings.
type Fault struct {
	Source  origin.Origin // the place of the value; empty: no single place
	Value   string        // as it was given; empty: none was, or it is secret
	Secret  bool          // a value was given that must not be shown
	Problem string        // what is wrong, and what would be right
}

// Error returns one line: place, value, what is wrong, what would be right.
func (f Fault) Error() string {
	var parts []string
	if f.Source != (origin.Origin{}) {
		parts = append(parts, text.OneLine(f.Source.String()))
	}
	switch {
	case f.Secret:
		parts = append(parts, "***")
	case f.Value != "":
		parts = append(parts, text.Quote(f.Value))
	}
	return strings.Join(append(parts, text.Clip(text.OneLine(f.Problem), text.MaxProblem)), ": ")
}

// Error is everything that is wrong with the settings, found before
// anything was contacted. errors.Is takes it for ErrInvalidSettings.
type Error struct {
	Faults []Fault // at least one
}

// Error returns one line a fault.
func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, fault := range e.Faults {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults.
func (e *Error) Unwrap() []error {
	faults := make([]error, len(e.Faults))
	for i, fault := range e.Faults {
		faults[i] = fault
	}
	return faults
}

// Is makes an Error an ErrInvalidSettings.
func (e *Error) Is(target error) bool { return target == ErrInvalidSettings }

// Faults gathers what is wrong with settings.
type Faults []Fault

// Add notes that a setting is wrong. The words say what is wrong with its
// value and what would be right.
func (f *Faults) Add(setting Setting, format string, args ...any) {
	*f = append(*f, Fault{Source: setting.Source, Value: setting.Value, Problem: fmt.Sprintf(format, args...)})
}

// AddSecret is Add for a setting whose value must not be shown; the fault
// doesn't hold it.
func (f *Faults) AddSecret(setting Setting, format string, args ...any) {
	f.Add(Setting{Source: setting.Source}, format, args...)
	(*f)[len(*f)-1].Secret = setting.IsSet()
}

// addWarnings makes faults of warnings, as the strict setting wants it.
func (f *Faults) addWarnings(strict Setting, warnings []string) {
	for _, warning := range warnings {
		f.Add(Setting{}, "%s", text.Strict(warning, strict.Source.String()))
	}
}

// Err returns an *Error, or nil if nothing is wrong.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return &Error{Faults: f}
}
