package api

import (
	"errors"
	"fmt"
)

// The limits of all responses. Those of a list are in its List.
const (
	// maxObjectBytes limits the decompressed size of one object. An API server
	// accepts objects of up to 3 MiB.
	maxObjectBytes = 3 << 20

	// maxObjectFields limits the fields and elements of one item of a list.
	maxObjectFields = 100_000

	// maxErrorBytes limits the decompressed size of an error response.
	maxErrorBytes = 1 << 20

	// maxPages limits the pages of a list.
	maxPages = 1000
)

// What a LimitError says was exceeded.
const (
	TooManyBytes  = "is larger than %d bytes"
	ItemTooLarge  = "has an item or a field larger than %d bytes"
	TooManyFields = "has an item with more than %d fields"
	TooManyItems  = "has more than %d items"
	TooManyPages  = "has more than %d pages"
	TooMuchMemory = "takes more than %d bytes of memory"
)

// LimitError is a response that exceeds a limit. An honest one is far below each.
type LimitError struct {
	Exceeded string // one of the constants
	Limit    int64
}

func (e *LimitError) Error() string { return "the response " + fmt.Sprintf(e.Exceeded, e.Limit) }

// ErrRepeats is a list whose continue token does not change from one page to the next.
var ErrRepeats = errors.New("the list has no end: two pages have the same continue token")

// IsEndless reports whether a response exceeds a limit or a list has no end. It means
// that the server is none that a run may trust, not that a fact is unknown.
func IsEndless(err error) bool {
	var limit *LimitError
	return errors.As(err, &limit) || errors.Is(err, ErrRepeats)
}
