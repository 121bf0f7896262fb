package kubetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// EtcdEndpoint is where the API server's etcd listens, without TLS. It goes on
// while the API server is stopped.
func (s *Server) EtcdEndpoint() string { return s.etcdURL(s.client) }

// Processors returns the time that the API server and its etcd have used of all
// processors, since they were started; zero for one that doesn't run. It is
// known on Linux alone.
func (s *Server) Processors(tb testing.TB) (apiserver, etcd time.Duration) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	of := func(p *process) time.Duration {
		if p == nil {
			return 0
		}
		used, err := processors(p.cmd.Process.Pid)
		require.NoError(tb, err)
		return used
	}
	return of(s.apiserver), of(s.etcd)
}
