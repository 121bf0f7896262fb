package kubetest

import "testing"

// StartWith is Start for a test of what goes wrong.
func StartWith(tb testing.TB, opts ...Option) (*Server, error) {
	s, err := start(opts...)
	if err == nil {
		tb.Cleanup(s.close)
	}
	return s, err
}
