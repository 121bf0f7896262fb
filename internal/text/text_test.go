package text

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOneLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "",
		"unchanged":                 "unchanged",
		"one\ntwo":                  "one; two",
		"one\r\ntwo\r\n":            "one; two",
		"\n\n one\n\t\n  two  \n":   "one; two",
		"errors:\n  one\n  two":     "errors: one; two",
		"a\tb\x1b[31mc\x00\u2028d":  "a b [31mc  d",
		"größer als \u200btrue":     "größer als  true",
		"\xff is invalid":           "\ufffd is invalid",
		"no\u00a0break, no\u3000ch": "no\u00a0break, no\u3000ch",
	} {
		assert.Equal(t, want, OneLine(text), "%q", text)
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, value, want string
	}{
		{"short", `a "b" \`, `"a \"b\" \\"`},
		{"longest", strings.Repeat("a", 200), `"` + strings.Repeat("a", 200) + `"`},
		{"too long", strings.Repeat("a", 201), `"` + strings.Repeat("a", 200) + `"… (201 bytes)`},
		{"long when quoted", strings.Repeat("\xff", 51), `"` + strings.Repeat(`\xff`, 50) + `"… (51 bytes)`},
		{"truncated between characters", strings.Repeat("a", 199) + "é", `"` + strings.Repeat("a", 199) + `"… (201 bytes)`},
		{"invalid UTF-8", "\xff\xc3", `"\xff\xc3"`},
		{"very long", strings.Repeat("x", 4_000), `"` + strings.Repeat("x", 200) + `"… (4000 bytes)`},
		{"unreasonably long", strings.Repeat("x", 10_000), `***`},
		{"secret", "-----BEGIN RSA PRIVATE KEY-----", `***`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, Quote(tt.value))
		})
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "abc", Clip("abc", 3))
	assert.Equal(t, "ab…", Clip("abc", 2))
	assert.Equal(t, "aé", Clip("aé", 3))
	assert.Equal(t, "a…", Clip("aéb", 2), "é takes two bytes")
}

func TestJoin(t *testing.T) {
	t.Parallel()
	type word string
	assert.Empty(t, Join[word](nil))
	assert.Equal(t, "a", Join([]word{"a"}))
	assert.Equal(t, "a, b, c", Join([]word{"a", "b", "c"}))
}
