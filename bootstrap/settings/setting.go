package settings

import "github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"

// Setting is one setting as it was given: a text, and where it came from. The
// text is not validated yet. The zero Setting, and any with an empty text, is
// unset: its default applies.
type Setting struct {
	Value  string        // as it was given; empty: it was not
	Source origin.Origin // the place that it was given in
}

// Given returns a Setting; source is what messages call its place.
func Given(value string, source origin.Origin) Setting { return Setting{Value: value, Source: source} }

// IsSet reports whether the setting was given.
func (s Setting) IsSet() bool { return s.Value != "" }
