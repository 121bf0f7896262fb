package kubetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/loopback"
)

// Beside starts a second API server on the etcd, the certificates and the audit
// log of this one, as a control plane of several nodes has it. It is stopped when
// the test ends. Its etcd is not its own: StopEtcd and StartEtcd are for the first.
func (s *Server) Beside(tb testing.TB) *Server {
	tb.Helper()
	second := &Server{
		options: s.options, programs: s.programs, folder: s.folder,
		ca: s.ca, admin: s.admin, signing: s.signing, client: s.client, peer: s.peer,
	}
	second.audit.path = s.audit.path
	port, err := loopback.Reserve()
	require.NoError(tb, err)
	second.api = port
	tb.Cleanup(func() {
		second.Kill()
		second.http.CloseIdleConnections()
		port.Release()
	})
	require.NoError(tb, second.connect())
	require.NoError(tb, second.startAPIServer())
	return second
}
