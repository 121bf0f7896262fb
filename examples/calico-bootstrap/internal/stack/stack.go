// Package stack grows the stack of the main goroutine once, before other packages are
// initialised: it has no imports, and Go initialises packages in the order of their paths.
//
// Go copies a stack to one of twice the size whenever it is full. For that it reads tables
// of each function on the stack, which are all over the binary, and each read maps another
// 64 kB of it. While the stack is short, there is little to read.
package stack

func init() { grow() }

// grow has a frame of 32 KiB: the stack gets at least twice as much.
//
//go:noinline
func grow() byte {
	var frame [32 << 10]byte
	return frame[end]
}

var end int // a variable, so that the compiler keeps the frame
