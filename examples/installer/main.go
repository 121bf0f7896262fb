// Command installer is an example of an installer that uses the library: it prints a
// plan, asks for confirmation, applies that plan, shows the progress, and prints the
// report.
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
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/open"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, settings.ErrInvalidSettings):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run runs the program.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	s, yes, err := load(args, stderr)
	if err != nil {
		return err
	}
	config, err := open.FromSettings(s)
	if err != nil {
		return err
	}
	for _, warning := range config.Warnings {
		fmt.Fprintln(stderr, "warning:", warning)
	}
	store, err := config.Open()
	if err != nil {
		return err
	}
	defer store.Close()

	b := bootstrap.New(store, bootstrap.WithObserver(progress(stderr)))
	p, err := b.Plan(ctx, s)
	if err != nil {
		return err
	}
	for {
		fmt.Fprint(stdout, p)
		if !p.Pending() {
			fmt.Fprintln(stdout, "Nothing to do.")
			return nil
		}
		if !yes {
			if err := agree(ctx, stdin, stdout); err != nil {
				return err
			}
		}
		report, err := b.Apply(ctx, p)
		if err == nil {
			printReport(stdout, report)
			return nil
		}
		var partial *bootstrap.PartialError
		if !errors.Is(err, datastore.ErrConflict) || errors.As(err, &partial) {
			return err
		}
		// The plan is outdated: plan again, and ask for confirmation again.
		fmt.Fprintln(stderr, err)
		if p, err = b.Plan(ctx, s); err != nil {
			return err
		}
	}
}

// load loads the settings from flags and environment; flags take precedence.
func load(args []string, stderr io.Writer) (s settings.Settings, yes bool, err error) {
	var given settings.Settings
	given.Datastore.Names = settings.FlagNames // how messages name a setting
	flags := flag.NewFlagSet("installer", flag.ContinueOnError)
	flags.SetOutput(stderr)
	given.AddFlags(flags)
	flags.BoolVar(&yes, "yes", false, "apply the plan without confirmation")
	if err := flags.Parse(args); err != nil {
		return s, yes, err
	}
	if rest := flags.Args(); len(rest) > 0 { // flags after it would be ignored; it may be a part of a password
		var faults settings.Faults
		faults.AddSecret(settings.Given(rest[0], origin.Caller("command line")), "unexpected argument after the flags; the value of a boolean flag is joined to it with =")
		return s, yes, faults.Err()
	}
	s, warnings, err := settings.Load(given, "")
	for _, warning := range warnings {
		fmt.Fprintln(stderr, "warning:", warning)
	}
	return s, yes, err
}
