package settings

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/spelling"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// unknownPrefixes are the prefixes of variables for pools, ours and calico-node's, and
// common misspellings of them.
var unknownPrefixes = []string{
	"CALICO_IPV4POOL_", "CALICO_IPV6POOL_", "CALICO_IPPOOLS_",
	"CALICO_IPV4_POOL_", "CALICO_IPV6_POOL_", "CALICO_IPPOOL_",
}

// ofService matches the variables that Kubernetes sets in pods for a Service, which may
// be named calico-ippools.
var ofService = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_[A-Z]+(_[A-Z]+)?)?)$`)
})

// unknownVariables returns the variables of the environment ("NAME=value") that have an
// unknownPrefix, ignoring case, but are not settings, sorted by name.
func unknownVariables(environ []string) []Setting {
	known := map[string]bool{}
	for _, d := range definitions() {
		known[d.Env] = true
	}
	var unknown []Setting
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		begins := func(prefix string) bool { return strings.HasPrefix(strings.ToUpper(name), prefix) }
		if value != "" && !known[name] && slices.ContainsFunc(unknownPrefixes, begins) && !ofService().MatchString(name) {
			unknown = append(unknown, Given(value, origin.Env(name)))
		}
	}
	slices.SortFunc(unknown, func(a, b Setting) int { return strings.Compare(a.Source.String(), b.Source.String()) })
	return unknown
}

// warnOfUnknown warns of unknown variables and suggests the closest setting.
func (s *Settings) warnOfUnknown(config *Config) {
	for _, unknown := range s.Unknown {
		name := unknown.Source.Name()
		value := unknown.shown()
		if mayBeSecret(name, unknown.Value) {
			value = text.Hidden
		}
		warning := fmt.Sprintf("%s: %s", unknown.Source, value)
		near, found := nearest(name)
		switch {
		case name == "CALICO_IPV6POOL_IPIP":
			warning += " has no effect: IP-in-IP does not carry IPv6; set " +
				VariableNames(origin.PoolSetting(ippool.IPv6, "vxlanMode")) + " to encapsulate it"
		case !found:
			warning += ": unknown setting, ignored"
		case near.Of(s).IsSet():
			warning += fmt.Sprintf(": unknown setting, ignored; %s, the closest one, is set too (%s)", near.Env, near.Of(s).Source)
		default:
			warning += fmt.Sprintf(": unknown setting, ignored; did you mean %s?", near.Env)
		}
		config.Warnings = append(config.Warnings, warning)
	}
}

// mayBeSecret reports whether an unknown variable may contain a secret, because of its
// name or because its value may be a URL with a password or a token.
func mayBeSecret(name, value string) bool {
	contains := func(word string) bool { return strings.Contains(strings.ToUpper(name), word) }
	return slices.ContainsFunc([]string{"PASSWORD", "SECRET", "TOKEN", "KEY"}, contains) || strings.ContainsAny(value, "@?#")
}

// nearest returns the setting whose variable is closest to the name, if any is close:
// the name is a prefix of it, or differs in a few letters.
func nearest(name string) (Definition, bool) {
	var (
		best  Definition
		least = -1
		given = letters(name)
	)
	for _, d := range definitions() {
		begins := func(prefix string) bool { return strings.HasPrefix(d.Env, prefix) }
		if !slices.ContainsFunc(unknownPrefixes, begins) {
			continue
		}
		want := letters(d.Env)
		away := spelling.Distance(given, want)
		if strings.HasPrefix(want, given) && len(given) >= len("CALICOIPV4POOL")+3 { // NAT for NAT_OUTGOING
			away = min(away, 1)
		}
		if away <= 1+len(given)/10 && (least < 0 || away < least) {
			best, least = d, away
		}
	}
	return best, least >= 0
}

// letters returns the name without the most common differences, case and underscores.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, name)
}

// warnOfIdle warns of settings of default pools that are skipped.
func (s *Settings) warnOfIdle(config *Config) {
	for _, pool := range config.Desired.Pools {
		if !pool.Default || pool.Skip == "" {
			continue
		}
		var idle []string
		for _, d := range poolDefinitions(pool.Family) {
			// A CIDR is the reason for skipping, or is reported as a contradiction.
			if setting := d.Of(s); setting.IsSet() && setting != &s.pool(pool.Family).CIDR {
				idle = append(idle, setting.String())
			}
		}
		if len(idle) > 0 {
			config.Warnings = append(config.Warnings, fmt.Sprintf("%s: no effect because there is no default %s pool: %s",
				strings.Join(idle, ", "), pool.Family, pool.Skip))
		}
	}
}
