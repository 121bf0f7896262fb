package datastore

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// The kinds of errors, to be distinguished with errors.Is. The text of an error says
// the rest: where, why, and what to do.
var (
	// ErrConflict comes from Datastore.Commit when another client wrote pools
	// after the snapshot was taken. Nothing of the commit was written, or what its
	// Result says. A run takes another snapshot and plans again; it returns
	// ErrConflict only if that goes on and on.
	ErrConflict = errors.New("pools were modified concurrently")

	// ErrUnreachable comes when the datastore gives no answer, or none but
	// that it can't answer now. It may pass: a run tries again until the
	// time runs out.
	ErrUnreachable = errors.New("datastore unreachable")

	// ErrNotInstalled comes when the Kubernetes API knows no IPPools: Calico's
	// CRDs are not there, or not established yet. It may pass: a run tries again
	// until the time runs out.
	ErrNotInstalled = errors.New("not installed")

	// ErrRefused comes when the API server refuses a pool that is valid here:
	// by a rule of its CRD, or of an admission webhook or policy.
	ErrRefused = errors.New("refused by the API server")

	// ErrTLS comes when the connection can't be secured: a certificate that is
	// not trusted, has expired, is for another name, or is refused.
	ErrTLS = errors.New("TLS failure")

	// ErrUnauthorized comes when the datastore doesn't take the credentials, or
	// wants some and got none.
	ErrUnauthorized = errors.New("unauthorized")

	// ErrForbidden comes when the datastore knows who asks and doesn't allow it.
	ErrForbidden = errors.New("permission denied")
)

// Error is an error of a datastore. It wraps its kind (one of the
// sentinels of this package) and its cause.
type Error struct {
	Kind      error  // ErrUnreachable, ErrNotInstalled, ErrRefused, ErrTLS, ErrUnauthorized, ErrForbidden; nil: none of them
	Place     string // the datastore and its endpoints: "etcd https://10.0.0.1:2379"
	Operation string // what was tried: "reading IP pools"
	Err       error  // the cause
	Hint      string // what the user may do about it; may be empty

	// RetryAfter is how long the datastore asks to be left alone; zero: it
	// doesn't say.
	RetryAfter time.Duration
}

// Error returns one line: place, what was tried, kind, cause, next step.
func (e *Error) Error() string {
	var line strings.Builder
	fmt.Fprintf(&line, "%s: %s", e.Place, e.Operation)
	if e.Kind != nil {
		fmt.Fprintf(&line, ": %v", e.Kind)
	}
	fmt.Fprintf(&line, ": %s", text.OneLine(e.Err.Error()))
	if e.Hint != "" {
		fmt.Fprintf(&line, ": %s", e.Hint)
	}
	return line.String()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Kind == nil {
		return []error{e.Err}
	}
	return []error{e.Kind, e.Err}
}

// Retryable reports whether an error may go away by itself.
func Retryable(err error) bool {
	return errors.Is(err, ErrUnreachable) || errors.Is(err, ErrNotInstalled)
}
