package kubetest

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Empty deletes all pools and blocks of the group, including those with finalizers, and
// waits until they are gone. It ignores kinds that are not served.
func (s *Server) Empty(tb testing.TB, group schema.GroupVersion) {
	tb.Helper()
	ctx, cancel := bounded(tb)
	defer cancel()
	for _, resource := range calicoResources {
		objects := s.dynamic.Resource(group.WithResource(resource))
		err := objects.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		require.NoError(tb, err)
		left, err := objects.List(ctx, metav1.ListOptions{})
		require.NoError(tb, err)
		for _, u := range left.Items {
			patch := []byte(`{"metadata":{"finalizers":null}}`)
			_, err := objects.Patch(ctx, u.GetName(), types.MergePatchType, patch, metav1.PatchOptions{})
			if !apierrors.IsNotFound(err) {
				require.NoError(tb, err)
			}
		}
		left, err = objects.List(ctx, metav1.ListOptions{})
		require.NoError(tb, err)
		require.Empty(tb, left.Items, "remaining %s", resource)
	}
}
