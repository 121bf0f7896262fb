package text

import "strings"

// Unbracket removes brackets around a host that is not an IPv6 address, as in
// https://[10.0.0.1]:443, which Go no longer accepts. It reports whether there were any.
func Unbracket(url string) (string, bool) {
	var b strings.Builder
	found := false
	for {
		before, rest, open := strings.Cut(url, "[")
		host, after, closed := strings.Cut(rest, "]")
		if !open || !closed {
			b.WriteString(url)
			return b.String(), found
		}
		b.WriteString(before)
		if host == "" || strings.ContainsAny(host, ":[,/@") {
			b.WriteString("[" + host + "]")
		} else {
			b.WriteString(host)
			found = true
		}
		url = after
	}
}
