package firewalld

import (
	"strconv"
	"strings"
)

// richRule is the relevant part of a rich rule, see firewalld.richlanguage(5).
type richRule struct {
	text     string
	priority int
	family   string // "ipv4", "ipv6"; empty: both

	// The element, at most one of the four. None: all packets.
	service, protocol string
	port              Port
	other             bool // an element that no opening has, such as an ICMP type

	source, destination string // addresses that the rule is limited to
	inverted            bool   // the rule applies to all other addresses

	action  string // "accept", "reject", "drop"; empty: no final action
	limited bool   // for some senders, addresses of this host or rates only
}

// readRichRule parses a rule in the form that firewalld returns: a sequence of words
// and attributes. It ignores the attributes of actions and of logging.
func readRichRule(text string) richRule {
	rule := richRule{text: text}
	element := ""
	logging := false
	for _, word := range splitWords(text) {
		name, value, isAttribute := strings.Cut(word, "=")
		if !isAttribute {
			switch word {
			case "NOT", "not":
				rule.inverted, rule.limited = true, true
			case "accept", "reject", "drop":
				rule.action, logging = word, false
			case "mark":
				logging = false
			case "log", "nflog", "audit":
				logging = true
			case "limit": // of logging or of the action
				rule.limited = rule.limited || !logging
			case "icmp-block", "icmp-type", "masquerade", "forward-port", "source-port", "tcp-mss-clamp":
				rule.other = true
			}
			element = word
			continue
		}
		switch element + " " + name {
		case "rule priority":
			rule.priority, _ = strconv.Atoi(value)
		case "rule family":
			rule.family = value
		case "source address":
			rule.source = value
			rule.limited = rule.limited || !everywhere(value)
		case "destination address":
			rule.destination = value
			rule.limited = rule.limited || !everywhere(value)
		case "source mac", "source ipset", "destination ipset":
			rule.limited = true
		case "service name":
			rule.service = value
		case "protocol value":
			rule.protocol = value
		case "port port":
			rule.port.Range = value
		case "port protocol":
			rule.port.Protocol = value
		}
	}
	return rule
}

// everywhere reports whether a range contains every address of its family.
func everywhere(address string) bool { return strings.HasSuffix(address, "/0") }

// splitWords splits the text at spaces outside quotes, and removes the quotes.
func splitWords(text string) []string {
	var (
		words  []string
		word   strings.Builder
		quoted bool
	)
	for _, r := range text + " " {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ' ' && !quoted:
			if word.Len() > 0 {
				words = append(words, word.String())
			}
			word.Reset()
		default:
			word.WriteRune(r)
		}
	}
	return words
}
