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

// looks are what secrets look like. Nearly no value needs one of them.
var looks = struct {
	pem, token, json, yaml, url, user, query func() *regexp.Regexp
}{
	pem:   pattern(`(?s)-----BEGIN .*?(-----END [^-]*-----|$)`),
	token: pattern(`\beyJ[\w-]{8,}(\.[\w-]*)*|(?i:\b(?:bearer|basic) +[\w.~+/=-]{8,})|\b[a-z0-9]{6}\.[a-z0-9]{16}\b`),
	json:  pattern(`^\s*(\{|\[\s*["{\[])|"\s*:\s*["{\[0-9tfn]`),
	yaml:  pattern(`(?m)^\s*(- )?["']?[A-Za-z][\w.-]*["']?:\s`),
	url:   pattern(`([\w+.-]+://)\S*@`),
	user:  pattern(`(^|[\s"'/])[^\s:/@"']+:[^\s/@"']+@`),
	query: pattern(`([?&;#]\w*(?i:token|password|passwd|secret|key|auth)\w*=)[^\s&"']+`),
}

// pattern compiles an expression when it is first used.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// Secret returns what a value seems to be that must not be shown where a path, a number,
// a word, a name or a URL belongs, such as "a PEM text". It returns an empty string for a
// value that may be shown.
func Secret(value string) string {
	value = strings.TrimRight(value, "\r\n") // a line break at the end is a mistake of another kind
	length := len(value)
	value = value[:min(length, maxValue)]
	switch {
	case value == "":
		return ""
	case strings.Contains(value, pemBegin):
		return "a PEM text"
	case strings.ContainsAny(value, `{["`) && looks.json().MatchString(value):
		return "a JSON text"
	case mayHaveToken(value) && looks.token().MatchString(value):
		return "a token"
	case strings.ContainsAny(value, "\r\n") && looks.yaml().MatchString(value+"\n"):
		return "a YAML text"
	case strings.ContainsAny(value, "\r\n"):
		return "a text of several lines"
	case strings.Contains(value, "://") && MayHavePassword(value), strings.Contains(value, "@") && looks.user().MatchString(value):
		return "a URL with a password or a token"
	case strings.ContainsAny(value, " \t") && looks.yaml().MatchString(value):
		return "a YAML text"
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }):
		return "a text with control characters"
	case redactRuns(value) != value:
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

var number = pattern(`^[-+]?\.?[0-9][\w.,+ /%-]*$`)

// Redact returns a message without the parts that look like secrets. Messages of
// libraries and servers may quote values.
func Redact(message string) string {
	if strings.Contains(message, pemBegin) {
		message = looks.pem().ReplaceAllLiteralString(message, Hidden)
	}
	if strings.Contains(message, "@") {
		message = looks.url().ReplaceAllString(message, "${1}"+Hidden+"@")
	}
	if mayHaveToken(message) {
		message = looks.token().ReplaceAllLiteralString(message, Hidden)
	}
	if strings.ContainsAny(message, "?&;#") && strings.Contains(message, "=") {
		message = looks.query().ReplaceAllString(message, "${1}"+Hidden)
	}
	return redactRuns(message)
}

// pemBegin begins a PEM text.
const pemBegin = "-----BEGIN "

// mayHaveToken avoids the pattern for most messages.
func mayHaveToken(message string) bool {
	for _, part := range []string{"eyJ", "earer ", "EARER ", "asic ", "ASIC "} {
		if strings.Contains(message, part) {
			return true
		}
	}
	for rest, found := message, true; found; { // a bootstrap token has 16 characters after the dot
		if _, rest, found = strings.Cut(rest, "."); found && len(rest) >= 16 && !strings.ContainsAny(rest[:16], " ./-:") {
			return true
		}
	}
	return false
}

// minRun is the minimum length of a key or a token without a form of its own, in bytes.
const minRun = 32

// redactRuns replaces the runs of the characters of base64 that are random.
func redactRuns(message string) string {
	var redacted strings.Builder
	done, begin := 0, 0
	for i := 0; i <= len(message); i++ {
		if i < len(message) && inBase64(message[i]) {
			continue
		}
		if i-begin >= minRun && isRandom(message[begin:i]) {
			redacted.WriteString(message[done:begin] + Hidden)
			done = i
		}
		begin = i + 1
	}
	if done == 0 {
		return message
	}
	return redacted.String() + message[done:]
}

func inBase64(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("+/_=-", c) >= 0
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
	return longest >= minRun && kinds[2] && (kinds[0] || kinds[1]) && 4*changes >= pairs
}

// quoted matches the quoted strings of a message.
var quoted = pattern(`"(?:[^"\\]|\\.)+"|'[^']+'`)

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
