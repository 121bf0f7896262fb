package settings

import (
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// maxUnknownCodes is how many unknown codes are reported one by one.
const maxUnknownCodes = 10

// readAllow parses comma-separated finding codes, ignoring case. It returns each once.
func readAllow(setting Setting, faults *Faults) []preflight.FindingCode {
	var (
		allowed []preflight.FindingCode
		codes   = preflight.FindingCodes()
		unknown int
	)
	for given := range strings.SplitSeq(setting.Value, ",") {
		given = strings.TrimSpace(given)
		i := slices.IndexFunc(codes, func(code preflight.FindingCode) bool { return strings.EqualFold(string(code), given) })
		switch {
		case given == "":
		case i >= 0 && !slices.Contains(allowed, codes[i]):
			allowed = append(allowed, codes[i])
		case i < 0:
			if unknown++; unknown <= maxUnknownCodes {
				faults.Add(Given(given, setting.Source), "unknown finding code; must be one of %s", text.Join(codes))
			}
		}
	}
	if more := unknown - maxUnknownCodes; more > 0 {
		faults.Add(Setting{Source: setting.Source}, "%d more unknown finding codes", more)
	}
	return allowed
}
