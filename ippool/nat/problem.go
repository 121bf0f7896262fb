package nat

import (
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Problem is a part of a [Cluster] that the [Model] does not use because it is invalid. It
// is an error, so that lists of problems and errors can be joined.
type Problem struct {
	Object string // the kind and the name, such as "IPPool default-ipv4-ippool"
	Field  string // the path, such as spec.cidr
	Value  string // as stored
	Reason string // what would be valid
	Effect string // what the Model assumes instead
}

// Error returns the problem on one line.
func (p Problem) Error() string {
	return fmt.Sprintf("%s: %s: Invalid value: %s: %s; %s", shown(p.Object), p.Field, text.Quote(p.Value), p.Reason, p.Effect)
}

// InputError is the error of a question that has no answer: an invalid address, addresses
// of two families, a node that does not exist, or an unknown dataplane or protocol.
type InputError struct {
	Field  string // source, destination, node, dataplane or protocol
	Value  string // as given; empty for an invalid address
	Reason string // what would be valid
}

// Error returns the error on one line.
func (e *InputError) Error() string {
	return fmt.Sprintf("%s: Invalid value: %s: %s", e.Field, text.Quote(e.Value), e.Reason)
}

// shown returns a name of an object for a message: on one line, of limited length.
func shown(name string) string { return text.Clip(text.Graphic(name), text.MaxQuoted) }
