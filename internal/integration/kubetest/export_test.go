package kubetest

import "testing"

// StartWith is Start for tests of its errors.
func StartWith(tb testing.TB, opts ...Option) (*Server, error) {
	s, err := start(opts...)
	if err == nil {
		tb.Cleanup(s.close)
	}
	return s, err
}
