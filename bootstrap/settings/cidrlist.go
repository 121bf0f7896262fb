package settings

import (
	"fmt"
	"iter"
	"net/netip"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// cidrs parses CIDRs separated by commas. It returns each valid one without host bits, with
// the setting to report a fault of it; accepted and what describe the list and a CIDR of it.
// Empty items are ignored: a template may have no value for one of the families.
func (c *Config) cidrs(setting Setting, accepted, what string, faults *Faults) iter.Seq2[Setting, netip.Prefix] {
	return func(yield func(Setting, netip.Prefix) bool) {
		if setting.IsSet() && (strings.Trim(setting.Value, ", \t") == "" || hides(setting)) { // a secret may have commas in it
			faults.Add(setting, "not a CIDR; must be %s", accepted)
			return
		}
		for item := range strings.SplitSeq(setting.Value, ",") {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			given := Given(item, setting.Source)
			prefix, err := ippool.ParseCIDR(item)
			if err != nil {
				faults.Add(given, "%v; must be %s", err, accepted)
				continue
			}
			masked := prefix.Masked()
			if masked != prefix {
				c.Warnings = append(c.Warnings, fmt.Sprintf(
					"%s: %s has host bits, which are ignored: the %s is %s", setting.Source, text.Quote(item), what, masked))
			}
			if !yield(given, masked) {
				return
			}
		}
	}
}
