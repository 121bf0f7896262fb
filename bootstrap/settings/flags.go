package settings

import (
	"flag"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// AddFlags adds a flag for every setting to the flag set. Parsing it fills in
// settings; values are not judged then, so that all that is wrong can be told
// at once later. A pflag set takes the flags with AddGoFlagSet.
func (s *Settings) AddFlags(flags *flag.FlagSet) {
	for _, d := range definitions() {
		words := ""
		if !d.Bool && d.Words != nil {
			words = "; one of " + d.Accepted
		}
		flags.Var(&flagValue{definition: d, setting: d.Of(s)}, d.Flag, d.Usage+words+" ("+d.Env+")")
	}
}

// flagValue stores what a flag was given, and that it came from the flag.
type flagValue struct {
	definition Definition
	setting    *Setting
}

// String returns the default that help shows. Secrets have none, and package
// flag also calls it on a zero flagValue.
func (f *flagValue) String() string { return f.definition.Default }

func (f *flagValue) Set(value string) error {
	if f.definition.List && f.setting.IsSet() {
		value = f.setting.Value + "," + value
	}
	*f.setting = Given(value, origin.Flag(f.definition.Flag))
	return nil
}

// IsBoolFlag lets a boolean flag stand alone for true.
func (f *flagValue) IsBoolFlag() bool { return f.definition.Bool }

// Type is the word that pflag shows in help for the value.
func (f *flagValue) Type() string {
	if f.definition.Bool {
		return "bool"
	}
	return "string"
}
