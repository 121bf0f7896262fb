package text

import (
	"regexp"
	"strings"
	"sync"
)

// Unrendered is the problem of a value that is or contains a template.
const Unrendered = "is a template, which must be rendered first"

var (
	templates = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\{\{.*?\}\}|\{%.*?%\}|\$\{[^}]*\}|\$\([^)]*\)|\$[A-Z][A-Z0-9_]*\b|__[A-Z][A-Z0-9_]*__|^__\w+__$|<no value>|<[A-Za-z_][\w .-]*>`)
	})
	wholeTemplate = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\s*(\{\{.*\}\}|\{%.*%\}|\$\{\w+\}|\$\(\w+\)|__\w+__|<[A-Za-z_][\w .-]*>)\s*$`)
	})
)

// Template returns the first placeholder of a template in a value, such as {{ x }}, ${X},
// $(X), $X, __X__ or <x>; empty: none. It is the text that Helm, Jinja, shells, manifests and
// people leave for a value.
func Template(value string) string {
	if !strings.ContainsAny(value, "{$<_") {
		return ""
	}
	return templates().FindString(value)
}

// IsTemplate reports whether all of a value is a placeholder. Only such a secret is one: it
// may contain any character.
func IsTemplate(value string) bool {
	return strings.ContainsAny(value, "{$<_") && wholeTemplate().MatchString(value)
}
