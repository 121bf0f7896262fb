package bootstrap

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with the settings.
type Fault struct {
	Source  Source // the place of the value; empty: no single place
	Value   string // as it was given; empty: none was
	Secret  bool   // Value must not be printed
	Problem string // what is wrong, and what would be right
}

// maxQuoted is how much of a value a message quotes, in bytes.
const maxQuoted = 200

// Error returns one line: place, value, what is wrong, what would be right.
func (f Fault) Error() string {
	var parts []string
	if f.Source != "" {
		parts = append(parts, string(f.Source))
	}
	switch {
	case f.Secret && f.Value != "":
		parts = append(parts, "***")
	case len(f.Value) > maxQuoted:
		parts = append(parts, fmt.Sprintf("%q… (%d bytes)", f.Value[:maxQuoted], len(f.Value)))
	case f.Value != "":
		parts = append(parts, fmt.Sprintf("%q", f.Value))
	}
	return strings.Join(append(parts, oneLine(f.Problem)), ": ")
}

// SettingsError is everything that is wrong with the settings, found before
// anything was contacted. errors.Is takes it for ErrInvalidSettings.
type SettingsError struct {
	Faults []Fault // at least one
}

// Error returns one line a fault.
func (e *SettingsError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, fault := range e.Faults {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Is makes a SettingsError an ErrInvalidSettings.
func (e *SettingsError) Is(target error) bool { return target == ErrInvalidSettings }

// Faults gathers what is wrong with settings.
type Faults []Fault

// Add notes that a setting is wrong. The words say what is wrong with its
// value and what would be right.
func (f *Faults) Add(setting Setting, format string, args ...any) {
	*f = append(*f, Fault{Source: setting.Source, Value: setting.Value, Problem: fmt.Sprintf(format, args...)})
}

// AddSecret is Add for a setting whose value must not be printed.
func (f *Faults) AddSecret(setting Setting, format string, args ...any) {
	f.Add(setting, format, args...)
	(*f)[len(*f)-1].Secret = true
}

// Err returns a *SettingsError, or nil if nothing is wrong.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return &SettingsError{Faults: f}
}
