package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
)

var (
	errDeclined = errors.New("nothing was written")
	errChanged  = errors.New("the pools have changed since the plan was shown; run the installer again")
)

// agree returns nil if somebody says yes.
func agree(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	fmt.Fprint(stdout, "Apply this plan? [y/N] ")
	answer := make(chan string, 1) // the reader may outlive who asked
	go func() {
		defer close(answer)
		if line, err := bufio.NewReader(stdin).ReadString('\n'); err == nil || line != "" {
			answer <- strings.ToLower(strings.TrimSpace(line))
		}
	}()
	select {
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", errDeclined)
	case said, answered := <-answer:
		switch {
		case !answered:
			return fmt.Errorf("nobody is there to answer (--yes applies without asking): %w", errDeclined)
		case said == "y" || said == "yes":
			return nil
		default:
			return errDeclined
		}
	}
}

// apply does what the plan says, and tells of it. If by now something else would
// be done than what somebody agreed to, nothing is.
func apply(ctx context.Context, store bootstrap.Datastore, settings bootstrap.Settings, plan bootstrap.Report, stderr io.Writer) (bootstrap.Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	agreed := map[string]bootstrap.Action{}
	for _, pool := range plan.Pools {
		agreed[pool.Name] = pool.Action
	}
	observe := func(event bootstrap.Event) {
		switch event.Kind {
		case bootstrap.EventWriting:
			for _, pool := range event.Pools {
				if agreed[pool.Name] != pool.Action {
					cancel(errChanged)
					return
				}
			}
			fmt.Fprintf(stderr, "writing %d pools\n", len(event.Pools))
		case bootstrap.EventWritten:
			for _, pool := range event.Pools {
				fmt.Fprintf(stderr, "pool %s is %s\n", pool.Name, pool.Action)
			}
		case bootstrap.EventRetrying:
			fmt.Fprintf(stderr, "trying again in %s: %s\n", event.Wait.Round(time.Millisecond), event.Err)
		}
	}
	report, err := bootstrap.Run(ctx, store, settings, bootstrap.WithObserver(observe))
	var partial *bootstrap.PartialError // some were written before that came out
	if err != nil && errors.Is(context.Cause(ctx), errChanged) && !errors.As(err, &partial) {
		err = fmt.Errorf("%w: %w", errChanged, errDeclined)
	}
	return report, err
}

func printReport(w io.Writer, title string, report bootstrap.Report) {
	fmt.Fprintf(w, "%s, in %s:\n", title, report.Datastore)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, pool := range report.Pools {
		cidr, nat := "-", "-"
		if pool.Spec != nil {
			cidr, nat = pool.Spec.CIDR, fmt.Sprintf("natOutgoing %t", pool.Spec.NATOutgoing)
		}
		if cidr == "" {
			cidr = "(drawn when it is created)"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", pool.Name, pool.Action, cidr, nat, pool.Reason)
	}
	table.Flush()
	for _, warning := range report.Warnings {
		fmt.Fprintln(w, "  warning:", warning)
	}
	for _, finding := range report.Findings {
		fmt.Fprintln(w, "  finding:", finding.Text)
	}
}
