package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"syscall"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/crash"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// The exit codes, which are the same in all versions.
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
	exitFailed:   "the datastore, the cluster or firewalld failed; existing pools or a FelixConfiguration conflict with the settings; the run was interrupted; the output could not be written; or the program crashed",
	exitSettings: "the settings are invalid, or --strict or a strict preflight refused the run; nothing was written",
	exitPending:  "plan --exit-code: there are changes to apply; --on-drift=fail: a pool differs from the desired one, and nothing was written; firewall --check: an opening is missing; nat --expect: a verdict differs, depends, or may not hold",
	exitTimedOut: "the time limit was reached",
}

// errPending is not printed, because the plan on stdout shows the changes.
var errPending = errors.New("changes are pending")

// errClosedPipe is not printed: nobody reads the rest of the output, such as after head.
var errClosedPipe = errors.New("the output was closed")

// written returns the error of writing a result that nothing else depends on.
func written(what string, err error) error {
	switch {
	case errors.Is(err, syscall.EPIPE):
		return errClosedPipe
	case err != nil && !errors.Is(err, settings.ErrInvalidSettings):
		return fmt.Errorf("writing %s: %w", what, err)
	default:
		return err
	}
}

// issues is where faults of the program are reported.
const issues = "https://github.com/calico-bootstrap/calico-bootstrap/issues"

// crashError is a fault of the program. Its text has no values: they may be secrets.
type crashError struct{ crash *crash.Panic }

func (e *crashError) Error() string {
	return fmt.Sprintf("internal error: %s; pools may have been written; please report this line at %s: %s: %s",
		e.crash.What(), issues, thisVersion(), e.crash.Where())
}

// usageError is an invalid command line.
type usageError struct {
	err     error
	command string // whose --help has more
}

func (e *usageError) Error() string { return e.err.Error() + "; see " + e.command + " --help" }
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
	case errors.Is(err, preflight.ErrEndsFelix):
		return exitFailed
	case errors.As(err, &usage), errors.Is(err, settings.ErrInvalidSettings), errors.Is(err, preflight.ErrFindings), errors.Is(err, bootstrap.ErrStrict):
		return exitSettings
	case errors.Is(err, errPending), errors.Is(err, plan.ErrDrift):
		return exitPending
	case errors.Is(err, bootstrap.ErrTimedOut):
		return exitTimedOut
	default:
		return exitFailed
	}
}

// printError writes an error to stderr, one line per fault. If the log is JSON, each is
// a log line, so that a log collector can parse every line.
func printError(err error, stderr io.Writer, logger *slog.Logger) {
	var unmet *unmetError
	if err == nil || errors.Is(err, errClosedPipe) || errors.Is(err, errPending) && !errors.As(err, &unmet) {
		return
	}
	lines := errorLines(err)
	if more := len(lines) - text.MaxErrors; more > 1 {
		lines = append(lines[:text.MaxErrors], fmt.Sprintf("… and %d more", more))
	}
	for _, line := range lines {
		line = text.Clip(text.OneLine(line), maxErrorLine)
		if logger != nil {
			logger.Error(line)
			continue
		}
		fmt.Fprintln(stderr, "error: "+line)
	}
}

// maxErrorLine is the maximum length of a line of an error, in bytes.
const maxErrorLine = 8000

// errorLines returns one line per error of a list, such as that of errors.Join, and one
// line for any other error. If the error wraps a list, its text before that of the list
// is the prefix of each line.
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

// listIn returns the errors of the list that err is or wraps, and the text of err before
// the list; nil if there is no list. An error that wraps several, such as a kind and a
// cause, is not necessarily a list: the text of a list has one line per error in it.
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
