package nat

import (
	"net/netip"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Answer says whether traffic is masqueraded.
type Answer string

// The answers.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Depends Answer = "depends" // on what the Model does not know; the reasons name it
)

// Options narrow a question. The zero value asks about a workload on an unknown node.
type Options struct {
	// Node is the name of the node that the source runs on. If it is empty, the answer
	// holds for every node but the destination's own; a source that is an address of a node
	// is on that node, and in a cluster of one node every source is.
	Node string

	// Protocol decides whether natPortRange applies. Decide ignores it.
	Protocol Protocol

	// NotWorkload states that the source is no workload, but for example the address of a
	// tunnel. Addresses of nodes, and those whose pools with natOutgoing are all for
	// LoadBalancers, are never workloads.
	NotWorkload bool
}

// question is what the rows need to know of a source and a destination.
type question struct {
	source, destination netip.Addr
	from, to            traits
	service             bool
	host                bool // the source is no workload
	own                 int  // the node of the source, -1 if unknown
	fromNode            int  // the node that has the source as an address, -1 if none
	settings            int  // of that node, -1 if unknown
	toNode              nodeAddress
	toAnyNode           bool
}

// Decide returns whether traffic from the source to the destination is masqueraded. It is
// [Model.Explain] without reasons: it allocates nothing, and takes less than a microsecond
// with 10,000 pools. The time grows with the number of nodes whose FelixConfigurations
// differ in what decides. The error is an [*InputError].
func (m *Model) Decide(source, destination netip.Addr, options Options) (Answer, error) {
	m = m.orEmpty()
	q, err := m.ask(source, destination, options)
	if err != nil {
		return "", err
	}
	if q.settings >= 0 {
		answer, _ := m.row(&m.effective[q.settings], &q)
		return answer, nil
	}
	var common Answer
	for i, group := range m.groups {
		if q.toAnyNode && group.nodes == 1 && m.effective[m.settings[q.toNode.node]].group == i {
			continue // Only the destination's own node has these settings.
		}
		answer, _ := m.row(&m.effective[group.settings[0]], &q)
		if common != "" && answer != common {
			return Depends, nil
		}
		common = answer
	}
	if common == "" {
		common, _ = m.row(&m.effective[0], &q)
	}
	return common, nil
}

// row returns the answer of the first row whose condition holds, and its number.
func (m *Model) row(e *effective, q *question) (Answer, int) {
	switch {
	case q.service:
		return Depends, 1
	case !q.from.natSource || e.noIPv6 && q.source.Is6():
		return No, 2
	case q.host && m.ebpf(e):
		return No, 3
	case q.toAnyNode && q.toNode.node == q.own:
		return No, 4
	case q.to.exempt:
		return No, 5
	case m.exemptsHosts(e) && (q.toAnyNode && q.toNode.hostIP || e.external.Narrowest(q.destination) >= 0):
		return No, 6
	case e.filter != "":
		return Depends, 7
	default:
		return Yes, 8
	}
}

// exemptsHosts reports whether nodes and externalNodesList are exempt.
func (m *Model) exemptsHosts(e *effective) bool { return e.hostIPs && !m.version.noExclusions }

func (m *Model) ask(source, destination netip.Addr, options Options) (question, error) {
	q := question{source: source, destination: destination, own: -1, fromNode: -1, settings: -1}
	if err := checkAddress("source", source); err != nil {
		return q, err
	}
	if err := checkAddress("destination", destination); err != nil {
		return q, err
	}
	if source.Is4() != destination.Is4() {
		return q, &InputError{"destination", destination.String(), "must be an address of the source's family, " + ippool.FamilyOf(netip.PrefixFrom(source, 0)).String()}
	}
	q.from, q.to = m.traitsOf(source), m.traitsOf(destination)
	q.service = m.services.Narrowest(destination) >= 0 || m.others.Narrowest(destination) >= 0
	q.toNode, q.toAnyNode = m.addresses[destination]
	fromNode, ofNode := m.addresses[source]
	if ofNode {
		q.fromNode = fromNode.node
	}
	q.host = options.NotWorkload || ofNode || q.from.natSource && !q.from.workloads

	name := options.Node
	switch last := len(m.nodes) - 1; {
	case name != "":
	case ofNode:
		name = m.nodes[fromNode.node].Name
	case last >= 0 && m.nodes[0].Name == m.nodes[last].Name:
		name = m.nodes[0].Name
	}
	if name == "" {
		return q, nil
	}
	if i := m.nodeIndex(name); i >= 0 {
		q.own = i
	} else if len(m.nodes) > 0 {
		return q, m.unknownNode(name)
	}
	q.settings = m.byNode[name] // 0 without a FelixConfiguration of its own
	return q, nil
}

func checkAddress(field string, addr netip.Addr) error {
	switch {
	case !addr.IsValid():
		return &InputError{field, "", "must be an address such as 10.244.0.7 or fd00:10:244::7"}
	case addr.Is4In6():
		return &InputError{field, addr.String(), "must be written as IPv4: " + addr.Unmap().WithZone("").String()}
	case addr.Zone() != "":
		return &InputError{field, addr.String(), "must be an address without a zone: " + addr.WithZone("").String()}
	default:
		return nil
	}
}
