package bootstrap

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
)

// slowHost ends the context while it is read, as a computation that takes too long does.
type slowHost struct {
	facts.Host
	end context.CancelFunc
}

func (h slowHost) Networks(context.Context) ([]facts.Located, error) { return nil, nil }
func (h slowHost) IPv6Disabled() string                              { return "" }

func (h slowHost) Routes(context.Context) ([]facts.Located, error) {
	h.end()
	return nil, nil
}

// A run whose context ends between two requests ends before the next one, and writes
// nothing.
func TestContextEndsBetweenRequests(t *testing.T) {
	t.Parallel()
	given := settingstest.Given(t, "CALICO_IPV4POOL_CIDR=10.1.0.0/16", "CALICO_IPV6POOL_CIDR=fd00::/64")

	ctx, cancel := context.WithCancel(t.Context())
	store := newStore()
	store.onSnapshot = []hook{func(_ context.Context, do func() error) error {
		defer cancel()
		return do()
	}}
	_, err := New(store, WithHost(slowHost{end: func() {}})).Run(ctx, given)
	require.EqualError(t, err, "interrupted (context canceled): planning: context canceled")
	assert.Equal(t, []string{"snapshot"}, store.calls)

	ctx, cancel = context.WithCancel(t.Context())
	store = newStore()
	_, err = New(store, WithHost(slowHost{end: cancel})).Run(ctx, given)
	require.EqualError(t, err, "interrupted (context canceled): planning: context canceled")
	assert.Equal(t, []string{"snapshot", "blocks [IPv4 IPv6]"}, store.calls)
}
