package settings

import (
	"flag"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// AddFlags adds a flag for every setting to the flag set. Parsing the flags sets the
// fields of s without validating them, so that Resolve can report all faults at once. A
// pflag set can add the flags with AddGoFlagSet.
func (s *Settings) AddFlags(flags *flag.FlagSet) {
	for _, d := range definitions() {
		words := ""
		if !d.Bool && d.Words != nil {
			words = "; one of " + d.Accepted
		}
		flags.Var(&flagValue{definition: d, setting: d.Of(s)}, d.Flag, d.Usage+words+" ("+d.Env+")")
	}
}

// flagValue is a flag.Value that sets a Setting with the origin of the flag.
type flagValue struct {
	definition Definition
	setting    *Setting
}

// String returns the default for the help text. Secrets have none. Package flag also
// calls it on a zero flagValue.
func (f *flagValue) String() string { return f.definition.Default }

func (f *flagValue) Set(value string) error {
	if f.definition.List && f.setting.IsSet() {
		value = f.setting.Value + "," + value
	}
	*f.setting = Given(value, origin.Flag(f.definition.Flag))
	return nil
}

// IsBoolFlag reports whether the flag without a value means true.
func (f *flagValue) IsBoolFlag() bool { return f.definition.Bool }

// Type returns the type that pflag shows in the help text.
func (f *flagValue) Type() string {
	switch {
	case f.definition.Bool:
		return "bool"
	case f.definition.File:
		return "file"
	default:
		return "value" // of "string", pflag would quote the default
	}
}
