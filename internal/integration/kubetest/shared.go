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

// Shared returns one server for all tests of the process, started for the
// first that asks. What a test leaves there, the next one finds. TestMain has
// to call StopShared.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	shared.once.Do(func() { shared.server, shared.err = start() })
	require.NoError(tb, shared.err)
	return shared.server
}

// StopShared stops the server of Shared, if there is one. There is no other
// after it.
func StopShared() {
	shared.once.Do(func() {})
	if shared.server != nil {
		shared.server.close()
	}
}
