package api

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

// Without TLS, client-go uses http.DefaultTransport. Close must not close connections of
// its other users.
func TestCloseKeepsTheDefaultTransport(t *testing.T) {
	// Not parallel: httptest closes the default transport's connections, too.
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close) // and the connection
	get := func() {
		response, err := http.Get(server.URL)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	get()
	client, err := New(&rest.Config{Host: server.URL}, "", 0, nil)
	require.NoError(t, err)
	require.NoError(t, client.Close())
	get()
	assert.EqualValues(t, 1, connections.Load())
}
