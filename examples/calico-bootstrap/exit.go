package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// The exit codes are stable; README.md documents them.
const (
	exitDone     = 0 // the pools are as desired, or existing pools are unchanged
	exitFailed   = 1 // the datastore, the cluster or firewalld failed
	exitSettings = 2 // the settings are invalid, or a strict preflight check failed; nothing was written
	exitPending  = 3 // plan --exit-code: changes are pending; --on-drift=fail: a pool differs from desired; firewall --check: an opening is missing
	exitTimedOut = 4 // the run timed out
)

// errPending is not printed, because the plan on stdout shows the changes.
var errPending = errors.New("changes are pending")

// usageError is an invalid command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() + "; calico-bootstrap --help lists them" }
func (e *usageError) Unwrap() error { return e.err }

func exitCode(err error) int {
	var (
		usage   *usageError
		partial *bootstrap.PartialError
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &partial) && !errors.Is(err, bootstrap.ErrTimedOut):
		return exitFailed // part of the pools was written, whatever the other errors
	case errors.As(err, &usage), errors.Is(err, settings.ErrInvalidSettings), errors.Is(err, preflight.ErrFindings):
		return exitSettings
	case errors.Is(err, errPending), errors.Is(err, plan.ErrDrift):
		return exitPending
	case errors.Is(err, bootstrap.ErrTimedOut):
		return exitTimedOut
	default:
		return exitFailed
	}
}

// tell writes an error to stderr, a line for each fault: as a log line where
// those are JSON, so that who collects them can read every line.
func printError(err error, stderr io.Writer, logger *slog.Logger) {
	if err == nil || errors.Is(err, errPending) {
		return
	}
	for _, line := range strings.Split(err.Error(), "\n") {
		if logger != nil {
			logger.Error(line)
			continue
		}
		fmt.Fprintln(stderr, "error: "+line)
	}
}
