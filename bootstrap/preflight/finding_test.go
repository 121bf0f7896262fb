package preflight_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
)

// The name of a device or a node can't forge lines of the error, nor control a terminal.
func TestFindingsErrorIsLines(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{"a\nerror: forged", "a\x1b[31m", "a\u009b", "a\u202eb", "a\u2028b", "a\r\nb"} {
		err := &preflight.FindingsError{
			Findings: []preflight.Finding{{Code: preflight.NodeAddressOverlap, Text: "node " + odd}, {Code: preflight.HostRouteOverlap, Text: odd}},
			Source:   origin.Flag("preflight"),
		}
		lines := strings.Split(err.Error(), "\n")
		assert.Len(t, lines, 3)
		for i, prefix := range []string{"NodeAddressOverlap: node a", "HostRouteOverlap: a", "flag --preflight makes"} {
			assert.True(t, strings.HasPrefix(lines[i], prefix), lines[i])
			assert.NotRegexp(t, `[\x00-\x1f\x7f-\x{9f}\x{202e}\x{2028}]`, lines[i])
		}
	}
}

// An error lists a limited number of findings.
func TestFindingsErrorIsLimited(t *testing.T) {
	t.Parallel()
	err := &preflight.FindingsError{Findings: make([]preflight.Finding, 10_000)}
	lines := strings.Split(err.Error(), "\n")
	assert.Len(t, lines, 502)
	assert.Equal(t, "… and 9500 more", lines[500])
}
