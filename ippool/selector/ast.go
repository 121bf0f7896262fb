package selector

import (
	"slices"
	"strings"
)

// node is one expression. Nodes hold nothing of where or how they were written,
// so that texts which differ only in layout give equal trees.
type node interface {
	matches(labels map[string]string) bool
	// appendTo appends the canonical text, which is always a single term of the
	// grammar: it may stand behind a "!" or between operators as it is.
	appendTo(text []byte) []byte
}

// allNode is all().
type allNode struct{}

func (allNode) matches(map[string]string) bool { return true }

func (allNode) appendTo(text []byte) []byte { return append(text, "all()"...) }

// hasNode is has(label).
type hasNode struct{ label string }

func (n *hasNode) matches(labels map[string]string) bool {
	_, ok := labels[n.label]
	return ok
}

func (n *hasNode) appendTo(text []byte) []byte {
	text = append(text, "has("...)
	text = append(text, n.label...)
	return append(text, ')')
}

// operator is what stands between a label and its value or set. Its value is
// its canonical spelling.
type operator string

const (
	opEqual      operator = "=="
	opNotEqual   operator = "!="
	opContains   operator = "contains"
	opStartsWith operator = "starts with"
	opEndsWith   operator = "ends with"
	opIn         operator = "in"
	opNotIn      operator = "not in"
)

// takesSet tells the operators of a setNode from those of a valueNode.
func (op operator) takesSet() bool { return op == opIn || op == opNotIn }

// valueNode compares a label's value with one string.
type valueNode struct {
	label string
	op    operator
	value string
}

func (n *valueNode) matches(labels map[string]string) bool {
	value, ok := labels[n.label]
	switch n.op {
	case opEqual:
		return ok && value == n.value
	case opNotEqual:
		return !ok || value != n.value
	case opContains:
		return ok && strings.Contains(value, n.value)
	case opStartsWith:
		return ok && strings.HasPrefix(value, n.value)
	default: // opEndsWith
		return ok && strings.HasSuffix(value, n.value)
	}
}

func (n *valueNode) appendTo(text []byte) []byte {
	return appendQuoted(appendTest(text, n.label, n.op), n.value)
}

// setNode asks whether a label's value is in a set.
type setNode struct {
	label  string
	op     operator
	values []string // sorted, each once
}

func newSet(label string, op operator, values []string) *setNode {
	slices.Sort(values)
	return &setNode{label: label, op: op, values: slices.Compact(values)}
}

func (n *setNode) matches(labels map[string]string) bool {
	value, ok := labels[n.label]
	if ok {
		_, ok = slices.BinarySearch(n.values, value)
	}
	return ok == (n.op == opIn)
}

func (n *setNode) appendTo(text []byte) []byte {
	text = append(appendTest(text, n.label, n.op), '{')
	for i, value := range n.values {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = appendQuoted(text, value)
	}
	return append(text, '}')
}

// notNode is the negation of anything but another notNode.
type notNode struct{ operand node }

// negate keeps "!" from ever standing before "!", so that one meaning has one
// tree: `!(!x)` is x, as `!!x` is.
func negate(n node) node {
	if not, ok := n.(*notNode); ok {
		return not.operand
	}
	return &notNode{operand: n}
}

func (n *notNode) matches(labels map[string]string) bool { return !n.operand.matches(labels) }

func (n *notNode) appendTo(text []byte) []byte { return n.operand.appendTo(append(text, '!')) }

// connective joins the operands of a group. Its value is its spelling.
type connective string

const (
	and connective = "&&"
	or  connective = "||"
)

// groupNode is two or more operands joined by the same connective. An operand
// may be a group of that connective again; where its author put parentheses
// they are kept, as Calico keeps them.
type groupNode struct {
	op       connective
	operands []node
	// depth is that of the group among groups: 1 plus that of its deepest
	// operand, see depthOf. It is known while parsing, and kept because walking
	// down for it at every group would take quadratic time.
	depth int
}

func (n *groupNode) matches(labels map[string]string) bool {
	// One operand decides the group as soon as it is false in an && or true in
	// an ||.
	deciding := n.op == or
	for _, operand := range n.operands {
		if operand.matches(labels) == deciding {
			return deciding
		}
	}
	return !deciding
}

func (n *groupNode) appendTo(text []byte) []byte {
	text = append(text, '(')
	for i, operand := range n.operands {
		if i > 0 {
			text = append(text, ' ')
			text = append(text, n.op...)
			text = append(text, ' ')
		}
		text = operand.appendTo(text)
	}
	return append(text, ')')
}

// depthOf is how deep the parentheses nest in the canonical text of n: every
// group prints one pair, nothing else prints any that nest.
func depthOf(n node) int {
	if not, ok := n.(*notNode); ok {
		n = not.operand
	}
	if group, ok := n.(*groupNode); ok {
		return group.depth
	}
	return 0
}

func appendTest(text []byte, label string, op operator) []byte {
	text = append(text, label...)
	text = append(text, ' ')
	text = append(text, op...)
	return append(text, ' ')
}

// appendQuoted relies on no value holding both kinds of quotes, which the
// language has no way to write.
func appendQuoted(text []byte, value string) []byte {
	quote := byte('"')
	if strings.IndexByte(value, quote) >= 0 {
		quote = '\''
	}
	text = append(text, quote)
	text = append(text, value...)
	return append(text, quote)
}
