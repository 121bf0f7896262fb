package settings

import "errors"

// ErrInvalidSettings is returned if settings are invalid or contradict each other,
// before any connection is made. The error is, or wraps, an *Error. Only a conflict of
// fields in a pool of a file is returned after the pools were read, because it is no error
// if the existing pool has it, too; nothing was written then.
var ErrInvalidSettings = errors.New("invalid settings")

// ErrNoDatastore is the kind of the fault that nothing configures the connection to a
// datastore: no setting, no kubeconfig of the user, no pod.
var ErrNoDatastore = errors.New("no datastore is configured")
