package selector

// SelectsNothing reports whether the selector is constant and selects nothing, whatever the
// labels are, as in !all(). It only evaluates all(), tests of empty sets, and their
// combinations: a contradiction of two tests of a label, such as has(a) && !has(a), is not
// reported.
func (s *Selector) SelectsNothing() bool {
	result, constant := constantOf(s.node())
	return constant && !result
}

// constantOf returns the result of an expression that doesn't depend on labels.
func constantOf(n node) (result, constant bool) {
	switch n := n.(type) {
	case allNode:
		return true, true
	case *setNode:
		return n.op == opNotIn, len(n.values) == 0
	case *notNode:
		result, constant = constantOf(n.operand)
		return !result, constant
	case *groupNode:
		deciding, all := n.op == or, true
		for _, operand := range n.operands {
			result, constant := constantOf(operand)
			if constant && result == deciding {
				return deciding, true
			}
			all = all && constant
		}
		return !deciding, all
	}
	return false, false
}
