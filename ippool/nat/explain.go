package nat

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Verdict is the answer to a question, with its reasons.
type Verdict struct {
	Source, Destination netip.Addr // as given
	Masqueraded         Answer     // as Decide answers
	As                  As         // what the source becomes; zero for No and for a Service
	Row                 int        // the row that decides, as in the package comment; 0 if it depends on the node
	Reasons             []Reason   // in the order of the rows: notes, what decides, and for No all else that would decide so
}

// Decisive returns the reason of the row that decides. For a zero Verdict it is zero.
func (v Verdict) Decisive() Reason {
	var decisive Reason
	for _, reason := range v.Reasons {
		if reason.Row == v.Row && reason.Code != VersionAssumed {
			decisive = reason
		}
	}
	return decisive
}

// Blocking returns the reasons each of which suffices for No, in the order of the rows.
func (v Verdict) Blocking() []Reason {
	var blocking []Reason
	for _, reason := range v.Reasons {
		if reason.Blocks() {
			blocking = append(blocking, reason)
		}
	}
	return blocking
}

// As is what the source of masqueraded traffic becomes. The zero value is nothing: the
// traffic is not masqueraded.
type As struct {
	// Address is natOutgoingAddress. If it is not valid, the address is that of the
	// interface by which the traffic leaves the node.
	Address   netip.Addr
	Interface bool      // the address of that interface
	Ports     PortRange // of TCP and UDP
	PerNode   bool      // what it becomes depends on the node, as a Reason lists
}

// String returns what the source becomes, and an empty text for the zero value.
func (a As) String() string {
	var as string
	switch {
	case a.PerNode:
		return "an address that depends on the node"
	case a.Address.IsValid():
		as = a.Address.String()
	case a.Interface:
		as = "the address of the interface by which it leaves the node"
	default:
		return ""
	}
	if a.Ports != (PortRange{}) {
		as += ", TCP and UDP with ports " + a.Ports.String()
	}
	return as
}

// as returns what a masqueraded source of the family becomes.
func (e *effective) as(ipv4 bool, protocol Protocol) As {
	as := As{Interface: true}
	if ipv4 && e.address.IsValid() {
		as = As{Address: e.address}
	}
	if hasPorts(protocol) {
		as.Ports = e.ports
	}
	return as
}

// kindOf returns the kind of question, of which what a source becomes depends, from 0 to 3.
func kindOf(ipv4 bool, protocol Protocol) (kind int) {
	if ipv4 {
		kind = 1
	}
	if hasPorts(protocol) {
		kind += 2
	}
	return kind
}

func hasPorts(protocol Protocol) bool { return protocol == "" || protocol == TCP || protocol == UDP }

// Outcome is what happens on some nodes.
type Outcome struct {
	Masqueraded Answer   // on these nodes
	As          As       // as in a Verdict
	Row         int      // as in a Verdict
	Nodes       []string // sorted; none: all nodes that no other outcome names; must not be modified
}

// String returns the nodes and the outcome.
func (o Outcome) String() string {
	s := "on all other nodes: " + string(o.Masqueraded)
	if len(o.Nodes) > 0 {
		s = "on " + few(o.Nodes, text.MaxNamed) + ": " + string(o.Masqueraded)
	}
	if as := o.As.String(); as != "" {
		s += ", as " + as
	}
	return s
}

// Explain returns whether traffic from the source to the destination is masqueraded, and
// why. The error is an [*InputError].
func (m *Model) Explain(source, destination netip.Addr, options Options) (Verdict, error) {
	m = m.orEmpty()
	q, err := m.ask(source, destination, options)
	if err != nil {
		return Verdict{}, err
	}
	if q.settings >= 0 {
		return m.explain(&m.effective[q.settings], &q, options), nil
	}
	outcomes, settings := m.outcomesOf(&q, options)
	verdict := m.explain(&m.effective[settings[0]], &q, options)
	if len(outcomes) < 2 {
		return verdict, nil
	}
	for _, other := range outcomes[1:] {
		if other.Masqueraded != verdict.Masqueraded {
			verdict.Masqueraded = Depends
		}
		if other.As != verdict.As {
			verdict.As = As{PerNode: true}
		}
	}
	verdict.Row = 0
	verdict.Reasons = append(m.common(verdict.Reasons, settings, &q, options), Reason{Code: NodesDiffer, Outcomes: outcomes})
	return verdict, nil
}

// maxCompared is the number of outcomes whose reasons are compared one by one.
const maxCompared = 8

// common returns the reasons that hold on all nodes: those of the settings of each outcome.
// Of more than maxCompared, no reason of a setting is taken to hold on all nodes.
func (m *Model) common(reasons []Reason, settings []int, q *question, options Options) []Reason {
	common := slices.Clone(reasons)
	for _, i := range settings[1:min(len(settings), maxCompared)] {
		others := m.explain(&m.effective[i], q, options).Reasons
		common = slices.DeleteFunc(common, func(reason Reason) bool {
			return !slices.ContainsFunc(others, func(r Reason) bool { return r.Code == reason.Code && r.Text() == reason.Text() })
		})
	}
	if len(settings) > maxCompared {
		common = slices.DeleteFunc(common, func(reason Reason) bool { return reason.Setting.Field != "" || reason.Code == DataplaneAssumed })
	}
	return common
}

// outcomesOf returns what happens on the nodes that the source may be on, and for each the
// settings of one of its nodes. Without such nodes there is no outcome, and the settings are
// those of a node without any of its own.
func (m *Model) outcomesOf(q *question, options Options) (outcomes []Outcome, of []int) {
	own := -1 // the settings that only the destination's own node has
	if q.toAnyNode && m.effective[m.settings[q.toNode.node]].nodes == 1 {
		own = m.settings[q.toNode.node]
	}
	kind := kindOf(q.source.Is4(), options.Protocol)
	places := map[[2]int]int{} // by row and by what the source becomes
	var merged []int
	for _, group := range m.outcomes {
		settings := group.settings
		nodes := group.names
		if i, found := slices.BinarySearch(settings, own); found {
			settings = slices.Delete(slices.Clone(settings), i, i+1)
			nodes = slices.DeleteFunc(slices.Clone(nodes), func(node string) bool { return node == m.effective[own].node })
		}
		if len(settings) == 0 {
			continue
		}
		outcome := m.outcome(&m.effective[settings[0]], q, options)
		key := [2]int{outcome.Row, 0}
		if outcome.Row >= 7 {
			key[1] = group.becomes[kind]
		}
		place, found := places[key]
		if !found {
			place = len(outcomes)
			places[key] = place
			of = append(of, settings[0])
			if m.effective[settings[0]].node != "" {
				outcome.Nodes = slices.Clip(nodes) // It is copied when others are added.
			}
			outcomes = append(outcomes, outcome)
		} else if named := outcomes[place].Nodes; len(named) > 0 { // Else it is that of all other nodes.
			outcomes[place].Nodes = append(named, nodes...)
			merged = append(merged, place)
		}
	}
	slices.Sort(merged)
	for _, place := range slices.Compact(merged) {
		slices.Sort(outcomes[place].Nodes)
	}
	if len(of) == 0 {
		of = []int{0}
	}
	return outcomes, of
}

func (m *Model) outcome(e *effective, q *question, options Options) Outcome {
	answer, row := m.row(e, q)
	outcome := Outcome{Masqueraded: answer, Row: row}
	if row >= 7 {
		outcome.As = e.as(q.source.Is4(), options.Protocol)
	}
	return outcome
}

// explain returns the verdict for the settings of a node.
func (m *Model) explain(e *effective, q *question, options Options) Verdict {
	outcome := m.outcome(e, q, options)
	verdict := Verdict{Source: q.source, Destination: q.destination, Masqueraded: outcome.Masqueraded, As: outcome.As, Row: outcome.Row}
	add := func(code Code, row int, r Reason) {
		r.Code, r.Row = code, row
		verdict.Reasons = append(verdict.Reasons, r)
	}
	if outcome.Row == 1 {
		code, index := ServiceCIDR, m.services
		if index.Narrowest(q.destination) < 0 {
			code, index = ServiceIP, m.others
		}
		add(code, 1, Reason{Address: q.destination, Prefix: index.Prefixes[index.Narrowest(q.destination)], EBPF: m.ebpf(e)})
		return verdict
	}

	m.explainSource(&verdict, e, q, add)
	if q.toAnyNode && q.toNode.node == q.own {
		add(OwnNode, 4, Reason{Address: q.destination, Node: m.nodes[q.own].Name})
	} else if q.toAnyNode && q.own < 0 && outcome.Row > 4 {
		add(OtherNodeAssumed, 4, Reason{Address: q.destination, Node: m.nodes[q.toNode.node].Name})
	}

	loadBalancers := m.poolsOf(q.destination, func(pool Pool) bool { return pool.Use == ForLoadBalancers })
	switch {
	case q.to.exempt:
		exempt := m.poolsOf(q.destination, func(pool Pool) bool { return pool.Exempts })
		add(DestinationExempt, 5, Reason{Address: q.destination, Pools: exempt, Version: m.version.text})
	case outcome.Row < 5:
	case len(loadBalancers) > 0:
		add(LoadBalancerPool, 5, Reason{Address: q.destination, Pools: loadBalancers})
		m.assumeVersion(&verdict, 5)
	default:
		add(DestinationInNoPool, 5, Reason{Address: q.destination})
	}
	return m.explainHosts(verdict, e, q)
}

// explainSource adds the reasons of the rows 2 and 3.
func (m *Model) explainSource(verdict *Verdict, e *effective, q *question, add func(Code, int, Reason)) {
	of := ""
	if q.fromNode >= 0 {
		of = m.nodes[q.fromNode].Name
	}
	if of != "" && q.own >= 0 && q.own != q.fromNode {
		add(SourceOfOtherNode, 2, Reason{Address: q.source, Node: of})
	}
	pools := m.poolsOf(q.source, func(pool Pool) bool { return pool.NATOutgoing || !q.from.natSource })
	switch {
	case q.from.natSource:
		add(SourceInNATPool, 2, Reason{Address: q.source, Pools: pools, Node: of})
		if e.noIPv6 && q.source.Is6() {
			add(IPv6Unsupported, 2, Reason{Address: q.source, Setting: e.from[ipv6]})
		}
	case len(pools) > 0:
		add(SourceWithoutNAT, 2, Reason{Address: q.source, Pools: pools, Node: of})
	default:
		add(SourceInNoPool, 2, Reason{Address: q.source, Node: of})
	}
	switch {
	case q.host && m.ebpf(e):
		add(SourceNotWorkload, 3, Reason{Address: q.source, Setting: m.dataplaneSetting(e)})
	case q.host && m.dataplane == "" && e.from[bpf].Value == "" && verdict.Row > 3:
		add(DataplaneAssumed, 3, Reason{Address: q.source})
	}
}

// explainHosts adds the reasons of the rows from 6.
func (m *Model) explainHosts(verdict Verdict, e *effective, q *question) Verdict {
	add := func(code Code, row int, r Reason) {
		r.Code, r.Row, r.Address = code, row, q.destination
		verdict.Reasons = append(verdict.Reasons, r)
	}
	external := e.external.Narrowest(q.destination)
	toHost := q.toAnyNode && q.toNode.hostIP
	var node string
	if q.toAnyNode {
		node = m.nodes[q.toNode.node].Name
	}
	switch exempt := m.exemptsHosts(e); {
	case exempt && toHost:
		add(DestinationIsHost, 6, Reason{Node: node, Setting: e.from[exclusions]})
	case exempt && external >= 0:
		add(DestinationIsExternalNode, 6, Reason{Prefix: e.external.Prefixes[external], Setting: e.from[externalNodes]})
	case verdict.Row < 6:
	case e.hostIPs && m.version.noExclusions && (toHost || external >= 0):
		add(ExclusionsIgnored, 6, Reason{Setting: e.from[exclusions], Version: m.version.text})
	case toHost && !e.hostIPs:
		add(HostsNotExempt, 6, Reason{Node: node, Setting: e.from[exclusions]})
	}
	switch {
	case verdict.Row == 6:
		m.assumeVersion(&verdict, 6)
	case verdict.Row == 7:
		add(InterfaceFilter, 7, Reason{Setting: e.from[filter], As: verdict.As})
	case verdict.Row == 8:
		setting := Setting{}
		if verdict.As.Address.IsValid() {
			setting = e.from[address]
		}
		add(Masqueraded, 8, Reason{Setting: setting, As: verdict.As})
	}
	return verdict
}

// assumeVersion adds, where an older version of Calico would decide otherwise, that the
// version is unknown.
func (m *Model) assumeVersion(verdict *Verdict, row int) {
	if !m.version.known {
		verdict.Reasons = append(verdict.Reasons, Reason{Code: VersionAssumed, Row: row, Version: m.version.text})
	}
}

// dataplaneSetting returns what says that the dataplane is eBPF.
func (m *Model) dataplaneSetting(e *effective) Setting {
	if m.dataplane == EBPF {
		return Setting{}
	}
	return e.from[bpf]
}

// few joins the first names and counts the others.
func few(names []string, most int) string {
	texts := make([]string, min(len(names), most))
	for i := range texts {
		texts[i] = shown(names[i])
	}
	joined := strings.Join(texts, ", ")
	if more := len(names) - most; more > 0 {
		joined += " and " + plural(more, "other")
	}
	return joined
}
