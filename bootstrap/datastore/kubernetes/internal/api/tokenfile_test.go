//go:build unix

package api

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
)

// The context ends a request whose token file hangs, as one on a file system that doesn't
// respond does.
func TestTokenFileThatHangs(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "token")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	client, err := New(&rest.Config{Host: "https://127.0.0.1:1", BearerToken: "read before", BearerTokenFile: pipe}, "", 0, nil)
	require.NoError(t, err)
	t.Cleanup(func() { // the goroutine that reads it ends
		writer, err := os.OpenFile(pipe, os.O_RDWR, 0)
		require.NoError(t, err)
		require.NoError(t, writer.Close())
		assert.NoError(t, client.Close())
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err = client.Call(ctx, listing, client.Get("pools"))
	require.ErrorIs(t, err, datastore.ErrUnreachable)
	require.ErrorContains(t, err, "neither the file "+pipe+" with the token nor the API server responded")
	assert.Less(t, time.Since(begin), 10*time.Second)
}
