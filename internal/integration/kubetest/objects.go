package kubetest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// object returns an object with the given members in addition to its metadata.
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

// PutConfigMap stores a ConfigMap, and replaces an existing one. It creates the namespace
// if necessary.
func (s *Server) PutConfigMap(tb testing.TB, namespace, name string, data map[string]string) {
	tb.Helper()
	s.namespace(tb, namespace)
	content := map[string]any{}
	for key, value := range data {
		content[key] = value
	}
	s.put(tb, s.dynamic.Resource(configMaps).Namespace(namespace), object("v1", "ConfigMap", name, map[string]any{"data": content}))
}

// DeleteConfigMap deletes a ConfigMap if it exists.
func (s *Server) DeleteConfigMap(tb testing.TB, namespace, name string) {
	tb.Helper()
	s.delete(tb, s.dynamic.Resource(configMaps).Namespace(namespace), name)
}

// Apply stores the objects of a manifest like kubectl apply --server-side. The kinds must
// have regular English plurals.
func (s *Server) Apply(tb testing.TB, manifest []byte) {
	tb.Helper()
	ctx, cancel := bounded(tb)
	defer cancel()
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifest)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(tb, err)
		text, err := yaml.YAMLToJSON(document)
		require.NoError(tb, err)
		if string(text) == "null" { // only comments
			continue
		}
		u := &unstructured.Unstructured{}
		require.NoError(tb, u.UnmarshalJSON(text))
		resource, _ := meta.UnsafeGuessKindToResource(u.GroupVersionKind())
		var objects dynamic.ResourceInterface = s.dynamic.Resource(resource)
		if u.GetNamespace() != "" {
			objects = s.dynamic.Resource(resource).Namespace(u.GetNamespace())
		}
		_, err = objects.Apply(ctx, u.GetName(), u, metav1.ApplyOptions{FieldManager: "kubetest", Force: true})
		require.NoError(tb, err, "%s %s", u.GetKind(), u.GetName())
	}
}

// put creates the object, and replaces an existing one.
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
