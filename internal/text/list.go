package text

import (
	"fmt"
	"strings"
)

// The maximum number of errors in a list that are printed, and their maximum size in
// bytes.
const (
	MaxErrors     = 500
	MaxErrorBytes = 256 << 10
)

// Errors returns the errors of a list to print: the first ones, and one that counts the
// others.
func Errors[E error](all []E) []error {
	var first []error
	size := 0
	for i, err := range all {
		if size += len(err.Error()); i == MaxErrors || i > 0 && size > MaxErrorBytes {
			return append(first, moreError(len(all)-i))
		}
		first = append(first, err)
	}
	return first
}

// moreError counts the errors that are not printed.
type moreError int

func (e moreError) Error() string { return fmt.Sprintf("… and %d more", int(e)) }

// Lines returns the texts of the errors, one a line.
func Lines(errs []error) string {
	lines := make([]string, len(errs))
	for i, err := range errs {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}
