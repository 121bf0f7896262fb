package kubetest

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// shared is the server of Shared.
var shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Shared returns one server for all tests of the process, and starts it on the first call.
// It keeps its objects between tests. TestMain must call StopShared.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	shared.once.Do(func() { shared.server, shared.err = start() })
	require.NoError(tb, shared.err)
	return shared.server
}

// StopShared stops the server of Shared, if it was started. Shared must not be called
// afterwards.
func StopShared() {
	shared.once.Do(func() {})
	if shared.server != nil {
		shared.server.close()
	}
}
