package text

import (
	"regexp"
	"strings"
	"sync"
)

// Several reports whether a text has at least two URLs, or two hosts with ports, with commas,
// semicolons, bars or white space between them.
func Several(value string) bool {
	schemes, ports := 0, 0
	for _, part := range strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(",;| \t\r\n", c) }) {
		if strings.Contains(part, "://") {
			schemes++
		}
		if port().MatchString(part) {
			ports++
		}
	}
	return max(schemes, ports) > 1
}

var (
	port = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`:[0-9]+/?$`) })
	zone = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(\[[0-9a-fA-F]*:[0-9a-fA-F:.]*)%(?:25)?[A-Za-z][\w.-]*\]`)
	})
)

// HasZone reports whether a URL has an IPv6 address with a zone in brackets, such as
// [fe80::1%eth0].
func HasZone(url string) bool { return strings.Contains(url, "%") && zone().MatchString(url) }

// MayHavePassword reports whether a text in the place of a URL may have a password or a token:
// a user, an escaped character, a query or a fragment.
func MayHavePassword(url string) bool {
	if HasZone(url) {
		url = zone().ReplaceAllString(url, "${1}]")
	}
	return strings.ContainsAny(url, "@%?#")
}
