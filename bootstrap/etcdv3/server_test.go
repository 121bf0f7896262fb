package etcdv3

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestServer runs on an empty etcd whose endpoints are in this variable. The
// tests in internal/integration start one and call it with the module's oldest
// dependencies; they have the rest of what is tested on real servers.
const serverVariable = "CALICO_BOOTSTRAP_TEST_ETCD"

func TestServer(t *testing.T) {
	endpoints := os.Getenv(serverVariable)
	if endpoints == "" {
		t.Skipf("%s names no etcd; internal/integration runs this test", serverVariable)
	}
	store, err := Open(Config{Endpoints: strings.Split(endpoints, ",")})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()

	var settings bootstrap.Settings
	settings.IPv4.CIDR = given("10.244.0.0/16")
	settings.IPv6.CIDR = given("none")
	for _, want := range []bootstrap.Action{bootstrap.Created, bootstrap.Unchanged} {
		report, err := bootstrap.Run(t.Context(), store, settings)
		require.NoError(t, err)
		assert.Equal(t, want, report.Pools[0].Action)
	}

	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	for i, want := range []error{nil, bootstrap.ErrConflict} {
		pool := ippool.New(fmt.Sprintf("pool-%d", i))
		pool.Spec.CIDR = fmt.Sprintf("10.%d.0.0/16", i)
		require.ErrorIs(t, store.Commit(t.Context(), snapshot, []bootstrap.Change{{Create: pool}}), want)
	}

	blocks, err := store.Blocks(t.Context(), []ippool.Family{ippool.IPv4})
	require.NoError(t, err)
	assert.Empty(t, blocks)

	missing, err := Open(Config{Endpoints: []string{"http://127.0.0.1:1"}})
	require.NoError(t, err)
	_, err = missing.Snapshot(t.Context())
	require.ErrorIs(t, err, bootstrap.ErrUnreachable)
	assert.ErrorContains(t, err, "connection refused", "the cause comes through the oldest gRPC too")
}
