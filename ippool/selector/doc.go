// Package selector parses, evaluates and prints Calico's selectors: the
// expressions over labels in an IP pool's nodeSelector and namespaceSelector that
// select the nodes or namespaces that may use the pool.
//
//	s, err := selector.Parse(`zone in {'a', 'b'} && !has(cordoned)`)
//	...
//	if s.Matches(node.Labels) { ... }
//
// The language is that of Calico's libcalico-go/lib/selector, not that of
// Kubernetes' label selectors:
//
//	selector  = [ or ]                      (an empty selector means all())
//	or        = and  { "||" and }
//	and       = term { "&&" term }
//	term      = { "!" } ( "(" or ")" | "all()" | "has(" label ")" | label test )
//	test      = ( "==" | "!=" | "contains" | "starts with" | "ends with" ) string
//	          | ( "in" | "not in" ) "{" [ string { "," string } [ "," ] ] "}"
//	string    = '…' without ' inside | "…" without " inside   (no escapes)
//	label     = 1 to 512 of A-Z a-z 0-9 _ . / -
//
// Rules that the grammar does not express:
//
//   - White space is spaces and tabs only: a line break outside a string is an
//     error. White space is optional between tokens and within the parentheses of
//     all( ) and has( x ), but not allowed before those parentheses.
//   - notin, startswith and endswith are synonyms of the two-word forms, which
//     allow any white space between their words.
//   - No word is reserved. At the start of a term, a word is a label unless it is
//     all, has or global directly followed by a parenthesis; after a label, a word
//     is an operator. So `in == 'x'` tests a label "in".
//   - "!=" and "not in" also match if the label is absent. All other tests require
//     the label, whose value may be empty.
//   - global(), which Calico supports in policies, is not valid in an IP pool: the
//     error is [ErrGlobal].
//   - Nesting is limited to [MaxDepth], which no selector that Calico's API accepts
//     reaches.
//
// The package does no I/O. Parsing takes linear time for any input, except for
// sorting sets.
package selector
