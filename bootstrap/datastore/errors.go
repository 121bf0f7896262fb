package datastore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// The kinds of errors, for errors.Is. Cause and hint are in the text of the error.
var (
	// ErrConflict is returned by Datastore.Commit if another client wrote pools
	// after the snapshot. The Result has what was written, if anything. A run
	// retries with a new snapshot; it returns ErrConflict only after many
	// retries.
	ErrConflict = errors.New("pools were modified concurrently")

	// ErrUnreachable is returned if the datastore does not respond or is
	// temporarily unable to serve the request. It is retryable.
	ErrUnreachable = errors.New("datastore unreachable")

	// ErrNotInstalled is returned if the Kubernetes API does not serve IPPools:
	// Calico's CRDs are not installed or not established yet. It is retryable.
	ErrNotInstalled = errors.New("not installed")

	// ErrRefused is returned if the API server rejects a pool that passed
	// validation here: by a rule of the CRD, an admission webhook, a policy or
	// a quota.
	ErrRefused = errors.New("refused by the API server")

	// ErrTLS is returned if the TLS connection fails: a certificate is not
	// trusted, has expired, is for another name, or is refused.
	ErrTLS = errors.New("TLS failure")

	// ErrUnauthorized is returned if the credentials are invalid, or missing
	// but required.
	ErrUnauthorized = errors.New("unauthorized")

	// ErrForbidden is returned if the authenticated user lacks a permission.
	ErrForbidden = errors.New("permission denied")
)

// Error is a failed operation on a datastore. It wraps its kind (one of the sentinels
// of this package) and its cause.
type Error struct {
	Kind      error  // ErrUnreachable, ErrNotInstalled, ErrRefused, ErrTLS, ErrUnauthorized or ErrForbidden; nil for other errors
	Place     string // the datastore and its endpoints: "etcd https://10.0.0.1:2379"
	Operation string // the operation that failed: "reading IP pools"
	Err       error  // the cause; nil: unknown
	Hint      string // how to fix it; may be empty

	// RetryAfter is the minimum time before a retry that the datastore
	// requests; zero if it requests none.
	RetryAfter time.Duration
}

// Error returns one line: place, operation, kind, cause, hint. A cause of more than 2000
// bytes is truncated.
func (e *Error) Error() string {
	var line strings.Builder
	fmt.Fprintf(&line, "%s: %s", text.OneLine(e.Place), text.OneLine(e.Operation))
	if e.Kind != nil {
		fmt.Fprintf(&line, ": %v", e.Kind)
	}
	switch {
	case e.Err != nil:
		fmt.Fprintf(&line, ": %s", text.Cause(e.Err))
	case e.Kind == nil:
		line.WriteString(": failed")
	}
	if e.Hint != "" {
		fmt.Fprintf(&line, ": %s", text.OneLine(e.Hint))
	}
	return line.String()
}

// Unwrap returns the kind and the cause, without those that are nil.
func (e *Error) Unwrap() []error {
	return slices.DeleteFunc([]error{e.Kind, e.Err}, func(err error) bool { return err == nil })
}

// Retryable reports whether a retry may succeed without intervention: err is
// ErrUnreachable or ErrNotInstalled.
func Retryable(err error) bool {
	return errors.Is(err, ErrUnreachable) || errors.Is(err, ErrNotInstalled)
}
