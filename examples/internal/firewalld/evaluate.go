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

// State is whether an opening is one.
type State string

// The states.
const (
	Open    State = "open"
	Limited State = "limited" // open for some only: a rich rule with a source, a destination or a rate lets them in, or keeps others out
	Missing State = "missing"
)

// Judgement is the state of an opening, and what made it so.
type Result struct {
	State State
	By    string // "service bgp"; empty: nothing lets it in
}

// Judge tells what becomes of an opening's packets, in each family that it has.
// The worst family counts.
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

// packet is what an opening is for, in one family.
type packet struct {
	firewall.Opening
	family ippool.Family
}

// verdict is what a part of the rules says. The zero value leaves the packet to
// the next part.
type verdict struct {
	accepted, refused bool
	some              bool // for some only: the others go on to the next part
	by                string
}

func (v verdict) final() bool { return v.accepted || v.refused }

// verdicts are those of the parts that a packet passes, in this order.
type verdicts []verdict

// judge is what becomes of the packets. The last verdict is final for all.
func (all verdicts) evaluate() Result {
	var in, out string // what lets some in, and keeps some out
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

// judge goes the way of a packet: policies, the zone, policies, and the zone's
// target for what is left.
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
	default: // of a zone, the next is nothing; of a policy, whatever comes behind it
		return verdict{}
	}
}

// through are the verdicts of a zone's or a policy's rules, in firewalld's
// order: rich rules below priority 0, those at 0 that keep out, what lets in,
// rich rules above 0.
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

// stage is the order of rules with priority 0.
func stage(rule richRule) int {
	if rule.action == "accept" {
		return 1
	}
	return 0
}

// admits returns which of the plain rules lets the packet in.
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

// rich is a rule's verdict.
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

// serves reports whether the packet is the service's, or that of a service that
// it includes.
func (c Configuration) serves(name string, p packet, seen []string) bool {
	service := c.Services[name]
	if len(service.Destinations) > 0 { // only to an address, which nobody here knows to be the host's
		return false
	}
	return slices.ContainsFunc(service.Ports, p.isPort) ||
		slices.ContainsFunc(service.Protocols, p.isProtocol) ||
		slices.ContainsFunc(service.Includes, func(included string) bool {
			return !slices.Contains(seen, included) && c.serves(included, p, append(seen, name))
		})
}

func familyWord(family ippool.Family) string { return fmt.Sprintf("ipv%d", family) }

// isPort reports whether the opening is a port, and this port or in this range.
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

// isProtocol reports whether the protocol is the opening's, or the one that its
// port belongs to: who lets in all of TCP lets in 179/tcp.
func (p packet) isProtocol(name string) bool {
	number := protocolNumber(name)
	if _, protocol, isPort := strings.Cut(p.Port, "/"); isPort {
		return number == protocolNumber(protocol)
	}
	return number == p.Protocol
}

// protocolNumber is the number behind a name of /etc/protocols that matters
// here. Its ipip is 94, not IP-in-IP.
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
