// Command calico-bootstrap creates Calico's default IPPools: once for a
// cluster, from flags, environment and CalicoAPIConfig file, into etcd v3.
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
