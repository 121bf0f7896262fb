package preflight

// Mode determines how findings are handled. The zero value means Warn.
type Mode string

// The modes.
const (
	Warn   Mode = "warn"   // report findings
	Strict Mode = "strict" // return ErrFindings, write nothing
	Off    Mode = "off"    // skip the checks
)

// Modes returns every mode, the default first.
func Modes() []Mode { return []Mode{Warn, Strict, Off} }
