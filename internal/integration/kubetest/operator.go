package kubetest

import "testing"

// InstallOperatorCRD is InstallCRDs for installations.operator.tigera.io.
func (s *Server) InstallOperatorCRD(tb testing.TB) {
	tb.Helper()
	s.install(tb, ownOrigin, ownDefinitions(tb, groupOperator, "installations"))
}
