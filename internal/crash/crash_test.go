package crash_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/crash"
)

func fails(values []int) int { return values[len(values)] }

// A panic of a goroutine reaches the caller of Wait, with the place where it occurred.
func TestGroup(t *testing.T) {
	t.Parallel()
	var group crash.Group
	done := false
	group.Go(func() { done = true })
	group.Go(func() { fails([]int{1}) })
	p := crash.Of(group.Wait)
	require.NotNil(t, p)
	assert.True(t, done)
	assert.Equal(t, "runtime error: index out of range [1] with length 1", p.What())
	assert.Regexp(t, `^crash_test\.fails \(crash_test\.go:\d+\) < crash_test\.TestGroup\.func2 `, p.Where())
	assert.Equal(t, p.What(), p.String())

	var fine crash.Group
	fine.Go(func() {})
	assert.Nil(t, crash.Of(fine.Wait))
}

// The text of a value that is no error of the runtime may be a secret.
func TestWhat(t *testing.T) {
	t.Parallel()
	for _, value := range []any{"hunter2", errors.New("hunter2"), struct{ Password string }{"hunter2"}} {
		p := crash.Of(func() { panic(value) })
		require.NotNil(t, p)
		assert.NotContains(t, p.What()+p.Where(), "hunter2")
		assert.Contains(t, p.What(), "panic with a value of type ")
	}
	var none *int
	assert.Contains(t, crash.Of(func() { *none = 1 }).What(), "nil pointer dereference")
}
