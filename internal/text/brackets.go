package text

import (
	"net/netip"
	"strconv"
	"strings"
)

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

// Bracket returns a host, with or without a port, with brackets around its IPv6 address, as
// in [fd00::1]:443. It returns false if it is none, has brackets, or has a zone. In
// fd00::1:443, which is an address as well, 443 is taken for the port.
func Bracket(host string) (string, bool) {
	isIPv6 := func(text string) bool {
		address, err := netip.ParseAddr(text)
		return err == nil && address.Is6() && address.Zone() == ""
	}
	if i := strings.LastIndexByte(host, ':'); i > 0 {
		port, err := strconv.ParseUint(host[i+1:], 10, 16)
		if err == nil && port > 0 && isIPv6(host[:i]) {
			return "[" + host[:i] + "]" + host[i:], true
		}
	}
	return "[" + host + "]", isIPv6(host)
}
