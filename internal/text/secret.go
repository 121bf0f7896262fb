package text

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// Hidden is shown in place of a value that may be a secret.
const Hidden = "***"

// maxValue is the maximum length in bytes of a value that is shown. A longer one is
// not a path, a name, a word or a URL.
const maxValue = 4096

// patterns are what secrets look like.
type patterns struct {
	pem, token, json, yaml, url, user, query, run *regexp.Regexp
}

var looks = sync.OnceValue(func() patterns {
	return patterns{
		pem:   regexp.MustCompile(`(?s)-----BEGIN .*?(-----END [^-]*-----|$)`),
		token: regexp.MustCompile(`\beyJ[\w-]{8,}(\.[\w-]*)*|(?i:\b(?:bearer|basic) +[\w.~+/=-]{8,})|\b[a-z0-9]{6}\.[a-z0-9]{16}\b`),
		json:  regexp.MustCompile(`^\s*(\{|\[\s*["{\[])|"\s*:\s*["{\[0-9tfn]`),
		yaml:  regexp.MustCompile(`(?m)^\s*(- )?["']?[A-Za-z][\w.-]*["']?:\s`),
		url:   regexp.MustCompile(`([\w+.-]+://)\S*@`),
		user:  regexp.MustCompile(`(^|[\s"'/])[^\s:/@"']+:[^\s/@"']+@`),
		query: regexp.MustCompile(`([?&;#]\w*(?i:token|password|passwd|secret|key|auth)\w*=)[^\s&"']+`),
		run:   regexp.MustCompile(`[A-Za-z0-9+/_=-]{32,}`),
	}
})

// Secret returns what a value seems to be that must not be shown where a path, a number,
// a word, a name or a URL belongs, such as "a PEM text". It returns an empty string for a
// value that may be shown.
func Secret(value string) string {
	value = strings.TrimRight(value, "\r\n") // a line break at the end is a mistake of another kind
	length := len(value)
	value, p := value[:min(length, maxValue)], looks()
	switch {
	case value == "":
		return ""
	case p.pem.MatchString(value):
		return "a PEM text"
	case p.json.MatchString(value):
		return "a JSON text"
	case p.token.MatchString(value):
		return "a token"
	case strings.ContainsAny(value, "\r\n") && p.yaml.MatchString(value+"\n"):
		return "a YAML text"
	case strings.ContainsAny(value, "\r\n"):
		return "a text of several lines"
	case strings.Contains(value, "://") && strings.ContainsAny(value, "@%?#"), p.user.MatchString(value):
		return "a URL with a password or a token"
	case p.yaml.MatchString(value):
		return "a YAML text"
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }):
		return "a text with control characters"
	case p.run.MatchString(value) && redactRuns(value) != value:
		return "a key or a token"
	case length > maxValue:
		return "a long text"
	}
	return ""
}

// Shown returns the value, or *** if it may be a secret.
func Shown(value string) string {
	if Secret(value) != "" {
		return Hidden
	}
	return value
}

// IsNumber reports whether the value looks like a number, with or without a unit. Only
// such a value is shown where a number belongs.
func IsNumber(value string) bool {
	return len(value) <= 32 && number().MatchString(strings.Trim(value, " \t\r\n'\""))
}

var number = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[-+]?\.?[0-9][\w.,+ /%-]*$`) })

// Redact returns a message without the parts that look like secrets. Messages of
// libraries and servers may quote values.
func Redact(message string) string {
	p := looks()
	if strings.Contains(message, "-----BEGIN ") {
		message = p.pem.ReplaceAllLiteralString(message, Hidden)
	}
	if strings.Contains(message, "@") {
		message = p.url.ReplaceAllString(message, "${1}"+Hidden+"@")
	}
	message = p.token.ReplaceAllLiteralString(message, Hidden)
	message = p.query.ReplaceAllString(message, "${1}"+Hidden)
	return redactRuns(message)
}

func redactRuns(message string) string {
	return looks().run.ReplaceAllStringFunc(message, func(run string) string {
		if isRandom(run) {
			return Hidden
		}
		return run
	})
}

// isRandom reports whether a run of letters and digits is probably base64 or hex: capital
// letters, small letters and digits alternate too often for words, names and paths.
func isRandom(run string) bool {
	var pairs, changes, longest, length int
	var kinds [3]bool // small letters, capital letters, digits
	before := -1
	for _, c := range run {
		kind := -1
		switch {
		case 'a' <= c && c <= 'z':
			kind = 0
		case 'A' <= c && c <= 'Z':
			kind = 1
		case '0' <= c && c <= '9':
			kind = 2
		}
		if kind >= 0 {
			kinds[kind] = true
		}
		switch {
		case kind < 0 || before < 0:
			length = 0
		case kind != before:
			pairs++
			if before != 1 || kind != 0 { // not the beginning of a word in camel case
				changes++
			}
		default:
			pairs++
		}
		length++
		longest = max(longest, length)
		before = kind
	}
	if kinds[0] && kinds[1] && kinds[2] {
		return 5*changes >= pairs
	}
	// Hex and base32. A name may have shorter parts of them, as UUIDs do.
	return longest >= 32 && kinds[2] && (kinds[0] || kinds[1]) && 4*changes >= pairs
}

// quoted matches the quoted strings of a message.
var quoted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`"(?:[^"\\]|\\.)+"|'[^']+'`) })

// minQuoted is the minimum length in bytes of the part of a secret that Without removes. A
// shorter one is in the text of every message.
const minQuoted = 6

// Without returns a message without what it quotes of the value, which may be a secret.
func Without(message, value string) string {
	if len(value) < minQuoted {
		return message
	}
	message = strings.ReplaceAll(message, value, Hidden)
	return quoted().ReplaceAllStringFunc(message, func(part string) string {
		inner := strings.TrimSuffix(part[1:len(part)-1], "…")
		if unquoted, err := strconv.Unquote(`"` + inner + `"`); err == nil {
			inner = unquoted
		}
		if len(inner) >= minQuoted && strings.Contains(value, inner) {
			return Hidden
		}
		return part
	})
}
