package selector

import "fmt"

// MaxDepth is the maximum nesting depth of a selector. It limits two depths: that
// of the parentheses in the text, including redundant ones, and that of nested
// groups of && and ||, which [Selector.String] prints in parentheses. The first
// limit bounds the parser's stack. The second ensures that the printed form, which
// can have more parentheses than the text, is within the first limit too.
//
// Calico's CustomResourceDefinition limits selectors to 1024 characters. Every
// level takes at least two of them, and the innermost one is not empty, so Parse
// accepts the depth of every selector that the API server stores.
const MaxDepth = 512

// parser is a recursive descent parser, with one method for each rule of the
// grammar in the package's documentation.
type parser struct {
	lexer
	open int // number of open parentheses
}

func (p *parser) selector() (node, error) {
	if p.next() == len(p.input) {
		return allNode{}, nil
	}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.next() < len(p.input) {
		return nil, p.failed(`"&&", "||" or the ` + endOfSelector)
	}
	return root, nil
}

func (p *parser) or() (node, error) { return p.group(or, (*parser).and) }

func (p *parser) and() (node, error) { return p.group(and, (*parser).term) }

// group parses operands joined by the connective. It returns a single operand
// without a group.
func (p *parser) group(op connective, operand func(*parser) (node, error)) (node, error) {
	var operands []node
	deepest := 0
	for {
		start := p.next()
		n, err := operand(p)
		if err != nil {
			return nil, err
		}
		more := p.accept(string(op))
		if !more && operands == nil {
			return n, nil
		}
		depth := depthOf(n)
		if depth == MaxDepth {
			return nil, p.tooDeep(start)
		}
		operands, deepest = append(operands, n), max(deepest, depth)
		if !more {
			return &groupNode{op: op, operands: operands, depth: deepest + 1}, nil
		}
	}
}

// term counts the leading "!" in a loop: recursion could exhaust the stack.
func (p *parser) term() (node, error) {
	negated := false
	for p.accept("!") {
		negated = !negated
	}
	n, err := p.primary()
	if err != nil || !negated {
		return n, err
	}
	return negate(n), nil
}

// primary parses a term without its leading "!".
func (p *parser) primary() (node, error) {
	start := p.next()
	switch {
	case p.accept("("):
		return p.parenthesised(start)
	case p.accept("all("):
		return allNode{}, p.expect(")")
	case p.accept("has("):
		return p.has()
	case p.accept("global("):
		return nil, p.global(start)
	}
	label := p.label()
	if label == "" {
		return nil, p.failed(`a label, all(), has(), "!" or "("`)
	}
	return p.test(label)
}

// parenthesised parses the rest of an expression after the "(" at start.
func (p *parser) parenthesised(start int) (node, error) {
	if p.open == MaxDepth {
		return nil, p.tooDeep(start)
	}
	p.open++
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.accept(")") {
		return nil, p.failed(`"&&", "||" or ")"`)
	}
	p.open--
	return n, nil
}

// has parses the rest after "has(".
func (p *parser) has() (node, error) {
	label := p.label()
	if label == "" {
		return nil, p.failed("a label")
	}
	return &hasNode{label: label}, p.expect(")")
}

// global parses the rest after the "global(" at start, and returns its error.
func (p *parser) global(start int) error {
	if err := p.expect(")"); err != nil {
		return err
	}
	fault := p.fault(start, ErrGlobal.Error())
	fault.cause = ErrGlobal
	return fault
}

// test parses the operator after a label, and its value or set.
func (p *parser) test(label string) (node, error) {
	op, err := p.operator()
	if err != nil {
		return nil, err
	}
	if op.takesSet() {
		values, err := p.set()
		if err != nil {
			return nil, err
		}
		return newSet(label, op, values), nil
	}
	value, err := p.quoted()
	if err != nil {
		return nil, err
	}
	return &valueNode{label: label, op: op, value: value}, nil
}

// set parses a set. A comma may follow the last string, but a set of only a comma
// is invalid.
func (p *parser) set() ([]string, error) {
	if err := p.expect("{"); err != nil {
		return nil, err
	}
	var values []string
	for p.atString() {
		value, err := p.quoted()
		if err != nil {
			return nil, err
		}
		values = append(values, value)
		if !p.accept(",") {
			if !p.accept("}") {
				return nil, p.failed(`"," or "}"`)
			}
			return values, nil
		}
	}
	if !p.accept("}") {
		return nil, p.failed(`a quoted string or "}"`)
	}
	return values, nil
}

// tooDeep returns the error for nesting deeper than MaxDepth: start is the offset of
// the parenthesis, or of the operand of the group.
func (p *parser) tooDeep(start int) error {
	return p.fault(start, fmt.Sprintf("expected at most %d levels of nesting, found more", MaxDepth))
}
