package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// The exit codes, which stay as they are from version to version.
const (
	exitDone = iota
	exitFailed
	exitSettings
	exitPending
	exitTimedOut
)

// exitCodes describes each exit code, for --help and docs/COMMANDS.md.
var exitCodes = [...]string{
	exitDone:     "the pools are as desired, or existing pools are unchanged",
	exitFailed:   "the datastore, the cluster or firewalld failed; existing pools conflict with the settings; the run was interrupted; or the output could not be written",
	exitSettings: "the settings are invalid, and no connection was made; or a strict preflight failed, and nothing was written",
	exitPending:  "plan --exit-code: there are changes to apply; --on-drift=fail: a pool differs from the desired one, and nothing was written; firewall --check: an opening is missing",
	exitTimedOut: "the time limit was reached",
}

// errPending is not printed, because the plan on stdout shows the changes.
var errPending = errors.New("changes are pending")

// usageError is an invalid command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() + "; see calico-bootstrap --help" }
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
	for _, line := range errorLines(err) {
		if logger != nil {
			logger.Error(line)
			continue
		}
		fmt.Fprintln(stderr, "error: "+line)
	}
}

// errorLines returns a line for each error of a list, such as errors.Join makes; of any
// other error, one line. What an error says before the list that it wraps is in front
// of each line.
func errorLines(err error) []string {
	all, context := listIn(err)
	if all == nil {
		return []string{text.OneLine(err.Error())}
	}
	var lines []string
	for _, one := range all {
		for _, line := range errorLines(one) {
			lines = append(lines, context+line)
		}
	}
	return lines
}

// listIn returns the errors of the list that err is or wraps, and what err says before
// it; nil: there is no list. Many errors wrap several, such as a kind and a cause: a
// list is one whose text is that of the errors in it, a line each.
func listIn(err error) (all []error, context string) {
	var inner []error
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		inner = []error{wrapper.Unwrap()}
	case interface{ Unwrap() []error }:
		inner = wrapper.Unwrap()
		if list := errors.Join(inner...); list != nil && err.Error() == list.Error() {
			return inner, ""
		}
	}
	for _, one := range slices.Backward(inner) {
		if one == nil {
			continue
		}
		before, last := strings.CutSuffix(err.Error(), one.Error())
		if all, context := listIn(one); all != nil && last {
			return all, before + context
		}
	}
	return nil, ""
}
