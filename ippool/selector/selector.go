package selector

import "slices"

// Selector is a parsed selector. The zero Selector and a nil *Selector select
// everything, like all() and the empty text. A Selector is immutable and safe for
// concurrent use.
type Selector struct {
	root node // nil means all()
}

// Parse parses a selector. An empty text, or one of only white space, means all().
// The error is always a *[SyntaxError] that describes the leftmost error.
func Parse(s string) (*Selector, error) {
	p := parser{lexer: lexer{input: s}}
	root, err := p.selector()
	if err != nil {
		return nil, err
	}
	return &Selector{root: root}, nil
}

// Matches reports whether the selector selects an object with these labels. A nil
// map has no labels. Matches doesn't change the map and doesn't allocate.
func (s *Selector) Matches(labels map[string]string) bool {
	return s.node().matches(labels)
}

// String prints the selector as Calico does: groups of && and || in parentheses,
// the members of a set sorted and without duplicates, in double quotes unless the
// value contains one. Parse returns an equal Selector for the result.
//
// Use the result to compare and to display selectors. Don't store it: it can be
// longer than the text that was parsed.
func (s *Selector) String() string {
	return string(s.node().appendTo(nil))
}

// Labels returns the names of the labels that the selector tests, sorted and without
// duplicates. It is empty for all().
func (s *Selector) Labels() []string {
	var names []string
	s.node().visitLabels(func(name string) { names = append(names, name) })
	slices.Sort(names)
	return slices.Compact(names)
}

func (s *Selector) node() node {
	if s == nil || s.root == nil {
		return allNode{}
	}
	return s.root
}
