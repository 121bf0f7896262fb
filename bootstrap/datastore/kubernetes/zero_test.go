package kubernetes

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Open fails without a rest.Config. The methods of a datastore that Open did not return
// are errors, not panics.
func TestZeroDatastore(t *testing.T) {
	t.Parallel()
	_, err := Open(Config{})
	require.EqualError(t, err, "kubernetes: no rest.Config")
	for name, store := range map[string]*Datastore{"nil": nil, "zero": {}, "with a group": {requested: ippool.CRDV1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Snapshot(t.Context())
			require.ErrorIs(t, err, errNotOpen)
			_, err = store.Blocks(t.Context(), nil)
			require.ErrorIs(t, err, errNotOpen)
			_, err = store.Commit(t.Context(), datastore.Snapshot{}, []datastore.Change{{Create: ippool.New("x")}})
			require.ErrorIs(t, err, errNotOpen)
			_, err = store.PodCIDRs(t.Context(), []ippool.Family{ippool.IPv4})
			require.ErrorIs(t, err, errNotOpen)
			_, err = store.Survey(t.Context())
			require.ErrorIs(t, err, errNotOpen)
			_, err = store.Installation(t.Context())
			require.ErrorIs(t, err, errNotOpen)
			assert.Equal(t, []string{errNotOpen.Error()}, store.Versions(t.Context()).Problems)
			assert.Equal(t, datastore.Kubernetes, store.Type())
			require.NoError(t, store.Close())
		})
	}
}

// A change without a pool is an error, and so is a record without one.
func TestCommitOfNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]datastore.Change{"no pool": {}, "an empty record": {Update: &ippool.Record{}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := answering(t, &rest.Config{}, apitest.JSON(200, `{}`))
			result, err := store.Commit(t.Context(), datastore.Snapshot{}, []datastore.Change{change})
			require.Error(t, err)
			assert.Equal(t, datastore.NotWritten, result.Of(0).State)
		})
	}
}
