package calicoapi

import (
	"encoding/json"
	"reflect"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/client/clientset_generated/clientset/fake"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// every is a pool with every field set, in Calico's type.
func every() *v3.IPPool {
	automatic := v3.Automatic
	pool := v3.NewIPPool()
	pool.ObjectMeta = metav1.ObjectMeta{
		Name: "every", UID: "47132df4-a8f8-4771-b096-ccd5d2ab0391", ResourceVersion: "7",
		Labels: map[string]string{"rack": "a"}, Annotations: map[string]string{"why": "a test"},
	}
	pool.Spec = v3.IPPoolSpec{
		CIDR: "10.244.0.0/16", VXLANMode: v3.VXLANModeCrossSubnet, IPIPMode: v3.IPIPModeNever,
		NATOutgoing: true, Disabled: true, DisableBGPExport: true, BlockSize: 27,
		NodeSelector: "rack == 'a'", NamespaceSelector: "all()",
		AllowedUses: []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseWorkload}, AssignmentMode: &automatic,
	}
	return pool
}

// first is a pool with a field of Calico's first API, which nobody may set.
func first(t *testing.T) *v3.IPPool {
	t.Helper()
	pool := v3.NewIPPool()
	require.NoError(t, json.Unmarshal([]byte(`{"metadata":{"name":"first"},"spec":{"cidr":"10.244.0.0/16","nat-outgoing":true}}`), pool))
	return pool
}

// A version of projectcalico/api with more fields fails here: every has to set
// them, and then the other tests tell whether this project knows them.
func TestEveryFieldIsSet(t *testing.T) {
	t.Parallel()
	spec := reflect.ValueOf(every().Spec)
	for i := range spec.NumField() {
		name := spec.Type().Field(i).Name
		if name == "IPIP" || name == "NATOutgoingV1" {
			continue // of Calico's first API
		}
		assert.False(t, spec.Field(i).IsZero(), name)
	}
}

func TestThereAndBack(t *testing.T) {
	t.Parallel()
	automatic := ippool.Automatic
	ours, err := FromAPI(every())
	require.NoError(t, err)
	assert.Equal(t, "every", ours.Name)
	assert.Equal(t, ippool.IPPoolSpec{
		CIDR: "10.244.0.0/16", VXLANMode: ippool.VXLANModeCrossSubnet, IPIPMode: ippool.IPIPModeNever,
		NATOutgoing: true, Disabled: true, DisableBGPExport: true, BlockSize: 27,
		NodeSelector: "rack == 'a'", NamespaceSelector: "all()",
		AllowedUses: []ippool.IPPoolAllowedUse{ippool.IPPoolAllowedUseWorkload}, AssignmentMode: &automatic,
	}, ours.Spec)

	back, err := ToAPI(ours)
	require.NoError(t, err)
	assert.Equal(t, every(), back)
}

// What a fork writes is what Calico reads.
func TestDefaultPool(t *testing.T) {
	t.Parallel()
	pool := ippool.New("default-ipv4-ippool")
	pool.Spec.CIDR = "10.244.0.0/16"
	ippool.Default(pool)
	theirs, err := ToAPI(pool)
	require.NoError(t, err)
	assert.Equal(t, v3.IPIPModeNever, theirs.Spec.IPIPMode)
	assert.Equal(t, 26, theirs.Spec.BlockSize)
	require.NotNil(t, theirs.Spec.AssignmentMode)
	assert.Equal(t, v3.Automatic, *theirs.Spec.AssignmentMode)
}

// What the other side doesn't know is an error.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	_, err := FromAPI(first(t))
	assert.ErrorContains(t, err, `unknown field "nat-outgoing"`)

	newer := ippool.New("newer")
	newer.Status = &ippool.IPPoolStatus{Conditions: []metav1.Condition{{Type: "Ready"}}}
	_, err = ToAPI(newer) // this version of projectcalico/api has no status
	assert.ErrorContains(t, err, `unknown field "status"`)

	_, err = FromAPI(nil)
	assert.ErrorContains(t, err, "there is none")
	_, err = ToAPI(nil)
	assert.ErrorContains(t, err, "there is none")
}

func TestLister(t *testing.T) {
	t.Parallel()
	ours, err := FromAPI(every())
	require.NoError(t, err)
	other := ippool.New("other")
	other.Spec.CIDR = "10.245.0.0/16"
	lister, err := NewLister([]*ippool.IPPool{ours, other})
	require.NoError(t, err)

	all, err := lister.List(labels.Everything())
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, []string{"every", "other"}, []string{all[0].Name, all[1].Name})
	some, err := lister.List(labels.SelectorFromSet(labels.Set{"rack": "a"}))
	require.NoError(t, err)
	assert.Equal(t, []*v3.IPPool{every()}, some)
	none, err := lister.List(labels.Nothing())
	require.NoError(t, err)
	assert.Empty(t, none)

	got, err := lister.Get("other")
	require.NoError(t, err)
	assert.Equal(t, "10.245.0.0/16", got.Spec.CIDR)
	_, err = lister.Get("nosuch")
	assert.True(t, apierrors.IsNotFound(err), err)

	ours.Spec.CIDR = "10.0.0.0/8"
	got, err = lister.Get("every")
	require.NoError(t, err)
	assert.Equal(t, "10.244.0.0/16", got.Spec.CIDR, "the lister has copies")

	ours.Status = &ippool.IPPoolStatus{Conditions: []metav1.Condition{{Type: "Ready"}}}
	_, err = NewLister([]*ippool.IPPool{ours})
	assert.ErrorContains(t, err, `IPPool "every": `)
}

func TestList(t *testing.T) {
	t.Parallel()
	pools, err := List(t.Context(), fake.NewSimpleClientset(every()))
	require.NoError(t, err)
	require.Len(t, pools, 1)
	assert.Equal(t, "10.244.0.0/16", pools[0].Spec.CIDR)

	_, err = List(t.Context(), fake.NewSimpleClientset(every(), first(t)))
	assert.ErrorContains(t, err, `IPPool "first": `)
}
