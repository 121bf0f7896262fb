// Package await waits for calls that have no context, such as reading a pipe or closing
// a connection, no longer than a context or a time limit allows.
package await

import (
	"context"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/internal/crash"
)

// grace is how long Result waits for the call after ctx has ended, so that a call that
// takes no time has a result even then.
const grace = 250 * time.Millisecond

// Result returns the result of the call, and true. If ctx ends before the call, it
// returns false; the call continues in its goroutine, and its result is dropped, so the
// call must not change what the caller uses. A panic of the call is one of the caller.
func Result[T any](ctx context.Context, call func() T) (result T, ok bool) {
	type outcome struct {
		result   T
		returned bool
		panicked *crash.Panic
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() { done <- o }() // even if the call ends the goroutine
		o.panicked = crash.Of(func() { o.result, o.returned = call(), true })
	}()
	finish := func(o outcome) (T, bool) {
		if o.panicked != nil {
			panic(o.panicked)
		}
		return o.result, o.returned
	}
	select {
	case o := <-done:
		return finish(o)
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case o := <-done:
		return finish(o)
	case <-late.C:
		return result, false
	}
}

// Close calls a function that closes a connection, and returns its error. If that takes
// longer than a second, because the peer doesn't read, Close returns nil and the function
// continues in its goroutine.
func Close(closing func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second-grace)
	defer cancel()
	err, _ := Result(ctx, closing)
	return err
}
