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

var errDeclined = errors.New("nothing was written")

// agree returns nil if the user confirms the plan.
func agree(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	fmt.Fprint(stdout, "Apply this plan? [y/N] ")
	answer := make(chan string, 1) // buffered: the goroutine may outlive agree
	go func() {
		defer close(answer)
		if line := readLine(stdin); line != "" {
			answer <- strings.ToLower(strings.TrimSpace(line))
		}
	}()
	select {
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", errDeclined)
	case answer, answered := <-answer:
		switch {
		case !answered:
			return fmt.Errorf("no answer on stdin (--yes applies without confirmation): %w", errDeclined)
		case answer == "y" || answer == "yes":
			return nil
		default:
			return errDeclined
		}
	}
}

// readLine reads one line and nothing after it, which is for the next question.
func readLine(stdin io.Reader) string {
	line, err := bufio.NewReaderSize(oneByte{stdin}, 16).ReadString('\n')
	if err != nil && line == "" {
		return ""
	}
	return line
}

// oneByte reads one byte at a time, so that no buffer reads ahead.
type oneByte struct{ io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.Reader.Read(p[:min(len(p), 1)]) }

// progress returns an observer that prints the progress of a run.
func progress(stderr io.Writer) func(bootstrap.Event) {
	return func(event bootstrap.Event) {
		switch event.Kind {
		case bootstrap.EventWriting:
			fmt.Fprintf(stderr, "writing %d pools\n", len(event.Pools))
		case bootstrap.EventWritten:
			for _, pool := range event.Pools {
				fmt.Fprintf(stderr, "pool %s is %s\n", pool.Name, pool.Action)
			}
		case bootstrap.EventRetrying:
			fmt.Fprintf(stderr, "retrying in %s: %s\n", event.Wait.Round(time.Millisecond), event.Err)
		}
	}
}

func printReport(w io.Writer, report bootstrap.Report) {
	fmt.Fprintf(w, "Done, in %s:\n", report.Datastore)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, pool := range report.Pools {
		cidr, nat := "-", "-"
		if pool.Spec != nil {
			cidr, nat = pool.Spec.CIDR, fmt.Sprintf("natOutgoing %t", pool.Spec.NATOutgoing)
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
