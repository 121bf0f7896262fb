package firewalld

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/firewall"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// State is the state of an opening.
type State string

// The states.
const (
	Open    State = "open"
	Limited State = "limited" // open for some packets only: a rich rule with a source, a destination or a rate accepts them, or rejects others
	Missing State = "missing"
)

// Result is the state of an opening, and its reason.
type Result struct {
	State State
	By    string // the rule that decides, such as "service bgp"; empty: no rule accepts it
}

// Evaluate returns the state of an opening: the worst of its address families.
func (c Configuration) Evaluate(opening firewall.Opening) Result {
	if c.Shut != "" {
		return Result{Missing, c.Shut}
	}
	results := make([]Result, len(opening.Families))
	worst := 0
	for i, family := range opening.Families {
		results[i] = c.evaluate(packet{opening, family})
		if worse(results[i].State, results[worst].State) {
			worst = i
		}
	}
	result := results[worst]
	if result.State != Open && slices.ContainsFunc(results, func(j Result) bool { return j != result }) {
		result.By = strings.TrimSuffix(fmt.Sprintf("%s: %s", opening.Families[worst], result.By), ": ")
	}
	return result
}

func worse(a, b State) bool {
	order := []State{Open, Limited, Missing}
	return slices.Index(order, a) > slices.Index(order, b)
}

// packet is an opening in one address family.
type packet struct {
	firewall.Opening
	family ippool.Family
}

// verdict is the decision of a part of the rules. The zero value means that the next
// part decides.
type verdict struct {
	accepted, refused bool
	some              bool // applies to some packets only; the next part decides on others
	by                string
}

func (v verdict) final() bool { return v.accepted || v.refused }

// verdicts are the decisions of the parts that a packet passes, in order.
type verdicts []verdict

// evaluate combines the verdicts. The last one must be final.
func (all verdicts) evaluate() Result {
	var in, out string // rules that accept some packets, and that reject some
	for _, part := range all {
		switch {
		case part.some && part.accepted:
			in = cmp.Or(in, part.by)
		case part.some:
			out = cmp.Or(out, part.by)
		case part.accepted && out != "":
			return Result{Limited, out}
		case part.accepted:
			return Result{Open, part.by}
		case part.refused && in != "":
			return Result{Limited, in}
		case part.refused:
			return Result{Missing, part.by}
		}
	}
	return Result{State: Missing}
}

// evaluate follows a packet through policies, the zone, more policies, and the
// zone's target.
func (c Configuration) evaluate(p packet) Result {
	var parts verdicts
	policies := func(before bool) {
		for _, policy := range c.Policies {
			if before != (policy.Priority < 0) {
				continue
			}
			for _, v := range c.through(policy.Rules, p) {
				v.by = fmt.Sprintf("policy %s: %s", policy.Name, v.by)
				parts = append(parts, v)
			}
			parts = append(parts, target(policy.Rules.Target, "policy "+policy.Name))
		}
	}
	policies(true)
	parts = append(parts, c.through(c.Zone, p)...)
	policies(false)
	last := target(c.Zone.Target, "the zone")
	if !last.final() {
		last = verdict{refused: true}
	}
	return append(parts, last).evaluate()
}

func target(name, of string) verdict {
	by := fmt.Sprintf("%s's target %s", of, strings.Trim(name, "%"))
	switch name {
	case "ACCEPT":
		return verdict{accepted: true, by: by}
	case "DROP", "REJECT", "%%REJECT%%":
		return verdict{refused: true, by: by}
	default: // the next part decides; after a zone there is none
		return verdict{}
	}
}

// through returns the verdicts of a zone's or a policy's rules, in firewalld's order:
// rich rules below priority 0, those at 0 that reject, then ports, protocols,
// services and the other rich rules at 0, then rich rules above 0.
func (c Configuration) through(rules Rules, p packet) []verdict {
	rich := make([]richRule, len(rules.Rich))
	for i, text := range rules.Rich {
		rich[i] = readRichRule(text)
	}
	slices.SortStableFunc(rich, func(a, b richRule) int {
		if order := cmp.Compare(a.priority, b.priority); order != 0 || a.priority != 0 {
			return order
		}
		return cmp.Compare(stage(a), stage(b))
	})
	var verdicts []verdict
	plain := func() {
		if by := c.admits(rules, p); by != "" {
			verdicts = append(verdicts, verdict{accepted: true, by: by})
		}
	}
	plainDone := false
	for _, rule := range rich {
		if !plainDone && (rule.priority > 0 || rule.priority == 0 && rule.action == "accept") {
			plain()
			plainDone = true
		}
		if v := c.rich(rule, p); v != (verdict{}) {
			verdicts = append(verdicts, v)
		}
	}
	if !plainDone {
		plain()
	}
	return verdicts
}

// stage returns the order of rules with priority 0.
func stage(rule richRule) int {
	if rule.action == "accept" {
		return 1
	}
	return 0
}

// admits returns the port, protocol or service that accepts the packet, or an empty
// string.
func (c Configuration) admits(rules Rules, p packet) string {
	for _, port := range rules.Ports {
		if p.isPort(port) {
			return "port " + port.String()
		}
	}
	for _, protocol := range rules.Protocols {
		if p.isProtocol(protocol) {
			return "protocol " + protocol
		}
	}
	for _, service := range rules.Services {
		if c.serves(service, p, nil) {
			return "service " + service
		}
	}
	return ""
}

// rich returns the verdict of a rich rule.
func (c Configuration) rich(rule richRule, p packet) verdict {
	about := rule.service == "" && rule.protocol == "" && rule.port == (Port{}) ||
		rule.service != "" && c.serves(rule.service, p, nil) ||
		rule.protocol != "" && p.isProtocol(rule.protocol) ||
		rule.port != (Port{}) && p.isPort(rule.port)
	ofFamily := rule.family == "" || rule.family == familyWord(p.family)
	if rule.other || !about || !ofFamily {
		return verdict{}
	}
	if rule.action == "" {
		return verdict{}
	}
	accept := rule.action == "accept"
	return verdict{accepted: accept, refused: !accept, some: rule.limited, by: "rich rule '" + rule.text + "'"}
}

// serves reports whether the service, or one that it includes, has the packet.
func (c Configuration) serves(name string, p packet, seen []string) bool {
	service := c.Services[name]
	if len(service.Destinations) > 0 { // only for an address, which may not be the host's
		return false
	}
	return slices.ContainsFunc(service.Ports, p.isPort) ||
		slices.ContainsFunc(service.Protocols, p.isProtocol) ||
		slices.ContainsFunc(service.Includes, func(included string) bool {
			return !slices.Contains(seen, included) && c.serves(included, p, append(seen, name))
		})
}

func familyWord(family ippool.Family) string { return fmt.Sprintf("ipv%d", family) }

// isPort reports whether the opening is a port within the port range.
func (p packet) isPort(port Port) bool {
	number, protocol, isPort := strings.Cut(p.Port, "/")
	if !isPort || protocol != port.Protocol {
		return false
	}
	open, err := strconv.Atoi(number)
	if err != nil {
		return false
	}
	low, high, isRange := strings.Cut(port.Range, "-")
	if !isRange {
		high = low
	}
	first, err1 := strconv.Atoi(low)
	last, err2 := strconv.Atoi(high)
	return err1 == nil && err2 == nil && first <= open && open <= last
}

// isProtocol reports whether the protocol is that of the opening or of its port: a
// rule for TCP includes 179/tcp.
func (p packet) isProtocol(name string) bool {
	number := protocolNumber(name)
	if _, protocol, isPort := strings.Cut(p.Port, "/"); isPort {
		return number == protocolNumber(protocol)
	}
	return number == p.Protocol
}

// protocolNumber returns the number of a name in /etc/protocols that is relevant
// here. The name ipip is 94, which is not IP-in-IP.
func protocolNumber(name string) string {
	switch strings.ToLower(name) {
	case "ipencap", "ip-encap":
		return "4"
	case "tcp":
		return "6"
	case "udp":
		return "17"
	default:
		return name
	}
}
