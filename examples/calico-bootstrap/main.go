// Command calico-bootstrap creates Calico's default IPPools, once for a cluster, in
// etcd v3 or the Kubernetes API. Its settings are flags, environment variables and
// a CalicoAPIConfig file.
//
// It uses the library github.com/calico-bootstrap/calico-bootstrap, and adds the
// command line, the output and the exit codes.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// memoryTarget has the garbage collector work harder instead of letting the heap grow
// above it. The program runs in containers with a limit of 64 MiB.
const memoryTarget = 48 << 20

// heapGrowth lets the heap grow to five times what is in use, in percent, before the garbage
// collector runs: a run is short, and most runs then end before the first collection, at 16 MiB.
const heapGrowth = 400

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryTarget)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	// Without the signal, writing to a closed pipe is an error, and the program
	// cleans up.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second signal kills the process, for example while it reads a pipe
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
