package ippool_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// filled returns a value with something in every field, pointer, slice and
// map, down to the last, so that a field which is added to a type later takes
// part in the tests at once. Every number and string is another one.
func filled[T any]() *T {
	out := new(T)
	count := 0
	fill(reflect.ValueOf(out).Elem(), &count)
	return out
}

func fill(v reflect.Value, count *int) {
	*count++
	switch value := v.Addr().Interface().(type) {
	case *metav1.Time: // whole seconds in the local zone, as it is decoded
		value.Time = time.Unix(1_800_000_000+int64(*count), 0)
		return
	case *metav1.FieldsV1: // its bytes are JSON
		if err := value.UnmarshalJSON(fmt.Appendf(nil, `{"f:%d":{}}`, *count)); err != nil {
			panic(err)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), count)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), count)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), count)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, count)
		fill(value, count)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *count))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*count))
	default:
		panic("teach fill the kind of " + v.Type().String())
	}
}

// scramble changes everything that is reachable from v, in place: what it
// shares with another value changes there, too.
func scramble(v reflect.Value) {
	if value, ok := v.Addr().Interface().(*metav1.Time); ok {
		value.Time = value.Add(time.Hour)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				scramble(v.Field(i))
			}
		}
	case reflect.Pointer:
		scramble(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			scramble(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			v.SetMapIndex(key, reflect.Zero(v.Type().Elem()))
		}
	case reflect.String:
		v.SetString(v.String() + " scrambled")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(-v.Int())
	case reflect.Uint8:
		v.SetUint(v.Uint() + 1)
	default:
		panic("teach scramble the kind of " + v.Type().String())
	}
}

// What the tests of copies rely on.
func TestFilled(t *testing.T) {
	t.Parallel()
	pool := filled[ippool.IPPool]()
	assert.Equal(t, pool, filled[ippool.IPPool](), "fill isn't deterministic")
	spec := reflect.ValueOf(pool.Spec)
	for i := range spec.NumField() {
		assert.False(t, spec.Field(i).IsZero(), spec.Type().Field(i).Name)
	}
	assert.Len(t, pool.Status.Conditions, 2)
	assert.Len(t, pool.ManagedFields, 2)

	scrambled := filled[ippool.IPPool]()
	scramble(reflect.ValueOf(scrambled).Elem())
	spec = reflect.ValueOf(scrambled.Spec)
	for i := range spec.NumField() {
		assert.NotEqual(t, reflect.ValueOf(pool.Spec).Field(i).Interface(), spec.Field(i).Interface(), spec.Type().Field(i).Name)
	}
}
