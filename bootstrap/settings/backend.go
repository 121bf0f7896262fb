package settings

import (
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// readBackend reads the networking backend. A variable is read as calico-node reads it: its
// start script compares CALICO_NETWORKING_BACKEND with vxlan and none, in lower case, and
// runs BIRD for any other value (node/filesystem/etc/rc.local). What it does not know is a
// warning there, because the variable is not one of this program.
func readBackend(setting Setting, config *Config, faults *Faults) facts.Backend {
	if !setting.IsSet() {
		return facts.Backend{}
	}
	if setting.Source.Kind() != origin.KindEnv {
		return facts.Backend{Kind: readWord(setting, "networking backend", facts.BackendKinds(), faults), Source: setting.Source}
	}
	kind := facts.BackendKind(setting.Value)
	if !slices.Contains(facts.BackendKinds(), kind) {
		kind = facts.BackendBIRD
		if !strings.EqualFold(setting.Value, string(kind)) {
			var unknown Faults
			unknown.Add(setting, "unknown networking backend, for which calico-node runs BIRD; must be one of %s, in lower case", text.Join(facts.BackendKinds()))
			config.Warnings = append(config.Warnings, unknown[0].Error())
		}
	}
	return facts.Backend{Kind: kind, Source: setting.Source}
}
