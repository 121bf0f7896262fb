package ippool_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestAddToScheme(t *testing.T) {
	t.Parallel()
	scheme := runtime.NewScheme()
	require.NoError(t, ippool.AddToScheme(scheme))
	require.NoError(t, ippool.AddToScheme(scheme), "twice is no harm")

	for _, group := range []string{"projectcalico.org/v3", "crd.projectcalico.org/v1"} {
		gv, err := schema.ParseGroupVersion(group)
		require.NoError(t, err)
		for kind, want := range map[string]runtime.Object{
			"IPPool":        &ippool.IPPool{},
			"IPPoolList":    &ippool.IPPoolList{},
			"CreateOptions": &metav1.CreateOptions{}, // what a client sends beside a pool
			"ListOptions":   &metav1.ListOptions{},
			"WatchEvent":    &metav1.WatchEvent{},
		} {
			require.True(t, scheme.Recognizes(gv.WithKind(kind)), "%s %s", group, kind)
			object, err := scheme.New(gv.WithKind(kind))
			require.NoError(t, err)
			assert.Equal(t, want, object)
		}
		assert.False(t, scheme.Recognizes(gv.WithKind("BGPPeer")))
	}
	assert.False(t, scheme.Recognizes(schema.GroupVersionKind{Group: "projectcalico.org", Version: "v1", Kind: "IPPool"}))

	kinds, unversioned, err := scheme.ObjectKinds(&ippool.IPPool{})
	require.NoError(t, err)
	assert.False(t, unversioned)
	assert.ElementsMatch(t, []schema.GroupVersionKind{ippool.V3.WithKind(ippool.Kind), ippool.CRDV1.WithKind(ippool.Kind)}, kinds)
	kinds, _, err = scheme.ObjectKinds(&ippool.IPPoolList{})
	require.NoError(t, err)
	assert.ElementsMatch(t, []schema.GroupVersionKind{ippool.V3.WithKind(ippool.ListKind), ippool.CRDV1.WithKind(ippool.ListKind)}, kinds)
}

func TestNew(t *testing.T) {
	t.Parallel()
	pool := ippool.New("mine")
	assert.Equal(t, &ippool.IPPool{
		TypeMeta:   metav1.TypeMeta{Kind: "IPPool", APIVersion: "projectcalico.org/v3"},
		ObjectMeta: metav1.ObjectMeta{Name: "mine"},
	}, pool)
	assert.Equal(t, schema.GroupVersionKind{Group: "projectcalico.org", Version: "v3", Kind: "IPPool"}, pool.GroupVersionKind())
	assert.Equal(t, "ippools", ippool.Resource)
}
