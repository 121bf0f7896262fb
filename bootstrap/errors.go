package bootstrap

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// What can go wrong, to be told apart with errors.Is. The text of an error says
// the rest: where, why, and what to do.
var (
	// ErrInvalidSettings comes when settings are wrong or contradict each
	// other, before anything is contacted. The error is a *SettingsError.
	ErrInvalidSettings = errors.New("invalid settings")

	// ErrIncompatible comes when the pools that are asked for can't stand
	// beside what the datastore holds: a name is taken by a pool of the other
	// family or by a record that can't be read, or IPAM blocks inside a pool
	// have another size.
	ErrIncompatible = errors.New("incompatible with what the datastore holds")

	// ErrConflict comes from Datastore.Commit when somebody else wrote pools
	// after the snapshot was taken. Nothing of the commit was written, or what a
	// PartialError says. Run takes another snapshot and plans again; it returns
	// ErrConflict only if that goes on and on.
	ErrConflict = errors.New("pools were changed by somebody else meanwhile")

	// ErrUnreachable comes when the datastore gives no answer, or none but
	// that it can't answer now. It may pass: Run tries again until the time
	// runs out.
	ErrUnreachable = errors.New("datastore unreachable")

	// ErrNotInstalled comes when the Kubernetes API knows no IPPools: Calico's
	// CRDs are not there, or not established yet. It may pass: Run tries again
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

	// ErrDrift comes where a pool differs from what was asked for and the
	// settings want that to fail. Nothing was written. The error is a
	// *DriftError.
	ErrDrift = errors.New("what exists differs from what was asked for")

	// ErrFindings comes where the preflight found something and the settings
	// want that to fail. Nothing was written. The error is a *FindingsError.
	ErrFindings = errors.New("the preflight found something")

	// ErrTimedOut comes when the time for the run is over. The error that was
	// last in the way is wrapped with it.
	ErrTimedOut = errors.New("timed out")
)

// DatastoreError is an error of a datastore. It wraps its kind (one of the
// sentinels of this package) and its cause.
type DatastoreError struct {
	Kind  error  // ErrUnreachable, ErrNotInstalled, ErrRefused, ErrTLS, ErrUnauthorized, ErrForbidden; nil: none of them
	Place string // the datastore and its endpoints: "etcd https://10.0.0.1:2379"
	Doing string // what was tried: "reading IP pools"
	Err   error  // the cause
	Hint  string // what the user may do about it; may be empty

	// RetryAfter is how long the datastore asks to be left alone; zero: it
	// doesn't say.
	RetryAfter time.Duration
}

// Error returns one line: place, what was tried, kind, cause, next step.
func (e *DatastoreError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s", e.Place, e.Doing)
	if e.Kind != nil {
		fmt.Fprintf(&text, ": %v", e.Kind)
	}
	fmt.Fprintf(&text, ": %s", oneLine(e.Err.Error()))
	if e.Hint != "" {
		fmt.Fprintf(&text, ": %s", e.Hint)
	}
	return text.String()
}

// Unwrap returns the kind and the cause.
func (e *DatastoreError) Unwrap() []error {
	if e.Kind == nil {
		return []error{e.Err}
	}
	return []error{e.Kind, e.Err}
}

// PartialError is an error beside which some pools were written all the same,
// on a datastore that can't promise all or nothing, or not for so many. They
// stay.
type PartialError struct {
	Created []string // the pools' names, in their order
	Updated []string // of the two, at least one name
	Err     error    // why there are not more
}

// Error returns the error, and a line for each pool that was written.
func (e *PartialError) Error() string {
	text := e.Err.Error()
	for _, name := range e.Created {
		text += fmt.Sprintf("\nIPPool %q was created nevertheless, and stays", name)
	}
	for _, name := range e.Updated {
		text += fmt.Sprintf("\nIPPool %q was updated nevertheless, and stays", name)
	}
	return text
}

// Unwrap returns the error.
func (e *PartialError) Unwrap() error { return e.Err }

// oneLine keeps a message of several lines, such as that of joined errors, on
// one. What else could play tricks on a terminal becomes a space: a message may
// hold what a server or a user wrote.
func oneLine(text string) string {
	var line strings.Builder
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		part = strings.TrimSpace(strings.Map(graphic, part))
		switch {
		case part == "":
			continue
		case strings.HasSuffix(line.String(), ":"):
			line.WriteString(" ")
		case line.Len() > 0:
			line.WriteString("; ")
		}
		line.WriteString(part)
	}
	return line.String()
}

func graphic(r rune) rune {
	if unicode.IsGraphic(r) {
		return r
	}
	return ' '
}

// passing reports whether an error may go away by itself.
func passing(err error) bool {
	return errors.Is(err, ErrUnreachable) || errors.Is(err, ErrNotInstalled)
}
