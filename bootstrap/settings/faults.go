package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Fault is a fault of a setting.
type Fault struct {
	Source  origin.Origin // origin of the value; zero if there is no single one
	Value   string        // the invalid value; empty if it is unset or secret
	Secret  bool          // the value is set but must not be shown
	Problem string        // what is invalid and what is expected
	Kind    error         // ErrNoDatastore; nil for every other fault
}

// Unwrap returns Kind.
func (f Fault) Unwrap() error { return f.Kind }

// Error returns one line: origin, value, problem.
func (f Fault) Error() string {
	var parts []string
	if f.Source != (origin.Origin{}) {
		parts = append(parts, f.Source.String())
	}
	switch {
	case f.Secret:
		parts = append(parts, text.Hidden)
	case f.Value != "":
		parts = append(parts, Given(f.Value, f.Source).shown())
	}
	return strings.Join(append(parts, text.Clip(text.OneLine(f.Problem), text.MaxProblem)), ": ")
}

// Error lists all faults of the settings. It matches ErrInvalidSettings with errors.Is.
type Error struct {
	Faults []Fault // at least one
}

// Error returns one line per fault, up to a limit: see Unwrap.
func (e *Error) Error() string { return text.Lines(e.Unwrap()) }

// Unwrap returns the faults. Of more than 500, or of more than 256 KiB of text, it returns
// the first ones, and an error that counts the others.
func (e *Error) Unwrap() []error { return text.Errors(e.Faults) }

// Is reports whether target is ErrInvalidSettings.
func (e *Error) Is(target error) bool { return target == ErrInvalidSettings }

// Faults collects faults of settings. The zero value is empty and ready to use.
type Faults []Fault

// Add adds a fault of a setting. The format describes what is invalid and what is
// expected. If the value may be a secret in the wrong place, the fault does not contain
// it, as with AddSecret. If the value is a template that was not rendered, the fault says so
// instead, once.
func (f *Faults) Add(setting Setting, format string, args ...any) {
	if f.addTemplate(setting) {
		return
	}
	fault := Fault{Source: setting.Source, Value: setting.Value, Problem: fmt.Sprintf(format, args...)}
	if hides(setting) {
		fault.Value, fault.Secret, fault.Problem = "", true, text.Without(fault.Problem, setting.Value)
		if kind := text.Secret(setting.Value); kind != "" {
			fault.Problem = "looks like " + kind + "; " + fault.Problem
		}
	}
	if hint := wrappingHint(setting.Value); hint != "" {
		fault.Problem += "; " + hint
	}
	*f = append(*f, fault)
}

// addTemplate adds the fault of a value that is a template, unless it is there already. It
// returns false for another value, and for one of a file, whose reader knows templates.
func (f *Faults) addTemplate(setting Setting) bool {
	isTemplate := text.Template(setting.Value) != ""
	if d, _ := definitionFor(setting); d.Secret {
		isTemplate = text.IsTemplate(setting.Value)
	}
	if !isTemplate || setting.Source.Kind() == origin.KindFile || strings.ContainsAny(setting.Value, "\r\n") {
		return false
	}
	fault := Fault{Source: setting.Source, Value: setting.Value, Problem: text.Unrendered}
	if hides(setting) {
		fault.Value, fault.Secret = "", true
	}
	if !slices.Contains(*f, fault) {
		*f = append(*f, fault)
	}
	return true
}

// CheckText checks a setting that may have any text, such as a password or a name. It adds a
// fault if the value is a template that was not rendered, and otherwise returns a warning of
// one line if characters at its ends are probably no part of it; empty: none. The warning
// does not contain the value.
func (f *Faults) CheckText(setting Setting) (warning string) {
	value := setting.Value
	switch {
	case !setting.IsSet(), f.addTemplate(setting):
		return ""
	case strings.HasSuffix(value, "\r"):
		return setting.Source.String() + " ends with a carriage return, which is used as a part of the value; remove it"
	case isQuoted(value) && setting.Source.Kind() != origin.KindFile: // a file's own quotes are gone
		return setting.Source.String() + " has quotes around it, which are used as a part of the value; remove them"
	}
	return ""
}

// wrappingHint returns how to remove characters around a value that are probably no part
// of it: an env file that was not unquoted, or one with the line ends of Windows.
func wrappingHint(value string) string {
	trimmed := strings.TrimSpace(value)
	switch {
	case isQuoted(value):
		return "remove the quotes around it"
	case strings.HasSuffix(value, "\r"):
		return "remove the carriage return at its end"
	case trimmed != value:
		return "remove the white space around it"
	}
	return ""
}

// isQuoted reports whether a pair of quotes is around the value, and perhaps white space.
func isQuoted(value string) bool {
	value = strings.TrimSpace(value)
	return len(value) >= 2 && value[0] == value[len(value)-1] && (value[0] == '"' || value[0] == '\'')
}

// isOnlyQuotes reports whether the value has quotes, and perhaps white space, but nothing
// else: an empty value of an env file that was not unquoted. It is no secret.
func isOnlyQuotes(value string) bool {
	return strings.ContainsAny(value, `"'`) && strings.Trim(value, "\"' \t\r\n") == ""
}

// AddSecret is Add for a setting whose value must not be shown. The fault does not
// contain the value, unless it consists of quotes.
func (f *Faults) AddSecret(setting Setting, format string, args ...any) {
	switch {
	case f.addTemplate(setting):
		return
	case isOnlyQuotes(setting.Value):
		f.Add(setting, format, args...)
		return
	}
	*f = append(*f, Fault{Source: setting.Source, Secret: setting.IsSet(), Problem: text.Without(fmt.Sprintf(format, args...), setting.Value)})
}

// addWarnings adds warnings as faults because of the strict setting.
func (f *Faults) addWarnings(strict Setting, warnings []string) {
	for _, warning := range warnings {
		f.Add(Setting{}, "%s", text.Strict(warning, strict.Source.String()))
	}
}

// Err returns an *Error, or nil if there are no faults.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return &Error{Faults: f}
}
