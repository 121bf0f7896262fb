package settings

import (
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// readAllow parses comma-separated finding codes, ignoring case.
func readAllow(setting Setting, faults *Faults) []preflight.FindingCode {
	var allowed []preflight.FindingCode
	for _, given := range strings.Split(setting.Value, ",") {
		given = strings.TrimSpace(given)
		codes := preflight.FindingCodes()
		i := slices.IndexFunc(codes, func(code preflight.FindingCode) bool { return strings.EqualFold(string(code), given) })
		switch {
		case given == "":
		case i < 0:
			faults.Add(Given(given, setting.Source), "unknown finding code; must be one of %s", text.Join(codes))
		default:
			allowed = append(allowed, codes[i])
		}
	}
	return allowed
}
