package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// A list has a line for each error in it, however deep it is in another; an error that
// wraps several, such as a kind and a cause, is one line.
func TestErrorLines(t *testing.T) {
	t.Parallel()
	var faults settings.Faults
	faults.Add(settings.Given("x", origin.Flag("on-drift")), "unknown policy")
	faults.Add(settings.Setting{}, "no etcd endpoints")
	invalid := faults.Err()
	unreachable := &datastore.Error{
		Kind: datastore.ErrUnreachable, Place: "etcd a:1", Operation: "reading IP pools",
		Err: errors.Join(errors.New("one"), errors.New("two")),
	}
	drift := &plan.DriftError{Differences: []plan.Difference{{Field: "cidr", Remedy: "wait"}, {Field: "name", Remedy: "run"}}}
	findings := &preflight.FindingsError{
		Findings: []preflight.Finding{{Code: preflight.NoUsablePool, Text: "none"}}, Source: origin.Env("P"), Names: settings.FlagNames,
	}
	tests := []struct {
		name string
		err  error
		want []string
	}{
		{"one", errors.New("a"), []string{"a"}},
		{"of several lines", errors.New("a\nb"), []string{"a; b"}},
		{"joined", errors.Join(errors.New("a"), nil, errors.Join(errors.New("b"), errors.New("c"))), []string{"a", "b", "c"}},
		{"settings", invalid, []string{`flag --on-drift: "x": unknown policy`, "no etcd endpoints"}},
		{"settings, joined", errors.Join(invalid, errors.New("a")), []string{`flag --on-drift: "x": unknown policy`, "no etcd endpoints", "a"}},
		{"a kind and a cause", fmt.Errorf("%w: %w", plan.ErrIncompatible, errors.New("a")), []string{"conflicts with existing pools: a"}},
		{"of a datastore", unreachable, []string{"etcd a:1: reading IP pools: datastore unreachable: one; two"}},
		{"drift", drift, []string{`: "<nil>" has no effect: wait`, `: "<nil>" has no effect: run`}},
		{"findings", findings, []string{"NoUsablePool: none",
			"env P makes preflight findings errors: fix these, or allow those that are intended with --allow=NoUsablePool, or set --preflight=warn"}},
		{"drift and findings", errors.Join(findings, drift), []string{"NoUsablePool: none",
			"env P makes preflight findings errors: fix these, or allow those that are intended with --allow=NoUsablePool, or set --preflight=warn",
			`: "<nil>" has no effect: wait`, `: "<nil>" has no effect: run`}},
		{"partly written", &bootstrap.PartialError{Created: []string{"a"}, Updated: []string{"b"}, Err: unreachable}, []string{
			"etcd a:1: reading IP pools: datastore unreachable: one; two",
			`IPPool "a" was created and not rolled back`, `IPPool "b" was updated and not rolled back`}},
		{"a list with context", fmt.Errorf("start-up: %w", invalid), []string{`start-up: flag --on-drift: "x": unknown policy`, "start-up: no etcd endpoints"}},
		{"a list behind a kind", fmt.Errorf("%w after 1s: %w", bootstrap.ErrTimedOut, fmt.Errorf("again: %w", invalid)), []string{
			`timed out after 1s: again: flag --on-drift: "x": unknown policy`, "timed out after 1s: again: no etcd endpoints"}},
		{"a list in the middle", fmt.Errorf("a (%w)", errors.Join(errors.New("b"), errors.New("c"))), []string{"a (b; c)"}},
		{"usage", &usageError{errors.New("unknown flag: --x"), "calico-bootstrap"}, []string{"unknown flag: --x; see calico-bootstrap --help"}},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, errorLines(tt.err), tt.name)
	}
}

// The text after the = of an argument is not shown: it may be a password.
func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for argument, want := range map[string]string{
		"--etcd-passwort=hunter2":             "unknown flag: --etcd-passwort (did you mean --etcd-password?)",
		"--no-such-flag":                      "unknown flag: --no-such-flag",
		"completion tcsh":                     `unknown shell "tcsh"; must be bash, fish, powershell or zsh`,
		"completion bsh":                      `unknown shell "bsh"; must be bash, fish, powershell or zsh`,
		"help nope":                           `unknown command "nope"`,
		"plan nope":                           `unexpected argument "nope"`,
		"plan true":                           `unexpected argument "true"; join the value of a boolean flag to it with =, as in --no-default-pools=false`,
		"plan --ipv4-pool-nat-outgoing false": `unexpected argument "false"; join the value of a boolean flag to it with =, as in --ipv4-pool-nat-outgoing=false`,
		"apply --strict no":                   `unexpected argument "no"; join the value of a boolean flag to it with =, as in --strict=no`,
		"-etcd-password=hunter2":              "unknown shorthand flag: 'e' in -etcd-password",
		"---etcd-password=hunter2":            "bad flag syntax: ---etcd-password",
		"--=hunter2":                          "bad flag syntax: --",
		"--etcd-password":                     "flag needs an argument: --etcd-password",
		"-o":                                  "flag needs an argument: 'o' in -o",
		"plan --exit-code=sometime":           `invalid argument "sometime" for "--exit-code" flag: strconv.ParseBool: parsing "sometime": invalid syntax`,
	} {
		var stdout, stderr bytes.Buffer
		assert.Equal(t, exitSettings, run(t.Context(), strings.Fields(argument), &stdout, &stderr), argument)
		assert.Equal(t, "error: "+want+"; see calico-bootstrap --help\n", stderr.String())
		assert.Empty(t, stdout.String())
	}
}
