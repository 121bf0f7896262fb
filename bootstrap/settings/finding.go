package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/internal/spelling"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// readAllow parses comma-separated finding codes, ignoring case. It returns each once.
func readAllow(setting Setting, faults *Faults) []preflight.FindingCode {
	var allowed []preflight.FindingCode
	codes, unknown := preflight.FindingCodes(), 0
	problem := fmt.Sprintf("unknown finding code; must be a code that a finding begins with, such as %s: docs/FINDINGS.md lists them, and plan shows those of a cluster", preflight.HostRouteOverlap)
	if hides(setting) { // with commas in it
		faults.Add(setting, "%s", problem)
		return nil
	}
	for given := range strings.SplitSeq(setting.Value, ",") {
		given = strings.TrimSpace(given)
		i := slices.IndexFunc(codes, func(code preflight.FindingCode) bool { return strings.EqualFold(string(code), given) })
		switch {
		case given == "":
		case i >= 0 && !slices.Contains(allowed, codes[i]):
			allowed = append(allowed, codes[i])
		case i < 0:
			if unknown++; unknown <= text.MaxNamed {
				valid := problem
				if meant := spelling.Suggest(given, words(codes...), nil); meant != "" {
					valid = "unknown finding code; did you mean " + meant + "?"
				}
				faults.Add(Given(given, setting.Source), "%s", valid)
			}
		}
	}
	if more := unknown - text.MaxNamed; more > 0 {
		faults.Add(Setting{Source: setting.Source}, "%d more unknown finding codes", more)
	}
	return allowed
}
