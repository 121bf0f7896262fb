package selector

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func mustParse(t testing.TB, text string) *Selector {
	t.Helper()
	s, err := Parse(text)
	require.NoError(t, err)
	return s
}

func TestMatchesTests(t *testing.T) {
	t.Parallel()
	// Each test is evaluated with the label a absent, empty, equal to the value, and
	// with the value at its start, in its middle and at its end.
	values := []string{"", "x", "xyy", "yxy", "yyx", "y"}
	tests := []struct {
		text   string
		absent bool
		want   []bool // in the order of values
	}{
		{"all()", true, []bool{true, true, true, true, true, true}},
		{"has(a)", false, []bool{true, true, true, true, true, true}},
		{"!has(a)", true, []bool{false, false, false, false, false, false}},

		{"a == 'x'", false, []bool{false, true, false, false, false, false}},
		{"a != 'x'", true, []bool{true, false, true, true, true, true}},
		{"a contains 'x'", false, []bool{false, true, true, true, true, false}},
		{"a starts with 'x'", false, []bool{false, true, true, false, false, false}},
		{"a ends with 'x'", false, []bool{false, true, false, false, true, false}},
		{"a in {'x', 'y'}", false, []bool{false, true, false, false, false, true}},
		{"a not in {'x', 'y'}", true, []bool{true, false, true, true, true, false}},

		{"a == ''", false, []bool{true, false, false, false, false, false}},
		{"a != ''", true, []bool{false, true, true, true, true, true}},
		{"a contains ''", false, []bool{true, true, true, true, true, true}},
		{"a starts with ''", false, []bool{true, true, true, true, true, true}},
		{"a ends with ''", false, []bool{true, true, true, true, true, true}},
		{"a in {''}", false, []bool{true, false, false, false, false, false}},
		{"a not in {''}", true, []bool{false, true, true, true, true, true}},

		{"a in {}", false, []bool{false, false, false, false, false, false}},
		{"a not in {}", true, []bool{true, true, true, true, true, true}},

		{"!a == 'x'", true, []bool{true, false, true, true, true, true}},
		{"!a contains 'x'", true, []bool{true, false, false, false, false, true}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			s := mustParse(t, tt.text)
			assert.Equal(t, tt.absent, s.Matches(nil), "no labels")
			assert.Equal(t, tt.absent, s.Matches(map[string]string{"b": "x"}), "another label")
			require.Len(t, tt.want, len(values))
			for i, value := range values {
				assert.Equal(t, tt.want[i], s.Matches(map[string]string{"a": value}), "a is %q", value)
			}
		})
	}
}

func TestMatchesLogic(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want string // for the labels: none, a, b, ab, c, ac, bc, abc
	}{
		{"has(a) && has(b)", "...+...+"},
		{"has(a) || has(b)", ".+++.+++"},
		{"has(a) && has(b) && has(c)", ".......+"},
		{"has(a) || has(b) || has(c)", ".+++++++"},
		{"has(a) || has(b) && has(c)", ".+.+.+++"},
		{"(has(a) || has(b)) && has(c)", ".....+++"},
		{"!has(a) && has(b)", "..+...+."},
		{"!(has(a) && has(b))", "+++.+++."},
		{"!(has(a) || has(b))", "+...+..."},
		{"!(!has(a) || !has(b))", "...+...+"},
		{"!!has(a)", ".+.+.+.+"},
		{"has(a) && !all()", "........"},
		{"has(a) || all()", "++++++++"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			s := mustParse(t, tt.text)
			got := make([]byte, 8)
			for i := range got {
				labels := map[string]string{}
				for bit, label := range []string{"a", "b", "c"} {
					if i>>bit&1 == 1 {
						labels[label] = "true"
					}
				}
				got[i] = '.'
				if s.Matches(labels) {
					got[i] = '+'
				}
			}
			assert.Equal(t, tt.want, string(got))
		})
	}
}

func TestMatchesSetFindsEveryMember(t *testing.T) {
	t.Parallel()
	s := mustParse(t, "a in {'e','b','d','a','c','b'}")
	for _, member := range []string{"a", "b", "c", "d", "e"} {
		assert.True(t, s.Matches(map[string]string{"a": member}), member)
	}
	for _, other := range []string{"", "0", "aa", "f"} {
		assert.False(t, s.Matches(map[string]string{"a": other}), other)
	}
}

func TestString(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"", "all()"},
		{" all( ) ", "all()"},
		{"has( a )", "has(a)"},
		{"!has(a)", "!has(a)"},
		{"a=='b'", `a == "b"`},
		{"a!='b'", `a != "b"`},
		{"a contains'b'", `a contains "b"`},
		{"a startswith 'b'", `a starts with "b"`},
		{"a ends  with 'b'", `a ends with "b"`},
		{"a in{'y','x','y'}", `a in {"x", "y"}`},
		{"a notin{'x',}", `a not in {"x"}`},
		{"a in {}", "a in {}"},
		{"a in {'B','a','A'}", `a in {"A", "B", "a"}`},
		{`a == 'say "b"'`, `a == 'say "b"'`},
		{`a == "it's"`, `a == "it's"`},
		{`a in {'"', "'"}`, `a in {'"', "'"}`},
		{"a == 'b' && has(c)", `(a == "b" && has(c))`},
		{"has(a)||has(b)||has(c)", "(has(a) || has(b) || has(c))"},
		{"has(a) || has(b) && has(c)", "(has(a) || (has(b) && has(c)))"},
		{"has(a) && (has(b) && has(c))", "(has(a) && (has(b) && has(c)))"},
		{"((has(a)))", "has(a)"},
		{"!(has(a) || has(b))", "!(has(a) || has(b))"},
		{"!a == 'b'", `!a == "b"`},
		{"!(!a == 'b')", `a == "b"`},
		{"!!!all()", "!all()"},
		{"in in {'in'}", `in in {"in"}`},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			s := mustParse(t, tt.text)
			assert.Equal(t, tt.want, s.String())
			assert.Equal(t, s, mustParse(t, tt.want))
		})
	}
}

func TestZeroSelectorIsAll(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*Selector{"nil": nil, "zero": {}} {
		assert.True(t, s.Matches(nil), name)
		assert.True(t, s.Matches(map[string]string{"a": "b"}), name)
		assert.Equal(t, "all()", s.String(), name)
	}
}

// Only the race detector can fail this test.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := mustParse(t, "a in {'y','x'} && !(has(b) || c starts with 'd')")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				assert.True(t, s.Matches(map[string]string{"a": "x"}))
				assert.Equal(t, `(a in {"x", "y"} && !(has(b) || c starts with "d"))`, s.String())
			}
		})
	}
	wg.Wait()
}

func TestLabels(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                                      nil,
		"all()":                                 nil,
		"!all()":                                nil,
		"has(a)":                                {"a"},
		"zone == 'a'":                           {"zone"},
		"zone not in {'a', 'b'}":                {"zone"},
		"b != 'x' || a contains 'y'":            {"a", "b"},
		"!(b == 'x' && (has(c) || a in {'y'}))": {"a", "b", "c"},
		"a == '1' || all() || !has(a) || in == ''": {"a", "in"},
	} {
		s, err := Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, s.Labels(), text)
	}
	assert.Empty(t, (*Selector)(nil).Labels())
	assert.Empty(t, (&Selector{}).Labels())
}
