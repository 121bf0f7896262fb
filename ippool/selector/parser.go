package selector

import "fmt"

// MaxDepth is how deep a selector may nest. Two depths are held to it: that of
// the parentheses in the text, redundant ones included, and that of the groups
// of && and || within each other, each of which [Selector.String] puts in
// parentheses. The first bounds the parser's stack. The second makes sure that
// the printed form, which can have more parentheses than the text had, is
// within the first when it is read again.
//
// Calico's custom resource definition takes selectors of up to 1024 characters.
// Every level costs at least two of them and something must be inside, so
// nothing that the API server stores is refused.
const MaxDepth = 512

// parser reads a selector by recursive descent, one method for a rule of the
// grammar in the package's documentation.
type parser struct {
	lexer
	open int // parentheses that are open
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

// group reads operands with the connective between them. A single one stays
// what it is.
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

// term collapses its "!" by counting: there can be as many as fit in the text,
// too many for a stack.
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

// primary reads a term without its "!".
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

// parenthesised reads on after a "(", which is at start.
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

// has reads on after "has(".
func (p *parser) has() (node, error) {
	label := p.label()
	if label == "" {
		return nil, p.failed("a label")
	}
	return &hasNode{label: label}, p.expect(")")
}

// global reads on after "global(", which is at start, and gives the error for it.
func (p *parser) global(start int) error {
	if err := p.expect(")"); err != nil {
		return err
	}
	fault := p.fault(start, ErrGlobal.Error())
	fault.cause = ErrGlobal
	return fault
}

// test reads what a term asks of its label.
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

// set reads the braces and the strings between them. A comma may follow the
// last string, but none may stand alone.
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

// tooDeep points at the parenthesis that is one too many or, where it is a
// group that is, at where its too deep operand begins.
func (p *parser) tooDeep(start int) error {
	return p.fault(start, fmt.Sprintf("expected at most %d levels of nesting, found more", MaxDepth))
}
