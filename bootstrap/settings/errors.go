package settings

import "errors"

// ErrInvalidSettings is returned if settings are invalid or contradict each other,
// before any connection is made. The error is an *Error.
var ErrInvalidSettings = errors.New("invalid settings")
