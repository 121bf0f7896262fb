package preflight

// Mode says what is done with findings. The zero value is Warn.
type Mode string

// What can be done with findings.
const (
	Warn   Mode = "warn"
	Strict Mode = "strict" // ErrFindings, and nothing is written
	Off    Mode = "off"    // nothing is looked for
)

// Modes returns every mode, the default one first.
func Modes() []Mode { return []Mode{Warn, Strict, Off} }
