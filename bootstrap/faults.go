package bootstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Fault is one thing that is wrong with the settings.
type Fault struct {
	Source  Source // the place of the value; empty: no single place
	Value   string // as it was given; empty: none was, or it is secret
	Secret  bool   // a value was given that must not be shown
	Problem string // what is wrong, and what would be right
}

// How long the parts of a fault may get, in bytes, so that it stays a line that
// people read whatever the value holds.
const (
	maxQuoted  = 200
	maxProblem = 360
)

// Error returns one line: place, value, what is wrong, what would be right.
func (f Fault) Error() string {
	var parts []string
	if f.Source != "" {
		parts = append(parts, oneLine(string(f.Source)))
	}
	switch {
	case f.Secret:
		parts = append(parts, "***")
	case f.Value != "":
		parts = append(parts, quote(f.Value))
	}
	return strings.Join(append(parts, clip(oneLine(f.Problem), maxProblem)), ": ")
}

// quote returns the value in quotes: of a long one the beginning, and how long
// it is. What counts is the quoted text, in which a byte can take four.
func quote(value string) string {
	var text strings.Builder
	for i := 0; i < len(value); {
		_, size := utf8.DecodeRuneInString(value[i:])
		quoted := strconv.Quote(value[i : i+size])
		quoted = quoted[1 : len(quoted)-1]
		if text.Len()+len(quoted) > maxQuoted {
			return fmt.Sprintf("\"%s\"… (%d bytes)", text.String(), len(value))
		}
		text.WriteString(quoted)
		i += size
	}
	return `"` + text.String() + `"`
}

// clip cuts a text that is longer than max bytes, between two characters.
func clip(text string, max int) string {
	if len(text) <= max {
		return text
	}
	for max > 0 && !utf8.RuneStart(text[max]) {
		max--
	}
	return text[:max] + "…"
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

// AddSecret is Add for a setting whose value must not be shown; the fault
// doesn't hold it.
func (f *Faults) AddSecret(setting Setting, format string, args ...any) {
	f.Add(Setting{Source: setting.Source}, format, args...)
	(*f)[len(*f)-1].Secret = setting.IsSet()
}

// AddWarnings makes faults of warnings, as the strict setting wants it.
func (f *Faults) AddWarnings(strict Setting, warnings []string) {
	for _, warning := range warnings {
		*f = append(*f, Fault{Problem: fmt.Sprintf("%s (an error because of %s)", clip(oneLine(warning), maxProblem-100), strict.Source)})
	}
}

// AddUnreadable notes that the file that a setting names can't be read. The
// message has the reason without the path, which it quotes already.
func (f *Faults) AddUnreadable(setting Setting, err error, want string) {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	f.Add(setting, "can't be read: %v; want %s", err, want)
}

// AddUndecodable notes that what a setting names, or holds, is not the YAML or
// JSON of what it should be. The message has what the decoder found wrong
// without the values in it, which may be secrets, and quotes the setting only
// if it is a name.
func (f *Faults) AddUndecodable(setting Setting, err error, want string) {
	problem := fmt.Sprintf("not %s: %s", want, yamlProblem(err))
	if strings.Contains(setting.Value, "\n") {
		f.AddSecret(setting, "%s", problem)
		return
	}
	f.Add(setting, "%s", problem)
}

// valuesInYAMLErrors are the places where the YAML decoder quotes a value. The
// likeliest is the alias that an unquoted password with * in front looks like.
const valuesInYAMLErrors = "(unknown anchor )'[^']*'|(invalid map key: ).*|`.*"

// yamlProblem is what the decoder finds wrong, without the values in it, which
// may be secrets, and without the steps of decoding in front, which differ from
// one version of the decoder to the next.
func yamlProblem(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	text := strings.TrimPrefix(err.Error(), "while decoding JSON: ")
	return regexp.MustCompile(valuesInYAMLErrors).ReplaceAllString(text, "$1$2***")
}

// Err returns a *SettingsError, or nil if nothing is wrong.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return &SettingsError{Faults: f}
}
