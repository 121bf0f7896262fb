package await_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/internal/await"
	"github.com/calico-bootstrap/calico-bootstrap/internal/crash"
)

func TestResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, ctx := range []context.Context{t.Context(), ended} {
			result, ok := await.Result(ctx, func() int { return 7 })
			assert.True(t, ok, "a call that takes no time has a result")
			assert.Equal(t, 7, result)
			assert.Equal(t, "broken", crash.Of(func() { await.Result(ctx, func() int { panic("broken") }) }).Value)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin, hung := time.Now(), make(chan int)
		result, ok := await.Result(ctx, func() int { return <-hung })
		assert.False(t, ok)
		assert.Zero(t, result)
		assert.Less(t, time.Since(begin), time.Minute+time.Second)
		close(hung) // the goroutine ends with the call
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		assert.Equal(t, broken, await.Close(func() error { return broken }))
		begin, hung := time.Now(), make(chan error)
		assert.NoError(t, await.Close(func() error { return <-hung }))
		assert.Equal(t, time.Second, time.Since(begin))
		close(hung)
	})
}
