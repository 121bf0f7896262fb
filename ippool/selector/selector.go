package selector

// Selector is a parsed selector. The zero Selector and a nil *Selector select
// everything, as all() and the empty text do. A Selector never changes, so any
// number of goroutines may use it at once.
type Selector struct {
	root node // nil means all()
}

// Parse reads a selector. An empty text, or one of white space only, means
// all(). The error is always a *[SyntaxError] that describes the first fault
// from the left.
func Parse(s string) (*Selector, error) {
	p := parser{lexer: lexer{input: s}}
	root, err := p.selector()
	if err != nil {
		return nil, err
	}
	return &Selector{root: root}, nil
}

// Matches reports whether the selector selects something with these labels. A
// nil map is one without labels. The map is only read, and nothing is
// allocated.
func (s *Selector) Matches(labels map[string]string) bool {
	return s.node().matches(labels)
}

// String prints the selector as Calico prints its own: groups of && and ||
// always in parentheses, the members of a set sorted and each once, double
// quotes unless the value holds one. Parse reads it back to an equal Selector.
//
// It is for comparing and for showing. It can be longer than the text that was
// parsed, so it is not meant to be stored in that text's place.
func (s *Selector) String() string {
	return string(s.node().appendTo(nil))
}

func (s *Selector) node() node {
	if s == nil || s.root == nil {
		return allNode{}
	}
	return s.root
}
