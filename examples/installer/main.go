// Command installer shows what an installer does with the library: it shows the
// plan, asks, applies it while it tells of the progress, and prints the report.
//
//	installer --kubeconfig admin.conf --ipv4-pool-cidr 10.244.0.0/16 [--yes]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/kubernetes"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, bootstrap.ErrInvalidSettings):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run is the program: everything but the process around it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	var given bootstrap.Settings
	flags := flag.NewFlagSet("installer", flag.ContinueOnError)
	flags.SetOutput(stderr)
	given.AddFlags(flags)
	yes := flags.Bool("yes", false, "apply the plan without asking")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if rest := flags.Args(); len(rest) > 0 { // flags behind it would be lost; it may be half of a password
		var faults bootstrap.Faults
		faults.AddSecret(bootstrap.Given(rest[0], "command line"), "a word is left over behind the flags; the value of a boolean flag is joined to it with =")
		return faults.Err()
	}
	settings, warnings, err := bootstrap.Load(given, "") // what the flags leave open, the environment says
	if err != nil {
		return err
	}
	store, more, err := open(settings)
	if err != nil {
		return err
	}
	defer store.Close()
	for _, warning := range append(warnings, more...) {
		fmt.Fprintln(stderr, "warning:", warning)
	}

	plan, err := bootstrap.Run(ctx, store, settings, bootstrap.WithDryRun())
	if err != nil {
		return err
	}
	printReport(stdout, "Plan", plan)
	if !plan.Pending() {
		fmt.Fprintln(stdout, "Nothing to do.")
		return nil
	}
	if !*yes {
		if err := agree(ctx, stdin, stdout); err != nil {
			return err
		}
	}
	report, err := apply(ctx, store, settings, plan, stderr)
	if err != nil {
		return err
	}
	printReport(stdout, "Done", report)
	return nil
}

// datastore is either of the two, to be closed in the end.
type datastore interface {
	bootstrap.Datastore
	io.Closer
}

// open judges how the datastore is reached, and what else is wrong with the
// settings: so all of it is told at once. Nothing is contacted yet.
func open(settings bootstrap.Settings) (datastore, []string, error) {
	config, err := settings.Resolve()
	if config.Datastore == bootstrap.EtcdV3 {
		etcd, warnings, etcdErr := etcdv3.FromSettings(settings.Datastore)
		if err := errors.Join(err, etcdErr); err != nil {
			return nil, nil, err
		}
		store, err := etcdv3.Open(etcd)
		return store, warnings, err
	}
	cluster, warnings, clusterErr := kubernetes.FromSettings(settings.Datastore)
	if err := errors.Join(err, clusterErr); err != nil {
		return nil, nil, err
	}
	store, err := kubernetes.Open(cluster)
	return store, warnings, err
}
