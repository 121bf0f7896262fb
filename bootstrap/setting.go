package bootstrap

// Source is the place that a value came from, as a message names it:
// "flag --x", "env X", "file F", "default".
type Source string

// SourceDefault is the source of a value that nobody gave.
const SourceDefault Source = "default"

// SourceEnv returns the source of a value from an environment variable.
func SourceEnv(name string) Source { return Source("env " + name) }

// SourceFlag returns the source of a value from a flag.
func SourceFlag(name string) Source { return Source("flag --" + name) }

// Setting is one setting as it was given: a text, and where it came from. The
// text is not judged yet. The zero Setting, and any with an empty text, is
// unset: its default applies.
type Setting struct {
	Value  string // as it was given; empty: it was not
	Source Source // the place that it was given in
}

// Given returns a Setting; source is what messages call its place.
func Given(value string, source Source) Setting { return Setting{Value: value, Source: source} }

// IsSet reports whether the setting was given.
func (s Setting) IsSet() bool { return s.Value != "" }

// Set stores the text as it is. It makes envconfig (envconfig.Setter) hand
// over every variable unread, so that all reading of values happens in one
// place, with our words for what is wrong.
func (s *Setting) Set(value string) error {
	s.Value = value
	return nil
}
