// Command calico-bootstrap creates Calico's default IPPools: once for a
// cluster, from flags, environment and CalicoAPIConfig file, into etcd v3 or the
// Kubernetes API.
//
// The library behind it is github.com/calico-bootstrap/calico-bootstrap; the
// program adds the command line, the output and the exit codes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// A closed pipe is an error of the write, so that what was started is ended.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second signal ends what doesn't listen, such as the read of a pipe
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
