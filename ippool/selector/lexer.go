package selector

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxLabel is the maximum length of a label in characters. The characters after
// it belong to the next token.
const maxLabel = 512

// maxFound is the maximum number of characters of the text that an error quotes.
const maxFound = 20

// lexer reads the tokens of a selector. The parser requests the kind of token that
// is valid next, because the language has no reserved words: whether "in" is a
// label or an operator depends on its position.
//
// Every method skips leading white space. A method that doesn't find its token
// stays before the invalid one, so that failed returns its position.
type lexer struct {
	input string
	pos   int // offset of the first byte not yet read
}

// next skips white space and returns the offset of the next token.
func (l *lexer) next() int {
	for l.pos < len(l.input) && (l.input[l.pos] == ' ' || l.input[l.pos] == '\t') {
		l.pos++
	}
	return l.pos
}

// accept reads the text if it is next.
func (l *lexer) accept(text string) bool {
	if !strings.HasPrefix(l.input[l.next():], text) {
		return false
	}
	l.pos += len(text)
	return true
}

// expect reads the text, which is required.
func (l *lexer) expect(text string) error {
	if !l.accept(text) {
		return l.failed(strconv.Quote(text))
	}
	return nil
}

// label reads a label. It returns "" if there is none.
func (l *lexer) label() string {
	start := l.next()
	l.pos += countLabelBytes(l.input[start:], maxLabel)
	return l.input[start:l.pos]
}

// operator reads the operator after a label. It compares complete words: "inx"
// does not begin with the operator "in".
func (l *lexer) operator() (operator, error) {
	switch {
	case l.accept(string(opEqual)):
		return opEqual, nil
	case l.accept(string(opNotEqual)):
		return opNotEqual, nil
	}
	start := l.next()
	switch l.word() {
	case "contains":
		return opContains, nil
	case "startswith":
		return opStartsWith, nil
	case "starts":
		return opStartsWith, l.expectWord("with")
	case "endswith":
		return opEndsWith, nil
	case "ends":
		return opEndsWith, l.expectWord("with")
	case "in":
		return opIn, nil
	case "notin":
		return opNotIn, nil
	case "not":
		return opNotIn, l.expectWord("in")
	}
	l.pos = start
	return "", l.failed("==, !=, in, not in, contains, starts with or ends with")
}

func (l *lexer) word() string {
	start := l.next()
	l.pos += countLabelBytes(l.input[start:], len(l.input))
	return l.input[start:l.pos]
}

func (l *lexer) expectWord(word string) error {
	start := l.next()
	if l.word() != word {
		l.pos = start
		return l.failed(strconv.Quote(word))
	}
	return nil
}

// atString reports whether a quoted string is next.
func (l *lexer) atString() bool {
	start := l.next()
	return start < len(l.input) && (l.input[start] == '"' || l.input[start] == '\'')
}

// quoted reads a quoted string and returns the text between the quotes.
func (l *lexer) quoted() (string, error) {
	if !l.atString() {
		return "", l.failed("a quoted string")
	}
	quote, rest := l.input[l.pos], l.input[l.pos+1:]
	end := strings.IndexByte(rest, quote)
	if end < 0 {
		// Report the start of the string rather than the end of the text, where
		// the quote is missing.
		return "", l.fault(l.pos, fmt.Sprintf("expected a closing %c for the string that begins here, found %s", quote, endOfSelector))
	}
	l.pos += end + 2
	return rest[:end], nil
}

const endOfSelector = "end of selector"

// failed returns an error: expected is required, and the next token is different.
func (l *lexer) failed(expected string) error {
	offset := l.next()
	msg := "expected " + expected + ", found " + found(l.input[offset:])
	if l.inLabel(offset) {
		msg += fmt.Sprintf(" (a label has at most %d characters)", maxLabel)
	}
	return l.fault(offset, msg)
}

// inLabel reports whether the token at offset continues a label that is longer
// than maxLabel: all other words are read to their end.
func (l *lexer) inLabel(offset int) bool {
	return 0 < offset && offset < len(l.input) && isLabelByte(l.input[offset-1]) && isLabelByte(l.input[offset])
}

func (l *lexer) fault(offset int, msg string) *SyntaxError {
	return &SyntaxError{Selector: l.input, Offset: offset, Msg: msg}
}

// found quotes the first token of rest, truncated to maxFound characters.
func found(rest string) string {
	if rest == "" {
		return endOfSelector
	}
	token := rest[:tokenBytes(rest)]
	count := 0
	for i := range token {
		if count++; count > maxFound {
			return strconv.Quote(token[:i]) + "..."
		}
	}
	return strconv.Quote(token)
}

// tokenBytes returns the length of the first token of rest, valid or not. rest must
// not be empty.
func tokenBytes(rest string) int {
	if n := countLabelBytes(rest, len(rest)); n > 0 {
		return n
	}
	if quote := rest[0]; quote == '"' || quote == '\'' {
		if end := strings.IndexByte(rest[1:], quote); end >= 0 {
			return end + 2
		}
		return len(rest)
	}
	for _, symbol := range []string{"==", "!=", "&&", "||"} {
		if strings.HasPrefix(rest, symbol) {
			return len(symbol)
		}
	}
	_, n := utf8.DecodeRuneInString(rest)
	return n
}

// countLabelBytes counts the leading characters of s that are valid in a label, up
// to limit. All of them are ASCII, so bytes are characters.
func countLabelBytes(s string, limit int) int {
	n := 0
	for n < len(s) && n < limit && isLabelByte(s[n]) {
		n++
	}
	return n
}

func isLabelByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '_' || c == '.' || c == '/' || c == '-'
}
