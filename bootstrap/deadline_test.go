package bootstrap

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// lateStore returns an error when the context is done.
type lateStore struct {
	datastore.Datastore
	err func(ctx context.Context) error
}

func (s lateStore) Snapshot(ctx context.Context) (datastore.Snapshot, error) {
	<-ctx.Done()
	return datastore.Snapshot{}, s.err(ctx)
}

func TestEdgeOfTheDeadline(t *testing.T) {
	t.Parallel()
	given := settings.Settings{Timeout: settings.Given("1s", origin.Caller("test"))}
	cause := errors.New("the caller's cause")
	for _, test := range []struct {
		name     string
		within   func(context.Context) (context.Context, context.CancelFunc)
		err      func(context.Context) error
		timedOut bool
		message  string
	}{
		{"a permanent error is returned unchanged", context.WithCancel,
			func(context.Context) error {
				return &datastore.Error{Kind: datastore.ErrForbidden, Err: errors.New("no")}
			}, false, "permission denied"},
		{"a retryable error is wrapped with the timeout", context.WithCancel,
			func(context.Context) error {
				return &datastore.Error{Kind: datastore.ErrUnreachable, Err: errors.New("refused")}
			}, true, "timed out after 1s: "},
		{"so is the error of the context", context.WithCancel,
			func(ctx context.Context) error { return ctx.Err() }, true, "timed out after 1s: "},
		{"the deadline of the caller, with a cause",
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeoutCause(ctx, time.Millisecond, cause)
			},
			func(ctx context.Context) error { return ctx.Err() }, true, "timed out: "},
		{"cancelled by the caller",
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(time.Millisecond, func() { cancel(cause) })
				return ctx, func() { cancel(nil) }
			},
			func(ctx context.Context) error { return ctx.Err() }, false, "interrupted (the caller's cause): "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := test.within(t.Context())
				defer cancel()
				_, err := New(lateStore{err: test.err}).Run(ctx, given)
				require.Error(t, err)
				assert.Equal(t, test.timedOut, errors.Is(err, ErrTimedOut), err)
				assert.ErrorContains(t, err, test.message)
			})
		})
	}
}

func TestNilOptionsKeepTheDefaults(t *testing.T) {
	t.Parallel()
	report, err := New(newStore(), WithLogger(nil), WithClock(nil), WithRandom(nil), WithHost(nil)).Run(t.Context(), settings.Settings{})
	require.NoError(t, err)
	assert.NotEmpty(t, report.Pools)
}
