package settings

import "github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"

// Setting is the unparsed text of a setting and its origin. A Setting with an empty
// text, such as the zero Setting, is unset: its default applies.
type Setting struct {
	Value  string        // text of the value; empty: unset
	Source origin.Origin // where the value comes from
}

// Given returns a Setting with a value and its origin, which messages show.
func Given(value string, source origin.Origin) Setting { return Setting{Value: value, Source: source} }

// IsSet reports whether the setting has a value.
func (s Setting) IsSet() bool { return s.Value != "" }

// Unreadable reports whether a file has the setting with a value that can't be read, which is
// an error of the file. The setting is unset then, but not missing.
func (s Setting) Unreadable() bool { return !s.IsSet() && s.Source.Kind() == origin.KindFile }
