//go:build host && linux

// Package firewalld tests calico-bootstrap firewall with a real firewalld and with
// packets.
package firewalld

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
)

// program is the path of calico-bootstrap, built as for the container image.
var program string

func TestMain(m *testing.M) { host.Main(m, &program) }

// result is the output and the exit code of the program.
type result struct {
	stdout, stderr string
	code           int
}

// call runs calico-bootstrap firewall --local on the host.
func call(t *testing.T, host *firewalldtest.Host, args ...string) result {
	t.Helper()
	return runCommand(t, host.Command(program, append([]string{"firewall", "--local"}, args...)...))
}

func runCommand(t *testing.T, command *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return result{stdout.String(), stderr.String(), command.ProcessState.ExitCode()}
}

// report has the fields of the program's JSON output that the tests need.
type report struct {
	Warnings []string
	Check    struct {
		Missing int
		Zones   []struct {
			Zone, Because string
			Interfaces    []string
			Openings      []opening
		}
	}
}

type opening struct {
	Name, Port, Protocol                       string
	Runtime, RuntimeBy, Permanent, PermanentBy string
}

// String returns the port and its states, such as "179/tcp open missing".
func (o opening) String() string {
	return strings.Join([]string{o.Port + o.Protocol, o.Runtime, o.Permanent}, " ")
}

// check runs the program with --check.
func check(t *testing.T, host *firewalldtest.Host, args ...string) report {
	t.Helper()
	got := call(t, host, append([]string{"--check", "-o", "json"}, args...)...)
	require.NotEmpty(t, got.stdout, got.stderr)
	require.Empty(t, got.stderr)
	var report report
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &report))
	want := 0
	if report.Check.Missing > 0 {
		want = 3
	}
	require.Equal(t, want, got.code)
	return report
}

// states returns the states of all openings in the only zone of the check.
func (r report) states(t *testing.T) []string {
	t.Helper()
	require.Len(t, r.Check.Zones, 1)
	var states []string
	for _, opening := range r.Check.Zones[0].Openings {
		states = append(states, opening.String())
	}
	return states
}
