// Package selector reads, evaluates and prints Calico's selectors: the
// expressions in an IP pool's nodeSelector and namespaceSelector that say which
// nodes or namespaces, known by their labels, the pool is for.
//
//	s, err := selector.Parse(`zone in {'a', 'b'} && !has(cordoned)`)
//	...
//	if s.Matches(node.Labels) { ... }
//
// The language is Calico's own, the one of libcalico-go/lib/selector, not that
// of Kubernetes' label selectors:
//
//	selector  = [ or ]                      (nothing at all means all())
//	or        = and  { "||" and }
//	and       = term { "&&" term }
//	term      = { "!" } ( "(" or ")" | "all()" | "has(" label ")" | label test )
//	test      = ( "==" | "!=" | "contains" | "starts with" | "ends with" ) string
//	          | ( "in" | "not in" ) "{" [ string { "," string } [ "," ] ] "}"
//	string    = '…' without ' inside | "…" without " inside   (no escapes)
//	label     = 1 to 512 of A-Z a-z 0-9 _ . / -
//
// What the grammar alone does not say:
//
//   - White space is the space and the tab, nothing else: a line break outside a
//     string is an error. It is optional between tokens and within the
//     parentheses of all( ) and has( x ), but may not stand before those.
//   - notin, startswith and endswith are read like their two-word forms, which
//     allow any white space between their words.
//   - No word is reserved. Where a term begins, a word is a label unless it is
//     one of all, has and global with the parenthesis right behind it; after a
//     label, a word can only be an operator. So `in == 'x'` tests a label "in".
//   - "!=" and "not in" also match where the label is absent. All other tests
//     need the label; one that is there with an empty value counts as there.
//   - global(), which Calico has for the selectors of policies, means nothing
//     for an IP pool and is refused with [ErrGlobal].
//   - Nesting ends at [MaxDepth], which no selector short enough for Calico's
//     API reaches.
//
// The package does no I/O, and reading takes time in proportion to the length
// of the input (sets are sorted on top of that), whatever the input is.
package selector
