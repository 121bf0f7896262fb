package kubernetes

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// completeList is a list as an API server sends it.
const completeList = `{"apiVersion":"crd.projectcalico.org/v1","items":[{"apiVersion":"crd.projectcalico.org/v1","kind":"IPPool",` +
	`"metadata":{"name":"a","uid":"u","resourceVersion":"5","labels":{"l":"1"},"managedFields":[{"manager":"m"}]},"spec":{"cidr":"10.0.0.0/16","blockSize":26}}],` +
	`"kind":"IPPoolList","metadata":{"continue":"","resourceVersion":"7"}}`

// TestListsByteByByte changes, removes and cuts at every byte of a list.
func TestListsByteByByte(t *testing.T) {
	t.Parallel()
	snapshot, err := answering(t, &rest.Config{}, apitest.JSON(200, completeList)).Snapshot(t.Context())
	require.NoError(t, err)
	require.Len(t, snapshot.Pools, 1)
	for i := range completeList {
		for _, by := range []string{"", " ", "x", "\x00", "{", "]", "\"", ","} {
			checkPools(t, []byte(completeList[:i]+by+completeList[i+1:]))
		}
		checkPools(t, []byte(completeList[:i]))
	}
}

// TestListsFieldByField removes and replaces every field of a list. Those of the list
// itself are required.
func TestListsFieldByField(t *testing.T) {
	t.Parallel()
	others := []any{nil, 7, "", "x", true, []any{}, []any{nil}, []any{map[string]any{}}, map[string]any{}, map[string]any{"name": 7}, map[string]any{"continue": "c"}}
	fails := func(t *testing.T, list map[string]any) bool {
		t.Helper()
		body, err := json.Marshal(list)
		require.NoError(t, err)
		checkPools(t, body)
		_, err = answering(t, &rest.Config{}, apitest.JSON(200, string(body))).Snapshot(t.Context())
		return err != nil
	}
	decoded := func() (list map[string]any) {
		require.NoError(t, json.Unmarshal([]byte(completeList), &list))
		return list
	}
	for _, field := range []string{"kind", "apiVersion", "items"} {
		list := decoded()
		delete(list, field)
		require.True(t, fails(t, list), field)
		for _, other := range others {
			list[field] = other
			_, isList := other.([]any)
			if empty := field == "items" && isList && len(other.([]any)) == 0; !empty {
				require.True(t, fails(t, list), "%s: %v", field, other)
			}
		}
	}
	list := decoded()
	for _, continued := range []any{"c", 7, true, []any{"c"}} {
		list["metadata"].(map[string]any)["continue"] = continued
		require.True(t, fails(t, list), "continue is followed: %v", continued)
	}
	for _, at := range [][]string{{"kind"}, {"metadata"}, {"metadata", "name"}, {"metadata", "labels"}, {"metadata", "managedFields"}, {"spec"}, {"spec", "cidr"}} {
		for _, other := range others {
			list := decoded()
			parent := list["items"].([]any)[0].(map[string]any)
			for _, name := range at[:len(at)-1] {
				parent = parent[name].(map[string]any)
			}
			parent[at[len(at)-1]] = other
			fails(t, list)
			delete(parent, at[len(at)-1])
			fails(t, list)
		}
	}
}

// FuzzStoredPool checks that the response to a write is an error, or the pool that was
// written.
func FuzzStoredPool(f *testing.F) {
	f.Add([]byte(`{"kind":"IPPool","apiVersion":"crd.projectcalico.org/v1","metadata":{"name":"x","uid":"u","managedFields":[{}]},"spec":{"cidr":"10.0.0.0/16"}}`))
	f.Add([]byte(`{"kind":"Status","status":"Success"}`))
	f.Add([]byte(completeList))
	f.Fuzz(func(t *testing.T, body []byte) {
		pool, err := storedPool(body, ippool.CRDV1, "x")
		if err != nil {
			require.Nil(t, pool)
			return
		}
		require.Equal(t, "x", pool.Name)
		require.NotEmpty(t, pool.UID)
		require.Empty(t, pool.ManagedFields)
	})
}
