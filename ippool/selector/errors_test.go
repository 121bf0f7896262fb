package selector

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseErrors(t *testing.T) {
	t.Parallel()
	const (
		aTerm     = `expected a label, all(), has(), "!" or "(", found `
		operators = "expected ==, !=, in, not in, contains, starts with or ends with, found "
		goesOn    = `expected "&&", "||" or the end of selector, found `
		inParens  = `expected "&&", "||" or ")", found `
		aString   = "expected a quoted string, found "
		theEnd    = "end of selector"
		tooLong   = " (a label has at most 512 characters)"
	)
	full := strings.Repeat("l", maxLabel)
	tests := []struct {
		name   string
		text   string
		offset int
		msg    string
	}{
		{"only not", "!", 1, aTerm + theEnd},
		{"only white space after not", "!\t ", 3, aTerm + theEnd},
		{"empty parentheses", "()", 1, aTerm + `")"`},
		{"parenthesis not closed", "(has(a)", 7, inParens + theEnd},
		{"parenthesis not opened", "has(a))", 6, goesOn + `")"`},
		{"second term in parentheses", "(has(a) has(b))", 8, inParens + `"has"`},
		{"two terms", "has(a) has(b)", 7, goesOn + `"has"`},
		{"string instead of a label", "'a' == 'x'", 0, aTerm + `"'a'"`},
		{"other character", "é == 'x'", 0, aTerm + `"é"`},
		{"invalid UTF-8", "\xff", 0, aTerm + `"\xff"`},
		{"line break at the end", "has(a)\n", 6, goesOn + `"\n"`},
		{"line break between", "has(a) &&\nhas(b)", 9, aTerm + `"\n"`},
		{"no-break space", "has(a)\u00a0&& has(b)", 6, goesOn + `"\u00a0"`},

		{"and without left", "&& has(a)", 0, aTerm + `"&&"`},
		{"and without right", "has(a) && ", 10, aTerm + theEnd},
		{"or without left", "|| has(a)", 0, aTerm + `"||"`},
		{"or without right", "has(a) ||", 9, aTerm + theEnd},
		{"and with one character", "has(a) & has(b)", 7, goesOn + `"&"`},
		{"or with one character", "has(a) | has(b)", 7, goesOn + `"|"`},
		{"and with three", "has(a) &&& has(b)", 9, aTerm + `"&"`},
		{"or without right, and", "has(a) || && has(b)", 10, aTerm + `"&&"`},

		{"white space before the parenthesis of all", "all ()", 4, operators + `"("`},
		{"white space before the parenthesis of has", "has (a)", 4, operators + `"("`},
		{"all with an argument", "all(a)", 4, `expected ")", found "a"`},
		{"all not closed", "all( ", 5, `expected ")", found ` + theEnd},
		{"has without an argument", "has()", 4, `expected a label, found ")"`},
		{"has with a string", "has('a')", 4, `expected a label, found "'a'"`},
		{"has truncated", "has(", 4, "expected a label, found " + theEnd},
		{"has with two labels", "has(a b)", 6, `expected ")", found "b"`},
		{"has not closed", "has(a", 5, `expected ")", found ` + theEnd},
		{"has with a label that is too long", "has(" + full + "l)", 516, `expected ")", found "l"` + tooLong},
		{"upper case", "ALL()", 3, operators + `"("`},

		{"only a label", "a", 1, operators + theEnd},
		{"two labels", "a b", 2, operators + `"b"`},
		{"label and string", "a 'x'", 2, operators + `"'x'"`},
		{"label and not", "a ! = 'x'", 2, operators + `"!"`},
		{"one equals sign", "a = 'x'", 2, operators + `"="`},
		{"three equals signs", "a === 'x'", 4, aString + `"="`},
		{"operator first", "== 'x'", 0, aTerm + `"=="`},
		{"word that begins like in", "a inx {'b'}", 2, operators + `"inx"`},
		{"word that begins like contains", "a containsx 'b'", 2, operators + `"containsx"`},
		{"word that begins like starts with", "a startswithx 'b'", 2, operators + `"startswithx"`},
		{"word that begins like not in", "a notinx {'b'}", 2, operators + `"notinx"`},
		{"operator in upper case", "a IN {'b'}", 2, operators + `"IN"`},
		{"half of starts with", "a starts 'x'", 9, `expected "with", found "'x'"`},
		{"half of ends with", "a ends", 6, `expected "with", found ` + theEnd},
		{"half of not in", "a not {'x'}", 6, `expected "in", found "{"`},
		{"longer second word", "a not inx {'x'}", 6, `expected "in", found "inx"`},
		{"label that is too long", full + "l == 'x'", 512, operators + `"l"` + tooLong},
		{"label that is too long, in without space", full + "lin{'x'}", 512, operators + `"lin"` + tooLong},

		{"no string", "a ==", 4, aString + theEnd},
		{"word instead of a string", "a == foo", 5, aString + `"foo"`},
		{"set instead of a string", "a == {'x'}", 5, aString + `"{"`},
		{"two strings", "a == 'x' 'y'", 9, goesOn + `"'y'"`},
		{"single quote not closed", "a == 'x", 5, "expected a closing ' for the string that begins here, found " + theEnd},
		{"double quote not closed", `a == "x'`, 5, `expected a closing " for the string that begins here, found ` + theEnd},
		{"backslash does not escape", `a == 'it\'s'`, 10, goesOn + `"s"`},

		{"string instead of a set", "a in 'x'", 5, `expected "{", found "'x'"`},
		{"no set", "a not in ", 9, `expected "{", found ` + theEnd},
		{"set not closed", "a in {", 6, `expected a quoted string or "}", found ` + theEnd},
		{"set not closed after a string", "a in {'x'", 9, `expected "," or "}", found ` + theEnd},
		{"set not closed after a comma", "a in {'x',", 10, `expected a quoted string or "}", found ` + theEnd},
		{"no comma", "a in {'x' 'y'}", 10, `expected "," or "}", found "'y'"`},
		{"only a comma", "a in {,}", 6, `expected a quoted string or "}", found ","`},
		{"two commas", "a in {'x',,'y'}", 10, `expected a quoted string or "}", found ","`},
		{"word in a set", "a in {x}", 6, `expected a quoted string or "}", found "x"`},
		{"string in a set not closed", "a in {'x', 'y}", 11, "expected a closing ' for the string that begins here, found " + theEnd},

		{"global with an argument", "global(a)", 7, `expected ")", found "a"`},
		{"global not closed", "global(", 7, `expected ")", found ` + theEnd},
		{"white space before the parenthesis of global", "global ()", 7, operators + `"("`},

		{"twenty characters", "a == 12345678901234567890", 5, aString + `"12345678901234567890"`},
		{"long word, truncated", "a == 123456789012345678901", 5, aString + `"12345678901234567890"...`},
		{"long string, truncated between characters", "'" + strings.Repeat("é", 30) + "'", 0, aTerm + `"'` + strings.Repeat("é", 19) + `"...`},
		{"unclosed string, truncated", `has(a) "` + strings.Repeat("\n", 30), 7, goesOn + `"\"` + strings.Repeat(`\n`, 19) + `"...`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse(tt.text)
			assert.Nil(t, s)
			assert.Equal(t, &SyntaxError{Selector: tt.text, Offset: tt.offset, Msg: tt.msg}, err)
			assert.NotErrorIs(t, err, ErrGlobal)
		})
	}
}

func TestSyntaxErrorColumn(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		text   string
		offset int
		want   string
	}{
		{"first", "= 'x'", 0, `column 1: expected a label, all(), has(), "!" or "(", found "="`},
		{"plain", "a ==  foo", 6, `column 7: expected a quoted string, found "foo"`},
		{"two bytes a character", "a == 'éü' && b == foo", 20, `column 19: expected a quoted string, found "foo"`},
		{"four bytes a character", "a == '🦊' && b", 16, "column 14: expected ==, !=, in, not in, contains, starts with or ends with, found end of selector"},
		{"combining characters are characters", "a == 'e\u0301' b", 11, `column 11: expected "&&", "||" or the end of selector, found "b"`},
		{"an invalid byte is a character", "a == '\xff\xfe' b", 10, `column 11: expected "&&", "||" or the end of selector, found "b"`},
		{"a line break in a string is a character", "a == '\n\n' b", 10, `column 11: expected "&&", "||" or the end of selector, found "b"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(tt.text)
			var fault *SyntaxError
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, tt.offset, fault.Offset)
			assert.EqualError(t, err, tt.want)
		})
	}
}

// Any package can create a SyntaxError, so its methods must support every offset.
func TestSyntaxErrorOutside(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 1, (&SyntaxError{}).Column())
	assert.Equal(t, 1, (&SyntaxError{Selector: "abc", Offset: -1}).Column())
	assert.Equal(t, 4, (&SyntaxError{Selector: "abc", Offset: 9}).Column())
}

func TestParseGlobal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text   string
		offset int
	}{
		{"global()", 0},
		{" global( \t)", 1},
		{"!global()", 1},
		{"has(a) && (global() || has(b))", 11},
		{"global() and then nonsense", 0},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(tt.text)
			require.ErrorIs(t, err, ErrGlobal)
			var fault *SyntaxError
			require.True(t, errors.As(err, &fault))
			assert.Equal(t, tt.offset, fault.Offset)
			assert.Equal(t, ErrGlobal.Error(), fault.Msg)
		})
	}
}
