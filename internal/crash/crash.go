// Package crash passes panics on from one goroutine to another: Go ends the process for a
// panic that its own goroutine does not recover, with exit code 2.
package crash

import (
	"fmt"
	"path"
	"runtime"
	"strings"
	"sync"
)

// Panic is a recovered panic.
type Panic struct {
	Value  any       // the argument of panic; a server or a user may have influenced its text
	frames []uintptr // where it occurred
}

// String returns the text of the value.
func (p *Panic) String() string { return fmt.Sprint(p.Value) }

// Of calls f and returns its panic, or nil.
func Of(f func()) (p *Panic) {
	defer func() {
		if value := recover(); value != nil {
			p = Recovered(value)
		}
	}()
	f()
	return nil
}

// Recovered returns the panic of a value that recover has just returned. That of a Panic
// is the same.
func Recovered(value any) *Panic {
	if p, ok := value.(*Panic); ok {
		return p
	}
	frames := make([]uintptr, 64)
	return &Panic{Value: value, frames: frames[:runtime.Callers(2, frames)]}
}

// What returns what happened, in words that nobody outside of the program has
// influenced: the error of Go's runtime, or the type of the value.
func (p *Panic) What() string {
	if err, ok := p.Value.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("panic with a value of type %T", p.Value)
}

// Where returns the innermost functions of the panic with their lines, without
// arguments.
func (p *Panic) Where() string {
	const most = 5
	var places []string
	panicking := false
	for frames := runtime.CallersFrames(p.frames); len(places) < most; {
		frame, more := frames.Next()
		switch {
		case strings.HasPrefix(frame.Function, "runtime."):
			panicking = true // what follows is the cause; what precedes recovers it
		case panicking && frame.Function != "":
			places = append(places, fmt.Sprintf("%s (%s:%d)", path.Base(frame.Function), path.Base(frame.File), frame.Line))
		}
		if !more {
			break
		}
	}
	return strings.Join(places, " < ")
}

// Group runs functions concurrently. The zero value is ready to use.
type Group struct {
	wait  sync.WaitGroup
	mu    sync.Mutex
	first *Panic
}

// Go calls f in a goroutine.
func (g *Group) Go(f func()) {
	g.wait.Go(func() {
		if p := Of(f); p != nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.first == nil {
				g.first = p
			}
		}
	})
}

// Wait waits for all functions. If one of them panicked, Wait panics with its *Panic, which
// the caller can recover.
func (g *Group) Wait() {
	g.wait.Wait()
	if g.first != nil {
		panic(g.first)
	}
}
