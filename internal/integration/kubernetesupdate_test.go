package integration

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// newerPool is a pool of a future version of Calico, with fields that users and
// controllers added.
const newerPool = `{"kind":"IPPool","metadata":{"name":"default-ipv4-ippool",
"labels":{"team":"net","a.example.org/b":""},"annotations":{"note":"hands <off> & on","projectcalico.org/metadata":"{\"uid\":\"x\"}"},"finalizers":["example.org/keep"]},
"spec":{"cidr":"10.1.0.0/16","natOutgoing":true,"ipipMode":"Always","vxlanMode":"Never","blockSize":26,"nodeSelector":"has(a) && has(b)",
"allowedUses":["Workload","Tunnel"],"future":{"deep":[{"natOutgoing":true}, 1.5]},"zero":0,"no":false}}`

// putNewerPool stores newerPool and returns the stored object.
func (w *kubernetesWorld) putNewerPool(t *testing.T) map[string]any {
	t.Helper()
	var pool map[string]any
	require.NoError(t, json.Unmarshal([]byte(newerPool), &pool))
	t.Cleanup(func() { w.empty(t) }) // the finalizer would block the deletion of the CRD
	pool["apiVersion"] = w.group.String()
	body, err := json.Marshal(pool)
	require.NoError(t, err)
	code, answer := w.server.Do(t, http.MethodPost, "/apis/"+w.group.String()+"/ippools", body)
	require.Equal(t, http.StatusCreated, code, "%s", answer)
	return w.stored(t, "default-ipv4-ippool")
}

// stored returns an object as stored, without the metadata that every write changes.
func (w *kubernetesWorld) stored(t *testing.T, name string) map[string]any {
	t.Helper()
	code, answer := w.server.Do(t, http.MethodGet, "/apis/"+w.group.String()+"/ippools/"+name, nil)
	require.Equal(t, http.StatusOK, code, "%s", answer)
	var object map[string]any
	require.NoError(t, json.Unmarshal(answer, &object))
	metadata := object["metadata"].(map[string]any)
	for _, name := range []string{"resourceVersion", "generation", "managedFields"} {
		assert.Contains(t, metadata, name)
		delete(metadata, name)
	}
	return object
}

// recordOf takes a snapshot and returns the pool's record and the snapshot.
func recordOf(t *testing.T, store datastore.Datastore, name string) (*ippool.Record, datastore.Snapshot) {
	t.Helper()
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	for _, record := range snapshot.Pools {
		if record.Pool().Name == name {
			return record, snapshot
		}
	}
	require.Fail(t, "no pool "+name)
	return nil, snapshot
}

func asBytes(t *testing.T, object map[string]any) string {
	t.Helper()
	data, err := json.Marshal(object)
	require.NoError(t, err)
	return string(data)
}

// TestKubernetesUpdateKeepsTheRest changes some fields of a pool. All other fields
// keep their values.
func TestKubernetesUpdateKeepsTheRest(t *testing.T) {
	t.Parallel()
	for _, group := range []schema.GroupVersion{ippool.CRDV1, v3.SchemeGroupVersion} {
		t.Run(group.Group, func(t *testing.T) {
			world := newKubernetesWorld(t, group)
			want := world.putNewerPool(t)
			store := world.Open(t)
			record, snapshot := recordOf(t, store, "default-ipv4-ippool")
			before := record.Pool().DeepCopy()

			record.Pool().Spec.NATOutgoing, record.Pool().Spec.Disabled = false, true
			record.Pool().Spec.IPIPMode, record.Pool().Spec.VXLANMode = "Never", "CrossSubnet"
			record.Pool().Spec.NodeSelector, record.Pool().Spec.AllowedUses = "", uses("Workload")
			given := record.Clone()
			result, err := store.Commit(t.Context(), snapshot, []datastore.Change{{Update: record}})
			require.NoError(t, err)
			assert.Equal(t, given, record, "Commit does not modify its argument")

			spec := want["spec"].(map[string]any)
			delete(spec, "natOutgoing")
			delete(spec, "nodeSelector")
			spec["disabled"], spec["ipipMode"], spec["vxlanMode"], spec["allowedUses"] = true, "Never", "CrossSubnet", []any{"Workload"}
			assert.Equal(t, asBytes(t, want), asBytes(t, world.stored(t, "default-ipv4-ippool")))

			// The result has the stored object.
			require.Equal(t, datastore.Written, result.Of(0).State)
			kept := result.Of(0).Stored
			assert.Equal(t, before.UID, kept.UID)
			assert.NotEqual(t, before.ResourceVersion, kept.ResourceVersion)
			assert.Equal(t, v3.VXLANModeCrossSubnet, kept.Spec.VXLANMode)

			// Field ownership distinguishes the writers.
			object, err := world.resource("ippools").Get(t.Context(), "default-ipv4-ippool", metav1.GetOptions{})
			require.NoError(t, err)
			assert.Len(t, object.GetManagedFields(), 2)
			for _, entry := range object.GetManagedFields() {
				if entry.Manager == "calico-bootstrap" {
					assert.NotContains(t, entry.FieldsV1.String(), "future")
					assert.Contains(t, entry.FieldsV1.String(), "f:vxlanMode")
				}
			}

			again, snapshot := recordOf(t, store, "default-ipv4-ippool")
			assert.Equal(t, *kept, *again.Pool())
			world.server.ResetAudit(t, kubetest.AdminUser)
			result, err = store.Commit(t.Context(), snapshot, []datastore.Change{{Update: again}})
			require.NoError(t, err)
			assert.Equal(t, datastore.NotWritten, result.Of(0).State)
			assert.Empty(t, world.server.Audit(t, kubetest.AdminUser), "nothing is sent if nothing differs")
		})
	}
}

// TestKubernetesUpdateConflicts modifies, deletes, or deletes and recreates the pool
// between the snapshot and the commit.
func TestKubernetesUpdateConflicts(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	const path = "/apis/crd.projectcalico.org/v1/ippools/a"
	remove := func(t *testing.T) {
		code, answer := world.server.Do(t, http.MethodDelete, path, nil)
		require.Equal(t, http.StatusOK, code, "%s", answer)
	}
	for name, other := range map[string]func(t *testing.T){
		"another field": func(t *testing.T) {
			code, answer := world.server.Do(t, http.MethodPatch, path, []byte(`{"spec":{"disabled":true}}`))
			require.Equal(t, http.StatusOK, code, "%s", answer)
		},
		"a label": func(t *testing.T) {
			code, answer := world.server.Do(t, http.MethodPatch, path, []byte(`{"metadata":{"labels":{"a":"b"}}}`))
			require.Equal(t, http.StatusOK, code, "%s", answer)
		},
		"deleted": remove,
		"deleted and created": func(t *testing.T) {
			remove(t)
			world.Write(t, poolOf("a", spec{CIDR: "10.1.0.0/16"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			world.empty(t)
			world.Write(t, poolOf("a", spec{CIDR: "10.1.0.0/16"}))
			store := world.Open(t)
			record, snapshot := recordOf(t, store, "a")
			other(t)
			others := world.Pools(t)
			record.Pool().Spec.NATOutgoing = true
			changes := []datastore.Change{{Update: record}, {Create: poolOf("b", spec{CIDR: "10.2.0.0/16"})}}
			result, err := store.Commit(t.Context(), snapshot, changes)
			require.ErrorIs(t, err, datastore.ErrConflict)
			assert.Equal(t, []datastore.State{datastore.NotWritten, datastore.NotWritten}, statesOf(result, changes))
			assert.Equal(t, others, world.Pools(t), "neither this change nor the next is written")
		})
	}
	t.Run("the CRD is deleted", func(t *testing.T) {
		world.empty(t)
		world.Write(t, poolOf("a", spec{CIDR: "10.1.0.0/16"}))
		store := world.Open(t)
		record, snapshot := recordOf(t, store, "a")
		world.server.RemoveCRDs(t)
		record.Pool().Spec.NATOutgoing = true
		_, err := store.Commit(t.Context(), snapshot, []datastore.Change{{Update: record}})
		require.ErrorIs(t, err, datastore.ErrNotInstalled)
		require.NotErrorIs(t, err, datastore.ErrConflict)
	})
}

// TestKubernetesCommitInOrder checks that changes are written in their order, and none
// after an error.
func TestKubernetesCommitInOrder(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	prepare := func(t *testing.T, store datastore.Datastore) []datastore.Change {
		t.Helper()
		world.empty(t)
		world.Write(t, poolOf("a", spec{CIDR: "10.1.0.0/16"}))
		world.Write(t, poolOf("d", spec{CIDR: "10.4.0.0/16"}))
		first, _ := recordOf(t, store, "a")
		last, _ := recordOf(t, store, "d")
		first.Pool().Spec.NATOutgoing, last.Pool().Spec.NATOutgoing = true, true
		return []datastore.Change{
			{Update: first}, {Create: poolOf("b", spec{CIDR: "10.2.0.0/16"})},
			{Create: poolOf("c", spec{CIDR: "10.3.0.0/16"})}, {Update: last},
		}
	}
	t.Run("no error", func(t *testing.T) {
		store := world.Open(t)
		changes := prepare(t, store)
		changes[1].Create.Labels, changes[1].Create.Annotations = map[string]string{"team": "net"}, map[string]string{"note": "x"}
		world.server.ResetAudit(t, kubetest.AdminUser)
		result, err := store.Commit(t.Context(), datastore.Snapshot{}, changes)
		require.NoError(t, err)
		assert.Equal(t, slices.Repeat([]datastore.State{datastore.Written}, 4), statesOf(result, changes))
		assert.Zero(t, result.Transactions)
		var sent []string
		for _, entry := range world.server.Audit(t, kubetest.AdminUser) {
			sent = append(sent, entry.String())
		}
		assert.Equal(t, []string{"patch ippools a 200", "create ippools b 201", "create ippools c 201", "patch ippools d 200"}, sent)
		pools := world.Pools(t)
		require.Len(t, pools, 4)
		assert.True(t, pools[0].Spec.NATOutgoing)
		assert.True(t, pools[3].Spec.NATOutgoing)
		assert.Equal(t, map[string]string{"team": "net"}, pools[1].Labels)
		assert.Equal(t, map[string]string{"note": "x"}, pools[1].Annotations)
		for i, pool := range pools {
			assert.Equal(t, pool.ResourceVersion, result.Of(i).Stored.ResourceVersion)
		}
		assert.Empty(t, changes[1].Create.ResourceVersion, "Commit does not modify its argument")
	})
	t.Run("a conflict in the middle", func(t *testing.T) {
		store := world.Open(t)
		changes := prepare(t, store)
		world.Write(t, poolOf("c", spec{CIDR: "10.9.0.0/16"}))
		result, err := store.Commit(t.Context(), datastore.Snapshot{}, changes)
		require.ErrorIs(t, err, datastore.ErrConflict)
		assert.Equal(t, []datastore.State{datastore.Written, datastore.Written, datastore.NotWritten, datastore.NotWritten}, statesOf(result, changes))
		assert.Equal(t, "a", result.Of(0).Stored.Name)
		assert.Equal(t, "b", result.Of(1).Stored.Name)
		pools := world.Pools(t)
		require.Len(t, pools, 4)
		assert.True(t, pools[0].Spec.NATOutgoing)
		assert.Equal(t, "10.9.0.0/16", pools[2].Spec.CIDR)
		assert.False(t, pools[3].Spec.NATOutgoing)
	})
	t.Run("refused", func(t *testing.T) {
		store := world.Open(t)
		changes := prepare(t, store)
		changes[0].Update.Pool().Spec.CIDR = "10.7.0.0/16"
		policy := []byte(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":"kubetest-update"},"spec":{
"matchConstraints":{"resourceRules":[{"apiGroups":["crd.projectcalico.org"],"apiVersions":["*"],"operations":["UPDATE"],"resources":["ippools"]}]},
"validations":[{"expression":"object.spec.cidr == oldObject.spec.cidr","reason":"Forbidden","message":"the network team denies other CIDRs"}]}}`)
		binding := []byte(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":"kubetest-update"},"spec":{"policyName":"kubetest-update","validationActions":["Deny"]}}`)
		const path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
		world.server.Apply(t, policy)
		world.server.Apply(t, binding)
		t.Cleanup(func() {
			world.server.Do(t, http.MethodDelete, path+"ybindings/kubetest-update", nil)
			world.server.Do(t, http.MethodDelete, path+"ies/kubetest-update", nil)
		})
		require.Eventually(t, func() bool {
			code, _ := world.server.Do(t, http.MethodPatch, "/apis/crd.projectcalico.org/v1/ippools/a?dryRun=All", []byte(`{"spec":{"cidr":"10.8.0.0/16"}}`))
			return code != http.StatusOK
		}, waitTimeout, pollInterval)
		result, err := store.Commit(t.Context(), datastore.Snapshot{}, changes)
		require.ErrorIs(t, err, datastore.ErrRefused)
		assert.Equal(t, slices.Repeat([]datastore.State{datastore.NotWritten}, 4), statesOf(result, changes))
		require.NotErrorIs(t, err, datastore.ErrForbidden)
		assert.ErrorContains(t, err, `updating IPPool "a": refused by the API server: `)
		assert.ErrorContains(t, err, "the network team denies")
		assert.Len(t, world.Pools(t), 2)
	})
	t.Run("forbidden", func(t *testing.T) {
		namespace := world.server.Namespace(t)
		user := world.server.ServiceAccount(t, namespace, "some")
		world.server.Allow(t, user, kubetest.Rule("crd.projectcalico.org", "ippools", "list", "create"))
		config := bearer(world.server, world.server.Token(t, namespace, "some", time.Hour))
		store := openKubernetes(t, kubernetes.Config{REST: config, APIGroup: ippool.CRDV1})
		_, err := store.Commit(t.Context(), datastore.Snapshot{}, prepare(t, store))
		require.ErrorIs(t, err, datastore.ErrForbidden)
		assert.ErrorContains(t, err, "add to a ClusterRole the rule - {apiGroups: [crd.projectcalico.org], resources: [ippools], verbs: [patch]}")
		assert.Len(t, world.Pools(t), 2)
	})
}

// TestKubernetesUpdateByCalicosRules updates a pool with Calico's own CRDs, which
// refuse an invalid combination of fields.
func TestKubernetesUpdateByCalicosRules(t *testing.T) {
	t.Parallel()
	world := newCalicoWorld(t, ippool.CRDV1)
	world.empty(t)
	world.Write(t, poolOf("a", spec{CIDR: "10.1.0.0/16", NATOutgoing: true, NodeSelector: "all()"}))
	store := world.Open(t)
	record, snapshot := recordOf(t, store, "a")
	invalid := record.Clone()
	invalid.Pool().Spec.IPIPMode, invalid.Pool().Spec.VXLANMode = "Always", "Always"
	_, err := store.Commit(t.Context(), snapshot, []datastore.Change{{Update: invalid}})
	require.ErrorIs(t, err, datastore.ErrRefused)
	assert.ErrorContains(t, err, "ipipMode and vxlanMode cannot both be enabled")

	record.Pool().Spec.NATOutgoing, record.Pool().Spec.VXLANMode = false, "Always"
	result, err := store.Commit(t.Context(), snapshot, []datastore.Change{{Update: record}})
	require.NoError(t, err)
	pools := world.Pools(t)
	require.Len(t, pools, 1)
	assert.False(t, pools[0].Spec.NATOutgoing)
	assert.Equal(t, v3.VXLANModeAlways, pools[0].Spec.VXLANMode)
	assert.Equal(t, pools[0].Spec, result.Of(0).Stored.Spec)
}
