package kubetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/loopback"
)

// StartSecond starts another API server with the etcd, the certificates and the audit log
// of this one, like a control plane of several nodes. It is stopped when the test ends.
// Its StopEtcd and StartEtcd must not be called.
func (s *Server) StartSecond(tb testing.TB) *Server {
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
