package settings

import "errors"

// ErrInvalidSettings comes when settings are wrong or contradict each
// other, before anything is contacted. The error is an *Error.
var ErrInvalidSettings = errors.New("invalid settings")
