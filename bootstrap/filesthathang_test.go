//go:build unix

package bootstrap

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
)

// A run whose pools file is a pipe that nothing writes to ends at the timeout, and with
// the caller's context.
func TestPoolsFileThatHangs(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pools.yaml")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	t.Cleanup(func() { // the goroutines that read it end
		writer, err := os.OpenFile(pipe, os.O_RDWR, 0)
		require.NoError(t, err)
		require.NoError(t, writer.Close())
	})
	given := settingstest.Given(t, "--pools-file="+pipe, "CALICO_IPPOOLS_TIMEOUT=100ms")
	patient := settingstest.Given(t, "--pools-file="+pipe)
	cause := errors.New("the caller's cause")
	soon := func() context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
		return ctx
	}
	store := newStore()
	b := New(store)
	_, err := b.Run(t.Context(), given)
	require.ErrorIs(t, err, ErrTimedOut)
	require.EqualError(t, err, "timed out after 100ms: reading the pools of flag --pools-file")
	_, err = b.Run(soon(), patient)
	require.EqualError(t, err, "interrupted (the caller's cause): reading the pools of flag --pools-file")
	_, err = b.Plan(t.Context(), given)
	require.ErrorIs(t, err, ErrTimedOut)
	_, err = b.Apply(t.Context(), &Plan{Settings: given})
	require.ErrorIs(t, err, ErrTimedOut)
	_, _, err = Render(t.Context(), given)
	require.ErrorIs(t, err, ErrTimedOut)
	_, _, err = Render(soon(), patient)
	require.ErrorIs(t, err, cause)
	assert.Empty(t, store.calls, "no connection is made")
}
