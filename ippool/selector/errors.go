package selector

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrGlobal is wrapped by the error of a selector that uses global(). In a policy,
// global() selects objects without a namespace; a pool selects nodes and
// namespaces, where it has no meaning.
var ErrGlobal = errors.New("global() is valid only in policies, not in IP pools")

// SyntaxError describes the first syntax error in a selector. Every error of
// [Parse] is a *SyntaxError.
type SyntaxError struct {
	// Selector is the text that was passed to Parse.
	Selector string
	// Offset is the position of the error in Selector, in bytes from 0. It equals
	// len(Selector) if the text ends too early.
	Offset int
	// Msg states what was expected and what was found, on one line and without
	// the position.
	Msg string

	cause error
}

// Column returns the position of the error in characters, from 1. A byte that is
// not valid UTF-8 is one character.
func (e *SyntaxError) Column() int {
	before := e.Selector[:min(max(e.Offset, 0), len(e.Selector))]
	return utf8.RuneCountInString(before) + 1
}

// Error returns the column and the message, on one line. It omits the selector,
// which callers usually print with the name of its field.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("column %d: %s", e.Column(), e.Msg)
}

// Unwrap returns ErrGlobal if the selector uses global(), and nil otherwise.
func (e *SyntaxError) Unwrap() error { return e.cause }
