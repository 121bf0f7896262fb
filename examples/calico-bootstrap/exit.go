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

// The exit codes are a promise; README.md has the table.
const (
	exitDone     = 0 // the pools are as asked, or what exists stays as it is
	exitFailed   = 1 // the datastore or the cluster failed, or firewalld can't be asked
	exitSettings = 2 // the settings are wrong, or a strict preflight found something; nothing was written
	exitPending  = 3 // plan --exit-code: there is something to do; --on-drift=fail: a pool differs; firewall --check: something is missing
	exitTimedOut = 4 // the time ran out
)

// errPending says nothing: the plan on stdout did.
var errPending = errors.New("there is something to do")

// usageError is a command line that can't be understood.
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
		return exitFailed // whatever refused the rest, something was written
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
