package selector

import (
	"slices"
	"strings"
)

// node is one expression. Nodes have no positions or layout, so texts that differ
// only in layout have equal trees.
type node interface {
	matches(labels map[string]string) bool
	// appendTo appends the canonical text, which is always a single term of the
	// grammar: it needs no parentheses after "!" or between operators.
	appendTo(text []byte) []byte
	// visitLabels calls visit with the label of every test.
	visitLabels(visit func(label string))
}

// allNode is all().
type allNode struct{}

func (allNode) matches(map[string]string) bool { return true }

func (allNode) appendTo(text []byte) []byte { return append(text, "all()"...) }

func (allNode) visitLabels(func(string)) {}

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

func (n *hasNode) visitLabels(visit func(string)) { visit(n.label) }

// operator is the operator between a label and its value or set, in its canonical
// spelling.
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

// takesSet reports whether the operator is that of a setNode, not of a valueNode.
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

func (n *valueNode) visitLabels(visit func(string)) { visit(n.label) }

// setNode tests whether a label's value is in a set.
type setNode struct {
	label  string
	op     operator
	values []string // sorted, without duplicates
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

func (n *setNode) visitLabels(visit func(string)) { visit(n.label) }

// notNode is the negation of an operand that is not a notNode.
type notNode struct{ operand node }

// negate removes double negation, so that `!(!x)`, `!!x` and x have the same tree.
func negate(n node) node {
	if not, ok := n.(*notNode); ok {
		return not.operand
	}
	return &notNode{operand: n}
}

func (n *notNode) matches(labels map[string]string) bool { return !n.operand.matches(labels) }

func (n *notNode) appendTo(text []byte) []byte { return n.operand.appendTo(append(text, '!')) }

func (n *notNode) visitLabels(visit func(string)) { n.operand.visitLabels(visit) }

// connective is the operator that joins the operands of a group.
type connective string

const (
	and connective = "&&"
	or  connective = "||"
)

// groupNode is two or more operands joined by the same connective. An operand in
// parentheses may be a group of the same connective; it is not flattened, because
// Calico doesn't flatten it.
type groupNode struct {
	op       connective
	operands []node
	// depth is 1 plus the depth of the deepest operand, see depthOf. It is stored,
	// because computing it for every group would take quadratic time.
	depth int
}

func (n *groupNode) matches(labels map[string]string) bool {
	// The first false operand decides an &&, the first true one an ||.
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

func (n *groupNode) visitLabels(visit func(string)) {
	for _, operand := range n.operands {
		operand.visitLabels(visit)
	}
}

// depthOf returns the depth of nested parentheses in the canonical text of n: each
// group prints one pair, and no other node prints any that nest.
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

// appendQuoted requires a value without both kinds of quotes; the language can't
// express one that has both.
func appendQuoted(text []byte, value string) []byte {
	quote := byte('"')
	if strings.IndexByte(value, quote) >= 0 {
		quote = '\''
	}
	text = append(text, quote)
	text = append(text, value...)
	return append(text, quote)
}
