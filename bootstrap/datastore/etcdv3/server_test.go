package etcdv3

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// serverVariable names the variable with the endpoints of an empty etcd for TestServer.
// The tests of internal/integration start one and run TestServer with the oldest
// dependencies of the module. All other tests with real servers are there.
const serverVariable = "CALICO_BOOTSTRAP_TEST_ETCD"

func TestServer(t *testing.T) {
	endpoints := os.Getenv(serverVariable)
	if endpoints == "" {
		t.Skipf("%s is not set; internal/integration runs this test", serverVariable)
	}
	store, err := Open(Config{Endpoints: strings.Split(endpoints, ",")})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()

	var desired settings.Settings
	desired.IPv4.CIDR = given("10.244.0.0/16")
	desired.IPv6.CIDR = given("none")
	for _, want := range []plan.Action{plan.Created, plan.Unchanged} {
		report, err := bootstrap.New(store).Run(t.Context(), desired)
		require.NoError(t, err)
		assert.Equal(t, want, report.Pools[0].Action)
	}

	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	for i, want := range []error{nil, datastore.ErrConflict} {
		pool := ippool.New(fmt.Sprintf("pool-%d", i))
		pool.Spec.CIDR = fmt.Sprintf("10.%d.0.0/16", i)
		result, err := store.Commit(t.Context(), snapshot, []datastore.Change{{Create: pool}})
		require.ErrorIs(t, err, want)
		if want == nil {
			assert.Equal(t, datastore.Result{Outcomes: []datastore.Outcome{{State: datastore.Written, Stored: pool}}, Transactions: 1}, result)
		} else {
			assert.Zero(t, result)
		}
	}

	blocks, err := store.Blocks(t.Context(), []ippool.Family{ippool.IPv4})
	require.NoError(t, err)
	assert.Empty(t, blocks)

	missing, err := Open(Config{Endpoints: []string{"http://127.0.0.1:1"}})
	require.NoError(t, err)
	_, err = missing.Snapshot(t.Context())
	require.ErrorIs(t, err, datastore.ErrUnreachable)
	assert.ErrorContains(t, err, "connection refused", "the oldest gRPC has the cause, too")
}
