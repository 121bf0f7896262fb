package selector

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Shorthands for trees.

func eq(label, value string) node { return &valueNode{label: label, op: opEqual, value: value} }

func has(label string) node { return &hasNode{label: label} }

func group(op connective, operands ...node) node {
	deepest := 0
	for _, n := range operands {
		deepest = max(deepest, depthOf(n))
	}
	return &groupNode{op: op, operands: operands, depth: deepest + 1}
}

func TestParseTree(t *testing.T) {
	t.Parallel()
	full := strings.Repeat("l", maxLabel)
	tests := []struct {
		name string
		text string
		want node
	}{
		{"empty", "", allNode{}},
		{"white space", " \t ", allNode{}},

		{"all", "all()", allNode{}},
		{"all with white space inside", "all( \t )", allNode{}},
		{"has", "has(a)", has("a")},
		{"has with white space inside", "has( a\t)", has("a")},
		{"has of an unusual label", "has(has)", has("has")},
		{"every character of a label", "has(azAZ09_./-)", has("azAZ09_./-")},
		{"longest label in has", "has(" + full + ")", has(full)},

		{"equal", "a == 'x'", eq("a", "x")},
		{"not equal", "a != 'x'", &valueNode{"a", opNotEqual, "x"}},
		{"contains", "a contains 'x'", &valueNode{"a", opContains, "x"}},
		{"starts with", "a starts with 'x'", &valueNode{"a", opStartsWith, "x"}},
		{"starts with in one word", "a startswith 'x'", &valueNode{"a", opStartsWith, "x"}},
		{"starts with, more white space", "a starts \t with 'x'", &valueNode{"a", opStartsWith, "x"}},
		{"ends with", "a ends with 'x'", &valueNode{"a", opEndsWith, "x"}},
		{"ends with in one word", "a endswith 'x'", &valueNode{"a", opEndsWith, "x"}},
		{"ends with, more white space", "a ends\twith 'x'", &valueNode{"a", opEndsWith, "x"}},
		{"in", "a in {'x'}", &setNode{"a", opIn, []string{"x"}}},
		{"not in", "a not in {'x'}", &setNode{"a", opNotIn, []string{"x"}}},
		{"not in in one word", "a notin {'x'}", &setNode{"a", opNotIn, []string{"x"}}},
		{"not in, more white space", "a not \t in {'x'}", &setNode{"a", opNotIn, []string{"x"}}},

		{"no white space", "a=='x'", eq("a", "x")},
		{"no white space before the string", "a contains'x'", &valueNode{"a", opContains, "x"}},
		{"no white space after with", `a startswith"x"`, &valueNode{"a", opStartsWith, "x"}},
		{"no white space before the brace", "a in{'x'}", &setNode{"a", opIn, []string{"x"}}},
		{"no white space after not in", "a not in{'x'}", &setNode{"a", opNotIn, []string{"x"}}},
		{"white space everywhere", "\t! ( a\t==  'x' ) ", &notNode{eq("a", "x")}},

		{"empty set", "a in {}", &setNode{"a", opIn, nil}},
		{"empty set with white space", "a not in { }", &setNode{"a", opNotIn, nil}},
		{"two members", "a in {'x','y'}", &setNode{"a", opIn, []string{"x", "y"}}},
		{"comma at the end", "a in { 'x' , 'y' , }", &setNode{"a", opIn, []string{"x", "y"}}},
		{"members sorted, without duplicates", "a in {'y',\"x\",'y',''}", &setNode{"a", opIn, []string{"", "x", "y"}}},

		{"empty string", "a == ''", eq("a", "")},
		{"double quotes", `a == "x"`, eq("a", "x")},
		{"double in single", `a == 'say "x"'`, eq("a", `say "x"`)},
		{"single in double", `a == "it's"`, eq("a", "it's")},
		{"no escapes", `a == 'x\n\'`, eq("a", `x\n\`)},
		{"anything in a string", "a == ') && \n\x00\xffé'", eq("a", ") && \n\x00\xffé")},

		{"label in", "in == 'x'", eq("in", "x")},
		{"label all", "all == 'x'", eq("all", "x")},
		{"label has", "has == 'x'", eq("has", "x")},
		{"label global", "global == 'x'", eq("global", "x")},
		{"label not", "not in {'x'}", &setNode{"not", opIn, []string{"x"}}},
		{"label not, not in", "not not in {'x'}", &setNode{"not", opNotIn, []string{"x"}}},
		{"label in, in", "in in {'x'}", &setNode{"in", opIn, []string{"x"}}},
		{"label starts", "starts starts with 'x'", &valueNode{"starts", opStartsWith, "x"}},
		{"label with dashes only", "-- == 'x'", eq("--", "x")},
		{"longest label", full + " == 'x'", eq(full, "x")},
		{"longest label, equal without space", full + "=='x'", eq(full, "x")},
		{"longest label, in without space", full + "in{'x'}", &setNode{full, opIn, []string{"x"}}},
		{"longest label, not in without space", full + "not in {'x'}", &setNode{full, opNotIn, []string{"x"}}},

		{"not", "!has(a)", &notNode{has("a")}},
		{"not all", "!all()", &notNode{allNode{}}},
		{"not of a test", "!a == 'x'", &notNode{eq("a", "x")}},
		{"two nots", "!!has(a)", has("a")},
		{"three nots", "! !\t!has(a)", &notNode{has("a")}},
		{"not of parentheses", "!(has(a))", &notNode{has("a")}},
		{"not of not in parentheses", "!(!has(a))", has("a")},
		{"not of not of a group", "!(!(has(a) && has(b)))", group(and, has("a"), has("b"))},
		{"not binds closer than and", "!has(a) && has(b)", group(and, &notNode{has("a")}, has("b"))},

		{"and", "has(a) && has(b)", group(and, has("a"), has("b"))},
		{"and of three", "has(a)&&has(b)&&has(c)", group(and, has("a"), has("b"), has("c"))},
		{"or", "has(a) || has(b)", group(or, has("a"), has("b"))},
		{"or of three", "has(a)||has(b)||has(c)", group(or, has("a"), has("b"), has("c"))},
		{"and before or", "has(a) || has(b) && has(c)", group(or, has("a"), group(and, has("b"), has("c")))},
		{"and before or, the other way round", "has(a) && has(b) || has(c)", group(or, group(and, has("a"), has("b")), has("c"))},
		{"parentheses before and", "(has(a) || has(b)) && has(c)", group(and, group(or, has("a"), has("b")), has("c"))},
		{"same operator stays nested", "has(a) && (has(b) && has(c))", group(and, has("a"), group(and, has("b"), has("c")))},
		{"parentheses of one vanish", "((has(a)))", has("a")},
		{"parentheses around operands vanish", "(has(a)) || (has(b))", group(or, has("a"), has("b"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse(tt.text)
			require.NoError(t, err)
			assert.Equal(t, tt.want, s.root)
		})
	}
}
