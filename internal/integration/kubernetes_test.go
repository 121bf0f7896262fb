package integration

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// kubernetesWorld is a suite.World on the shared API server, in one API group.
type kubernetesWorld struct {
	server *kubetest.Server
	group  schema.GroupVersion
	config *rest.Config // how the datastore reaches the server
}

var (
	_ suite.World                 = (*kubernetesWorld)(nil)
	_ suite.Refuser               = (*kubernetesWorld)(nil)
	_ suite.OneTransactionPerPool = (*kubernetesWorld)(nil)
)

// newKubernetesWorld installs the project's own small CRDs of the group only. There
// are no pools.
func newKubernetesWorld(t *testing.T, group schema.GroupVersion) *kubernetesWorld {
	t.Helper()
	server := kubetest.Shared(t)
	server.RemoveCRDs(t)
	server.InstallCRDs(t, group)
	return &kubernetesWorld{server: server, group: group, config: server.AdminConfig()}
}

// newCalicoWorld installs Calico's published CRDs instead. It skips the test if they
// are not available.
func newCalicoWorld(t *testing.T, group schema.GroupVersion) *kubernetesWorld {
	t.Helper()
	server := kubetest.Shared(t)
	server.RemoveCRDs(t)
	server.InstallCalicoCRDs(t, group)
	return &kubernetesWorld{server: server, group: group, config: server.AdminConfig()}
}

func (w *kubernetesWorld) empty(t *testing.T) *kubernetesWorld {
	t.Helper()
	w.server.Empty(t, w.group)
	return w
}

func (w *kubernetesWorld) OneTransactionPerPool() {}

func (w *kubernetesWorld) Open(t *testing.T) datastore.Datastore {
	t.Helper()
	return openKubernetes(t, kubernetes.Config{REST: w.config})
}

// openKubernetes opens a datastore that is closed when the test ends.
func openKubernetes(t *testing.T, config kubernetes.Config) *kubernetes.Datastore {
	t.Helper()
	store, err := kubernetes.Open(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	return store
}

func (w *kubernetesWorld) resource(name string) dynamic.ResourceInterface {
	return w.server.Dynamic().Resource(w.group.WithResource(name))
}

func (w *kubernetesWorld) object(t *testing.T, pool *v3.IPPool) *unstructured.Unstructured {
	t.Helper()
	data, err := json.Marshal(pool)
	require.NoError(t, err)
	object := &unstructured.Unstructured{}
	require.NoError(t, json.Unmarshal(data, &object.Object))
	object.SetAPIVersion(w.group.String())
	object.SetKind(v3.KindIPPool)
	return object
}

func (w *kubernetesWorld) Write(t *testing.T, pool *v3.IPPool) {
	t.Helper()
	w.Delete(t, pool.Name)
	require.NoError(t, w.create(t, pool))
}

func (w *kubernetesWorld) WriteRaw(t *testing.T, name, data string) {
	t.Helper()
	w.Delete(t, name)
	object := &unstructured.Unstructured{}
	require.NoError(t, json.Unmarshal([]byte(data), &object.Object))
	object.SetAPIVersion(w.group.String())
	_, err := w.resource("ippools").Create(t.Context(), object, metav1.CreateOptions{})
	require.NoError(t, err)
}

func (w *kubernetesWorld) Raw(t *testing.T, name string) string {
	t.Helper()
	object, err := w.resource("ippools").Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	for _, counted := range []string{"resourceVersion", "generation", "managedFields"} {
		unstructured.RemoveNestedField(object.Object, "metadata", counted)
	}
	data, err := json.Marshal(object.Object)
	require.NoError(t, err)
	return string(data)
}

func (w *kubernetesWorld) Delete(t *testing.T, name string) {
	t.Helper()
	err := w.resource("ippools").Delete(t.Context(), name, metav1.DeleteOptions{})
	if !apierrors.IsNotFound(err) {
		require.NoError(t, err)
	}
}

func (w *kubernetesWorld) create(t *testing.T, pool *v3.IPPool) error {
	t.Helper()
	_, err := w.resource("ippools").Create(t.Context(), w.object(t, pool), metav1.CreateOptions{})
	return err
}

func (w *kubernetesWorld) TryWrite(t *testing.T, pool *v3.IPPool) bool {
	t.Helper()
	err := w.create(t, pool)
	if !apierrors.IsInvalid(err) {
		require.NoError(t, err)
	}
	return err == nil
}

func (w *kubernetesWorld) WriteBlock(t *testing.T, block string) {
	t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{
			"cidr": block, "allocations": []any{}, "attributes": []any{}, "unallocated": []any{},
			"strictAffinity": false, "deleted": false,
		},
	}}
	object.SetAPIVersion(w.group.String())
	object.SetKind("IPAMBlock")
	object.SetName(strings.NewReplacer(".", "-", ":", "-", "/", "-").Replace(block))
	_, err := w.resource("ipamblocks").Create(t.Context(), object, metav1.CreateOptions{})
	require.NoError(t, err)
}

func (w *kubernetesWorld) Pools(t *testing.T) []v3.IPPool {
	t.Helper()
	// Cleanups call it, when the test's context is canceled.
	list, err := w.resource("ippools").List(context.WithoutCancel(t.Context()), metav1.ListOptions{})
	require.NoError(t, err)
	pools := []v3.IPPool{}
	for _, item := range list.Items {
		data, err := item.MarshalJSON()
		require.NoError(t, err)
		var pool v3.IPPool
		require.NoError(t, json.Unmarshal(data, &pool))
		pools = append(pools, pool)
	}
	return pools
}

func TestKubernetesSuite(t *testing.T) {
	t.Parallel()
	for _, group := range []schema.GroupVersion{ippool.CRDV1, v3.SchemeGroupVersion} {
		t.Run(group.Group, func(t *testing.T) {
			world := newKubernetesWorld(t, group)
			suite.Run(t, func(t *testing.T) suite.World { return world.empty(t) })
		})
	}
}

func TestKubernetesSuiteWithCalicosCRDs(t *testing.T) {
	t.Parallel()
	for _, group := range []schema.GroupVersion{ippool.CRDV1, v3.SchemeGroupVersion} {
		t.Run(group.Group, func(t *testing.T) {
			world := newCalicoWorld(t, group)
			suite.Run(t, func(t *testing.T) suite.World { return world.empty(t) })
		})
	}
}
