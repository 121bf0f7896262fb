package settings

import "errors"

// ErrInvalidSettings is returned if settings are invalid or contradict each other,
// before any connection is made. The error is an *Error.
var ErrInvalidSettings = errors.New("invalid settings")

// ErrNoDatastore is the kind of the fault that nothing configures the connection to a
// datastore: no setting, no kubeconfig of the user, no pod.
var ErrNoDatastore = errors.New("no datastore is configured")
