package selector

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzParse checks that an invalid text has an error of one line with an offset in
// the text, and that a valid one has a canonical form that parses to an equal tree,
// prints the same and matches the same labels.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", " \t", "all()", "all( )", "has( a )", "!has(a)", "!!!all()", "!(!has(a))",
		"a == 'b'", `a != "b"`, `a == 'say "b"'`, "a contains'b'", "a starts with 'b'", "a startswith 'b'",
		"a ends  with 'b'", "a endswith\t'b'", "a in {'x', 'y'}", "a notin{'y','x','y',}", "a not in {}",
		"in in {'in'}", "not not in {'not'}", "all == 'x' && has == 'x'", "global == 'x'", "global( )",
		"has(a) && has(b) || has(c)", "has(a) && (has(b) || has(c) && !(has(d) && has(e)))", "((a == ''))",
		"kubernetes.io/os == 'linux' && !has(node-role.kubernetes.io/control-plane)",
		"all ()", "has (a)", "a inx {'b'}", "a == 'é' b", "a == '\xff' \xff", "a == 'b", "a in {,}", "(", "has(a)\n",
		strings.Repeat("a", maxLabel) + "in{'x'}", strings.Repeat("a", maxLabel+1) + " == 'x'",
		nested(MaxDepth, "(", "all()", ")"), nested(MaxDepth+1, "(", "all()", ")"),
		nested(MaxDepth, "(all()||", "has(a)", ")"), nested(MaxDepth, "(", "all()", "&&has(a))") + "||has(b)",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			checkFault(t, text, err)
			return
		}
		checkCanonical(t, s)
	})
}

func checkFault(t *testing.T, text string, err error) {
	var fault *SyntaxError
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, text, fault.Selector)
	assert.NotEmpty(t, fault.Msg)
	assert.LessOrEqual(t, len(err.Error()), 300)
	assert.NotContains(t, err.Error(), "\n")
	assert.True(t, utf8.ValidString(err.Error()), "the message is not UTF-8: %q", err)

	require.GreaterOrEqual(t, fault.Offset, 0)
	require.LessOrEqual(t, fault.Offset, len(text))
	before, after := []rune(text[:fault.Offset]), []rune(text[fault.Offset:])
	assert.Equal(t, len(before)+1, fault.Column())
	assert.Equal(t, len([]rune(text)), len(before)+len(after), "the offset is inside a character")
	if fault.Offset < len(text) {
		assert.NotContains(t, " \t", text[fault.Offset:fault.Offset+1], "the offset is at white space")
	}
}

func checkCanonical(t *testing.T, s *Selector) {
	printed := s.String()
	again, err := Parse(printed)
	require.NoError(t, err, printed)
	require.Equal(t, s, again, printed)
	require.Equal(t, printed, again.String())

	// The canonical text is one term, so a "!" before it negates all of it.
	negated, err := Parse("!" + printed)
	require.NoError(t, err, printed)
	for _, labels := range worlds(s.root) {
		matches := s.Matches(labels)
		assert.Equal(t, matches, again.Matches(labels), "%s with %q", printed, labels)
		assert.Equal(t, !matches, negated.Matches(labels), "%s with %q", printed, labels)
	}
}

// worlds returns sets of labels that a selector with this tree may distinguish: no
// labels, all of its labels empty, and each of its labels with each of its values.
func worlds(root node) []map[string]string {
	empty := map[string]string{}
	first := map[string]string{}
	last := map[string]string{}
	worlds := []map[string]string{nil, empty, first, last}
	visit(root, func(label string, values ...string) {
		empty[label] = ""
		for _, value := range values {
			if _, ok := first[label]; !ok {
				first[label] = value
			}
			last[label] = value
			// A few are enough: each one takes several walks of the tree.
			if len(worlds) < 16 {
				worlds = append(worlds, map[string]string{label: value})
			}
		}
	})
	return worlds
}

func visit(n node, leaf func(label string, values ...string)) {
	switch n := n.(type) {
	case *hasNode:
		leaf(n.label)
	case *valueNode:
		leaf(n.label, n.value)
	case *setNode:
		leaf(n.label, n.values...)
	case *notNode:
		visit(n.operand, leaf)
	case *groupNode:
		for _, operand := range n.operands {
			visit(operand, leaf)
		}
	}
}

// FuzzLayout generates a tree, writes it in one of the layouts that the grammar
// allows, and checks that it parses to the same tree.
func FuzzLayout(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, seed*seed)
	}
	f.Fuzz(func(t *testing.T, tree, layout uint64) {
		root := grow(rand.New(rand.NewPCG(tree, 0)), 5)
		w := writer{rand: rand.New(rand.NewPCG(layout, 1))}
		w.operand(root, "")
		s, err := Parse(w.String())
		require.NoError(t, err, w.String())
		require.Equal(t, root, s.root, w.String())
		checkCanonical(t, s)
	})
}
