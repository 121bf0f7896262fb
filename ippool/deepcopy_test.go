package ippool_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// assertDeep wants an equal copy that can be changed all over while the
// original stays what it is.
func assertDeep[T any](t *testing.T, deepCopy func(*T) *T) {
	t.Helper()
	original := filled[T]()
	copied := deepCopy(original)
	require.NotSame(t, original, copied)
	require.Equal(t, original, copied)
	scramble(reflect.ValueOf(copied).Elem())
	require.NotEqual(t, original, copied)
	assert.Equal(t, filled[T](), original, "it shares something with its copy")
}

func TestDeepCopy(t *testing.T) {
	t.Parallel()
	assertDeep(t, (*ippool.IPPool).DeepCopy)
	assertDeep(t, (*ippool.IPPoolList).DeepCopy)
	assertDeep(t, (*ippool.IPPoolStatus).DeepCopy)
}

func TestDeepCopyInto(t *testing.T) {
	t.Parallel()
	// What stood there before is gone, and nothing of it is changed.
	assertDeep(t, func(pool *ippool.IPPool) *ippool.IPPool {
		before := filled[ippool.IPPool]()
		scramble(reflect.ValueOf(before).Elem())
		status := before.Status
		pool.DeepCopyInto(before)
		assert.NotEqual(t, status, before.Status)
		return before
	})
	assertDeep(t, func(spec *ippool.IPPoolSpec) *ippool.IPPoolSpec {
		out := new(ippool.IPPoolSpec)
		spec.DeepCopyInto(out)
		return out
	})
}

func TestDeepCopyObject(t *testing.T) {
	t.Parallel()
	assertDeep(t, func(pool *ippool.IPPool) *ippool.IPPool { return pool.DeepCopyObject().(*ippool.IPPool) })
	assertDeep(t, func(list *ippool.IPPoolList) *ippool.IPPoolList { return list.DeepCopyObject().(*ippool.IPPoolList) })
}

func TestDeepCopyOfLittle(t *testing.T) {
	t.Parallel()
	assert.Nil(t, (*ippool.IPPool)(nil).DeepCopy())
	assert.Nil(t, (*ippool.IPPoolList)(nil).DeepCopy())
	assert.Nil(t, (*ippool.IPPoolStatus)(nil).DeepCopy())
	// An interface that holds a nil pointer would not be equal to nil.
	assert.True(t, (*ippool.IPPool)(nil).DeepCopyObject() == runtime.Object(nil))
	assert.True(t, (*ippool.IPPoolList)(nil).DeepCopyObject() == runtime.Object(nil))

	assert.Equal(t, &ippool.IPPool{}, (&ippool.IPPool{}).DeepCopy())
	assert.Equal(t, &ippool.IPPoolList{}, (&ippool.IPPoolList{}).DeepCopy())
	assert.Equal(t, &ippool.IPPoolStatus{}, (&ippool.IPPoolStatus{}).DeepCopy())
	// Empty is not nil: one is written as [], the other as null.
	empty := &ippool.IPPoolList{Items: []ippool.IPPool{}}
	assert.Equal(t, empty, empty.DeepCopy())
}
