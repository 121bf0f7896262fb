package kubetest

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// object returns an object with the given members beside its metadata.
func object(apiVersion, kind, name string, members map[string]any) *unstructured.Unstructured {
	all := map[string]any{
		"apiVersion": apiVersion,
		"kind":       kind,
		"metadata":   map[string]any{"name": name},
	}
	maps.Copy(all, members)
	return &unstructured.Unstructured{Object: all}
}

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// PutConfigMap stores a ConfigMap, over one of that name. Its namespace is
// created unless it is there.
func (s *Server) PutConfigMap(tb testing.TB, namespace, name string, data map[string]string) {
	tb.Helper()
	s.namespace(tb, namespace)
	content := map[string]any{}
	for key, value := range data {
		content[key] = value
	}
	s.put(tb, s.dynamic.Resource(configMaps).Namespace(namespace), object("v1", "ConfigMap", name, map[string]any{"data": content}))
}

// DeleteConfigMap deletes a ConfigMap if it is there.
func (s *Server) DeleteConfigMap(tb testing.TB, namespace, name string) {
	tb.Helper()
	s.delete(tb, s.dynamic.Resource(configMaps).Namespace(namespace), name)
}

// put creates the object, in place of one of its name.
func (s *Server) put(tb testing.TB, resource dynamic.ResourceInterface, u *unstructured.Unstructured) {
	tb.Helper()
	ctx, cancel := bounded(tb)
	defer cancel()
	_, err := resource.Create(ctx, u, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		s.delete(tb, resource, u.GetName())
		_, err = resource.Create(ctx, u, metav1.CreateOptions{})
	}
	require.NoError(tb, err)
}

func (s *Server) delete(tb testing.TB, resource dynamic.ResourceInterface, name string) {
	tb.Helper()
	ctx, cancel := bounded(tb)
	defer cancel()
	if err := resource.Delete(ctx, name, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
		require.NoError(tb, err)
	}
}
