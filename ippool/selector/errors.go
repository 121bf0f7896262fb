package selector

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrGlobal is what errors.Is finds in the error of a selector that uses
// global(). In a policy global() stands for what belongs to no namespace; a
// pool chooses among nodes and namespaces, where it has no meaning.
var ErrGlobal = errors.New("global() is valid only in policies, not in IP pools")

// SyntaxError says where and why a text is no selector. Every error of [Parse]
// is a *SyntaxError.
type SyntaxError struct {
	// Selector is the whole text that was given to Parse.
	Selector string
	// Offset is where the fault begins in Selector, in bytes from 0. It equals
	// len(Selector) where the text ended too early.
	Offset int
	// Msg says what was expected and what was found instead, on one line and
	// without the position.
	Msg string

	cause error
}

// Column is the position of the fault for people: counted from 1 and in
// characters, of which a byte that is not valid UTF-8 counts as one.
func (e *SyntaxError) Column() int {
	before := e.Selector[:min(max(e.Offset, 0), len(e.Selector))]
	return utf8.RuneCountInString(before) + 1
}

// Error gives the column and the message, on one line. It leaves out the
// selector, which the caller usually prints with the name of its field.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("column %d: %s", e.Column(), e.Msg)
}

// Unwrap gives ErrGlobal where global() is the fault, else nil.
func (e *SyntaxError) Unwrap() error { return e.cause }
