package kubetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// EtcdEndpoint returns the endpoint of the API server's etcd, without TLS. Stop and Kill do
// not stop it.
func (s *Server) EtcdEndpoint() string { return s.etcdURL(s.client) }

// CPUTime returns the CPU time of the API server and of its etcd since their start, or
// zero for a stopped one. It is always zero on other systems than Linux.
func (s *Server) CPUTime(tb testing.TB) (apiserver, etcd time.Duration) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	of := func(p *process) time.Duration {
		if p == nil {
			return 0
		}
		used, err := cpuTime(p.cmd.Process.Pid)
		require.NoError(tb, err)
		return used
	}
	return of(s.apiserver), of(s.etcd)
}
