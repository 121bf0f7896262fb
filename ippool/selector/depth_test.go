package selector

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nested puts n times open before the core and n times close after it.
func nested(n int, open, core, close string) string {
	return strings.Repeat(open, n) + core + strings.Repeat(close, n)
}

func TestDepthAccepted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		text  string
		depth int // of groups
	}{
		{"redundant parentheses", nested(MaxDepth, "(", "a==''", ")"), 0},
		{"nots between them", nested(MaxDepth, "!!!(", "a==''", ")"), 0},
		{"parentheses side by side", strings.Repeat("(has(a))||", 2*MaxDepth) + "has(a)", 1},
		{"to the right", nested(MaxDepth, "(has(a)&&", "has(b)", ")"), MaxDepth},
		{"to the right, outermost bare", nested(MaxDepth-1, "has(a)&&(", "has(b)||has(c)", ")"), MaxDepth},
		{"to the left", nested(MaxDepth, "(", "has(a)", "&&has(b))"), MaxDepth},
		{"with nots", nested(MaxDepth, "!(has(a)||", "has(b)", ")"), MaxDepth},
		// Two levels of groups for every parenthesis.
		{"or of and", nested(MaxDepth/2-1, "has(a)||has(b)&&(", "has(c)||has(d)&&has(e)", ")"), MaxDepth},
		{"redundant around the deepest", nested(MaxDepth/2, "(", nested(MaxDepth/2, "(has(a)&&", "has(b)", ")"), ")"), MaxDepth / 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := mustParse(t, tt.text)
			assert.Equal(t, tt.depth, depthOf(s.root))
			printed := s.String()
			again := mustParse(t, printed)
			assert.Equal(t, s, again)
			assert.Equal(t, printed, again.String())
			assert.NotPanics(t, func() { s.Matches(nil) })
		})
	}
}

func TestDepthRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		text   string
		offset int
	}{
		{"one parenthesis too many", nested(MaxDepth+1, "(", "a==''", ")"), MaxDepth},
		{"white space before it", nested(MaxDepth+1, " (", "a==''", ")"), 2*MaxDepth + 1},
		{"nots before it", nested(MaxDepth+1, "!(", "a==''", ")"), 2*MaxDepth + 1},
		{"later in the text", "has(a) && " + nested(MaxDepth+1, "(", "a==''", ")"), 10 + MaxDepth},
		// The parentheses are within the limit, but a group is not: its operand
		// has the maximum depth. The offset is that of the operand.
		{"a group around the first operand", nested(MaxDepth, "(has(a)&&", "has(b)", ")") + "&& has(c)", 0},
		{"a group around the second operand", "has(c) && " + nested(MaxDepth, "(has(a)&&", "has(b)", ")"), 10},
		{"an or around an and", nested(MaxDepth-1, "has(a)&&(", "has(b)||has(c)", ")") + "|| has(d)", 0},
		{"within other parentheses", "all() && (has(z) || !(" + nested(MaxDepth/2-1, "has(a)||has(b)&&(", "has(c)||has(d)&&has(e)", ")") + "))", 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(tt.text)
			var fault *SyntaxError
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, "expected at most 512 levels of nesting, found more", fault.Msg)
			assert.Equal(t, tt.offset, fault.Offset)
		})
	}
}

// No selector of 1024 characters, the limit of Calico's CustomResourceDefinition,
// reaches MaxDepth.
func TestDepthDoesNotLimitStoredSelectors(t *testing.T) {
	t.Parallel()
	const stored = 1024
	for _, tt := range []struct{ open, core, close string }{
		{"(", "a==''", ")"},
		{"!(", "a==''", ")"},
		{"(all()||", "all()", ")"},
		{"(", "all()", "&&all())"},
		{"all()||all()&&(", "all()||all()&&all()", ")"},
	} {
		n := (stored - len(tt.core)) / len(tt.open+tt.close)
		text := nested(n, tt.open, tt.core, tt.close)
		require.LessOrEqual(t, len(text), stored)
		s := mustParse(t, text)
		assert.Equal(t, s, mustParse(t, s.String()), text)
	}
}

// The worst input of 1 MiB must neither overflow the stack nor take more than
// linear time: quadratic time would be minutes.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	fill := func(unit string) string { return strings.Repeat(unit, size/len(unit)) }
	tests := []struct {
		name   string
		text   string
		offset int // of the fault; -1: valid
	}{
		{"opening parentheses", fill("("), MaxDepth},
		{"nots and parentheses", fill("!("), 2*MaxDepth + 1},
		{"closing parentheses", fill(")"), 0},
		{"nots", fill("!"), size},
		{"nots before a term", fill("!") + "has(a)", -1},
		{"white space", fill(" \t"), -1},
		{"white space before a fault", fill(" ") + "=", size},
		{"one label", fill("a"), maxLabel},
		{"one word after a label", "a " + fill("in"), 2},
		{"ors", fill("a=='b'||") + "a=='b'", -1},
		{"ands", fill("has(a)&&") + "has(a)", -1},
		{"ors of ands", fill("has(a)&&all()||") + "all()", -1},
		{"groups", fill("(all()||all())&&") + "all()", -1},
		{"operator missing at the end", fill("a=='b'||") + "a", size + 1},
		{"single quote not closed", "a=='" + fill("b"), 3},
		{"double quotes not closed", "a==\"" + fill("'"), 3},
		{"quotes", fill("'"), 0},
		{"a long string", "a=='" + fill("\"") + "'", -1},
		{"set of equal strings", "a in {" + fill("'x',") + "}", -1},
		{"set with long common prefixes", "a in {" + strings.Repeat("'"+strings.Repeat("x", 1021)+"',", 1024) + "}", -1},
		{"set in descending order", "a in {" + falling(size/8) + "}", -1},
		{"commas", "a in {'x'" + fill(","), 10},
		{"invalid UTF-8", fill("\xff"), 0},
		{"invalid UTF-8 before a fault", "a=='" + fill("\xff") + "' =", size + 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse(tt.text)
			if tt.offset >= 0 {
				var fault *SyntaxError
				require.ErrorAs(t, err, &fault)
				assert.Equal(t, tt.offset, fault.Offset)
				assert.Less(t, len(err.Error()), 300)
				return
			}
			require.NoError(t, err)
			printed := s.String()
			again, err := Parse(printed)
			require.NoError(t, err)
			// assert.Equal would print 1 MiB.
			assert.True(t, printed == again.String(), "String is not idempotent")
			assert.Equal(t, s.Matches(nil), again.Matches(nil))
		})
	}
}

func falling(n int) string {
	var text strings.Builder
	for i := n; i > 0; i-- {
		fmt.Fprintf(&text, "'%05x',", i)
	}
	return text.String()
}
